use super::*;

fn check(old: &str, new: &str, expected: &[&str]) {
    check_update("status", &pod(old), &pod(new), expected);
}

#[test]
fn facts_of_the_status_stay() {
    check(
        "{}",
        r#"{"status":{"qosClass":"Guaranteed"}}"#,
        &["status.qosClass: Invalid value: \"Guaranteed\": field is immutable"],
    );
    check(
        "{}",
        r#"{"status":{"observedGeneration":-1,"conditions":[{"type":"a b","observedGeneration":-1},{"type":"Ready"}]}}"#,
        &[
            "status.conditions[0].observedGeneration: Invalid value: -1: must be a non-negative integer",
            "status.conditions[0].Type: Invalid value: \"a b\": name part must consist...",
            "status.observedGeneration: Invalid value: -1: must be a non-negative integer",
        ],
    );
    let bound = r#"{"spec":{"nodeName":"n"}}"#;
    check(
        bound,
        r#"{"spec":{"nodeName":"n"},"status":{"nominatedNodeName":"M"}}"#,
        &[
            "status.nominatedNodeName: Invalid value: \"M\": a lowercase RFC 1123 subdomain...",
            "status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node",
        ],
    );
}

#[test]
fn containers_that_ended_run_again_only_where_they_restart() {
    let statuses = |policy: &str, state: &str| {
        format!(
            r#"{{"spec":{{"restartPolicy":"{policy}"}},"status":{{"containerStatuses":[{{"name":"c","state":{state}}}]}}}}"#
        )
    };
    let ended = |code: i32| format!(r#"{{"terminated":{{"exitCode":{code}}}}}"#);
    let running = r#"{"running":{}}"#;
    let refused = &[
        "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state",
    ][..];
    for (policy, code, expected) in
        [("Always", 1, &[][..]), ("OnFailure", 1, &[]), ("OnFailure", 0, refused), ("Never", 1, refused)]
    {
        check(&statuses(policy, &ended(code)), &statuses(policy, running), expected);
    }
}

#[test]
fn addresses_are_of_two_families_at_most() {
    check(
        "{}",
        r#"{"status":{"podIPs":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}],"hostIP":"1.2.3.4","hostIPs":[{"ip":"1.2.3.5"}]}}"#,
        &[
            "status.podIPs: Invalid value: [{\"IP\":\"10.0.0.1\"},{\"IP\":\"10.0.0.2\"}]: may specify no more than one IP for each IP family",
            "status.hostIPs[0].ip: Invalid value: \"1.2.3.5\": must be equal to `hostIP`",
        ],
    );
    check("{}", r#"{"status":{"podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}]}}"#, &[]);
    check(
        "{}",
        r#"{"status":{"podIPs":[{"ip":"01.0.0.1"}]}}"#,
        &["status.podIPs[0]: Invalid value: \"01.0.0.1\": must not have leading 0s"],
    );
    let old = r#"{"status":{"podIPs":[{"ip":"01.0.0.1"}]}}"#;
    check(old, old, &[]);
}

#[test]
fn claims_and_users_of_the_status_are_checked() {
    check(
        "{}",
        r#"{"status":{"resourceClaimStatuses":[{"name":"x","resourceClaimName":"A"}],
        "containerStatuses":[{"name":"c","user":{"linux":{"uid":-1,"gid":0}},
            "allocatedResourcesStatus":[{"name":"a/b","resources":[{"resourceID":"r","health":"x"},{"resourceID":"r","health":"Healthy","message":""}]}]}],
        "ephemeralContainerStatuses":[{"name":"e","allocatedResourcesStatus":[{"name":"a"}]}]}}"#,
        &[
            "status.resourceClaimStatuses[0].name: Invalid value: \"x\": must match the name of an entry in `spec.resourceClaims`",
            "status.resourceClaimStatuses[0].resourceClaimName: Invalid value: \"A\": a lowercase RFC 1123 subdomain...",
            "status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            "status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: \"a/b\": must match one of the container's resource requests",
            "status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health: Unsupported value: \"x\": supported values: \"Healthy\", \"Unhealthy\", \"Unknown\"",
            "status.containerStatuses[0].allocatedResourcesStatus[0].resources[1].message: Required value: must be non-empty if specified",
            "status.containerStatuses[0].allocatedResourcesStatus[0].resources[1].resourceID: Duplicate value: \"r\"",
            "status.ephemeralContainerStatuses[0].allocatedResourcesStatus: Forbidden: must not be specified in container status",
        ],
    );
}
