//! What mutating policies construct.

use super::value;
use crate::{Environment, Type};

fn environment() -> Environment {
    Environment::new().variable("object", Type::Dyn).patches()
}

#[test]
fn parts_of_objects_and_patches_are_constructed() {
    let check = |expression: &str, type_: &str, expected: &str| {
        let program = environment().compile(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
        assert_eq!(program.output_type().to_string(), type_, "{expression}");
        let given = [("object", value(r#"{"a":{"b":2}}"#))];
        assert_eq!(program.evaluate(&given, 1_000), Ok(value(expected)), "{expression}");
    };
    check("Object{}", "Object", "{}");
    check(
        "Object{metadata: Object.metadata{labels: {'a': 'b'}}, spec: Object.spec{n: object.a.b + 1}}",
        "Object",
        r#"{"metadata":{"labels":{"a":"b"}},"spec":{"n":3}}"#,
    );
    check("Object.spec{a: 1}", "Object.spec", r#"{"a":1}"#);
    check("Object{?a: object.?a.?b, ?c: object.?c}", "Object", r#"{"a":2}"#);
    check(
        r#"[JSONPatch{op: "add", path: "/m/" + jsonpatch.escapeKey("a/~b"), value: {"x": 1}}]"#,
        "list(JSONPatch)",
        r#"[{"op":"add","path":"/m/a~1~0b","value":{"x":1}}]"#,
    );
    check("Object{a: 1}.a == 1", "bool", "true");
}

#[test]
fn wrong_constructions_are_refused() {
    let check = |environment: Environment, expression: &str, expected: &[&str]| {
        let error = environment.compile(expression).err().map(|e| e.to_string()).unwrap_or_default();
        let said: Vec<&str> = error.lines().filter(|line| line.starts_with("ERROR")).collect();
        assert_eq!(said, expected, "{expression}");
    };
    let undeclared = "ERROR: <input>:1:7: undeclared reference to 'Object' (in container '')";
    check(Environment::new(), "Object{}", &[undeclared]);
    check(
        Environment::new(),
        "jsonpatch.escapeKey('a')",
        &[
            "ERROR: <input>:1:1: undeclared reference to 'jsonpatch' (in container '')",
            "ERROR: <input>:1:20: undeclared reference to 'escapeKey' (in container '')",
        ],
    );
    let undeclared = "ERROR: <input>:1:7: undeclared reference to 'Other' (in container '')";
    check(environment(), "Other {}", &[undeclared]);
    let mismatch = "ERROR: <input>:1:13: expected type of field 'op' is 'string' but provided type is 'int'";
    check(environment(), "JSONPatch{op: 1}", &[mismatch]);
    check(environment(), "JSONPatch{x: 1}", &["ERROR: <input>:1:12: undefined field 'x'"]);
}
