use proptest::prelude::*;

use super::super::PatchError;
use super::super::raw::parse;
use super::{opaque, strategic};
use crate::schema::{Field, Kind, StructType};
use crate::{Schema, TypeId, Value};

/// A pod-like type: `containers` merge by name, `ports` by number, `finalizers` as a set, `args` replace,
/// `strategy` and `volumes` retain keys, `source` replaces.
fn schema() -> (Schema, TypeId) {
    let list = |kind: Kind| Kind::List(Box::new(kind));
    let keyed = |name: &str, of: u32, key: &str| {
        let mut field = Field::new(name, 1, list(Kind::Struct(TypeId(of))));
        (field.merge.patch_merge, field.merge.patch_merge_key) = (true, Some(key.into()));
        field
    };
    let mut finalizers = Field::new("finalizers", 1, list(Kind::String));
    finalizers.merge.patch_merge = true;
    let mut source = Field::new("source", 1, Kind::Struct(TypeId(1)));
    source.merge.patch_replace = true;
    let plain = |name: &str, kind: Kind| Field::new(name, 1, kind);
    let root = vec![
        keyed("containers", 1, "name"),
        finalizers,
        source,
        plain("labels", Kind::Map(Box::new(Kind::String))),
        plain("args", list(Kind::String)),
        plain("pairs", list(list(Kind::Int64))),
        plain("items", list(Kind::Struct(TypeId(1)))),
        plain("groups", Kind::Map(Box::new(list(Kind::String)))),
        plain("data", Kind::RawExtension),
    ];
    let container = vec![
        plain("name", Kind::String),
        plain("image", Kind::String),
        keyed("ports", 2, "port"),
        plain("labels", Kind::Map(Box::new(Kind::String))),
    ];
    let port = vec![plain("port", Kind::Int32), plain("protocol", Kind::String)];
    let types = vec![
        StructType::new("Root", "v1.Root", root),
        StructType::new("Container", "v1.Container", container),
        StructType::new("Port", "v1.Port", port),
    ];
    (Schema::new(types), TypeId(0))
}

fn apply(original: &str, patch: &str) -> Result<Value, PatchError> {
    let (schema, ty) = schema();
    strategic(&schema, ty, parse(original), parse(patch))
}

fn check(original: &str, patch: &str, want: &str) {
    assert_eq!(apply(original, patch), Ok(parse(want)), "{original} {patch}");
}

fn refused(original: &str, patch: &str, want: PatchError) {
    assert_eq!(apply(original, patch), Err(want), "{original} {patch}");
}

