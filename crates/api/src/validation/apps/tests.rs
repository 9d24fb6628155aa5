use super::super::tests::{create, update, warnings, with};

const TEMPLATE: &str =
    r#"{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}"#;

fn minimal(name: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"n"}},"spec":{{"selector":{{"matchLabels":{{"a":"b"}}}},"template":{TEMPLATE}}}}}"#
    )
}

const WORKLOADS: [&str; 4] = ["daemonsets", "deployments", "replicasets", "statefulsets"];

#[test]
fn minimal_workloads_are_fine() {
    for plural in WORKLOADS {
        assert_eq!(create("apps", plural, &minimal("d")), Vec::<String>::new(), "{plural}");
        assert_eq!(
            update("apps", plural, "", &minimal("d"), &minimal("d")),
            Vec::<String>::new(),
            "{plural}"
        );
    }
}

#[test]
fn new_workloads_are_refused_with_upstreams_texts() {
    let check = |plural: &str, patch: &str, expected: &[&str]| {
        assert_eq!(create("apps", plural, &with(&minimal("d"), patch)), expected, "{plural} {patch}");
    };
    let labels = "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`";
    for plural in WORKLOADS {
        check(plural, r#"{"spec":{"selector":{"matchLabels":{"x":"y"}}}}"#, &[labels]);
        let kind = match plural {
            "daemonsets" => "DaemonSet",
            "statefulsets" => "StatefulSet",
            _ => "ReplicaSet",
        };
        let deadline = format!(
            "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in {kind} is not Supported"
        );
        check(
            plural,
            r#"{"spec":{"template":{"spec":{"restartPolicy":"Never","activeDeadlineSeconds":5}}}}"#,
            &[
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
                &deadline,
            ],
        );
    }
    check(
        "deployments",
        r#"{"spec":{"replicas":-1,"progressDeadlineSeconds":5,"minReadySeconds":5,"strategy":{"type":"Foo","rollingUpdate":null}}}"#,
        &[
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            "spec.strategy: Unsupported value: {\"Type\":\"Foo\",\"RollingUpdate\":null}: supported values: \"Recreate\", \"RollingUpdate\"",
            "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds",
        ],
    );
    check(
        "deployments",
        r#"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"0%","maxUnavailable":"101%"}}}}"#,
        &[
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
        ],
    );
    check(
        "daemonsets",
        r#"{"spec":{"updateStrategy":{"rollingUpdate":{"maxSurge":1,"maxUnavailable":1}}}}"#,
        &[
            "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
        ],
    );
    check(
        "statefulsets",
        r#"{"spec":{"podManagementPolicy":"Foo","serviceName":"Bad","ordinals":{"start":-1},"updateStrategy":{"type":"OnDelete","rollingUpdate":{"partition":1}}}}"#,
        &[
            "spec.podManagementPolicy: Invalid value: \"Foo\": must be 'OrderedReady' or 'Parallel'",
            "spec.updateStrategy.rollingUpdate: Invalid value: {\"Partition\":1,\"MaxUnavailable\":null}: only allowed for updateStrategy 'RollingUpdate'",
            "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0",
            "spec.serviceName: Invalid value: \"Bad\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ],
    );
}

#[test]
fn what_is_immutable_stays() {
    let check = |plural: &str, patch: &str, expected: &[&str]| {
        let new = with(&minimal("d"), patch);
        assert_eq!(update("apps", plural, "", &new, &minimal("d")), expected, "{plural} {patch}");
    };
    let both = r#"{"spec":{"selector":{"matchLabels":{"a":"b","x":"y"}},"template":{"metadata":{"labels":{"x":"y"}}}}}"#;
    let selector =
        "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"x\":\"y\"}}: field is immutable";
    for plural in ["daemonsets", "deployments", "replicasets"] {
        check(plural, both, &[selector]);
    }
    let forbidden = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    check("statefulsets", both, &[forbidden]);
    check("statefulsets", r#"{"spec":{"serviceName":"other"}}"#, &[forbidden]);
    check("statefulsets", r#"{"spec":{"replicas":3,"minReadySeconds":1,"ordinals":{"start":1}}}"#, &[]);
}

#[test]
fn statuses_add_up() {
    let check = |plural: &str, status: &str, expected: &[&str]| {
        let new = with(&minimal("d"), &format!(r#"{{"status":{status}}}"#));
        let old = with(&minimal("d"), r#"{"status":{"collisionCount":2}}"#);
        assert_eq!(update("apps", plural, "status", &new, &old), expected, "{plural} {status}");
    };
    check(
        "deployments",
        r#"{"replicas":1,"updatedReplicas":2,"availableReplicas":1,"collisionCount":1}"#,
        &[
            "status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas",
            "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas",
            "status.collisionCount: Invalid value: 1: cannot be decremented",
        ],
    );
    check(
        "daemonsets",
        r#"{"numberReady":-1}"#,
        &[
            "status.numberReady: Invalid value: -1: must be greater than or equal to 0",
            "status.collisionCount: Invalid value: 0: cannot be decremented",
        ],
    );
    check(
        "statefulsets",
        r#"{"replicas":1,"availableReplicas":1,"collisionCount":2}"#,
        &["status.availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas"],
    );
    check(
        "replicasets",
        r#"{"fullyLabeledReplicas":1}"#,
        &["status.fullyLabeledReplicas: Invalid value: 1: cannot be greater than status.replicas"],
    );
}

#[test]
fn revisions_hold_an_object_that_stays() {
    let check = |data: &str, expected: &[&str]| {
        let json = format!(r#"{{"metadata":{{"name":"a"}},"revision":1{data}}}"#);
        assert_eq!(create("apps", "controllerrevisions", &json), expected, "{data}");
    };
    check(r#","data":{"a":1}"#, &[]);
    check("", &["data: Required value: data is mandatory"]);
    check(r#","data":[1]"#, &["data: Required value: data must be a valid JSON object"]);
    let (new, old) = (r#"{"revision":2,"data":{"a":2}}"#, r#"{"revision":1,"data":{"a":1}}"#);
    assert_eq!(
        update("apps", "controllerrevisions", "", new, old),
        ["data: Invalid value: {\"a\":2}: field is immutable"]
    );
}

#[test]
fn names_that_pods_cannot_have_are_warned_of() {
    assert_eq!(warnings("apps", "deployments", &minimal("d")), Vec::<String>::new());
    assert_eq!(
        warnings("apps", "deployments", &minimal("a.b")),
        [
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"
        ]
    );
}
