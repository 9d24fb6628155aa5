use super::*;

const ONLY: &str = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n@@ ...";

#[test]
fn only_a_few_fields_of_the_spec_change() {
    let may = |old: &str, new: &str| check_update("", &pod(old), &pod(new), &[]);
    check_update("", &pod("{}"), &pod_with_container(r#"{"image":"j"}"#), &[]);
    may("{}", r#"{"spec":{"activeDeadlineSeconds":5}}"#);
    may(r#"{"spec":{"activeDeadlineSeconds":5}}"#, r#"{"spec":{"activeDeadlineSeconds":4}}"#);
    may("{}", r#"{"spec":{"tolerations":[{"operator":"Exists"}]}}"#);
    may(
        r#"{"spec":{"terminationGracePeriodSeconds":-1}}"#,
        r#"{"spec":{"terminationGracePeriodSeconds":1}}"#,
    );
    may(r#"{"spec":{"schedulingGates":[{"name":"a"}]}}"#, "{}");
    let may_not = |spec: &str| check_update("", &pod("{}"), &pod(&format!(r#"{{"spec":{spec}}}"#)), &[ONLY]);
    for spec in [
        r#"{"nodeName":"n"}"#,
        r#"{"restartPolicy":"Never"}"#,
        r#"{"hostNetwork":true}"#,
        r#"{"nodeSelector":{"a":"b"}}"#,
        r#"{"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"k"}]}}}"#,
        r#"{"volumes":[{"name":"v","emptyDir":{}}]}"#,
        r#"{"serviceAccountName":"other"}"#,
        r#"{"schedulerName":"other"}"#,
        r#"{"terminationGracePeriodSeconds":31}"#,
        r#"{"hostname":"h"}"#,
        r#"{"priority":1}"#,
        r#"{"dnsPolicy":"Default"}"#,
        r#"{"securityContext":{"runAsUser":1}}"#,
    ] {
        may_not(spec);
    }
    check_update("", &pod("{}"), &pod_with_container(r#"{"command":["x"]}"#), &[ONLY]);
}

#[test]
fn some_changes_go_in_one_direction_alone() {
    let check = |old: &str, new: &str, expected: &[&str]| check_update("", &pod(old), &pod(new), expected);
    check(
        r#"{"spec":{"activeDeadlineSeconds":5}}"#,
        r#"{"spec":{"activeDeadlineSeconds":6}}"#,
        &["spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value"],
    );
    check(
        r#"{"spec":{"activeDeadlineSeconds":5}}"#,
        "{}",
        &[
            "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value",
        ],
    );
    check(
        r#"{"spec":{"tolerations":[{"key":"a","operator":"Exists"}]}}"#,
        "{}",
        &[
            "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
        ],
    );
    check(
        r#"{"spec":{"schedulingGates":[{"name":"a"}]}}"#,
        r#"{"spec":{"schedulingGates":[{"name":"a"},{"name":"b"}]}}"#,
        &[
            "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'b'",
        ],
    );
    let two = r#"{"spec":{"initContainers":[{"name":"i","image":"i","terminationMessagePolicy":"File","imagePullPolicy":"Always"}]}}"#;
    check("{}", two, &["spec.initContainers: Forbidden: pod updates may not add or remove containers"]);
    check(
        r#"{"metadata":{"annotations":{"kubernetes.io/config.mirror":"a"}},"spec":{"nodeName":"n"}}"#,
        r#"{"spec":{"nodeName":"n"}}"#,
        &[
            "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not remove or update mirror pod annotation",
        ],
    );
}

#[test]
fn pods_that_wait_may_get_more_particular() {
    let gated = |spec: &str| pod(&format!(r#"{{"spec":{{"schedulingGates":[{{"name":"g"}}],{spec}}}}}"#));
    let terms = |terms: &str| {
        gated(&format!(
            r#""affinity":{{"nodeAffinity":{{"requiredDuringSchedulingIgnoredDuringExecution":{{"nodeSelectorTerms":[{terms}]}}}}}}"#
        ))
    };
    let a = r#"{"key":"a","operator":"Exists"}"#;
    let b = r#"{"key":"b","operator":"Exists"}"#;
    let term = |expressions: &str| format!(r#"{{"matchExpressions":[{expressions}]}}"#);
    let selector = r#""nodeSelector":{"a":"b"}"#;
    check_update("", &gated(selector), &gated(r#""nodeSelector":{"a":"b","c":"d"}"#), &[]);
    check_update(
        "",
        &gated(selector),
        &gated(r#""nodeSelector":{"a":"c"}"#),
        &[
            "spec.nodeSelector: Invalid value: {\"a\":\"c\"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)",
        ],
    );
    check_update(
        "",
        &gated(r#""hostname":"h""#),
        &with(terms(&term(a)), value(r#"{"spec":{"hostname":"h"}}"#)),
        &[],
    );
    check_update("", &terms(&term(a)), &terms(&term(&format!("{a},{b}"))), &[]);
    let place = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    check_update(
        "",
        &terms(&term(a)),
        &terms(&format!("{},{}", term(a), term(b))),
        &[&format!("{place}: Invalid value: [{{\"MatchExpressions\":[{{\"Key\":\"a\"...")],
    );
    check_update(
        "",
        &terms(&term(a)),
        &terms(&term(b)),
        &[&format!(
            "{place}[0]: Invalid value: {{\"MatchExpressions\":[{{\"Key\":\"b\",\"Operator\":\"Exists\",\"Values\":null}}],\"MatchFields\":null}}: only additions are allowed (no mutations or deletions)"
        )],
    );
}

#[test]
fn what_old_pods_have_is_tolerated() {
    let same = |spec: &str| {
        let pod = pod(&format!(r#"{{"spec":{spec}}}"#));
        assert!(!create(&pod).is_empty(), "{spec}");
        check_update("", &pod, &pod, &[]);
    };
    same(r#"{"securityContext":{"seLinuxChangePolicy":"MountOption"}}"#);
    same(r#"{"hostNetwork":true,"securityContext":{"sysctls":[{"name":"net.a","value":"1"}]}}"#);
    same(r#"{"hostNetwork":true,"hostUsers":false}"#);
    same(r#"{"tolerations":[{"key":"a","operator":"Lt","value":"5"}]}"#);
    same(
        r#"{"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"k","whenUnsatisfiable":"DoNotSchedule",
        "labelSelector":{"matchLabels":{"a":"-"}}}]}"#,
    );
    same(
        r#"{"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"k",
        "labelSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["-"]}]}}]}}}"#,
    );
    same(
        r#"{"volumes":[{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"/t","expirationSeconds":600}}]}}]}"#,
    );
    same(r#"{"overhead":{"cpu":"1","hugepages-2Mi":"3Mi"}}"#);
}

#[test]
fn ephemeral_containers_are_only_added() {
    let list = |list: &str| pod(&format!(r#"{{"spec":{{"ephemeralContainers":[{list}]}}}}"#));
    let one = |name: &str, image: &str| {
        format!(
            r#"{{"name":"{name}","image":"{image}","terminationMessagePolicy":"File","imagePullPolicy":"Always"}}"#
        )
    };
    let check =
        |old: &Value, new: &Value, expected: &[&str]| check_update("ephemeralcontainers", old, new, expected);
    check(&pod("{}"), &list(&one("e", "i")), &[]);
    check(
        &list(&one("e", "i")),
        &pod("{}"),
        &["spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be removed\n"],
    );
    check(
        &list(&one("e", "i")),
        &list(&one("e", "j")),
        &[
            "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be changed\n@@ -1,6 +1,6 @@\n {\n  \"Name\": \"e\",\n- \"Image\": \"i\",\n+ \"Image\": \"j\",\n  \"Command\": null,\n...",
        ],
    );
    let mirror =
        pod(r#"{"metadata":{"annotations":{"kubernetes.io/config.mirror":"a"}},"spec":{"nodeName":"n"}}"#);
    check(&mirror, &mirror, &["[]: Forbidden: static pods do not support ephemeral containers"]);
}

#[test]
fn resizes_change_amounts_alone() {
    let of = |resources: &str| pod_with_container(&format!(r#"{{"resources":{resources}}}"#));
    let burstable = |pod: Value| with(pod, value(r#"{"status":{"qosClass":"Burstable"}}"#));
    let one = burstable(of(r#"{"requests":{"cpu":"1","memory":"1Gi"}}"#));
    let check = |new: &Value, expected: &[&str]| check_update("resize", &one, new, expected);
    check(&burstable(of(r#"{"requests":{"cpu":"2","memory":"1Gi"},"limits":{"cpu":"3"}}"#)), &[]);
    check(
        &burstable(of(r#"{"requests":{"cpu":"2"}}"#)),
        &["spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"],
    );
    check(
        &burstable(of(r#"{"requests":{"cpu":"1","memory":"1Gi","ephemeral-storage":"1"}}"#)),
        &["spec: Forbidden: only cpu and memory resources are mutable"],
    );
    check(
        &burstable(of("{}")),
        &[
            "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing",
            "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
        ],
    );
    check(
        &with(one.clone(), value(r#"{"spec":{"resources":{"requests":{"cpu":"2","memory":"2Gi"}}}}"#)),
        &[],
    );
    let running =
        with(one.clone(), value(r#"{"status":{"containerStatuses":[{"name":"c","state":{"running":{}}}]}}"#));
    check_update(
        "resize",
        &running,
        &one,
        &["spec: Forbidden: Pod running on node without support for resize"],
    );
    let windows = with(one.clone(), value(r#"{"spec":{"os":{"name":"windows"}}}"#));
    check_update("resize", &windows, &windows, &["[]: Forbidden: windows pods cannot be resized"]);
}
