use proptest::prelude::*;

use super::super::raw::parse;
use super::*;

fn check(document: &str, patch: &str, want: Option<&str>) {
    let got = json_patch(parse(document), &parse(patch));
    assert_eq!(got.as_ref().ok(), want.map(parse).as_ref(), "{document} {patch}: {got:?}");
    if let Err(error) = got {
        assert!(matches!(error, PatchError::Inapplicable(_)), "{error:?}");
    }
}

#[test]
fn operations_of_the_rfc() {
    let d = r#"{"a":{"b":"c"},"l":[1,2],"m~n":1,"x/y":2}"#;
    check(
        d,
        r#"[{"op":"add","path":"/a/d","value":1}]"#,
        Some(r#"{"a":{"b":"c","d":1},"l":[1,2],"m~n":1,"x/y":2}"#),
    );
    check("{\"l\":[1,2]}", r#"[{"op":"add","path":"/l/1","value":9}]"#, Some("{\"l\":[1,9,2]}"));
    check("{\"l\":[1,2]}", r#"[{"op":"add","path":"/l/2","value":9}]"#, Some("{\"l\":[1,2,9]}"));
    check("{\"l\":[1,2]}", r#"[{"op":"add","path":"/l/-","value":9}]"#, Some("{\"l\":[1,2,9]}"));
    check("{\"l\":[1,2]}", r#"[{"op":"add","path":"/l/3","value":9}]"#, None);
    check("{\"l\":[1,2]}", r#"[{"op":"remove","path":"/l/0"}]"#, Some("{\"l\":[2]}"));
    check("{\"l\":[1,2]}", r#"[{"op":"remove","path":"/l/2"}]"#, None);
    check("{\"a\":1}", r#"[{"op":"remove","path":"/b"}]"#, None);
    check("{\"a\":1}", r#"[{"op":"replace","path":"/a","value":[1]}]"#, Some("{\"a\":[1]}"));
    check("{\"a\":1}", r#"[{"op":"replace","path":"/a/b","value":1}]"#, None);
    check("{\"a\":1}", r#"[{"op":"move","from":"/a","path":"/b"}]"#, Some("{\"b\":1}"));
    check("{\"a\":1}", r#"[{"op":"move","from":"/c","path":"/b"}]"#, None);
    check("{\"a\":{\"b\":1}}", r#"[{"op":"move","from":"/a","path":"/a/b"}]"#, None);
    check(
        "{\"a\":[1]}",
        r#"[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/0","value":2}]"#,
        Some("{\"a\":[1],\"b\":[2,1]}"),
    );
    check(
        "{\"m~n\":1}",
        r#"[{"op":"test","path":"/m~0n","value":1},{"op":"add","path":"/x~1y","value":2}]"#,
        Some("{\"m~n\":1,\"x/y\":2}"),
    );
    check("{\"~1\":1}", r#"[{"op":"remove","path":"/~01"}]"#, Some("{}"));
    check(
        "{\"a\":{\"x\":[1,null]}}",
        r#"[{"op":"test","path":"/a","value":{"x":[1,null]}}]"#,
        Some("{\"a\":{\"x\":[1,null]}}"),
    );
    check("{\"a\":1}", r#"[{"op":"test","path":"/a","value":1.0}]"#, None);
    check("{\"a\":1}", r#"[{"op":"test","path":"/a","value":2}]"#, None);
    check("{\"a\":1}", r#"[{"op":"frobnicate","path":"/a"}]"#, None);
    check("{\"a\":1}", r#"[{"op":"add","value":1}]"#, None);
    check("{\"a\":1}", "[]", Some("{\"a\":1}"));
}

#[test]
fn leniencies_of_upstream() {
    check(
        "{\"d\":{\"k\":1}}",
        r#"[{"op":"add","path":"d/k","value":"x"}]"#,
        Some("{\"d\":{\"k\":1},\"k\":\"x\"}"),
    );
    check("{\"d\":{}}", r#"[{"op":"copy","from":"/d/none","path":"/d/k"}]"#, Some("{\"d\":{\"k\":null}}"));
    check("{\"d\":{}}", r#"[{"op":"replace","path":"/d/none","value":1}]"#, Some("{\"d\":{\"none\":1}}"));
    check("{\"d\":{}}", r#"[{"op":"replace","path":"/none/x","value":1}]"#, None);
    check(
        "{\"d\":{}}",
        r#"[{"op":"test","path":"/d/none","value":null},{"op":"test","path":"/d/none"}]"#,
        Some("{\"d\":{}}"),
    );
    check("{\"d\":{}}", r#"[{"op":"add","path":"/d/k"}]"#, Some("{\"d\":{\"k\":null}}"));
    check(
        "{\"l\":[1,2]}",
        r#"[{"op":"add","path":"/l/-1","value":3},{"op":"remove","path":"/l/-3"},{"op":"replace","path":"/l/+01","value":5}]"#,
        Some("{\"l\":[2,5]}"),
    );
    check("{\"l\":[1,2]}", r#"[{"op":"remove","path":"/l/-3"}]"#, None);
    check("{\"a\":1}", r#"[{"op":"replace","path":"","value":{"b":2}}]"#, Some("{\"b\":2}"));
    check("{\"a\":1}", r#"[{"op":"replace","path":"","value":"x"}]"#, None);
    check("{\"a\":1}", r#"[{"op":"test","path":"","value":{"a":1}}]"#, Some("{\"a\":1}"));
    check("{\"a\":1}", r#"[{"op":"add","path":"","value":{}}]"#, None);
    check("{\"a\":1}", r#"[{"op":"remove","path":""}]"#, None);
    check("{\"a\":null}", r#"[{"op":"add","path":"/a/b","value":1}]"#, None);
}

#[test]
fn malformed_patches() {
    let check = |patch: &str, lenient: &str, strict: &str| {
        let patch = parse(patch);
        assert_eq!(json_patch(parse("{}"), &patch).unwrap_err(), PatchError::Malformed(lenient.into()));
        assert_eq!(json_patch_strict_errors(&patch).unwrap_err(), PatchError::Malformed(strict.into()));
    };
    check(
        r#"{"op":"add"}"#,
        "json: cannot unmarshal object into Go value of type jsonpatch.Patch",
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
    check(
        "[1]",
        "json: cannot unmarshal number into Go value of type jsonpatch.Operation",
        "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp",
    );
    let typed = json_patch_strict_errors(&parse(r#"[{"op":1}]"#)).unwrap_err();
    assert_eq!(
        typed.message(),
        "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string"
    );
    let unknown = json_patch_strict_errors(&parse(r#"[{"op":"test"},{"path":"","extra":1}]"#)).unwrap();
    assert_eq!(unknown, [StrictError(r#"json patch unknown field "[1].extra""#.into())]);
}

#[test]
fn a_patch_reaches_into_raw_fields() {
    let document =
        Value::Object([("d".into(), Value::Raw(r#"{"z":[1],"a":{}}"#.into()))].into_iter().collect());
    let patch =
        r#"[{"op":"test","path":"/d","value":{"a":{},"z":[1]}},{"op":"add","path":"/d/a/k","value":1}]"#;
    let patched = json_patch(document, &parse(patch)).unwrap();
    assert_eq!(patched, parse(r#"{"d":{"a":{"k":1},"z":[1]}}"#));
}

#[test]
fn size_and_depth_are_bounded() {
    let too_many = Value::Array(vec![parse(r#"{"op":"test","path":"/a"}"#); MAX_OPERATIONS + 1]);
    let error = json_patch(parse("{}"), &too_many).unwrap_err();
    assert_eq!(
        error,
        PatchError::TooLarge("The allowed maximum operations in a JSON patch is 10000, got 10001".into())
    );
    // Each copy nests one deeper.
    let deepening = Value::Array(vec![parse(r#"{"op":"copy","from":"/a","path":"/a/a"}"#); MAX_DEPTH]);
    let error = json_patch(parse(r#"{"a":{"b":{}}}"#), &deepening).unwrap_err();
    assert!(error.message().contains("nest deeper"), "{error}");
    let widening = Value::Array(vec![parse(r#"{"op":"copy","from":"/a","path":"/a/-"}"#); 40]);
    let error = json_patch(parse(r#"{"a":["0123456789"]}"#), &widening).unwrap_err();
    assert!(matches!(error, PatchError::Inapplicable(_)), "{error}");
    let large = Value::Object([("a".into(), Value::from("x".repeat(1 << 20)))].into_iter().collect());
    let copies = Value::Array(vec![parse(r#"{"op":"copy","from":"/a","path":"/b"}"#); 4]);
    let error = json_patch(large, &copies).unwrap_err();
    assert!(error.message().contains("exceeding the limit 3145728"), "{error}");
}

fn any_patch() -> impl Strategy<Value = Value> {
    let path = "(/([abl]|[0-2]|-|-1|~1)?){0,3}";
    let operation =
        ("add|remove|replace|move|copy|test", path, path, 0i64..3).prop_map(|(op, from, path, v)| {
            let members: [(crate::Text, Value); 4] = [
                ("op".into(), op.into()),
                ("from".into(), from.into()),
                ("path".into(), path.into()),
                ("value".into(), v.into()),
            ];
            Value::Object(members.into_iter().collect())
        });
    prop::collection::vec(operation, 0..6).prop_map(Value::Array)
}

proptest! {
    #[test]
    fn any_patch_applies_or_is_refused(patch in any_patch()) {
        let _ = json_patch(parse(r#"{"a":{"b":1,"l":[{"a":1},2]},"b":null,"l":[[1],{"a":2}]}"#), &patch);
    }

    #[test]
    fn what_is_added_is_there_and_can_be_removed(key in "[a-z~/]{1,4}", value in 0i64..9) {
        let document = parse("{\"0\":1}");
        let path = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        let operation = |op: &str| {
            let members: [(crate::Text, Value); 3] =
                [("op".into(), op.into()), ("path".into(), path.as_str().into()), ("value".into(), value.into())];
            Value::Object(members.into_iter().collect())
        };
        let added = json_patch(document.clone(), &Value::Array(vec![operation("add"), operation("test")])).unwrap();
        prop_assert_eq!(added.get(&key), Some(&Value::Int(value)));
        prop_assert_eq!(json_patch(added, &Value::Array(vec![operation("remove")])).unwrap(), document);
    }
}
