use super::check;

#[test]
fn deployments() {
    let check = |spec: &str, path: &str, expected: &str| {
        check("apps/v1", "Deployment", &format!(r#"{{"spec":{spec}}}"#), &format!("spec{path}"), expected);
    };
    check(
        "{}",
        "",
        r#"{"progressDeadlineSeconds":600,"replicas":1,"revisionHistoryLimit":10,"selector":null,
            "strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"},"type":"RollingUpdate"},
            "template":{"metadata":{},"spec":{"containers":null,"dnsPolicy":"ClusterFirst","restartPolicy":"Always",
            "schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}"#,
    );
    check(r#"{"replicas":0}"#, ".replicas", "0");
    check(r#"{"strategy":{"type":"Recreate"}}"#, ".strategy", r#"{"type":"Recreate"}"#);
    check(
        r#"{"strategy":{"rollingUpdate":{"maxSurge":0}}}"#,
        ".strategy",
        r#"{"rollingUpdate":{"maxSurge":0,"maxUnavailable":"25%"},"type":"RollingUpdate"}"#,
    );
}

#[test]
fn sets() {
    let daemons = |spec: &str, path: &str, expected: &str| {
        check("apps/v1", "DaemonSet", &format!(r#"{{"spec":{spec}}}"#), path, expected);
    };
    daemons(
        "{}",
        "spec.updateStrategy",
        r#"{"rollingUpdate":{"maxSurge":0,"maxUnavailable":1},"type":"RollingUpdate"}"#,
    );
    daemons("{}", "spec.revisionHistoryLimit", "10");
    daemons(r#"{"updateStrategy":{"type":"OnDelete"}}"#, "spec.updateStrategy", r#"{"type":"OnDelete"}"#);
    daemons("{}", "metadata.annotations", r#"{"deprecated.daemonset.template.generation":"0"}"#);
    let body = r#"{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"007"}}}"#;
    check(
        "apps/v1",
        "DaemonSet",
        body,
        "metadata.annotations",
        r#"{"deprecated.daemonset.template.generation":"7"}"#,
    );

    let stateful = |spec: &str, path: &str, expected: &str| {
        check("apps/v1", "StatefulSet", &format!(r#"{{"spec":{spec}}}"#), &format!("spec.{path}"), expected);
    };
    stateful("{}", "updateStrategy", r#"{"rollingUpdate":{"partition":0},"type":"RollingUpdate"}"#);
    stateful(
        r#"{"updateStrategy":{"type":"RollingUpdate"}}"#,
        "updateStrategy",
        r#"{"type":"RollingUpdate"}"#,
    );
    stateful(r#"{"updateStrategy":{"type":"OnDelete"}}"#, "updateStrategy", r#"{"type":"OnDelete"}"#);
    stateful(
        r#"{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{}}}"#,
        "updateStrategy",
        r#"{"rollingUpdate":{"partition":0},"type":"RollingUpdate"}"#,
    );
    stateful(
        "{}",
        "persistentVolumeClaimRetentionPolicy",
        r#"{"whenDeleted":"Retain","whenScaled":"Retain"}"#,
    );
    stateful(
        r#"{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Delete"}}"#,
        "persistentVolumeClaimRetentionPolicy",
        r#"{"whenDeleted":"Retain","whenScaled":"Delete"}"#,
    );
    stateful("{}", "podManagementPolicy", r#""OrderedReady""#);
    stateful("{}", "replicas", "1");
    stateful(
        r#"{"volumeClaimTemplates":[{"metadata":{"name":"d"}}]}"#,
        "volumeClaimTemplates",
        r#"[{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"d"},
            "spec":{"resources":{},"volumeMode":"Filesystem"},"status":{"phase":"Pending"}}]"#,
    );
    check("apps/v1", "ReplicaSet", "{}", "spec.replicas", "1");
}

#[test]
fn replication_controllers() {
    let body = r#"{"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}}"#;
    check("v1", "ReplicationController", body, "spec.selector", r#"{"a":"b"}"#);
    check("v1", "ReplicationController", body, "metadata.labels", r#"{"a":"b"}"#);
    check("v1", "ReplicationController", body, "spec.replicas", "1");
    let body = r#"{"metadata":{"labels":{"c":"d"}},"spec":{"selector":{"e":"f"},"template":{"metadata":{"labels":{"a":"b"}}}}}"#;
    check("v1", "ReplicationController", body, "spec.selector", r#"{"e":"f"}"#);
    check("v1", "ReplicationController", body, "metadata.labels", r#"{"c":"d"}"#);
    check("v1", "ReplicationController", "{}", "spec", r#"{"replicas":1}"#);
}

#[test]
fn jobs() {
    let job = |spec: &str, path: &str, expected: &str| {
        check("batch/v1", "Job", &format!(r#"{{"spec":{spec}}}"#), path, expected);
    };
    for (path, expected) in [
        ("backoffLimit", "6"),
        ("completionMode", r#""NonIndexed""#),
        ("completions", "1"),
        ("manualSelector", "false"),
        ("parallelism", "1"),
        ("podReplacementPolicy", r#""TerminatingOrFailed""#),
        ("suspend", "false"),
    ] {
        job("{}", &format!("spec.{path}"), expected);
        // A job's defaults are not those of what makes jobs.
        let nested = format!("spec.jobTemplate.spec.{path}");
        check("batch/v1", "CronJob", r#"{"spec":{"jobTemplate":{"spec":{}}}}"#, &nested, "");
    }
    job(r#"{"completions":3}"#, "spec.parallelism", "1");
    job(r#"{"parallelism":3}"#, "spec.completions", "");
    job(r#"{"backoffLimitPerIndex":1}"#, "spec.backoffLimit", "2147483647");
    job(r#"{"podFailurePolicy":{"rules":[]}}"#, "spec.podReplacementPolicy", r#""Failed""#);
    job(
        r#"{"podFailurePolicy":{"rules":[{"action":"Ignore","onPodConditions":[{"type":"D"}]}]}}"#,
        "spec.podFailurePolicy.rules.0.onPodConditions",
        r#"[{"status":"True","type":"D"}]"#,
    );
    job(r#"{"template":{"metadata":{"labels":{"a":"b"}}}}"#, "metadata.labels", r#"{"a":"b"}"#);
    job("{}", "metadata", "{}");
    for (path, expected) in [
        ("concurrencyPolicy", r#""Allow""#),
        ("failedJobsHistoryLimit", "1"),
        ("successfulJobsHistoryLimit", "3"),
        ("suspend", "false"),
        ("jobTemplate.spec.template.spec.restartPolicy", r#""Always""#),
    ] {
        check("batch/v1", "CronJob", "{}", &format!("spec.{path}"), expected);
    }
}

#[test]
fn autoscalers() {
    check("autoscaling/v1", "HorizontalPodAutoscaler", "{}", "spec.minReplicas", "1");
    check("autoscaling/v1", "HorizontalPodAutoscaler", "{}", "spec.targetCPUUtilizationPercentage", "80");
    let body = r#"{"metadata":{"annotations":{"autoscaling.alpha.kubernetes.io/metrics":"[]"}}}"#;
    check("autoscaling/v1", "HorizontalPodAutoscaler", body, "spec.targetCPUUtilizationPercentage", "");
    let v2 = |spec: &str, path: &str, expected: &str| {
        check("autoscaling/v2", "HorizontalPodAutoscaler", &format!(r#"{{"spec":{spec}}}"#), path, expected);
    };
    v2("{}", "spec.minReplicas", "1");
    v2(
        "{}",
        "spec.metrics",
        r#"[{"resource":{"name":"cpu","target":{"averageUtilization":80,"type":"Utilization"}},"type":"Resource"}]"#,
    );
    v2("{}", "spec.behavior", "");
    let percent = r#"{"periodSeconds":15,"type":"Percent","value":100}"#;
    let up = format!(
        r#"{{"policies":[{{"periodSeconds":15,"type":"Pods","value":4}},{percent}],"selectPolicy":"Max",
        "stabilizationWindowSeconds":0}}"#
    );
    let down = format!(r#"{{"policies":[{percent}],"selectPolicy":"Max"}}"#);
    v2(r#"{"behavior":{}}"#, "spec.behavior", &format!(r#"{{"scaleDown":{down},"scaleUp":{up}}}"#));
    v2(
        r#"{"behavior":{"scaleUp":{"stabilizationWindowSeconds":9,"tolerance":"0.1"},"scaleDown":{"selectPolicy":"Min",
            "policies":[{"type":"Pods","value":1,"periodSeconds":1}]}}}"#,
        "spec.behavior.scaleDown",
        r#"{"policies":[{"periodSeconds":1,"type":"Pods","value":1}],"selectPolicy":"Min"}"#,
    );
    check("autoscaling/v1", "Scale", "{}", "spec", "{}");
}
