//! Pods that would have more than their makers, and the ways into running ones.

use serde_json::{Value, json};

use crate::case::{Expected, check, created, forbidden, not_found, ok, status};
use crate::request::{Try, delete, get, patch, post, put};
use crate::world::world;

const RESTRICTED: &str = "/api/v1/namespaces/pods-restricted/pods";
const BASELINE: &str = "/api/v1/namespaces/pods-baseline/pods";
const OPEN: &str = "/api/v1/namespaces/pods-open/pods";

/// A pod that the strictest level lets in, with other values at JSON pointers.
fn pod(name: &str, changes: &[(&str, Value)]) -> Value {
    let container = json!({
        "name": "c",
        "image": "i",
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
    });
    let mut pod = json!({
        "metadata": {"name": name},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    });
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        pod.pointer_mut(parent).expect("it is there")[field] = value.clone();
    }
    pod
}

fn violates(level: &str, what: &str) -> Expected {
    forbidden(format!("violates PodSecurity \"{level}:latest\"")).saying(what)
}

#[test]
fn no_pod_gets_past_its_namespaces_level() {
    let world = world();
    for (namespace, level) in [("pods-restricted", "restricted"), ("pods-baseline", "baseline")] {
        world.namespace(namespace);
        let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        world.must(patch(format!("/api/v1/namespaces/{namespace}"), &labels));
        let rules = json!([
            {"apiGroups": [""], "resources": ["pods", "pods/ephemeralcontainers"], "verbs": ["create", "get", "update", "patch"]},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]},
        ]);
        world.grant("podder", Some(namespace), "podder", rules);
        world.settle(
            &post(format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), &pod("x", &[])).by("podder"),
            201,
        );
        world.must(post(format!("/api/v1/namespaces/{namespace}/pods"), &pod("running", &[])));
    }
    let make = |path: &str, changes: &[(&str, Value)]| post(path, &pod("bad", changes)).by("podder");
    let context = |field: &str, value: Value| {
        make(BASELINE, &[("/spec/containers/0/securityContext", json!({field: value}))])
    };
    let privileged = pod("bad", &[("/spec/containers/0/securityContext", json!({"privileged": true}))]);
    let spec = |field: &str, value: Value| make(BASELINE, &[(&format!("/spec/{field}"), value)]);
    let volume = |volume: Value| json!([{"name": "v", "hostPath": volume["hostPath"]}]);
    let baseline = |what: &str| violates("baseline", what);
    let restricted = |what: &str| violates("restricted", what);
    let debugger = json!({"spec": {"ephemeralContainers": [{"name": "d", "image": "i", "securityContext": {"privileged": true}}]}});
    let deployment = json!({
        "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": true}}]},
            },
        },
    });

    check(
        &world,
        [
            ("a pod as it should be", post(RESTRICTED, &pod("good", &[])).by("podder"), created()),
            (
                "a pod as it should be, at the lower level",
                post(BASELINE, &pod("good", &[("/spec/containers/0/securityContext", json!({}))]))
                    .by("podder"),
                created(),
            ),
            (
                "a template, which is only warned of",
                post("/apis/apps/v1/namespaces/pods-baseline/deployments", &deployment).by("podder"),
                created(),
            ),
            (
                "privileged",
                context("privileged", json!(true)),
                baseline("privileged (container \"c\" must not set securityContext.privileged=true)"),
            ),
            (
                "privileged, dry",
                post(format!("{BASELINE}?dryRun=All"), &privileged).by("podder"),
                baseline("privileged"),
            ),
            ("privileged, as administrator", post(BASELINE, &privileged).by_admin(), baseline("privileged")),
            (
                "a privileged first container",
                spec(
                    "initContainers",
                    json!([{"name": "i", "image": "i", "securityContext": {"privileged": true}}]),
                ),
                baseline("privileged (container \"i\""),
            ),
            (
                "capabilities",
                context("capabilities", json!({"add": ["SYS_ADMIN"]})),
                baseline("non-default capabilities"),
            ),
            ("unmasked /proc", context("procMount", json!("Unmasked")), status(422).reason("Invalid")),
            (
                "the host's network",
                spec("hostNetwork", json!(true)),
                baseline("host namespaces (hostNetwork=true)"),
            ),
            (
                "the host's processes",
                spec("hostPID", json!(true)),
                baseline("host namespaces (hostPID=true)"),
            ),
            ("the host's memory", spec("hostIPC", json!(true)), baseline("host namespaces (hostIPC=true)")),
            (
                "the host's files",
                spec("volumes", volume(json!({"hostPath": {"path": "/"}}))),
                baseline("hostPath volumes (volume \"v\")"),
            ),
            (
                "the host's port",
                make(
                    BASELINE,
                    &[("/spec/containers/0/ports", json!([{"containerPort": 80, "hostPort": 80}]))],
                ),
                baseline("hostPort (container \"c\" uses hostPort 80)"),
            ),
            (
                "no seccomp",
                spec("securityContext", json!({"seccompProfile": {"type": "Unconfined"}})),
                baseline("seccompProfile"),
            ),
            (
                "a dangerous sysctl",
                spec("securityContext", json!({"sysctls": [{"name": "kernel.msgmax", "value": "1"}]})),
                baseline("forbidden sysctls (kernel.msgmax)"),
            ),
            (
                "a type for SELinux",
                spec("securityContext", json!({"seLinuxOptions": {"type": "spc_t"}})),
                baseline("seLinuxOptions"),
            ),
            (
                "no AppArmor",
                spec("securityContext", json!({"appArmorProfile": {"type": "Unconfined"}})),
                baseline("forbidden AppArmor profile"),
            ),
            (
                "no context at all",
                make(RESTRICTED, &[("/spec/containers/0/securityContext", json!({}))]),
                restricted("allowPrivilegeEscalation != false"),
            ),
            (
                "as root",
                make(RESTRICTED, &[("/spec/securityContext/runAsUser", json!(0))]),
                restricted("runAsUser=0"),
            ),
            (
                "perhaps as root",
                make(RESTRICTED, &[("/spec/securityContext/runAsNonRoot", json!(false))]),
                restricted("runAsNonRoot != true"),
            ),
            (
                "a debugger in a running pod",
                patch(format!("{RESTRICTED}/running/ephemeralcontainers"), &debugger)
                    .media_type("application/strategic-merge-patch+json")
                    .by("podder"),
                restricted("privileged (container \"d\""),
            ),
            (
                "a debugger in a running pod, at the lower level",
                patch(format!("{BASELINE}/running/ephemeralcontainers"), &debugger)
                    .media_type("application/strategic-merge-patch+json")
                    .by("podder"),
                baseline("privileged (container \"d\""),
            ),
            (
                "a lower level",
                patch(
                    "/api/v1/namespaces/pods-restricted",
                    &json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}),
                )
                .by("podder"),
                forbidden("User \"podder\" cannot patch resource \"namespaces\""),
            ),
            (
                "a level that isn't one",
                patch(
                    "/api/v1/namespaces/pods-restricted",
                    &json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "none"}}}),
                )
                .by_admin(),
                status(422).reason("Invalid").saying("must be one of privileged, baseline, restricted"),
            ),
            (
                "nothing came of it",
                get(format!("{BASELINE}/bad")).by_admin(),
                not_found("pods \"bad\" not found"),
            ),
        ],
    );
}

