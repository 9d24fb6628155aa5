use super::super::tests::Kind;

const BUDGET: Kind = Kind {
    group: "policy",
    plural: "poddisruptionbudgets",
    least: r#"{"metadata":{"name":"b","namespace":"n"},"spec":{"selector":{"matchLabels":{"a":"b"}}}}"#,
};

#[test]
fn budgets_bound_one_side() {
    BUDGET.takes_the_least();
    BUDGET.create(r#"{"spec":{"minAvailable":1}}"#, &[]);
    BUDGET.create(r#"{"spec":{"maxUnavailable":"50%"}}"#, &[]);
    BUDGET.create(r#"{"spec":{"minAvailable":1,"maxUnavailable":1}}"#, &[
        "spec: Invalid value: {\"MinAvailable\":1,\"Selector\":{\"matchLabels\":{\"a\":\"b\"}},\"MaxUnavailable\":1,\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set",
    ]);
    BUDGET.create(
        r#"{"spec":{"minAvailable":-1}}"#,
        &["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"],
    );
    BUDGET.create(
        r#"{"spec":{"minAvailable":"101%"}}"#,
        &["spec.minAvailable: Invalid value: \"101%\": must not be greater than 100%"],
    );
    BUDGET.create(r#"{"spec":{"unhealthyPodEvictionPolicy":"Foo"}}"#, &[
        "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Foo\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"",
    ]);
}
