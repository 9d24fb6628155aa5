//! Objects made up from the schema, and from nothing at all: defaults bear with all of them.

use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::schema::Kind;
use keelson_apimachinery::{Map, TypeId, Value};
use proptest::prelude::*;

use super::super::apply;
use super::text;

/// Numbers out of a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % sides
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize]
    }
}

/// Words that rules look for, among others.
const WORDS: [&str; 22] = [
    "",
    "a",
    "Always",
    "ClientIP",
    "ClusterIP",
    "Container",
    "ExactCount",
    "ExternalName",
    "Group",
    "LoadBalancer",
    "None",
    "OnDelete",
    "RollingUpdate",
    "User",
    "x:latest",
    "x:1",
    "1u",
    "500m",
    "1.0005",
    "2Gi",
    "-7n",
    "junk\u{e9}",
];

const NAMES: [&str; 6] = [
    "a",
    "cpu",
    "hugepages-2Mi",
    "memory",
    "pod.beta.kubernetes.io/init-containers",
    "deprecated.daemonset.template.generation",
];

/// A value of a type; where `junk` is not 0, one of any other in so many cases of a hundred.
fn value(kind: &Kind, dice: &mut Dice, depth: usize, junk: u64) -> Value {
    if junk > dice.roll(100) {
        return match dice.roll(6) {
            0 => Value::Null,
            1 => Value::Int(dice.pick(&[0, 1, i64::MAX])),
            2 => Value::Array(vec![Value::Null, Value::Object(Map::new())]),
            3 => Value::Object(Map::new()),
            4 => Value::Bool(true),
            _ => dice.pick(&WORDS).into(),
        };
    }
    match kind {
        Kind::Bool => Value::Bool(dice.roll(2) == 1),
        Kind::Int32 | Kind::Int64 => Value::Int(dice.pick(&[0, 1, -1, 443, i64::from(i32::MAX)])),
        Kind::Float64 => Value::Float(0.5),
        Kind::Bytes => "AA==".into(),
        Kind::Time => "2026-01-02T03:04:05Z".into(),
        Kind::MicroTime => "2026-01-02T03:04:05.000006Z".into(),
        Kind::Duration => "1m0s".into(),
        Kind::Quantity => dice.pick(&["0", "100m", "1u", "-1n", "1.0005", "1Gi", "3e-7"]).into(),
        Kind::IntOrString => match dice.roll(3) {
            0 => Value::Int(0),
            1 => Value::Int(5),
            _ => dice.pick(&["", "25%"]).into(),
        },
        Kind::String => dice.pick(&WORDS).into(),
        Kind::RawExtension | Kind::FieldsV1 | Kind::Json => Value::Raw("{}".into()),
        Kind::Any | Kind::SchemaOrArray(_) | Kind::SchemaOrBool(_) | Kind::SchemaOrStringArray(_) => {
            Value::Null
        }
        Kind::Struct(ty) => Value::Object(members(*ty, dice, depth, junk)),
        Kind::List(of) | Kind::ListMessage(of) => {
            (0..dice.roll(3)).map(|_| value(of, dice, depth, junk)).collect::<Vec<_>>().into()
        }
        Kind::Map(of) => {
            let entries = (0..dice.roll(4)).map(|_| (dice.pick(&NAMES).into(), value(of, dice, depth, junk)));
            Value::Object(entries.collect())
        }
    }
}

fn members(ty: TypeId, dice: &mut Dice, depth: usize, junk: u64) -> Map {
    let mut all = Map::new();
    if depth > 0 {
        add(ty, dice, depth - 1, junk, &mut all);
    }
    all
}

fn add(ty: TypeId, dice: &mut Dice, depth: usize, junk: u64, all: &mut Map) {
    for field in &crate::schema().get(ty).fields {
        match field.kind {
            Kind::Struct(inner) if field.inline => {
                if field.number != 0 {
                    add(inner, dice, depth, junk, all);
                }
            }
            _ if field.number == 0 || dice.roll(2) == 0 => {}
            ref kind => {
                all.insert(field.json.clone(), value(kind, dice, depth, junk));
            }
        }
    }
}

fn types() -> Vec<TypeId> {
    let mut types: Vec<_> = crate::resources().iter().map(|r| r.type_id).collect();
    types.dedup();
    types
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn defaulted_objects_are_canonical_and_stay_as_they_are(seed: u64) {
        let schema = crate::schema();
        for ty in types() {
            let name = &schema.get(ty).name;
            let sent = Value::Object(members(ty, &mut Dice(seed), 9, 0));
            let read = json::canonicalize(schema, ty, sent).unwrap_or_else(|e| panic!("{name}: {e}")).value;
            let mut object = Object::try_from(read).unwrap();
            apply(ty, &mut object);
            let once = object.clone();
            apply(ty, &mut object);
            prop_assert_eq!(text(object.as_value()), text(once.as_value()), "{} twice", name);
            let again = json::canonicalize(schema, ty, once.clone().into()).unwrap_or_else(|e| panic!("{name}: {e}"));
            prop_assert_eq!(&again.strict, &[], "{}", name);
            prop_assert_eq!(text(&again.value), text(once.as_value()), "{} is canonical", name);
        }
    }

    #[test]
    fn members_of_wrong_types_do_no_harm(seed: u64) {
        for ty in types() {
            let mut object = Object::from(members(ty, &mut Dice(seed), 9, 10));
            apply(ty, &mut object);
        }
    }
}
