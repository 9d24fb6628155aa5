//! Objects made up from the schema: the rules of all kinds bear with them.

use keelson_apimachinery::schema::Kind;
use keelson_apimachinery::{Map, TypeId, Value};
use proptest::prelude::*;

use crate::validation::{GROUPS, Node};

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

/// Words that rules look for, and some that cut texts at odd places.
const WORDS: &[&str] = &[
    "",
    "a",
    "a.b/c",
    "é",
    "é\\é",
    "..",
    "/",
    "a/../é",
    "iqn.2024-01.é:x",
    "iqn.",
    "eui.é",
    "é:80",
    "[::1]:é",
    "metadata.labels['é']",
    "metadata.labels['a']",
    "']",
    "v1",
    "Always",
    "Never",
    "OnFailure",
    "In",
    "NotIn",
    "Exists",
    "Gt",
    "Lt",
    "Localhost",
    "RuntimeDefault",
    "Windows",
    "windows",
    "linux",
    "None",
    "TCP",
    "UDP",
    "ClusterIP",
    "ExternalName",
    "LoadBalancer",
    "10.0.0.1",
    "010.0.0.1",
    "::ffff:1.2.3.4",
    "fd00::/8",
    "25%",
    "é%",
    "*/5 * * * *",
    "@every 1s",
    "TZ=x",
    "1Gi",
    "-1",
    "500m",
    "hugepages-é",
    "hugepages-2Mi",
    "Resource",
    "Pods",
    "Percent",
    "RollingUpdate",
    "Unmasked",
    "localhost/é",
    "example.com/signer",
    "a:é:",
    "Indexed",
];

const KEYS: &[&str] = &[
    "a",
    "é",
    "cpu",
    "memory",
    "storage",
    "hugepages-2Mi",
    "hugepages-é",
    "example.com/gpu",
    "kubernetes.io/config.mirror",
    "scheduler.alpha.kubernetes.io/tolerations",
    "container.apparmor.security.beta.kubernetes.io/a",
    "non-convertible.kubernetes.io/selector",
];

fn value(kind: &Kind, dice: &mut Dice, depth: usize) -> Value {
    if dice.roll(60) == 0 {
        return dice.pick(&[0, i64::MIN, i64::MAX]).into();
    }
    match kind {
        Kind::Bool => Value::Bool(dice.roll(2) == 1),
        Kind::Int32 | Kind::Int64 => Value::Int(dice.pick(&[0, 1, -1, 80, i64::MIN, i64::MAX])),
        Kind::Float64 => Value::Float(0.5),
        Kind::Bytes => "AA==".into(),
        Kind::Time => "2026-01-02T03:04:05Z".into(),
        Kind::MicroTime => "2026-01-02T03:04:05.000006Z".into(),
        Kind::Duration => "1m0s".into(),
        Kind::Quantity => dice.pick(&["0", "100m", "1u", "-1", "1Gi", "3e9", "99999999999999999999"]).into(),
        Kind::IntOrString if dice.roll(2) == 0 => Value::Int(dice.pick(&[0, 5, -1])),
        Kind::IntOrString | Kind::String => dice.pick(WORDS).into(),
        Kind::RawExtension | Kind::FieldsV1 | Kind::Json => Value::Raw("{}".into()),
        Kind::Any | Kind::SchemaOrArray(_) | Kind::SchemaOrBool(_) | Kind::SchemaOrStringArray(_) => {
            Value::Null
        }
        Kind::Struct(ty) => Value::Object(members(*ty, dice, depth)),
        Kind::List(of) | Kind::ListMessage(of) => {
            (0..dice.roll(4)).map(|_| value(of, dice, depth)).collect::<Vec<_>>().into()
        }
        Kind::Map(of) => {
            let entries = (0..dice.roll(4)).map(|_| (dice.pick(KEYS).into(), value(of, dice, depth)));
            Value::Object(entries.collect())
        }
    }
}

fn members(ty: TypeId, dice: &mut Dice, depth: usize) -> Map {
    let mut all = Map::new();
    if depth > 0 {
        add(ty, dice, depth - 1, &mut all);
    }
    all
}

fn add(ty: TypeId, dice: &mut Dice, depth: usize, all: &mut Map) {
    for field in &crate::schema().get(ty).fields {
        match field.kind {
            Kind::Struct(inner) if field.inline => add(inner, dice, depth, all),
            _ if dice.roll(3) == 0 => {}
            ref kind => {
                all.insert(field.json.clone(), value(kind, dice, depth));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_panics(seed: u64) {
        let mut dice = Dice(seed);
        for rules in GROUPS.iter().copied().flatten() {
            let of = |r: &&crate::Resource| r.group == rules.group && r.plural == rules.plural;
            for resource in crate::resources().iter().filter(of) {
                let mut object = || Value::Object(members(resource.type_id, &mut dice, 8));
                let (new, old) = (object(), object());
                let (new, old) = (Node::root(&new), Node::root(&old));
                let mut errors = Vec::new();
                rules.create(&new, &mut errors);
                for subresource in [""].into_iter().chain(rules.subresources.iter().map(|(name, _)| *name)) {
                    rules.update(subresource, &new, &old, &mut errors);
                    rules.update(subresource, &new, &new, &mut errors);
                    rules.warn(subresource, &new, Some(&old));
                }
                rules.warn("", &new, None);
                for error in &errors {
                    let _ = error.to_string();
                }
            }
        }
    }
}
