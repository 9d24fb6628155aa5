use super::super::tests::Kind;

const CLASS: Kind = Kind {
    group: "scheduling.k8s.io",
    plural: "priorityclasses",
    least: r#"{"metadata":{"name":"c"},"value":5,"preemptionPolicy":"PreemptLowerPriority"}"#,
};

#[test]
fn priorities_of_users_are_below_the_systems() {
    CLASS.takes_the_least();
    CLASS.create(
        r#"{"value":1000000001}"#,
        &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
    );
    CLASS.create(r#"{"metadata":{"name":"system-node-critical"},"value":2000001000,"description":"Used for system critical pods that must not be moved from their current node."}"#, &[]);
    CLASS.create(r#"{"metadata":{"name":"system-a"}}"#, &["metadata.name: Forbidden: …"]);
    CLASS.create(r#"{"preemptionPolicy":"Foo"}"#, &[
        "preemptionPolicy: Unsupported value: \"Foo\": supported values: \"PreemptLowerPriority\", \"Never\"",
    ]);
    CLASS.update("", "{}", r#"{"value":6}"#, &["value: Forbidden: may not be changed in an update."]);
    CLASS.update(
        "",
        "{}",
        r#"{"preemptionPolicy":"Never"}"#,
        &["preemptionPolicy: Invalid value: \"Never\": field is immutable"],
    );
}
