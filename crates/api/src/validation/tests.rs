//! What tests of rules share: objects as JSON, errors as texts.

mod any;

use keelson_apimachinery::codec::json;
use keelson_apimachinery::{Map, Value};

use super::{Errors, Node, rules};

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
