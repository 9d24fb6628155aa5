//! What a kubelet may, and what it may not, be it on another's node or on its own.

use serde_json::{Value, json};

use crate::case::{Expected, bad_request, check, created, forbidden, not_found, ok};
use crate::pki::{Identity, client};
use crate::request::{Try, delete, get, patch, post, put};
use crate::world::world;

const HERE: &str = "/api/v1/namespaces/nodes";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const ME: &str = "system:node:nodes-mine";

/// A pod that uses a secret and a config map, on a node, as an account.
fn pod(name: &str, node: &str, uses: &str, account: &str) -> Value {
    let from = json!([{"secretRef": {"name": uses}}, {"configMapRef": {"name": uses}}]);
    json!({
        "metadata": {"name": name},
        "spec": {
            "nodeName": node,
            "serviceAccountName": account,
            "containers": [{"name": "c", "image": "i", "envFrom": from}],
        },
    })
}

/// A pod as a kubelet announces one that it has from a file.
fn mirror(name: &str, node: &str, owner: Value) -> Value {
    json!({
        "metadata": {"name": name, "annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": [owner]},
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}]},
    })
}

#[test]
fn a_kubelet_reaches_what_runs_on_its_node_and_nothing_else() {
    let world = world();
    world.namespace("nodes");
    let mut uids = Vec::new();
    for node in ["nodes-mine", "nodes-other"] {
        uids.push(
            world.must(post("/api/v1/nodes", &json!({"metadata": {"name": node}})))["metadata"]["uid"]
                .clone(),
        );
        world.must(post(LEASES, &json!({"metadata": {"name": node}, "spec": {"holderIdentity": node}})));
    }
    for account in ["web", "db"] {
        world.service_account("nodes", account);
    }
    for name in ["mine", "others", "nobodys"] {
        world.secret("nodes", name);
        world.must(post(format!("{HERE}/configmaps"), &json!({"metadata": {"name": name}})));
    }
    let web = world.must(post(format!("{HERE}/pods"), &pod("web", "nodes-mine", "mine", "web")));
    let db = world.must(post(format!("{HERE}/pods"), &pod("db", "nodes-other", "others", "db")));
    world.must(post(
        "/apis/storage.k8s.io/v1/csinodes",
        &json!({"metadata": {"name": "nodes-other"}, "spec": {"drivers": []}}),
    ));

    let sign = |name: &str, groups: &[&str]| world.clients.sign(client(name, groups));
    let me = sign(ME, &["system:nodes"]);
    let by = |tried: Try| tried.certificate(&me);
    let as_node = |tried: Try, identity: &Identity| tried.certificate(identity);
    world.settle(&by(get(format!("{HERE}/secrets/mine"))), 200);

    let not = |reason: &str| forbidden(format!("User \"{ME}\" cannot ")).saying(reason);
    let none = || not("no relationship found between node 'nodes-mine' and this object");
    let read = || not("can only read resources of this type");
    let secret = |name: &str| format!("{HERE}/secrets/{name}");
    let pods = format!("{HERE}/pods");
    let status = |name: &str, status: Value| by(patch(format!("{pods}/{name}/status"), &status));
    let eviction =
        |name: &str| by(post(format!("{pods}/{name}/eviction"), &json!({"metadata": {"name": name}})));
    let owner =
        json!({"apiVersion": "v1", "kind": "Node", "name": "nodes-mine", "uid": uids[0], "controller": true});
    let node = |name: &str| format!("/api/v1/nodes/{name}");
    let mine = |change: Value| by(patch(node("nodes-mine"), &change));
    let node_forbidden =
        |says: &str| -> Expected { forbidden(format!("nodes \"nodes-mine\" is forbidden: {says}")) };
    let token = |account: &str, spec: Value| {
        by(post(format!("{HERE}/serviceaccounts/{account}/token"), &json!({"spec": spec})))
    };
    let bound = |pod: &Value, more: Value| {
        let meta = &pod["metadata"];
        let mut spec = json!({"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}});
        for (name, value) in more.as_object().expect("an object") {
            spec[name] = value.clone();
        }
        spec
    };
    let mut without_uid = bound(&web, json!({}));
    without_uid["boundObjectRef"]["uid"] = Value::Null;
    let lease = |name: &str| format!("{LEASES}/{name}");
    let selector = |selector: &str| format!("fieldSelector={selector}");
    let nodes_pods = format!("/api/v1/pods?{}", selector("spec.nodeName%3Dnodes-mine"));

    check(
        &world,
        [
            // What its node needs.
            ("its node", by(get(node("nodes-mine"))), ok()),
            (
                "its node, listed",
                by(get(format!("/api/v1/nodes?{}", selector("metadata.name%3Dnodes-mine")))),
                ok(),
            ),
            ("a secret of its pod", by(get(secret("mine"))), ok()),
            (
                "a secret of its pod, listed",
                by(get(format!("{HERE}/secrets?{}", selector("metadata.name%3Dmine")))),
                ok(),
            ),
            (
                "a secret of its pod, watched",
                by(get(format!("{HERE}/secrets?watch=true&{}", selector("metadata.name%3Dmine")))),
                ok(),
            ),
            ("a config map of its pod", by(get(format!("{HERE}/configmaps/mine"))), ok()),
            ("its pod", by(get(format!("{pods}/web"))), ok()),
            (
                "its pods",
                by(get(&nodes_pods)),
                ok().holding("/items/0/metadata/name", "web").holding("/items/1", Value::Null),
            ),
            ("its pods, watched", by(get(format!("{nodes_pods}&watch=true"))), ok()),
            ("its pod's state", status("web", json!({"status": {"phase": "Running"}})), ok()),
            ("its pod's account's token", token("web", bound(&web, json!({}))), created()),
            (
                "its lease",
                by(patch(lease("nodes-mine"), &json!({"spec": {"leaseDurationSeconds": 40}}))),
                ok(),
            ),
            ("a label that it may set", mine(json!({"metadata": {"labels": {"acme.com/x": "y"}}})), ok()),
            ("all services", by(get("/api/v1/services")), ok()),
            (
                "a mirror of its own",
                by(post(&pods, &mirror("mirror", "nodes-mine", owner.clone()))),
                created(),
            ),
            // Secrets and config maps.
            ("a secret of another node's pod", by(get(secret("others"))), none()),
            ("a secret of no pod", by(get(secret("nobodys"))), none()),
            ("a secret that isn't there", by(get(secret("none"))), none()),
            ("a secret of another namespace", by(get("/api/v1/namespaces/kube-system/secrets/mine")), none()),
            (
                "a secret of another node's pod, listed",
                by(get(format!("{HERE}/secrets?{}", selector("metadata.name%3Dothers")))),
                none(),
            ),
            (
                "a secret of another node's pod, watched",
                by(get(format!("{HERE}/secrets?watch=true&{}", selector("metadata.name%3Dothers")))),
                none(),
            ),
            (
                "a secret of another node's pod, by the old path",
                by(get("/api/v1/watch/namespaces/nodes/secrets/others")),
                none(),
            ),
            (
                "all but a secret",
                by(get(format!("{HERE}/secrets?{}", selector("metadata.name%21%3Dothers")))),
                not("No Object name found"),
            ),
            ("all secrets of a namespace", by(get(format!("{HERE}/secrets"))), not("No Object name found")),
            (
                "all secrets of a namespace, watched",
                by(get(format!("{HERE}/secrets?watch=true"))),
                not("No Object name found"),
            ),
            ("all secrets", by(get("/api/v1/secrets")), not("can only read namespaced object of this type")),
            (
                "a secret's name in all namespaces",
                by(get(format!("/api/v1/secrets?{}", selector("metadata.name%3Dmine")))),
                not("can only read namespaced object of this type"),
            ),
            ("a subresource of a secret", by(get(secret("mine/status"))), not("cannot read subresource")),
            ("a change of a secret", by(patch(secret("mine"), &json!({"data": {"a": "YQ=="}}))), read()),
            ("a whole secret", by(put(secret("mine"), &json!({"metadata": {"name": "mine"}}))), read()),
            (
                "a new secret",
                by(post(format!("{HERE}/secrets"), &json!({"metadata": {"name": "new"}}))),
                read(),
            ),
            ("a secret's end", by(delete(secret("mine"))), read()),
            ("all secrets' end", by(delete(format!("{HERE}/secrets"))), read()),
            ("a config map of another node's pod", by(get(format!("{HERE}/configmaps/others"))), none()),
            (
                "all config maps",
                by(get("/api/v1/configmaps")),
                not("can only read namespaced object of this type"),
            ),
            (
                "a change of a config map",
                by(patch(format!("{HERE}/configmaps/mine"), &json!({"data": {"a": "b"}}))),
                read(),
            ),
            (
                "claims",
                by(get("/api/v1/persistentvolumeclaims")),
                not("can only get individual resources of this type"),
            ),
            ("a claim of no pod", by(get(format!("{HERE}/persistentvolumeclaims/none"))), none()),
            (
                "a claim's state",
                by(patch(format!("{HERE}/persistentvolumeclaims/none/status"), &json!({}))),
                none(),
            ),
            (
                "volumes",
                by(get("/api/v1/persistentvolumes")),
                not("can only get individual resources of this type"),
            ),
            ("a volume of no pod", by(get("/api/v1/persistentvolumes/none")), none()),
            (
                "attachments",
                by(get("/apis/storage.k8s.io/v1/volumeattachments")),
                not("can only get individual resources of this type"),
            ),
            // Pods.
            ("another node's pod", by(get(format!("{pods}/db"))), none()),
            (
                "all pods",
                by(get("/api/v1/pods")),
                not("can only list/watch pods with spec.nodeName field selector"),
            ),
            (
                "another node's pods",
                by(get(format!("/api/v1/pods?{}", selector("spec.nodeName%3Dnodes-other")))),
                not("can only list/watch pods with spec.nodeName field selector"),
            ),
            (
                "all pods but its own",
                by(get(format!("/api/v1/pods?{}", selector("spec.nodeName%21%3Dnodes-mine")))),
                not("can only list/watch pods with spec.nodeName field selector"),
            ),
            (
                "all pods, by a label",
                by(get("/api/v1/pods?labelSelector=spec.nodeName%3Dnodes-mine")),
                not("can only list/watch pods with spec.nodeName field selector"),
            ),
            (
                "all pods, watched",
                by(get("/api/v1/pods?watch=true")),
                not("can only list/watch pods with spec.nodeName field selector"),
            ),
            (
                "its pods' end",
                by(delete(format!("{pods}?{}", selector("spec.nodeName%3Dnodes-mine")))),
                not("deletecollection resource \"pods\""),
            ),
            (
                "a change of its pod",
                by(patch(format!("{pods}/web"), &json!({"metadata": {"labels": {"a": "b"}}}))),
                not("patch resource \"pods\""),
            ),
            (
                "a command in its pod",
                by(post(format!("{pods}/web/exec?command=ls"), &json!({}))),
                not("create resource \"pods/exec\""),
            ),
            (
                "a debugger in its pod",
                by(patch(format!("{pods}/web/ephemeralcontainers"), &json!({}))),
                not("patch resource \"pods/ephemeralcontainers\""),
            ),
            (
                "a node for a pod",
                by(post(
                    format!("{pods}/web/binding"),
                    &json!({"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "nodes-mine"}}),
                )),
                not("create resource \"pods/binding\""),
            ),
            (
                "a pod that is no mirror",
                by(post(&pods, &pod("new", "nodes-mine", "nobodys", "web"))),
                forbidden(
                    "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"nodes-mine\" can only create mirror pods",
                ),
            ),
            (
                "a mirror on another node",
                by(post(&pods, &mirror("new", "nodes-other", owner.clone()))),
                forbidden("node \"nodes-mine\" can only create pods with spec.nodeName set to itself"),
            ),
            (
                "a mirror of another node's",
                by(post(
                    &pods,
                    &mirror(
                        "new",
                        "nodes-mine",
                        json!({"apiVersion": "v1", "kind": "Node", "name": "nodes-other", "uid": uids[1], "controller": true}),
                    ),
                )),
                forbidden("node \"nodes-mine\" can only create pods with an owner reference set to itself"),
            ),
            (
                "a mirror of a node with another uid",
                by(post(
                    &pods,
                    &mirror(
                        "new",
                        "nodes-mine",
                        json!({"apiVersion": "v1", "kind": "Node", "name": "nodes-mine", "uid": uids[1], "controller": true}),
                    ),
                )),
                forbidden("UID mismatch"),
            ),
            (
                "a mirror that nobody controls",
                by(post(
                    &pods,
                    &mirror(
                        "new",
                        "nodes-mine",
                        json!({"apiVersion": "v1", "kind": "Node", "name": "nodes-mine", "uid": uids[0]}),
                    ),
                )),
                forbidden("can only create pods with a controller owner reference set to itself"),
            ),
            (
                "a mirror with a secret",
                by(post(&pods, &{
                    let mut mirror = mirror("new", "nodes-mine", owner.clone());
                    mirror["spec"]["volumes"] = json!([{"name": "v", "secret": {"secretName": "nobodys"}}]);
                    mirror
                })),
                forbidden("a mirror pod may not reference secrets"),
            ),
            (
                "a mirror with an account",
                by(post(&pods, &{
                    let mut mirror = mirror("new", "nodes-mine", owner.clone());
                    mirror["spec"]["serviceAccountName"] = json!("db");
                    mirror
                })),
                forbidden("a mirror pod may not reference service accounts"),
            ),
            (
                "another node's pod's end",
                by(delete(format!("{pods}/db"))),
                forbidden("node \"nodes-mine\" can only delete pods with spec.nodeName set to itself"),
            ),
            (
                "another node's pod's state",
                status("db", json!({"status": {"phase": "Failed"}})),
                forbidden(
                    "node \"nodes-mine\" can only update pod status for pods with spec.nodeName set to itself",
                ),
            ),
            (
                "labels by way of the state",
                status("web", json!({"metadata": {"labels": {"a": "b"}}})),
                forbidden("node \"nodes-mine\" cannot update labels through pod status"),
            ),
            (
                "another node's pod's eviction",
                eviction("db"),
                forbidden("node nodes-mine can only evict pods with spec.nodeName set to itself"),
            ),
            // Nodes.
            (
                "another node",
                by(get(node("nodes-other"))),
                not("node 'nodes-mine' cannot read 'nodes-other', only its own Node object"),
            ),
            (
                "all nodes",
                by(get("/api/v1/nodes")),
                not("node 'nodes-mine' cannot read all nodes, only its own Node object"),
            ),
            (
                "all nodes, watched",
                by(get("/api/v1/nodes?watch=true")),
                not("node 'nodes-mine' cannot read all nodes, only its own Node object"),
            ),
            (
                "another node, changed",
                by(patch(node("nodes-other"), &json!({"metadata": {"labels": {"a": "b"}}}))),
                forbidden("node \"nodes-mine\" is not allowed to modify node \"nodes-other\""),
            ),
            (
                "another node's state",
                by(patch(node("nodes-other/status"), &json!({"status": {"capacity": {"cpu": "4"}}}))),
                forbidden("node \"nodes-mine\" is not allowed to modify node \"nodes-other\""),
            ),
            (
                "a new node",
                by(post("/api/v1/nodes", &json!({"metadata": {"name": "nodes-third"}}))),
                forbidden("node \"nodes-mine\" is not allowed to modify node \"nodes-third\""),
            ),
            ("its node's end", by(delete(node("nodes-mine"))), not("delete resource \"nodes\"")),
            (
                "its node's kubelet",
                by(get(node("nodes-mine/proxy/pods"))),
                not("get resource \"nodes/proxy\""),
            ),
            (
                "a label that others rely on",
                mine(json!({"metadata": {"labels": {"node-restriction.kubernetes.io/a": "b"}}})),
                node_forbidden("is not allowed to modify labels: node-restriction.kubernetes.io/a"),
            ),
            (
                "a label of the cluster",
                mine(json!({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}})),
                node_forbidden("is not allowed to modify labels: node-role.kubernetes.io/control-plane"),
            ),
            (
                "taints",
                mine(json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}})),
                node_forbidden("node \"nodes-mine\" is not allowed to modify taints"),
            ),
            (
                "owners",
                mine(
                    json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "x", "uid": "x"}]}}),
                ),
                node_forbidden("node \"nodes-mine\" is not allowed to modify ownerReferences"),
            ),
            // Leases and the like.
            (
                "another node's lease",
                by(get(lease("nodes-other"))),
                not("can only access node lease with the same name as the requesting node"),
            ),
            (
                "another node's lease, held",
                by(patch(lease("nodes-other"), &json!({"spec": {"holderIdentity": "nodes-mine"}}))),
                not("can only access node lease with the same name as the requesting node"),
            ),
            (
                "all leases",
                by(get(LEASES)),
                not("can only get, create, update, patch, or delete a node lease"),
            ),
            (
                "a new lease of another name",
                by(post(LEASES, &json!({"metadata": {"name": "nodes-third"}}))),
                forbidden("can only access node lease with the same name as the requesting node"),
            ),
            (
                "a leader's lease",
                by(patch(
                    "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler",
                    &json!({"spec": {"holderIdentity": "nodes-mine"}}),
                )),
                not("can only access leases in the \"kube-node-lease\" system namespace"),
            ),
            (
                "another node's drivers",
                by(get("/apis/storage.k8s.io/v1/csinodes/nodes-other")),
                not("can only access CSINode with the same name as the requesting node"),
            ),
            (
                "all nodes' drivers",
                by(get("/apis/storage.k8s.io/v1/csinodes")),
                not("can only get, create, update, patch, or delete a CSINode"),
            ),
            // Accounts.
            ("an account of another node's pod", by(get(format!("{HERE}/serviceaccounts/db"))), none()),
            (
                "all accounts",
                by(get(format!("{HERE}/serviceaccounts"))),
                not("can only create tokens for individual service accounts"),
            ),
            ("the token of another node's pod's account", token("db", bound(&db, json!({}))), none()),
            (
                "its pod's account's token for another node's pod",
                token("web", bound(&db, json!({}))),
                forbidden("node requested token bound to a pod scheduled on a different node"),
            ),
            (
                "a token that is bound to nothing",
                token("web", json!({})),
                forbidden("node requested token not bound to a pod"),
            ),
            (
                "a token that is bound to a secret",
                token(
                    "web",
                    json!({"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "mine", "uid": "x"}}),
                ),
                forbidden("node requested token not bound to a pod"),
            ),
            (
                "a token that is bound to a name",
                token("web", without_uid),
                forbidden("node requested token with a pod binding without a uid"),
            ),
            (
                "a token for others",
                token("web", bound(&web, json!({"audiences": ["elsewhere"]}))),
                forbidden(format!(
                    "audience \"elsewhere\" not found in pod spec volume, {ME} is not authorized to request tokens for this audience"
                )),
            ),
            (
                "a token for many",
                token("web", bound(&web, json!({"audiences": ["a", "b"]}))),
                forbidden("node may only request 0 or 1 audiences"),
            ),
            // What no node needs.
            (
                "roles",
                by(post(
                    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                    &json!({"metadata": {"name": "nodes"}}),
                )),
                not("create resource \"clusterroles\""),
            ),
            ("namespaces", by(delete("/api/v1/namespaces/nodes")), not("delete resource \"namespaces\"")),
            ("endpoints", by(get("/api/v1/endpoints")), not("list resource \"endpoints\"")),
            (
                "the approval of certificates",
                by(patch("/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval", &json!({}))),
                not("patch resource \"certificatesigningrequests/approval\""),
            ),
            (
                "acting as another",
                by(get(secret("others"))).header("Impersonate-User", "system:node:nodes-other"),
                not("cannot impersonate-on:arbitrary-node:get resource \"secrets\""),
            ),
            ("metrics", by(get("/metrics")), not("get path \"/metrics\"")),
            // Who is no node.
            (
                "a node's name without the group",
                as_node(get(secret("mine")), &sign(ME, &["devs"])),
                forbidden(format!(
                    "User \"{ME}\" cannot get resource \"secrets\" in API group \"\" in the namespace \"nodes\""
                )),
            ),
            (
                "the nodes' group without a name",
                as_node(get(secret("mine")), &sign("nodes-mine", &["system:nodes"])),
                forbidden(
                    "User \"nodes-mine\" cannot get resource \"secrets\" in API group \"\" in the namespace \"nodes\"",
                ),
            ),
            (
                "a node's name with nothing in it",
                as_node(get(secret("mine")), &sign("system:node:", &["system:nodes"])),
                forbidden("unknown node for user \"system:node:\""),
            ),
            (
                "a node that isn't there",
                as_node(get(secret("mine")), &sign("system:node:nodes-none", &["system:nodes"])),
                forbidden("no relationship found between node 'nodes-none' and this object"),
            ),
            (
                "the other node",
                as_node(get(secret("mine")), &sign("system:node:nodes-other", &["system:nodes"])),
                forbidden("no relationship found between node 'nodes-other' and this object"),
            ),
            (
                "the other node's own",
                as_node(get(secret("others")), &sign("system:node:nodes-other", &["system:nodes"])),
                ok(),
            ),
            (
                "an eviction that names another",
                by(post(format!("{pods}/web/eviction"), &json!({"metadata": {"name": "db"}}))),
                bad_request("name in URL does not match name in Eviction object"),
            ),
            ("its pod's end", by(delete(format!("{pods}/web?gracePeriodSeconds=0"))), ok()),
            (
                "its pod, which is gone",
                get(format!("{pods}/web")).by_admin(),
                not_found("pods \"web\" not found"),
            ),
        ],
    );
    world.settle(&by(get(secret("mine"))), 403);
    check(
        &world,
        [
            ("a secret of a pod that is gone", by(get(secret("mine"))), none()),
            ("a config map of a pod that is gone", by(get(format!("{HERE}/configmaps/mine"))), none()),
            ("the token of a pod that is gone", token("web", bound(&web, json!({}))), none()),
            ("its node", by(get(node("nodes-mine"))), ok()),
        ],
    );
}