#[test]
fn objects_merge() {
    check(
        r#"{"labels":{"a":"1","b":"2"}}"#,
        r#"{"labels":{"a":null,"c":"3"}}"#,
        r#"{"labels":{"b":"2","c":"3"}}"#,
    );
    check(r#"{"labels":{"a":"1"}}"#, r#"{"labels":null}"#, "{}");
    check("{}", r#"{"labels":{"a":null,"b":"1"}}"#, r#"{"labels":{"b":"1"}}"#);
    check(r#"{"labels":{"a":"1"}}"#, r#"{"labels":{"$patch":"replace","b":"2"}}"#, r#"{"labels":{"b":"2"}}"#);
    check(r#"{"labels":{"a":"1"}}"#, r#"{"labels":{"$patch":"delete"}}"#, r#"{"labels":{}}"#);
    check("{}", r#"{"labels":{"$patch":"shuffle"}}"#, "{}");
    check(r#"{"source":{"image":"i"}}"#, r#"{"source":{"name":"n"}}"#, r#"{"source":{"name":"n"}}"#);
    check(r#"{"args":["a"]}"#, r#"{"args":{"x":null,"y":1}}"#, r#"{"args":{"y":1}}"#);
    check(r#"{"labels":{"a":"1"}}"#, "null", r#"{"labels":{"a":"1"}}"#);
    refused(
        r#"{"labels":{}}"#,
        r#"{"labels":{"$patch":"merge"}}"#,
        opaque("unknown patch type: merge in map: map[$patch:merge]"),
    );
    refused(
        r#"{"labels":{}}"#,
        r#"{"labels":{"$patch":5}}"#,
        opaque("unknown patch type: %!s(int64=5) in map: map[$patch:5]"),
    );
    refused(
        "{}",
        "[1]",
        PatchError::Malformed(
            "json: cannot unmarshal array into Go value of type map[string]interface {}".into(),
        ),
    );
}

#[test]
fn lists_of_objects_merge_by_key() {
    let two = r#"{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}"#;
    check(
        two,
        r#"{"containers":[{"name":"b","image":"3"}]}"#,
        r#"{"containers":[{"name":"a","image":"1"},{"name":"b","image":"3"}]}"#,
    );
    check(
        two,
        r#"{"containers":[{"name":"c"}]}"#,
        r#"{"containers":[{"name":"c"},{"name":"a","image":"1"},{"name":"b","image":"2"}]}"#,
    );
    check(
        two,
        r#"{"containers":[{"name":"b"},{"name":"a"}]}"#,
        r#"{"containers":[{"name":"b","image":"2"},{"name":"a","image":"1"}]}"#,
    );
    check(
        r#"{"containers":[{"name":"a","ports":[{"port":80},{"port":81}]}]}"#,
        r#"{"containers":[{"name":"a","ports":[{"port":81,"protocol":"UDP"},{"port":80,"$patch":"delete"}]}]}"#,
        r#"{"containers":[{"name":"a","ports":[{"port":81,"protocol":"UDP"}]}]}"#,
    );
    check(
        two,
        r#"{"containers":[{"name":"a","$patch":"delete"},{"name":"none","$patch":"delete"}]}"#,
        r#"{"containers":[{"name":"b","image":"2"}]}"#,
    );
    check(two, r#"{"containers":[{"$patch":"replace"},{"name":"c"}]}"#, r#"{"containers":[{"name":"c"}]}"#);
    check(
        "{}",
        r#"{"containers":[{"name":"a","$patch":"delete"},{"name":"b"}]}"#,
        r#"{"containers":[{"name":"b"}]}"#,
    );
    check(
        two,
        r#"{"containers":[{"name":"a","image":null}]}"#,
        r#"{"containers":[{"name":"a"},{"name":"b","image":"2"}]}"#,
    );
    check(
        r#"{"containers":[{"name":"a","image":"1"}]}"#,
        r#"{"containers":[{"name":"a","$patch":"replace","image":"2"}]}"#,
        r#"{"containers":[]}"#,
    );
    refused(
        two,
        r#"{"containers":[{"image":"x"}]}"#,
        opaque("map: map[image:x] does not contain declared merge key: name"),
    );
    refused(
        two,
        r#"{"containers":[{"name":"a","$patch":"shuffle"}]}"#,
        opaque("unknown patch type: shuffle in map: map[$patch:shuffle name:a]"),
    );
    refused(
        two,
        r#"{"containers":[{"name":"a","$patch":"merge"}]}"#,
        opaque("merging lists cannot yet be specified in the patch"),
    );
    refused(
        two,
        r#"{"containers":["x"]}"#,
        opaque("list element types are not identical: [[map[image:1 name:a] map[image:2 name:b]] [x]]"),
    );
}

#[test]
fn lists_of_scalars_merge_as_sets() {
    let three = r#"{"finalizers":["a","b","c"]}"#;
    check(three, r#"{"finalizers":["d"]}"#, r#"{"finalizers":["d","a","b","c"]}"#);
    check(three, r#"{"finalizers":["c","a"]}"#, r#"{"finalizers":["b","c","a"]}"#);
    check(three, r#"{"$deleteFromPrimitiveList/finalizers":["a","none"]}"#, r#"{"finalizers":["b","c"]}"#);
    check("{}", r#"{"$deleteFromPrimitiveList/finalizers":["a"]}"#, "{}");
    check(
        r#"{"finalizers":["d","b","c"]}"#,
        r#"{"$deleteFromPrimitiveList/finalizers":["b"],"$setElementOrder/finalizers":["d","c","e"],"finalizers":["e"]}"#,
        r#"{"finalizers":["d","c","e"]}"#,
    );
    check(r#"{"args":["a","b"]}"#, r#"{"args":["c"]}"#, r#"{"args":["c"]}"#);
    check(r#"{"args":["a","b"]}"#, r#"{"$deleteFromPrimitiveList/args":["a"]}"#, r#"{"args":["b"]}"#);
    refused(
        r#"{"finalizers":[["a"]]}"#,
        r#"{"finalizers":["b"]}"#,
        PatchError::Inapplicable("lists of lists are not supported".into()),
    );
    refused(
        three,
        r#"{"$deleteFromPrimitiveList":["a"]}"#,
        PatchError::Malformed("invalid patch format of primitive list".into()),
    );
}

#[test]
fn retain_keys() {
    let c = r#"{"containers":[{"name":"a","image":"1","labels":{}}]}"#;
    check(
        c,
        r#"{"containers":[{"name":"a","$retainKeys":["name","labels"],"labels":{"x":"y"}}]}"#,
        r#"{"containers":[{"name":"a","labels":{"x":"y"}}]}"#,
    );
    let malformed = || PatchError::Malformed("invalid patch format of retainKeys".into());
    refused(c, r#"{"containers":[{"name":"a","$retainKeys":["name"],"image":"2"}]}"#, malformed());
    refused(c, r#"{"$retainKeys":"name"}"#, malformed());
    check(r#"{"args":["a"],"labels":{}}"#, r#"{"$retainKeys":["args"],"labels":null}"#, r#"{"args":["a"]}"#);
}

#[test]
fn set_element_order() {
    let two = r#"{"containers":[{"name":"a"},{"name":"b"},{"name":"s"}]}"#;
    check(
        two,
        r#"{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],"containers":[{"name":"a","image":"i"}]}"#,
        r#"{"containers":[{"name":"b"},{"name":"a","image":"i"},{"name":"s"}]}"#,
    );
    check(
        r#"{"containers":[{"name":"a"},{"name":"s"},{"name":"b"}]}"#,
        r#"{"$setElementOrder/containers":[{"name":"a"},{"name":"n"},{"name":"b"}],"containers":[{"name":"n"}]}"#,
        r#"{"containers":[{"name":"a"},{"name":"n"},{"name":"s"},{"name":"b"}]}"#,
    );
    check(
        two,
        r#"{"$setElementOrder/containers":[{"name":"s"},{"name":"a"}]}"#,
        r#"{"containers":[{"name":"b"},{"name":"s"},{"name":"a"}]}"#,
    );
    check(
        "{}",
        r#"{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],"containers":[{"name":"b"},{"name":"a"},{"name":"x","$patch":"delete"}]}"#,
        r#"{"containers":[{"name":"b"},{"name":"a"}]}"#,
    );
    check("{}", r#"{"$setElementOrder/containers":[{"name":"b"}]}"#, "{}");
    refused(
        two,
        r#"{"$setElementOrder/containers":[{"name":"a"}],"containers":[{"image":"n","name":"b"}]}"#,
        opaque(
            "The order in patch list:\n[map[image:n name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
        ),
    );
    refused(
        two,
        r#"{"$setElementOrder/containers":{}}"#,
        opaque("expected a []interface {}, but received a map[string]interface {}"),
    );
    refused(
        two,
        r#"{"$setElementOrder/containers":["a"]}"#,
        opaque("expected a map[string]interface {}, but received a string"),
    );
    refused(
        two,
        r#"{"$setElementOrder":[]}"#,
        PatchError::Malformed("invalid patch format of setElementOrder list".into()),
    );
    refused(
        r#"{"containers":[]}"#,
        r#"{"$setElementOrder/containers":[]}"#,
        opaque("no elements in any of the given slices"),
    );
    refused(
        "{}",
        r#"{"$setElementOrder/none":[],"none":["x"]}"#,
        opaque("unable to find api field in struct Root for the json field \"none\""),
    );
}

#[test]
fn what_the_schema_does_not_know() {
    refused(
        r#"{"none":{}}"#,
        r#"{"none":{}}"#,
        opaque("unable to find api field in struct Root for the json field \"none\""),
    );
    refused(
        r#"{"groups":{"a":["x"]}}"#,
        r#"{"groups":{"a":["y"]}}"#,
        opaque("merging an object in json but data type is not struct, instead is: map"),
    );
    refused(r#"{"pairs":[[1]]}"#, r#"{"pairs":[[2]]}"#, opaque("unexpected slice of slice"));
    check(r#"{"data":{"a":1}}"#, r#"{"data":{"a":2}}"#, r#"{"data":{"a":2}}"#);
    refused(
        r#"{"data":{"a":{}}}"#,
        r#"{"data":{"a":{}}}"#,
        opaque("unable to find api field in struct RawExtension for the json field \"a\""),
    );
}

const MEMBERS: [&str; 14] = [
    "containers",
    "finalizers",
    "source",
    "labels",
    "args",
    "pairs",
    "items",
    "data",
    "$patch",
    "$retainKeys",
    "$setElementOrder/containers",
    "$deleteFromPrimitiveList/finalizers",
    "name",
    "$setElementOrder/finalizers",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (0i64..3).prop_map(Value::Int),
        prop::sample::select(vec!["a", "b", "delete", "replace", "name", "labels"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(prop::sample::select(&MEMBERS[..]), inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().map(|(k, v)| (k.into(), v)).collect())),
        ]
    })
}

fn any_containers(least: usize) -> impl Strategy<Value = Vec<(String, i64)>> {
    prop::collection::btree_map("[a-f]", 0i64..3, least..6)
        .prop_map(|m| m.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

fn containers(list: &[(String, i64)]) -> Vec<Value> {
    let container = |(name, image): &(String, i64)| {
        let members = [("name".into(), Value::from(name.as_str())), ("image".into(), Value::Int(*image))];
        Value::Object(members.into_iter().collect())
    };
    list.iter().map(container).collect()
}

fn root(containers: Vec<Value>) -> Value {
    Value::Object([("containers".into(), Value::Array(containers))].into_iter().collect())
}

fn names(value: &Value) -> Vec<&str> {
    value
        .get("containers")
        .and_then(Value::as_array)
        .unwrap_or_default()
        .iter()
        .map(|c| c.str_at(&["name"]))
        .collect()
}

proptest! {
    #[test]
    fn any_patch_applies_or_is_refused(original in any_value(), patch in any_value()) {
        let (schema, ty) = schema();
        let _ = strategic(&schema, ty, original, patch);
    }

    #[test]
    fn elements_are_the_union_by_key_and_the_patch_wins(a in any_containers(0), b in any_containers(0)) {
        let (schema, ty) = schema();
        let merged = strategic(&schema, ty, root(containers(&a)), root(containers(&b))).unwrap();
        let images: std::collections::BTreeMap<_, _> = a.iter().cloned().chain(b.iter().cloned()).collect();
        let got = merged.get("containers").and_then(Value::as_array).unwrap_or_default().iter();
        let got: Vec<_> = got.map(|c| (c.str_at(&["name"]).to_owned(), c.get("image").and_then(Value::as_i64).unwrap())).collect();
        prop_assert_eq!(got.len(), images.len());
        prop_assert_eq!(got.into_iter().collect::<std::collections::BTreeMap<_, _>>(), images);
        // Each side's own order is kept.
        let order: Vec<_> = names(&merged).into_iter().filter(|n| b.iter().any(|(k, _)| k == n)).collect();
        prop_assert_eq!(order, b.iter().map(|(k, _)| k.as_str()).collect::<Vec<_>>());
        let only = |n: &&str| !b.iter().any(|(k, _)| k == n);
        let order: Vec<_> = names(&merged).into_iter().filter(only).collect();
        prop_assert_eq!(order, a.iter().map(|(k, _)| k.as_str()).filter(only).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_deleted_by_key_is_gone_and_the_rest_stays(a in any_containers(0), gone in "[a-f]") {
        let (schema, ty) = schema();
        let delete = format!(r#"{{"containers":[{{"name":"{gone}","$patch":"delete"}}]}}"#);
        let left = strategic(&schema, ty, root(containers(&a)), parse(&delete)).unwrap();
        let want: Vec<_> = a.iter().filter(|(k, _)| *k != gone).cloned().collect();
        prop_assert_eq!(left, root(containers(&want)));
    }

    #[test]
    fn an_order_of_all_elements_is_obeyed(a in any_containers(1).prop_flat_map(|a| (Just(a.clone()), Just(a).prop_shuffle()))) {
        let (schema, ty) = schema();
        let (a, wanted) = a;
        let patch = [("$setElementOrder/containers".into(), Value::Array(containers(&wanted)))];
        let ordered = strategic(&schema, ty, root(containers(&a)), Value::Object(patch.into_iter().collect())).unwrap();
        prop_assert_eq!(ordered, root(containers(&wanted)));
    }
}
