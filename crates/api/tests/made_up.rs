//! Defaults, codecs, conversions and rules hold up whatever a client sends.

mod objects;

use keelson_api::schema;
use keelson_api::validation::{Node, rules};
use keelson_api::{Resource, conversion, resources};
use keelson_apimachinery::codec::{json, protobuf};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{TypeId, Value};
use proptest::prelude::*;

use objects::{Dice, object, types};

/// An object as the registry sees it: canonical, and with its defaults where the seed is even.
fn made_up(ty: TypeId, seed: u64) -> Value {
    let sent = object(ty, &mut Dice(seed), 8);
    let value = json::canonicalize(schema(), ty, sent).expect("made from the schema").value;
    let mut object = Object::try_from(value).expect("an object");
    if seed.is_multiple_of(2) {
        keelson_api::defaults::apply(ty, &mut object);
    }
    object.as_value().clone()
}

/// Every stored kind can be made up.
#[test]
fn objects_of_every_kind_are_made_up() {
    assert!(types().into_iter().all(|ty| made_up(ty, 1).as_object().is_some()));
}

fn json_of(ty: TypeId, value: &Value) -> String {
    let mut text = Vec::new();
    json::encode(schema(), ty, value, &mut text);
    String::from_utf8(text).expect("JSON is text")
}

fn version(of: &Resource) -> (&str, &str) {
    (of.group.as_str(), of.version.as_str())
}

/// The versions of a kind that share their keys in storage, two by two.
fn pairs() -> Vec<(&'static Resource, &'static Resource)> {
    let alike = |a: &Resource, b: &Resource| {
        !a.storage_path.is_empty() && a.storage_path == b.storage_path && a.type_id != b.type_id
    };
    let others = |a| resources().iter().filter(move |b| alike(a, b)).map(move |b| (a, b));
    resources().iter().flat_map(others).collect()
}

#[test]
fn some_kinds_have_several_versions() {
    assert!(pairs().iter().any(|(from, _)| from.plural == "horizontalpodautoscalers"));
    assert!(pairs().iter().any(|(from, _)| from.plural == "events"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn rules_never_panic_and_always_say_the_same(seed: u64, other: u64) {
        for resource in keelson_api::resources() {
            let Some(rules) = rules(&resource.group, &resource.plural) else { continue };
            let (new, old) = (made_up(resource.type_id, seed), made_up(resource.type_id, other));
            let (node, old) = (Node::root(&new), Node::root(&old));
            let check = |subresource: &str| {
                let (mut updated, mut again) = (Vec::new(), Vec::new());
                rules.update(subresource, &node, &old, &mut updated);
                rules.update(subresource, &node, &old, &mut again);
                (updated, again)
            };
            let mut errors = Vec::new();
            rules.create(&node, &mut errors);
            for subresource in ["", "status", "finalize", "approval", "ephemeralcontainers", "resize"] {
                let (updated, again) = check(subresource);
                prop_assert_eq!(updated, again, "{} {}", resource.plural, subresource);
                rules.warn(subresource, &node, Some(&old));
            }
            rules.warn("", &node, None);
            for error in &errors {
                let _ = error.to_string();
            }
        }
    }

    #[test]
    fn defaulted_objects_are_written_and_read_again(seed: u64) {
        for resource in resources() {
            let (ty, name) = (resource.type_id, &resource.plural);
            let tree = made_up(ty, seed & !1);
            let text = json_of(ty, &tree);
            let read = json::decode(schema(), ty, text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
            prop_assert_eq!(&read.strict, &[], "{}", name);
            prop_assert_eq!(&read.value, &tree, "{} as JSON", name);
            let message = protobuf::encode(schema(), ty, &tree).unwrap_or_else(|error| panic!("{name}: {error}"));
            let read = protobuf::decode(schema(), ty, &message).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut read = Object::try_from(read).expect("an object");
            // Some defaults have no place in protobuf.
            keelson_api::defaults::apply(ty, &mut read);
            prop_assert_eq!(json_of(ty, read.as_value()), text, "{} as protobuf", name);
        }
    }

    #[test]
    fn objects_are_converted_to_every_version(seed: u64) {
        for (from, to) in pairs() {
            let mut object = Object::try_from(made_up(from.type_id, seed)).expect("an object");
            object.set_type("", &from.kind);
            let converted = conversion::convert(object, version(from), version(to));
            let converted = converted.unwrap_or_else(|error| panic!("{error}")).as_value().clone();
            let again = json::canonicalize(schema(), to.type_id, converted.clone());
            let again = again.unwrap_or_else(|error| panic!("{}: {error}", to.plural));
            prop_assert_eq!(again.value, converted, "{} of {:?} is canonical", to.plural, version(to));
        }
    }
}
