//! What tests of rules share: objects as JSON, errors as texts.

use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Value};

use super::{Errors, GROUPS, Node, rules, shown};
use crate::{defaults, facts};

/// A resource under test, with the least of an object that it takes.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) plural: &'static str,
    /// JSON of the object, with what defaults set.
    pub(super) least: &'static str,
}

pub(super) fn value(text: &str) -> Value {
    json::decode_untyped(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}")).value
}

/// `base` after the merge patch `over`.
fn merged(base: Value, over: Value) -> Value {
    match (base, over) {
        (base, Value::Object(over)) => {
            let mut map = match base {
                Value::Object(map) => map,
                _ => Map::new(),
            };
            for (key, over) in over {
                let below = map.remove(&key).unwrap_or_default();
                if !over.is_null() {
                    map.insert(key, merged(below, over));
                }
            }
            Value::Object(map)
        }
        (_, over) => over,
    }
}

/// Expected texts may end in `…`, for what is long and said elsewhere.
fn compare(errors: &Errors, expected: &[&str], of: &str) {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let fits = |text: &String, expected: &&str| match expected.strip_suffix('…') {
        Some(beginning) => text.starts_with(beginning),
        None => text == expected,
    };
    let all = texts.len() == expected.len() && texts.iter().zip(expected).all(|(t, e)| fits(t, e));
    assert!(all, "{of}:\n{texts:#?}\ninstead of\n{expected:#?}");
}

impl Kind {
    /// The least object after a merge patch.
    fn object(&self, patch: &str) -> Value {
        merged(value(self.least), value(patch))
    }

    /// What is said of a new object: the least one after a merge patch.
    pub(super) fn create(&self, patch: &str, expected: &[&str]) {
        let object = self.object(patch);
        let mut errors = Errors::new();
        rules(self.group, self.plural).expect("rules").create(&Node::root(&object), &mut errors);
        compare(&errors, expected, &format!("{} {patch}", self.plural));
    }

    /// What is said of an update through a subresource, both objects being the least one after merge patches.
    pub(super) fn update(&self, subresource: &str, old: &str, new: &str, expected: &[&str]) {
        let (old_object, object) = (self.object(old), self.object(new));
        let mut errors = Errors::new();
        let rules = rules(self.group, self.plural).expect("rules");
        rules.update(subresource, &Node::root(&object), &Node::root(&old_object), &mut errors);
        compare(&errors, expected, &format!("{} {old} -> {new}", self.plural));
    }

    /// What whoever writes the least object after a merge patch should know.
    pub(super) fn warn(&self, patch: &str, expected: &[&str]) {
        let object = self.object(patch);
        let rules = rules(self.group, self.plural).expect("rules");
        assert_eq!(rules.warn("", &Node::root(&object), None), expected, "{} {patch}", self.plural);
    }

    /// That the least object is fine, new and as an update of itself.
    pub(super) fn takes_the_least(&self) {
        self.create("{}", &[]);
        self.update("", "{}", "{}", &[]);
    }
}

/// An object of a resource with its defaults.
fn defaulted(group: &str, plural: &str, json: &str) -> Value {
    let resource = facts::resources().iter().find(|r| r.group == group && r.plural == plural);
    let resource = resource.unwrap_or_else(|| panic!("no resource {group}/{plural}"));
    let Value::Object(map) = value(json) else { panic!("no object: {json}") };
    let mut object = Object::from(map);
    defaults::apply(resource.type_id, &mut object);
    object.as_value().clone()
}

/// A JSON text after the merge patch `over`.
pub(super) fn with(base: &str, over: &str) -> String {
    shown(Some(&merged(value(base), value(over))))
}

/// The errors of a creation, with defaults set before.
pub(super) fn create(group: &str, plural: &str, json: &str) -> Vec<String> {
    let object = defaulted(group, plural, json);
    let mut errors = Vec::new();
    rules(group, plural).expect("rules").create(&Node::root(&object), &mut errors);
    errors.iter().map(ToString::to_string).collect()
}

/// The errors of an update through a subresource (empty for the object itself).
pub(super) fn update(group: &str, plural: &str, subresource: &str, json: &str, old: &str) -> Vec<String> {
    let (object, old) = (defaulted(group, plural, json), defaulted(group, plural, old));
    let mut errors = Vec::new();
    let rules = rules(group, plural).expect("rules");
    rules.update(subresource, &Node::root(&object), &Node::root(&old), &mut errors);
    errors.iter().map(ToString::to_string).collect()
}

/// The warnings for a creation.
pub(super) fn warnings(group: &str, plural: &str, json: &str) -> Vec<String> {
    let object = defaulted(group, plural, json);
    rules(group, plural).expect("rules").warn("", &Node::root(&object), None)
}

#[test]
fn rules_are_for_resources_that_exist_once() {
    let all: Vec<_> = GROUPS.iter().copied().flatten().collect();
    for (i, rules) in all.iter().enumerate() {
        let name = (rules.group, rules.plural);
        assert!(facts::resources().iter().any(|r| (r.group.as_str(), r.plural.as_str()) == name), "{name:?}");
        assert!(!all[..i].iter().any(|before| (before.group, before.plural) == name), "{name:?} twice");
    }
}
