//! Pods as they are let in and refused.

mod containers;
mod scheduling;
mod status;
mod updates;
mod volumes;
mod warnings;

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;

use super::RULES;
use crate::validation::{Errors, Node};

/// A pod with its defaults.
const POD: &str = r#"{"metadata":{"name":"p","namespace":"n","resourceVersion":"1"},
    "spec":{"containers":[{"name":"c","image":"i","terminationMessagePolicy":"File","imagePullPolicy":"Always"}],
        "restartPolicy":"Always","dnsPolicy":"ClusterFirst","terminationGracePeriodSeconds":30,
        "serviceAccountName":"default","securityContext":{},"schedulerName":"default-scheduler"},
    "status":{"phase":"Pending","qosClass":"BestEffort"}}"#;

fn value(text: &str) -> Value {
    json::decode_untyped(text.as_bytes()).unwrap_or_else(|why| panic!("{why}: {text}")).value
}

/// `base` with the members of `over` in it or instead of its own; `null` removes.
fn with(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                match (base.remove(&key), value) {
                    (_, Value::Null) => {}
                    (Some(below), value) => drop(base.insert(key, with(below, value))),
                    (None, value) => drop(base.insert(key, value)),
                }
            }
            Value::Object(base)
        }
        (_, over) => over,
    }
}

/// The pod with changes.
fn pod(changes: &str) -> Value {
    with(value(POD), value(changes))
}

/// The pod whose only container has changes.
fn pod_with_container(changes: &str) -> Value {
    let mut pod = value(POD);
    let spec = pod.as_object_mut().and_then(|pod| pod.get_mut("spec")?.as_object_mut()).expect("a spec");
    let Some(Value::Array(containers)) = spec.get_mut("containers") else { unreachable!("a list") };
    containers[0] = with(containers[0].clone(), value(changes));
    pod
}

/// Errors as texts, each cut behind `...` where the expected one ends so.
fn assert_texts(errors: &[String], expected: &[&str], what: &str) {
    let cut: Vec<String> = errors
        .iter()
        .enumerate()
        .map(|(i, text)| match expected.get(i).and_then(|e| e.strip_suffix("...")) {
            Some(head) if text.starts_with(head) => format!("{head}..."),
            _ => text.clone(),
        })
        .collect();
    assert_eq!(cut, expected, "{what}");
}

fn texts(errors: &Errors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// Creates a pod.
fn create(pod: &Value) -> Vec<String> {
    let mut errors = Errors::new();
    RULES.create(&Node::root(pod), &mut errors);
    texts(&errors)
}

/// Creates the pod with changes of it.
fn check(changes: &str, expected: &[&str]) {
    assert_texts(&create(&pod(changes)), expected, changes);
}

/// Creates the pod with changes of its spec.
fn check_spec(changes: &str, expected: &[&str]) {
    check(&format!(r#"{{"spec":{changes}}}"#), expected);
}

/// Creates the pod with changes of its container; errors leave `spec.containers[0].` out.
fn check_container(changes: &str, expected: &[&str]) {
    let errors = create(&pod_with_container(changes));
    let errors: Vec<String> = errors.iter().map(|e| e.replacen("spec.containers[0].", "", 1)).collect();
    assert_texts(&errors, expected, changes);
}

/// Updates one pod to another through a subresource.
fn check_update(subresource: &str, old: &Value, new: &Value, expected: &[&str]) {
    let mut errors = Errors::new();
    RULES.update(subresource, &Node::root(new), &Node::root(old), &mut errors);
    assert_texts(&texts(&errors), expected, &format!("{subresource} {new:?}"));
}

#[test]
fn the_least_pod_is_let_in() {
    check("{}", &[]);
    check_update("", &pod("{}"), &pod("{}"), &[]);
    check_update("status", &pod("{}"), &pod("{}"), &[]);
    check_update("resize", &pod("{}"), &pod("{}"), &[]);
    check_update("ephemeralcontainers", &pod("{}"), &pod("{}"), &[]);
}

#[test]
fn what_defaults_set_is_required() {
    check_spec(
        r#"{"terminationGracePeriodSeconds":null,"restartPolicy":null,"dnsPolicy":null,"containers":[]}"#,
        &[
            "spec.terminationGracePeriodSeconds: Required value",
            "spec.containers: Required value",
            "spec.restartPolicy: Required value",
            "spec.dnsPolicy: Required value",
        ],
    );
}

#[test]
fn annotations_of_pods_are_checked() {
    check(
        r#"{"metadata":{"annotations":{"kubernetes.io/config.mirror":"x",
            "controller.kubernetes.io/pod-deletion-cost":"+1",
            "seccomp.security.alpha.kubernetes.io/pod":"x",
            "container.apparmor.security.beta.kubernetes.io/none":"bad"}}}"#,
        &[
            "metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"x\": must set spec.nodeName if mirror pod annotation is set",
            "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"+1\": must be a 32bit integer",
            "metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: \"x\": must be a valid seccomp profile",
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/none]: Invalid value: \"none\": container not found",
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/none]: Invalid value: \"bad\": invalid AppArmor profile name: \"bad\"",
        ],
    );
    check(
        r#"{"metadata":{"annotations":{"seccomp.security.alpha.kubernetes.io/pod":"unconfined",
            "container.apparmor.security.beta.kubernetes.io/c":"localhost/a"}},
            "spec":{"securityContext":{"seccompProfile":{"type":"RuntimeDefault"},
                "appArmorProfile":{"type":"Localhost","localhostProfile":"b"}}}}"#,
        &[
            "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match",
            "spec.containers[0].securityContext.appArmorProfile.localhostProfile: Forbidden: apparmor profile in annotation and field must match",
        ],
    );
}

