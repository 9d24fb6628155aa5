//! Rules hold up whatever a client sends.

mod objects;

use keelson_api::schema;
use keelson_api::validation::{Node, rules};
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{TypeId, Value};
use proptest::prelude::*;

use objects::{Dice, object, types};

/// An object as the registry sees it: canonical, with its defaults.
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

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
        }
    }
}
