use super::super::tests::Kind;

const AUTOSCALER: Kind = Kind {
    group: "autoscaling",
    plural: "horizontalpodautoscalers",
    least: r#"{"metadata":{"name":"a","namespace":"n"},"spec":{"minReplicas":1,"maxReplicas":2,
        "scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"},
        "metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}]}}"#,
};

#[test]
fn autoscalers_scale_something_between_bounds() {
    AUTOSCALER.takes_the_least();
    AUTOSCALER.create(
        r#"{"spec":{"minReplicas":0}}"#,
        &["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
"spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas"],
    );
    AUTOSCALER.create(
        r#"{"spec":{"minReplicas":3}}"#,
        &["spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`"],
    );
    AUTOSCALER.create(
        r#"{"spec":{"scaleTargetRef":{"kind":null,"name":"a/b","apiVersion":"a/b/c"}}}"#,
        &[
            "spec.scaleTargetRef.kind: Required value",
            "spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'",
            "spec.scaleTargetRef.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c",
        ],
    );
}

#[test]
fn metrics_have_the_source_that_their_type_names() {
    let metric = |metric: &str, expected: &[&str]| {
        AUTOSCALER.create(&format!(r#"{{"spec":{{"metrics":[{metric}]}}}}"#), expected);
    };
    metric(
        r#"{"type":"Resource"}"#,
        &["spec.metrics[0].resource: Required value: must populate information for the given metric source"],
    );
    metric(
        r#"{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":0}}}"#,
        &["spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0"],
    );
    metric(
        r#"{"type":"Pods","pods":{"metric":{"name":"m"},"target":{"type":"Value","value":"1"}}}"#,
        &[
            "spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue",
        ],
    );
    metric(
        r#"{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"Value","value":"1","averageValue":"1"}}}"#,
        &[
            "spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target",
        ],
    );
}

#[test]
fn behaviour_has_policies_and_windows() {
    let policy = |policy: &str, expected: &[&str]| {
        let rules = r#""stabilizationWindowSeconds":0,"selectPolicy":"Max""#;
        AUTOSCALER.create(
            &format!(r#"{{"spec":{{"behavior":{{"scaleUp":{{{rules},"policies":[{policy}]}}}}}}}}"#),
            expected,
        );
    };
    policy(r#"{"type":"Pods","value":1,"periodSeconds":60}"#, &[]);
    policy(
        r#"{"type":"Foo","value":0,"periodSeconds":0}"#,
        &[
            "spec.behavior.scaleUp.policies[0].type: Unsupported value: \"Foo\": supported values: \"Percent\", \"Pods\"",
            "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
            "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 0: must be greater than zero",
        ],
    );
    policy(
        r#"{"type":"Pods","value":1,"periodSeconds":1801}"#,
        &[
            "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
        ],
    );
}

#[test]
fn statuses_count_from_none() {
    AUTOSCALER.update(
        "status",
        "{}",
        r#"{"status":{"currentReplicas":-1,"desiredReplicas":-1}}"#,
        &[
            "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0",
            "status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0",
        ],
    );
}