#[test]
fn names_in_the_spec_are_checked() {
    check_spec(
        r#"{"serviceAccountName":"A","nodeName":"B","activeDeadlineSeconds":0,"hostname":"a.b","subdomain":"_",
            "priorityClassName":"C","runtimeClassName":"","preemptionPolicy":"Maybe"}"#,
        &[
            "spec.serviceAccountName: Invalid value: \"A\": a lowercase RFC 1123 subdomain...",
            "spec.nodeName: Invalid value: \"B\": a lowercase RFC 1123 subdomain...",
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
            "spec.hostname: Invalid value: \"a.b\": must not contain dots",
            "spec.subdomain: Invalid value: \"_\": a lowercase RFC 1123 label...",
            "spec.priorityClassName: Invalid value: \"C\": a lowercase RFC 1123 subdomain...",
            "spec.runtimeClassName: Invalid value: \"\": a lowercase RFC 1123 subdomain...",
            "spec.preemptionPolicy: Unsupported value: \"Maybe\": supported values: \"PreemptLowerPriority\", \"Never\"",
        ],
    );
}

#[test]
fn dns_and_host_aliases_are_checked() {
    check_spec(
        r#"{"dnsPolicy":"None"}"#,
        &["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    );
    check_spec(
        r#"{"dnsPolicy":"None","dnsConfig":{}}"#,
        &[
            "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
        ],
    );
    check_spec(
        r#"{"dnsConfig":{"nameservers":["1.1.1.1","::ffff:1.2.3.4","010.1.1.1","x"],"searches":[".","_a.b.","A"],
            "options":[{"value":"x"}]},"hostAliases":[{"ip":"1.2.3","hostnames":["a","B"]}]}"#,
        &[
            "spec.dnsConfig.nameservers: Invalid value: [\"1.1.1.1\",\"::ffff:1.2.3.4\",\"010.1.1.1\",\"x\"]: must not have more than 3 nameservers",
            "spec.dnsConfig.nameservers[1]: Invalid value: \"::ffff:1.2.3.4\": must not be an IPv4-mapped IPv6 address",
            "spec.dnsConfig.nameservers[2]: Invalid value: \"010.1.1.1\": must not have leading 0s",
            "spec.dnsConfig.nameservers[3]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "spec.dnsConfig.searches[2]: Invalid value: \"A\": a lowercase RFC 1123 subdomain...",
            "spec.dnsConfig.options[0]: Required value: must not be empty",
            "spec.hostAliases[0].ip: Invalid value: \"1.2.3\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "spec.hostAliases[0].hostnames[1]: Invalid value: \"B\": a lowercase RFC 1123 subdomain...",
        ],
    );
}

