//! A value with the way to it: what rules walk over. The way is written out only where an error needs it.

use std::fmt;

use keelson_apimachinery::field::{ErrorType, FieldError, quote};
use keelson_apimachinery::{Map, Value, codec};

/// A place in an object, and the value there, if there is one. Nodes borrow the node that they hang below, so
/// a walk allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    parent: Option<&'a Node<'a>>,
    step: Step<'a>,
    value: Option<&'a Value>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    /// The whole object.
    Root,
    /// A member of a struct: `.name`, or the name alone below the root.
    Field(&'a str),
    /// An element of a list: `[3]`.
    Index(usize),
    /// A value of a map: `[key]`.
    Key(&'a str),
}

impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name) => {
                let top = self.parent.is_none_or(|parent| matches!(parent.step, Step::Root));
                if !top {
                    f.write_str(".")?;
                }
                f.write_str(name)
            }
            Step::Index(i) => write!(f, "[{i}]"),
            Step::Key(key) => write!(f, "[{key}]"),
        }
    }
}

impl<'a> Node<'a> {
    /// The whole object (or, with a parent elsewhere, whatever errors should name from its top).
    pub fn root(value: &'a Value) -> Self {
        Node { parent: None, step: Step::Root, value: Some(value) }
    }

    /// A place with a name of its own, such as `spec` of an object that is checked in parts.
    pub fn named(name: &'a str, value: Option<&'a Value>) -> Self {
        Node { parent: None, step: Step::Field(name), value: present(value) }
    }

    /// The member `name` of this struct. It borrows this node.
    pub fn child(&'a self, name: &'a str) -> Node<'a> {
        let value = self.value.and_then(|v| v.get(name));
        Node { parent: Some(self), step: Step::Field(name), value: present(value) }
    }

    /// The value of `key` of this map.
    pub fn key(&'a self, key: &'a str) -> Node<'a> {
        let value = self.value.and_then(|v| v.get(key));
        Node { parent: Some(self), step: Step::Key(key), value: present(value) }
    }

    /// The element `i` of this list; absent where the list is shorter.
    pub fn index(&'a self, i: usize) -> Node<'a> {
        let value = self.array().get(i);
        Node { parent: Some(self), step: Step::Index(i), value: present(value) }
    }

    /// The elements of this list, in order; none where it is absent.
    pub fn items(&'a self) -> impl ExactSizeIterator<Item = Node<'a>> + Clone {
        let list = self.array().iter().enumerate();
        list.map(move |(i, value)| Node { parent: Some(self), step: Step::Index(i), value: Some(value) })
    }

    /// The entries of this map, sorted by key; none where it is absent.
    pub fn entries(&'a self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let entries = self.object().into_iter().flat_map(Map::iter);
        entries.map(move |(key, value)| {
            (key, Node { parent: Some(self), step: Step::Key(key), value: Some(value) })
        })
    }

    /// The same place with another value: to report what is not in the object as it stands.
    pub fn with(&self, value: Option<&'a Value>) -> Node<'a> {
        Node { value: present(value), ..*self }
    }

    /// The value; `None` for absent ones and `null`.
    pub fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// Whether there is a value (an empty one counts).
    pub fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// Whether Go's zero value stands here, or an empty list or map: nothing that a user has set.
    pub fn is_empty(&self) -> bool {
        self.value.is_none_or(empty)
    }

    /// The value at a path of member names below this place.
    pub fn at(&self, path: &[&str]) -> Option<&'a Value> {
        present(path.iter().try_fold(self.value?, |value, name| value.get(name)))
    }

    /// The string at a path of member names below this place; `""` where there is none.
    pub fn text_at(&self, path: &[&str]) -> &'a str {
        self.at(path).and_then(Value::as_str).unwrap_or("")
    }

    /// The list at a path of member names below this place; empty where there is none.
    pub fn array_at(&self, path: &[&str]) -> &'a [Value] {
        self.at(path).and_then(Value::as_array).unwrap_or_default()
    }

    /// The string; `""` where there is none.
    pub fn text(&self) -> &'a str {
        self.value.and_then(Value::as_str).unwrap_or("")
    }

    /// The string, where there is one.
    pub fn opt_text(&self) -> Option<&'a str> {
        self.value.and_then(Value::as_str)
    }

    /// The integer, where there is one.
    pub fn int(&self) -> Option<i64> {
        self.value.and_then(Value::as_i64)
    }

    /// The boolean, where there is one.
    pub fn flag(&self) -> Option<bool> {
        self.value.and_then(Value::as_bool)
    }

    /// Whether a boolean stands here that is true.
    pub fn is_true(&self) -> bool {
        self.flag() == Some(true)
    }

    /// The list; empty where there is none.
    pub fn array(&self) -> &'a [Value] {
        self.value.and_then(Value::as_array).unwrap_or_default()
    }

    /// How many elements the list, or members the map, has.
    pub fn len(&self) -> usize {
        self.object().map_or(self.array().len(), Map::len)
    }

    /// The map or struct, where there is one.
    pub fn object(&self) -> Option<&'a Map> {
        self.value.and_then(Value::as_object)
    }

    /// Whether the value is the same as another's, as Kubernetes compares: absent, `null` and empty lists and
    /// maps are equal.
    pub fn same(&self, other: &Node<'_>) -> bool {
        same(self.value, other.value)
    }

    /// `Invalid value` of the value that stands here.
    pub fn invalid(&self, detail: impl Into<String>) -> FieldError {
        FieldError::new(ErrorType::Invalid, self, Some(self.shown()), detail)
    }

    /// `Invalid value` of a string: what stands here, or a part of it.
    pub fn invalid_text(&self, value: &str, detail: impl Into<String>) -> FieldError {
        FieldError::invalid(self, value, detail)
    }

    /// `Required value`.
    pub fn required(&self, detail: impl Into<String>) -> FieldError {
        FieldError::required(self, detail)
    }

    /// `Forbidden`.
    pub fn forbidden(&self, detail: impl Into<String>) -> FieldError {
        FieldError::forbidden(self, detail)
    }

    /// `Duplicate value` of the value that stands here.
    pub fn duplicate(&self) -> FieldError {
        FieldError::new(ErrorType::Duplicate, self, Some(self.shown()), "")
    }

    /// `Duplicate value` of a string.
    pub fn duplicate_text(&self, value: &str) -> FieldError {
        FieldError::duplicate(self, value)
    }

    /// `Unsupported value` of the string that stands here; `supported` is listed in the order given.
    pub fn not_supported(&self, supported: &[&str]) -> FieldError {
        FieldError::not_supported(self, self.text(), supported)
    }

    /// `Not found` of the value that stands here.
    pub fn not_found(&self) -> FieldError {
        FieldError::new(ErrorType::NotFound, self, Some(self.shown()), "")
    }

    /// `Too long`, in bytes.
    pub fn too_long(&self, max: usize) -> FieldError {
        FieldError::too_long(self, max)
    }

    /// `Too many` of a list with `actual` elements.
    pub fn too_many(&self, actual: usize, max: usize) -> FieldError {
        FieldError::too_many(self, actual, max)
    }

    /// The value as errors show it: strings quoted, absent ones `null`, all else as JSON.
    pub fn shown(&self) -> String {
        shown(self.value)
    }
}