#[test]
fn the_right_to_pods_is_no_right_to_what_is_in_them() {
    let world = world();
    world.namespace("pods-open");
    world.secret("pods-open", "mounted");
    world.secret("pods-open", "other");
    let strict = json!({
        "metadata": {"name": "strict", "annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}},
        "secrets": [{"name": "mounted"}],
    });
    world.must(post("/api/v1/namespaces/pods-open/serviceaccounts", &strict));
    let core = |resources: &[&str], verbs: &[&str]| json!({"apiGroups": [""], "resources": resources, "verbs": verbs});
    let here = Some("pods-open");
    world.grant(
        "podmaker",
        here,
        "podmaker",
        json!([core(&["pods"], &["create", "get", "update", "patch"])]),
    );
    world.grant(
        "looker",
        here,
        "looker",
        json!([core(&["pods", "pods/exec", "pods/attach", "pods/portforward"], &["get"])]),
    );
    world.must(post("/api/v1/nodes", &json!({"metadata": {"name": "pods-node"}})));
    for name in ["running", "evicted"] {
        world.must(post(OPEN, &pod(name, &[("/spec/nodeName", json!("pods-node"))])));
    }
    world.must(post(OPEN, &pod("waiting", &[])));
    world.settle(&get(format!("{OPEN}/running")).by("podmaker"), 200);
    world.settle(&get(format!("{OPEN}/running")).by("looker"), 200);
    let by = |tried: Try| tried.by("podmaker");
    let at = |subresource: &str| format!("{OPEN}/running/{subresource}");
    let not = |verb: &str, resource: &str| {
        forbidden(format!(
            "User \"podmaker\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"pods-open\""
        ))
    };
    let upgrade = |tried: Try| {
        tried
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Origin", "https://localhost")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Protocol", "v5.channel.k8s.io")
    };
    let env = |secret: &str| json!([{"name": "E", "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}}]);
    let strict = |changes: &[(&str, Value)]| {
        let mut changes = changes.to_vec();
        changes.push(("/spec/serviceAccountName", json!("strict")));
        by(post(format!("{OPEN}?dryRun=All"), &pod("strict", &changes)))
    };
    let target = json!({"metadata": {"name": "waiting"}, "target": {"kind": "Node", "name": "pods-node"}});
    let eviction = json!({"metadata": {"name": "running"}});

    check(
        &world,
        [
            ("a pod", by(post(OPEN, &pod("mine", &[]))), created()),
            (
                "its state",
                by(patch(at("status"), &json!({"status": {"phase": "Failed"}}))),
                not("patch", "pods/status"),
            ),
            ("its state, whole", by(put(at("status"), &pod("running", &[]))), not("update", "pods/status")),
            (
                "its state by way of the pod",
                by(patch(format!("{OPEN}/running"), &json!({"status": {"phase": "Failed"}}))),
                ok().holding("/status/phase", "Pending"),
            ),
            ("its output", by(get(at("log"))), not("get", "pods/log")),
            ("a command in it", by(post(at("exec?command=ls"), &json!({}))), not("create", "pods/exec")),
            ("a command in it, by GET", by(get(at("exec?command=ls"))), not("get", "pods/exec")),
            (
                "a command in it, over a WebSocket",
                upgrade(by(get(at("exec?command=ls")))),
                not("get", "pods/exec"),
            ),
            ("its input", by(post(at("attach"), &json!({}))), not("create", "pods/attach")),
            ("its ports", by(post(at("portforward"), &json!({}))), not("create", "pods/portforward")),
            ("its web pages", by(get(at("proxy"))), not("get", "pods/proxy")),
            ("its web pages' pages", by(get(at("proxy/admin"))), not("get", "pods/proxy")),
            ("its web pages, written", by(post(at("proxy/admin"), &json!({}))), not("create", "pods/proxy")),
            (
                "a debugger in it",
                by(patch(at("ephemeralcontainers"), &json!({}))),
                not("patch", "pods/ephemeralcontainers"),
            ),
            (
                "a debugger in it, by way of the pod",
                by(patch(
                    format!("{OPEN}/running"),
                    &json!({"spec": {"ephemeralContainers": [{"name": "d", "image": "i"}]}}),
                )),
                status(422).reason("Invalid").saying("pod updates may not change fields other than"),
            ),
            ("more for it", by(patch(at("resize"), &json!({}))), not("patch", "pods/resize")),
            (
                "another node for it",
                by(patch(format!("{OPEN}/running"), &json!({"spec": {"nodeName": "elsewhere"}}))),
                status(422).reason("Invalid"),
            ),
            (
                "another account for it",
                by(patch(format!("{OPEN}/running"), &json!({"spec": {"serviceAccountName": "strict"}}))),
                status(422).reason("Invalid"),
            ),
            ("its end", by(delete(format!("{OPEN}/running"))), not("delete", "pods")),
            ("its eviction", by(post(at("eviction"), &eviction)), not("create", "pods/eviction")),
            (
                "a node for one that waits",
                by(post(format!("{OPEN}/waiting/binding"), &target)),
                not("create", "pods/binding"),
            ),
            (
                "a node for one that waits, by the other way",
                by(post("/api/v1/namespaces/pods-open/bindings", &target)),
                not("create", "bindings"),
            ),
            (
                "the kubelet of its node",
                by(get("/api/v1/nodes/pods-node/proxy/pods")),
                forbidden("cannot get resource \"nodes/proxy\""),
            ),
            (
                "an account that isn't there",
                by(post(OPEN, &pod("none", &[("/spec/serviceAccountName", json!("none"))]))),
                forbidden(
                    "error looking up service account pods-open/none: serviceaccount \"none\" not found",
                ),
            ),
            ("a secret", by(get("/api/v1/namespaces/pods-open/secrets/mounted")), not("get", "secrets")),
            // An account that says which secrets its pods may mount.
            (
                "the secret that the account names",
                strict(&[("/spec/containers/0/env", env("mounted"))]),
                created(),
            ),
            (
                "another secret",
                strict(&[("/spec/containers/0/env", env("other"))]),
                forbidden(
                    "container c with envVar E referencing secret.secretName=\"other\" is not allowed because service account strict does not reference that secret",
                ),
            ),
            (
                "another secret in a volume",
                strict(&[("/spec/volumes", json!([{"name": "v", "secret": {"secretName": "other"}}]))]),
                forbidden("volume with secret.secretName=\"other\" is not allowed"),
            ),
            (
                "all of another secret",
                strict(&[("/spec/containers/0/envFrom", json!([{"secretRef": {"name": "other"}}]))]),
                forbidden("container c with envFrom referencing secret.secretName=\"other\" is not allowed"),
            ),
            (
                "another secret for its image",
                strict(&[("/spec/imagePullSecrets", json!([{"name": "other"}]))]),
                forbidden(
                    "imagePullSecrets[0].name=\"other\" is not allowed because service account strict does not reference that imagePullSecret",
                ),
            ),
            // The right to get is none to run commands.
            (
                "a command, with the right to get",
                post(at("exec?command=ls"), &json!({})).by("looker"),
                forbidden("User \"looker\" cannot create resource \"pods/exec\""),
            ),
            (
                "what all that is about",
                get(format!("{OPEN}/running")).by_admin(),
                ok().holding("/spec/nodeName", "pods-node"),
            ),
        ],
    );
}