#[test]
fn what_only_one_system_has_is_refused_on_others() {
    check_spec(
        r#"{"os":{"name":"linux"},"securityContext":{"windowsOptions":{}}}"#,
        &["spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"],
    );
    check_spec(
        r#"{"os":{"name":"windows"},"hostPID":true,"hostIPC":false,"shareProcessNamespace":false,
            "securityContext":{"fsGroup":1,"sysctls":[{"name":"a","value":"1"}]}}"#,
        &[
            "spec.hostPID: Forbidden: cannot be set for a windows pod",
            "spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod",
            "spec.securityContext.sysctls: Forbidden: cannot be set for a windows pod",
            "spec.shareProcessNamespace: Forbidden: cannot be set for a windows pod",
        ],
    );
    check_spec(
        r#"{"os":{"name":"plan9"}}"#,
        &["spec.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\""],
    );
    check_spec(r#"{"os":{"name":""}}"#, &["spec.os.name: Required value"]);
}

#[test]
fn security_contexts_are_checked() {
    check_spec(
        r#"{"hostNetwork":true,"hostIPC":true,"hostPID":true,"shareProcessNamespace":true,"securityContext":{
            "fsGroup":-1,"runAsUser":4294967295,"supplementalGroups":[1,-2],
            "sysctls":[{"name":"net.ipv4.x"},{"name":"kernel/shm_rmid_forced"},{"name":"A"},{"name":""},
                {"name":"a.b"},{"name":"a.b"}],
            "fsGroupChangePolicy":"x","seccompProfile":{"type":"Localhost"},"appArmorProfile":{"type":"x"},
            "supplementalGroupsPolicy":"x","seLinuxChangePolicy":"MountOption"}}"#,
        &[
            "spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            "spec.securityContext.runAsUser: Invalid value: 4294967295: must be between 0 and 2147483647, inclusive",
            "spec.securityContext.supplementalGroups[1]: Invalid value: -2: must be between 0 and 2147483647, inclusive",
            "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled",
            "spec.securityContext.sysctls[0].name: Invalid value: \"net.ipv4.x\": may not be specified when 'hostNetwork' is true",
            "spec.securityContext.sysctls[1].name: Invalid value: \"kernel/shm_rmid_forced\": may not be specified when 'hostIPC' is true",
            "spec.securityContext.sysctls[2].name: Invalid value: \"A\": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
            "spec.securityContext.sysctls[3].name: Required value",
            "spec.securityContext.sysctls[5].name: Duplicate value: \"a.b\"",
            "spec.securityContext.fsGroupChangePolicy: Unsupported value: \"x\": supported values: \"Always\", \"OnRootMismatch\"",
            "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
            "spec.securityContext.appArmorProfile.type: Unsupported value: \"x\": supported values: \"Localhost\", \"RuntimeDefault\", \"Unconfined\"",
            "spec.securityContext.supplementalGroupsPolicy: Unsupported value: \"x\": supported values: \"Merge\", \"Strict\"",
            "spec.securityContext.seLinuxChangePolicy: Unsupported value: \"MountOption\": supported values: \"Recursive\"",
        ],
    );
}

#[test]
fn user_namespaces_exclude_those_of_the_host() {
    check_spec(
        r#"{"hostUsers":false,"hostNetwork":true,"hostPID":true,"hostIPC":true}"#,
        &[
            "spec.hostNetwork: Forbidden: when `hostUsers` is false",
            "spec.HostPID: Forbidden: when `hostUsers` is false",
            "spec.HostIPC: Forbidden: when `hostUsers` is false",
        ],
    );
}

#[test]
fn resources_of_the_whole_pod_hold_those_of_containers() {
    let pod = with(
        pod_with_container(r#"{"resources":{"requests":{"cpu":"2"},"limits":{"memory":"2Gi"}}}"#),
        value(
            r#"{"spec":{"resources":{"requests":{"cpu":"1","ephemeral-storage":"1"},"limits":{"cpu":"1","memory":"1Gi"}}}}"#,
        ),
    );
    assert_texts(
        &create(&pod),
        &[
            "spec.resources.requests[ephemeral-storage]: Unsupported value: \"ephemeral-storage\": supported values: \"cpu\", \"hugepages-\", \"memory\"",
            "spec.resources.requests[cpu]: Invalid value: \"1\": must be greater than or equal to aggregate container requests of 2",
            "spec.resources.containers[0][memory].limits: Invalid value: \"2Gi\": must be less than or equal to pod limits of 1Gi",
        ],
        "pod-level resources",
    );
}
