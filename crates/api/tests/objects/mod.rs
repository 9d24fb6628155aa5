//! Objects of every kind, made up from the schema.

use keelson_api::schema;
use keelson_apimachinery::schema::Kind;
use keelson_apimachinery::{Map, TypeId, Value};

/// Numbers out of a seed; what falls out of it matters less than that it falls out again.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % sides
    }

    pub(crate) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }
}

/// Texts that decoders, rules and conversions tell apart.
const TEXTS: [&str; 55] = [
    "",
    "a",
    "<&>\u{2028}",
    "\u{e9}\"\\\n",
    "a longer text that is no short string",
    "-",
    "..",
    "/x/../y",
    "10.0.0.1",
    "010.0.0.0/08",
    "::ffff:1.2.3.4",
    "fd00::/64",
    "None",
    "ClusterIP",
    "LoadBalancer",
    "ExternalName",
    "Exists",
    "In",
    "Always",
    "Never",
    "RollingUpdate",
    "iqn.\u{e9}",
    "[::1]:\u{e9}",
    "{\"a\":[",
    "a.b/c",
    "\u{e9}\\\u{e9}",
    "eui.\u{e9}",
    "\u{e9}:80",
    "a:\u{e9}:",
    "\u{e9}%",
    "25%",
    "metadata.labels['\u{e9}']",
    "metadata.labels['a']",
    "']",
    "v1",
    "OnFailure",
    "NotIn",
    "Gt",
    "Lt",
    "Localhost",
    "RuntimeDefault",
    "localhost/\u{e9}",
    "Windows",
    "windows",
    "linux",
    "TCP",
    "*/5 * * * *",
    "@every 1s",
    "TZ=x",
    "hugepages-\u{e9}",
    "Resource",
    "Pods",
    "Percent",
    "Unmasked",
    "Indexed",
];

/// Keys of maps: names that rules look for among them.
const KEYS: [&str; 14] = [
    "",
    "a",
    "example.com/b",
    "\u{e9}<",
    "cpu",
    "memory",
    "storage",
    "hugepages-2Mi",
    "hugepages-\u{e9}",
    "example.com/gpu",
    "kubernetes.io/config.mirror",
    "scheduler.alpha.kubernetes.io/tolerations",
    "container.apparmor.security.beta.kubernetes.io/a",
    "non-convertible.kubernetes.io/selector",
];

/// A value that a client could send for a type.
fn value(kind: &Kind, dice: &mut Dice, depth: usize) -> Value {
    let many = |dice: &mut Dice| 1 + dice.roll(3);
    match kind {
        Kind::Bool => Value::Bool(dice.roll(2) == 1),
        Kind::Int32 => Value::Int([0, 1, -1, 80, 127, 128, 300, i32::MIN.into()][dice.roll(8) as usize]),
        Kind::Int64 => Value::Int([0, 1, -1, 127, 300, 1 << 31, i64::MIN, i64::MAX][dice.roll(8) as usize]),
        Kind::Float64 => Value::Float([0.0, 0.25, -3.5, 1e300][dice.roll(4) as usize]),
        Kind::String => dice.pick(&TEXTS).into(),
        Kind::Bytes => dice.pick(&["", "AA==", "AAE=", "AAEC", "/+8="]).into(),
        Kind::Time => {
            dice.pick(&["2026-01-02T03:04:05Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]).into()
        }
        Kind::MicroTime => dice.pick(&["2026-01-02T03:04:05.000006Z", "1969-12-31T23:59:59.999999Z"]).into(),
        Kind::Duration => dice.pick(&["0s", "1m30s", "-1.5h"]).into(),
        Kind::Quantity => dice
            .pick(&["0", "100m", "1.5Gi", "1e3", "1024Ki", "+5", "-1", "1u", "123456789012345678901"])
            .into(),
        Kind::IntOrString => match dice.roll(2) {
            0 => Value::Int(dice.roll(70_000) as i64 - 10),
            _ => dice.pick(&["", "25%", "http"]).into(),
        },
        Kind::RawExtension | Kind::FieldsV1 | Kind::Json => {
            Value::Raw(dice.pick(&["{}", "{\"b\":1,\"a\":[\"x y\",null]}", "[1.50]", "\"<\""]).into())
        }
        Kind::SchemaOrArray(id) => match dice.roll(2) {
            0 => vec![object(*id, dice, depth)].into(),
            _ => object(*id, dice, depth),
        },
        Kind::SchemaOrBool(id) => match dice.roll(2) {
            0 => Value::Bool(dice.roll(2) == 1),
            _ => object(*id, dice, depth),
        },
        Kind::SchemaOrStringArray(id) => match dice.roll(2) {
            0 => vec![Value::from("a"), Value::from("")].into(),
            _ => object(*id, dice, depth),
        },
        Kind::Any => Value::Null,
        Kind::Struct(id) => object(*id, dice, depth),
        Kind::List(of) | Kind::ListMessage(of) => {
            (0..many(dice)).map(|_| value(of, dice, depth)).collect::<Vec<_>>().into()
        }
        Kind::Map(of) => {
            let entries = (0..many(dice)).map(|_| (dice.pick(&KEYS).into(), value(of, dice, depth)));
            Value::Object(entries.collect())
        }
    }
}

pub(crate) fn object(id: TypeId, dice: &mut Dice, depth: usize) -> Value {
    let mut members = Map::new();
    if depth > 0 {
        add_members(id, dice, depth - 1, &mut members);
    }
    members.into()
}

fn add_members(id: TypeId, dice: &mut Dice, depth: usize, members: &mut Map) {
    for field in &schema().get(id).fields {
        match field.kind {
            Kind::Struct(inner) if field.inline => {
                if field.number != 0 {
                    add_members(inner, dice, depth, members);
                }
            }
            _ if field.number == 0 || dice.roll(3) == 0 => {}
            ref kind => {
                members.insert(field.json.clone(), value(kind, dice, depth));
            }
        }
    }
}

/// The types of objects that are stored.
pub(crate) fn types() -> Vec<TypeId> {
    let mut types: Vec<_> = keelson_api::resources().iter().map(|r| r.type_id).collect();
    types.dedup();
    types
}
