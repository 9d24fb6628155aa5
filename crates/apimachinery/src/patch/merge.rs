//! JSON merge patch (RFC 7386).
//!
//! Like upstream, nulls are also pruned from objects inside the patch's lists, but where such a list
//! replaces an object.

use super::{PatchError, go_json_type, raw};
use crate::{Map, Value};

/// Refuses what is no merge patch of an object. With `strict` (field validation Strict or Warn) the texts
/// are those of the decoder that looks for duplicate fields.
///
/// # Errors
/// [`PatchError::Malformed`].
pub fn check_merge_patch(patch: &Value, strict: bool) -> Result<(), PatchError> {
    match patch {
        Value::Object(_) => Ok(()),
        // What is decoded of a list later is no object.
        Value::Array(_) if !strict => Ok(()),
        Value::Null => Err(PatchError::Malformed("Invalid JSON Patch".to_owned())),
        other if strict => {
            let found = go_json_type(other);
            let text =
                format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}");
            Err(PatchError::Malformed(format!("error decoding patch: {text}")))
        }
        _ => Err(PatchError::Malformed("Invalid JSON Patch".to_owned())),
    }
}

/// The target as the patch changes it.
pub fn merge_patch(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else {
        return without_nulls(patch);
    };
    match target {
        Value::Object(mut target) => {
            merge_objects(&mut target, patch);
            Value::Object(target)
        }
        _ => without_nulls(Value::Object(patch)),
    }
}

fn merge_objects(target: &mut Map, patch: Map) {
    for (key, change) in patch {
        if change.is_null() {
            target.remove(&key);
            continue;
        }
        let Some(current) = target.get_mut(&key).filter(|v| !v.is_null()) else {
            target.insert(key, without_nulls(change));
            continue;
        };
        if matches!(change, Value::Object(_)) {
            raw::open(current);
        }
        match (current, change) {
            (Value::Object(current), Value::Object(change)) => merge_objects(current, change),
            (current @ Value::Object(_), change) => *current = change,
            (current, change) => *current = without_nulls(change),
        }
    }
}

/// A value without the null members of its objects, inside lists too; a list keeps its null elements.
fn without_nulls(mut value: Value) -> Value {
    prune(&mut value);
    value
}

fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.iter_mut().for_each(|(_, v)| prune(v));
        }
        Value::Array(list) => list.iter_mut().for_each(prune),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::raw::parse;
    use super::*;

    #[test]
    fn merging() {
        let check = |target: &str, patch: &str, want: &str| {
            assert_eq!(merge_patch(parse(target), parse(patch)), parse(want), "{target} {patch}");
        };
        // The examples of RFC 7386's appendix that have an object on one side.
        check(r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#);
        check(r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#);
        check(r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#);
        check(r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#);
        check(r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#);
        check(r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#);
        check(r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#);
        check(r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#);
        check("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#);
        check("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#);
        // Upstream's own.
        check("{}", r#"{"a":[{"b":null},null]}"#, r#"{"a":[{},null]}"#);
        check(r#"{"a":{"x":1}}"#, r#"{"a":[{"b":null}]}"#, r#"{"a":[{"b":null}]}"#);
        check(r#"{"a":null}"#, r#"{"a":{"b":null,"c":1}}"#, r#"{"a":{"c":1}}"#);
    }

    #[test]
    fn merging_reaches_into_raw_fields() {
        let target = [
            ("data".into(), Value::Raw(r#"{"z":1,"a":2}"#.into())),
            ("kept".into(), Value::Raw("{\"z\":1}".into())),
        ];
        let patched =
            merge_patch(Value::Object(target.into_iter().collect()), parse(r#"{"data":{"a":null,"b":3}}"#));
        assert_eq!(patched.get("data"), Some(&parse(r#"{"b":3,"z":1}"#)));
        assert_eq!(patched.get("kept"), Some(&Value::Raw("{\"z\":1}".into())));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let check = |patch: &str, strict: bool, want: Option<&str>| {
            let got = check_merge_patch(&parse(patch), strict).err();
            assert_eq!(got.as_ref().map(PatchError::message), want, "{patch}");
        };
        check("{}", true, None);
        check("[]", false, None);
        check(
            "[]",
            true,
            Some(
                "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
        );
        check(
            "1",
            true,
            Some(
                "error decoding patch: json: cannot unmarshal number into Go value of type map[string]interface {}",
            ),
        );
        check("1", false, Some("Invalid JSON Patch"));
        check("null", true, Some("Invalid JSON Patch"));
    }

    /// The merge patch that leads from one value to another.
    fn difference(from: &Value, to: &Value) -> Value {
        let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
        let mut patch = Map::new();
        for (key, value) in to.iter() {
            match from.get(key) {
                Some(old) if old == value => {}
                Some(old) => {
                    patch.insert(key, difference(old, value));
                }
                None => {
                    patch.insert(key, value.clone());
                }
            }
        }
        for key in from.keys().filter(|k| !to.contains_key(k)) {
            patch.insert(key, Value::Null);
        }
        Value::Object(patch)
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (0i64..4).prop_map(Value::Int),
            "[ab]".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::btree_map("[abc]", inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().map(|(k, v)| (k.into(), v)).collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_difference_applied_gives_the_other(a in any_value(), b in any_value()) {
            prop_assert_eq!(merge_patch(a.clone(), difference(&a, &b)), b);
        }

        #[test]
        fn applying_twice_is_applying_once(a in any_value(), b in any_value()) {
            let once = merge_patch(a, b.clone());
            prop_assert_eq!(merge_patch(once.clone(), b), once);
        }
    }
}
