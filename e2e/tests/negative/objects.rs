//! Writing other parts of objects than one may: subresources, metadata, owners, secrets' types.

use serde_json::{Value, json};

use crate::case::{bad_request, check, created, forbidden, invalid, ok, status};
use crate::request::{Try, delete, get, patch, post, put};
use crate::world::world;

const HERE: &str = "/api/v1/namespaces/objects";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/objects/deployments";

fn deployment(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    })
}

#[test]
fn a_right_to_one_part_is_none_to_another() {
    let world = world();
    world.namespace("objects");
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let here = Some("objects");
    let writing = ["get", "create", "update", "patch"];
    world.grant(
        "writer",
        here,
        "writer",
        json!([
            rule("apps", &["deployments"], &writing),
            rule("", &["secrets", "configmaps", "services", "serviceaccounts", "namespaces"], &writing),
        ]),
    );
    world.grant("stater", here, "stater", json!([rule("apps", &["deployments/status"], &writing)]));
    world.grant("scaler", here, "scaler", json!([rule("apps", &["deployments/scale"], &writing)]));
    let made = world.must(post(DEPLOYMENTS, &deployment("d")));
    let uid = made["metadata"]["uid"].as_str().expect("a uid").to_owned();
    let config = json!({"metadata": {"name": "c", "finalizers": ["acme.com/keep"]}, "data": {"a": "b"}});
    let born =
        world.must(post(format!("{HERE}/configmaps"), &config))["metadata"]["creationTimestamp"].clone();
    world.must(post(
        format!("{HERE}/configmaps"),
        &json!({"metadata": {"name": "fixed"}, "immutable": true, "data": {"a": "b"}}),
    ));
    world.must(post(
        format!("{HERE}/services"),
        &json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}),
    ));
    world.secret("objects", "typed");
    world.must(post(
        "/api/v1/namespaces",
        &json!({"metadata": {"name": "objects-ending", "finalizers": ["acme.com/keep"]}}),
    ));
    world.must(post(
        format!("{HERE}/configmaps"),
        &json!({"metadata": {"name": "ending", "finalizers": ["acme.com/keep"]}}),
    ));
    world.must(delete(format!("{HERE}/configmaps/ending")));
    let d = format!("{DEPLOYMENTS}/d");
    world.settle(&get(&d).by("writer"), 200);
    world.settle(&get(format!("{d}/status")).by("stater"), 200);
    world.settle(&get(format!("{d}/scale")).by("scaler"), 200);
    let by = |tried: Try| tried.by("writer");
    let c = format!("{HERE}/configmaps/c");
    let meta = |meta: Value| by(patch(&c, &json!({"metadata": meta})));
    let not = |user: &str, what: &str| forbidden(format!("User \"{user}\" cannot {what}"));
    let scale = json!({"metadata": {"name": "d"}, "spec": {"replicas": 7}});
    let token = |annotations: Value| {
        by(post(
            format!("{HERE}/secrets"),
            &json!({
                "metadata": {"name": "token", "annotations": annotations},
                "type": "kubernetes.io/service-account-token",
            }),
        ))
    };
    let owner = |block: bool| {
        json!({"metadata": {"name": "owned", "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": uid, "blockOwnerDeletion": block,
        }]}})
    };

    check(
        &world,
        [
            // State and specification.
            (
                "the specification",
                by(patch(&d, &json!({"spec": {"paused": true}}))),
                ok().holding("/spec/paused", true),
            ),
            (
                "the state, with the right to the rest",
                by(patch(format!("{d}/status"), &json!({"status": {"replicas": 7}}))),
                not("writer", "patch resource \"deployments/status\" in API group \"apps\""),
            ),
            (
                "the state by way of the rest",
                by(patch(&d, &json!({"status": {"replicas": 7}}))),
                ok().holding("/status/replicas", Value::Null),
            ),
            (
                "the state",
                patch(format!("{d}/status"), &json!({"status": {"replicas": 7, "updatedReplicas": 1}}))
                    .by("stater"),
                ok().holding("/status/replicas", 7),
            ),
            (
                "the rest, with the right to the state",
                patch(&d, &json!({"spec": {"paused": false}})).by("stater"),
                not("stater", "patch resource \"deployments\" in API group \"apps\""),
            ),
            (
                "the rest by way of the state",
                patch(format!("{d}/status"), &json!({"spec": {"paused": false, "replicas": 9}})).by("stater"),
                ok().holding("/spec/paused", true).holding("/spec/replicas", 1),
            ),
            (
                "the scale, with the right to the rest",
                by(put(format!("{d}/scale"), &scale)),
                not("writer", "update resource \"deployments/scale\" in API group \"apps\""),
            ),
            ("the scale", put(format!("{d}/scale"), &scale).by("scaler"), ok().holding("/spec/replicas", 7)),
            (
                "the rest by way of the scale",
                patch(format!("{d}/scale"), &json!({"spec": {"paused": false}})).by("scaler"),
                ok().holding("/spec/paused", Value::Null),
            ),
            (
                "the rest, with the right to the scale",
                get(&d).by("scaler"),
                not("scaler", "get resource \"deployments\" in API group \"apps\""),
            ),
            (
                "another's scale",
                put(format!("{d}/scale"), &json!({"metadata": {"name": "e"}, "spec": {"replicas": 7}}))
                    .by("scaler"),
                bad_request("the name of the object (e) does not match the name on the URL (d)"),
            ),
            (
                "another kind of scale",
                get("/api/v1/namespaces/objects/replicationcontrollers/d/scale").by("scaler"),
                not("scaler", "get resource \"replicationcontrollers/scale\" in API group \"\""),
            ),
            (
                "a service's state",
                by(patch(
                    format!("{HERE}/services/s/status"),
                    &json!({"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}),
                )),
                not("writer", "patch resource \"services/status\""),
            ),
            (
                "a service's state by way of the service",
                by(patch(
                    format!("{HERE}/services/s"),
                    &json!({"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}),
                )),
                ok().holding("/status/loadBalancer", json!({})),
            ),
            (
                "a service's web pages",
                by(get(format!("{HERE}/services/s/proxy"))),
                not("writer", "get resource \"services/proxy\""),
            ),
            // Namespaces.
            (
                "a namespace's end",
                by(put(
                    "/api/v1/namespaces/objects/finalize",
                    &json!({"metadata": {"name": "objects"}, "spec": {"finalizers": []}}),
                )),
                not("writer", "update resource \"namespaces/finalize\""),
            ),
            (
                "a namespace's state",
                by(put("/api/v1/namespaces/objects/status", &json!({"metadata": {"name": "objects"}}))),
                not("writer", "update resource \"namespaces/status\""),
            ),
            (
                "a namespace's finalizers by way of the namespace",
                by(patch("/api/v1/namespaces/objects", &json!({"spec": {"finalizers": []}}))),
                ok().holding("/spec/finalizers", json!(["kubernetes"])),
            ),
            (
                "a new namespace",
                by(post("/api/v1/namespaces", &json!({"metadata": {"name": "objects-new"}}))),
                not("writer", "create resource \"namespaces\""),
            ),
            (
                "the system's namespace",
                delete("/api/v1/namespaces/kube-system").by_admin(),
                forbidden("this namespace may not be deleted"),
            ),
            (
                "the default namespace",
                delete("/api/v1/namespaces/default").by_admin(),
                forbidden("this namespace may not be deleted"),
            ),
            // Metadata.
            ("a label", meta(json!({"labels": {"a": "b"}})), ok().holding("/metadata/labels/a", "b")),
            (
                "another uid",
                meta(json!({"uid": "00000000-0000-0000-0000-000000000001"})),
                invalid("metadata.uid: Invalid value").saying("field is immutable"),
            ),
            (
                "another uid, by PUT",
                by(put(
                    &c,
                    &json!({"metadata": {"name": "c", "uid": "00000000-0000-0000-0000-000000000001"}}),
                )),
                status(409)
                    .reason("Conflict")
                    .saying("Precondition failed: UID in precondition: 00000000-0000-0000-0000-000000000001"),
            ),
            (
                "another time",
                meta(json!({"creationTimestamp": "2000-01-01T00:00:00Z"})),
                ok().holding("/metadata/creationTimestamp", born),
            ),
            ("an old version", meta(json!({"resourceVersion": "1"})), status(409).reason("Conflict")),
            (
                "another name",
                meta(json!({"name": "other"})),
                bad_request("the name of the object (other) does not match the name on the URL (c)"),
            ),
            (
                "another namespace",
                meta(json!({"namespace": "kube-system"})),
                bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ),
            ),
            (
                "managed fields that are none",
                meta(
                    json!({"managedFields": [{"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"x": "y"}}]}),
                ),
                ok().holding("/data/a", "b"),
            ),
            (
                "a deletion by way of its time",
                meta(json!({"deletionTimestamp": "2000-01-01T00:00:00Z"})),
                invalid("metadata.deletionTimestamp: Invalid value").saying("field is immutable"),
            ),
            (
                "one more reason to keep what ends",
                by(patch(
                    format!("{HERE}/configmaps/ending"),
                    &json!({"metadata": {"finalizers": ["acme.com/keep", "acme.com/more"]}}),
                )),
                invalid("no new finalizers can be added if the object is being deleted"),
            ),
            (
                "what may not be changed",
                by(patch(format!("{HERE}/configmaps/fixed"), &json!({"data": {"a": "c"}}))),
                invalid("field is immutable when `immutable` is set"),
            ),
            (
                "what may not be made changeable",
                by(patch(format!("{HERE}/configmaps/fixed"), &json!({"immutable": false}))),
                invalid("field is immutable when `immutable` is set"),
            ),
            (
                "a kind in another's place",
                by(put(&c, &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}}))),
                bad_request(""),
            ),
            // Secrets.
            (
                "another type",
                by(patch(
                    format!("{HERE}/secrets/typed"),
                    &json!({"type": "kubernetes.io/service-account-token"}),
                )),
                invalid("type: Invalid value").saying("field is immutable"),
            ),
            (
                "a token of nobody",
                token(json!({})),
                invalid("metadata.annotations[kubernetes.io/service-account.name]: Required value"),
            ),
            (
                "a token of an account",
                token(json!({"kubernetes.io/service-account.name": "default"})),
                created().holding("/data", Value::Null),
            ),
            // Owners, where the server is told to watch over them.
            ("an owner", by(post(format!("{HERE}/configmaps"), &owner(false))), created()),
            (
                "an owner whose deletion one would block",
                by(post(format!("{HERE}/secrets"), &owner(true))),
                forbidden(
                    "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on",
                ),
            ),
            (
                "an owner of what one may not delete",
                by(patch(
                    &c,
                    &owner(false)
                        .pointer("/metadata")
                        .map(|m| json!({"metadata": {"ownerReferences": m["ownerReferences"]}}))
                        .expect("metadata"),
                )),
                forbidden("cannot set an ownerRef on a resource you can't delete"),
            ),
            (
                "all is as it was",
                get(&c).by_admin(),
                ok().holding("/metadata/ownerReferences", Value::Null).holding("/data/a", "b"),
            ),
        ],
    );
}