/// A value as errors show it: strings quoted, absent ones `null`, all else as JSON.
pub fn shown(value: Option<&Value>) -> String {
    match value {
        None => "null".to_owned(),
        Some(Value::String(text)) => quote(text),
        Some(value) => {
            let mut out = Vec::new();
            codec::json::encode_untyped(value, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        }
    }
}

/// Whether two values are the same as Kubernetes compares them: absent, `null` and empty lists and maps are
/// equal, inside of them too.
pub fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (present(a), present(b)) {
        (None, None) => true,
        (Some(one), None) | (None, Some(one)) => is_empty_collection(one),
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(Some(a), Some(b)))
        }
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            a.iter().all(|(key, value)| same(Some(value), b.get(key)))
                && b.iter().all(|(key, value)| a.contains_key(key) || same(None, Some(value)))
        }
        (Some(a), Some(b)) => a == b,
    }
}

fn is_empty_collection(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.iter().all(|(_, value)| is_empty_collection(value)),
        value => value.is_null(),
    }
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Int(number) => *number == 0,
        Value::Float(number) => *number == 0.0,
        Value::String(text) | Value::Raw(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        codec::json::decode_untyped(json.as_bytes()).expect("the test's JSON").value
    }

    #[test]
    fn places_read_as_upstream_writes_them() {
        let object = value(r#"{"spec":{"containers":[{"name":"A"}],"nodeSelector":{"a/b":1}}}"#);
        let root = Node::root(&object);
        let spec = root.child("spec");
        let containers = spec.child("containers");
        let errors: Vec<String> =
            containers.items().map(|c| c.child("name").invalid("no").to_string()).collect();
        assert_eq!(errors, [r#"spec.containers[0].name: Invalid value: "A": no"#]);
        let selector = spec.child("nodeSelector");
        let (_, entry) = selector.entries().next().expect("one entry");
        assert_eq!(entry.required("").to_string(), "spec.nodeSelector[a/b]: Required value");
        assert_eq!(spec.child("x").child("y").invalid("z").to_string(), "spec.x.y: Invalid value: null: z");
    }

    #[test]
    fn absent_and_empty_are_the_same() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(same(Some(&value(a)), Some(&value(b))), expected, "{a} {b}");
            assert_eq!(same(Some(&value(b)), Some(&value(a))), expected, "{b} {a}");
        };
        check("{}", r#"{"a":[],"b":null,"c":{"d":{}}}"#, true);
        check("{}", r#"{"a":0}"#, false);
        check(r#"{"a":[1,{"b":[]}]}"#, r#"{"a":[1,{}]}"#, true);
        check("[1]", "[2]", false);
    }
}
