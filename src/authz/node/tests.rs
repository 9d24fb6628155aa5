//! What nodes may do, over a graph that is fed by hand.

mod graph;
mod references;

use keelson_apimachinery::codec::protobuf::Part;
use keelson_apimachinery::codec::{json, protobuf};
use keelson_apimachinery::meta::Object;

use super::*;
use crate::authz::Decision;
use crate::request::RequestInfo;

fn object(text: &str) -> Object {
    let value = json::decode_untyped(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}")).value;
    Object::try_from(value).unwrap_or_else(|_| panic!("{text}: no object"))
}

fn put(graph: &Graph, feeder: Feeder, text: &str) {
    let object = object(text);
    graph.set(feeder, &feeder.edges(&part_of(feeder, &object).unwrap_or(object)));
}

/// What the server reads of an object that is stored; `None` where that is all of it.
fn part_of(feeder: Feeder, object: &Object) -> Option<Object> {
    let paths = feeder.reads()?;
    let (group, plural) = feeder.resource();
    let schema = keelson_api::schema();
    let resource = keelson_api::resources().iter().find(|r| r.group == group && r.plural == plural);
    let ty = resource.expect("it is built in").type_id;
    let part = Part::of(schema, ty, paths);
    let message = protobuf::encode(schema, ty, object.as_value()).expect("a pod");
    let value = protobuf::decode_part(schema, ty, &message, &part).expect("the same");
    Some(Object::try_from(value).expect("an object"))
}

/// Counts how often it is asked, and feeds the graph with what was written meanwhile.
#[derive(Default)]
struct Late {
    asked: std::sync::atomic::AtomicUsize,
    meanwhile: Option<(Arc<Graph>, &'static str)>,
}

#[async_trait]
impl Freshness for Late {
    async fn catch_up(&self) {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if let Some((graph, pod)) = &self.meanwhile {
            put(graph, Feeder::Pods, pod);
        }
    }
}

fn kubelet(node: &str) -> UserInfo {
    let groups = vec![GROUP.to_owned(), "system:authenticated".to_owned()];
    UserInfo { name: format!("{USER_PREFIX}{node}"), groups, ..UserInfo::default() }
}

fn info(request: &str) -> RequestInfo {
    let (method, uri) = request.split_once(' ').expect("METHOD URI");
    RequestInfo::parse(&method.parse().expect("a method"), &uri.parse().expect("a URI")).expect("readable")
}

/// Rules as the role `system:node` has some.
fn role() -> Vec<Rule> {
    Rule::read_all(
        object(
            r#"{"rules":[{"verbs":["create"],"apiGroups":["authentication.k8s.io"],"resources":["tokenreviews"]},
            {"verbs":["get","list","watch"],"apiGroups":[""],"resources":["services"]},
            {"verbs":["get","list","watch"],"apiGroups":[""],"resources":["secrets","pods","nodes"]}]}"#,
        )
        .as_value(),
    )
}

/// A node `one` with a pod that names one of everything, and a mirror pod that names a secret.
fn graph() -> Graph {
    let graph = Graph::default();
    put(
        &graph,
        Feeder::Pods,
        r#"{"metadata":{"name":"p","namespace":"ns"},"spec":{"nodeName":"one","serviceAccountName":"robot",
            "imagePullSecrets":[{"name":"pull"}],
            "initContainers":[{"envFrom":[{"secretRef":{"name":"init"}}]}],
            "containers":[{"env":[{"valueFrom":{"secretKeyRef":{"name":"env","key":"k"}}},
                                  {"valueFrom":{"configMapKeyRef":{"name":"env","key":"k"}}}],
                           "envFrom":[{"configMapRef":{"name":"whole"}}]}],
            "ephemeralContainers":[{"envFrom":[{"configMapRef":{"name":"debug"}}]}],
            "volumes":[{"name":"a","secret":{"secretName":"mounted"}},{"name":"b","configMap":{"name":"mounted"}},
                       {"name":"c","projected":{"sources":[{"secret":{"name":"projected"}},
                                                           {"configMap":{"name":"projected"}}]}},
                       {"name":"d","persistentVolumeClaim":{"claimName":"claim"}},
                       {"name":"e","ephemeral":{"volumeClaimTemplate":{}}},
                       {"name":"f","csi":{"driver":"x","nodePublishSecretRef":{"name":"csi"}}}],
            "resourceClaims":[{"name":"direct","resourceClaimName":"direct"},
                              {"name":"made","resourceClaimTemplateName":"t"},
                              {"name":"unneeded","resourceClaimTemplateName":"t"},
                              {"name":"waiting","resourceClaimTemplateName":"t"}]},
            "status":{"resourceClaimStatuses":[{"name":"made","resourceClaimName":"p-made"},{"name":"unneeded"}],
                      "extendedResourceClaimStatus":{"resourceClaimName":"p-extended"}}}"#,
    );
    put(
        &graph,
        Feeder::Pods,
        r#"{"metadata":{"name":"mirror","namespace":"ns","annotations":{"kubernetes.io/config.mirror":"x"}},
            "spec":{"nodeName":"one","serviceAccountName":"stolen","containers":[],
                    "volumes":[{"name":"a","secret":{"secretName":"stolen"}}]}}"#,
    );
    put(
        &graph,
        Feeder::PersistentVolumes,
        r#"{"metadata":{"name":"pv"},"spec":{"claimRef":{"namespace":"ns","name":"claim"},
            "csi":{"nodeStageSecretRef":{"namespace":"storage","name":"stage"},
                   "controllerPublishSecretRef":{"namespace":"storage","name":"controller"}}}}"#,
    );
    let of_node = r#"{"metadata":{"name":"mine","namespace":"ns"},"spec":{"nodeName":"one"}}"#;
    put(&graph, Feeder::VolumeAttachments, of_node);
    put(&graph, Feeder::ResourceSlices, of_node);
    put(&graph, Feeder::PodCertificateRequests, of_node);
    put(&graph, Feeder::Pods, r#"{"metadata":{"name":"q","namespace":"ns"},"spec":{"nodeName":"two"}}"#);
    graph
}

const RELATED: &str = "no relationship found between node 'one' and this object";

/// Requests of the node `one`, and why they are refused; `+` stands for those that are allowed.
const REQUESTS: &str = "
GET /api/v1/namespaces/ns/secrets/mounted                                                      +
GET /api/v1/namespaces/ns/secrets/pull                                                         +
GET /api/v1/namespaces/ns/secrets/init                                                         +
GET /api/v1/namespaces/ns/secrets/env                                                          +
GET /api/v1/namespaces/ns/secrets/projected                                                    +
GET /api/v1/namespaces/ns/secrets/csi                                                          +
GET /api/v1/namespaces/storage/secrets/stage                                                   +
GET /api/v1/namespaces/ns/secrets?fieldSelector=metadata.name=mounted                          +
GET /api/v1/namespaces/ns/secrets?fieldSelector=metadata.name=mounted&watch=1                  +
GET /api/v1/watch/namespaces/ns/secrets/mounted                                                +
GET /api/v1/namespaces/ns/secrets/other                                                        RELATED
GET /api/v1/namespaces/other/secrets/mounted                                                   RELATED
GET /api/v1/namespaces/storage/secrets/controller                                              RELATED
GET /api/v1/namespaces/ns/secrets/stolen                                                       RELATED
GET /api/v1/namespaces/ns/serviceaccounts/stolen                                               RELATED
GET /api/v1/namespaces/ns/secrets                                                              No Object name found
GET /api/v1/secrets                                                                            can only read namespaced object of this type
GET /api/v1/namespaces/ns/secrets/mounted/status                                               cannot read subresource
PUT /api/v1/namespaces/ns/secrets/mounted                                                      can only read resources of this type
DELETE /api/v1/namespaces/ns/secrets                                                           can only read resources of this type
GET /api/v1/namespaces/ns/configmaps/mounted                                                   +
GET /api/v1/namespaces/ns/configmaps/env                                                       +
GET /api/v1/namespaces/ns/configmaps/whole                                                     +
GET /api/v1/namespaces/ns/configmaps/debug                                                     +
GET /api/v1/namespaces/ns/configmaps/projected                                                 +
GET /api/v1/namespaces/ns/configmaps/init                                                      RELATED
POST /api/v1/namespaces/ns/configmaps                                                          can only read resources of this type
GET /api/v1/namespaces/ns/persistentvolumeclaims/claim                                         +
GET /api/v1/namespaces/ns/persistentvolumeclaims/p-e                                           +
GET /api/v1/namespaces/ns/persistentvolumeclaims/other                                         RELATED
GET /api/v1/namespaces/ns/persistentvolumeclaims                                               can only get individual resources of this type
PATCH /api/v1/namespaces/ns/persistentvolumeclaims/claim                                       can only get individual resources of this type
PATCH /api/v1/namespaces/ns/persistentvolumeclaims/claim/status                                +
PUT /api/v1/namespaces/ns/persistentvolumeclaims/claim/status                                  +
PUT /api/v1/namespaces/ns/persistentvolumeclaims/other/status                                  RELATED
GET /api/v1/namespaces/ns/persistentvolumeclaims/claim/status                                  can only get/update/patch this type
GET /api/v1/persistentvolumes/pv                                                               +
GET /api/v1/persistentvolumes/other                                                            RELATED
GET /api/v1/persistentvolumes/pv/status                                                        cannot get subresource
GET /api/v1/persistentvolumes                                                                  can only get individual resources of this type
GET /apis/resource.k8s.io/v1/namespaces/ns/resourceclaims/direct                               +
GET /apis/resource.k8s.io/v1/namespaces/ns/resourceclaims/p-made                               +
GET /apis/resource.k8s.io/v1/namespaces/ns/resourceclaims/p-extended                           +
GET /apis/resource.k8s.io/v1/namespaces/ns/resourceclaims/waiting                              RELATED
PATCH /apis/resource.k8s.io/v1/namespaces/ns/resourceclaims/direct/status                      can only get individual resources of this type
GET /apis/storage.k8s.io/v1/volumeattachments/mine                                             +
GET /apis/storage.k8s.io/v1/volumeattachments/other                                            RELATED
GET /apis/storage.k8s.io/v1/volumeattachments                                                  can only get individual resources of this type
GET /api/v1/namespaces/ns/serviceaccounts/robot                                                +
GET /api/v1/namespaces/ns/serviceaccounts/other                                                RELATED
GET /api/v1/namespaces/ns/serviceaccounts                                                      can only create tokens for individual service accounts
POST /api/v1/namespaces/ns/serviceaccounts/robot/token                                         +
POST /api/v1/namespaces/ns/serviceaccounts/other/token                                         RELATED
POST /api/v1/namespaces/ns/serviceaccounts/robot/else                                          can only create token subresource of serviceaccount
POST /api/v1/namespaces/ns/serviceaccounts                                                     can only create tokens for individual service accounts
POST /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases                            +
PUT /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/one                         +
DELETE /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/one                      +
PUT /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/two                         can only access node lease with the same name as the requesting node
PUT /apis/coordination.k8s.io/v1/namespaces/ns/leases/one                                      can only access leases in the \"kube-node-lease\" system namespace
GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases                             can only get, create, update, patch, or delete a node lease
POST /apis/storage.k8s.io/v1/csinodes                                                          +
PATCH /apis/storage.k8s.io/v1/csinodes/one                                                     +
PATCH /apis/storage.k8s.io/v1/csinodes/two                                                     can only access CSINode with the same name as the requesting node
PATCH /apis/storage.k8s.io/v1/csinodes/one/status                                              cannot authorize CSINode subresources
GET /apis/storage.k8s.io/v1/csinodes                                                           can only get, create, update, patch, or delete a CSINode
POST /apis/resource.k8s.io/v1/resourceslices                                                   +
PUT /apis/resource.k8s.io/v1/resourceslices/mine                                               +
DELETE /apis/resource.k8s.io/v1/resourceslices/other                                           RELATED
PUT /apis/resource.k8s.io/v1/resourceslices/mine/status                                        cannot authorize ResourceSlice subresources
GET /apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName=one                    +
GET /apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.driver=x,spec.nodeName==one     +
DELETE /apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName=one                 +
DELETE /apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName!=one                can only list/watch/deletecollection resourceslices with nodeName field selector
GET /apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName=two&watch=1            can only list/watch/deletecollection resourceslices with nodeName field selector
GET /apis/resource.k8s.io/v1/resourceslices                                                    can only list/watch/deletecollection resourceslices with nodeName field selector
POST /api/v1/nodes                                                                             +
PUT /api/v1/nodes/one                                                                          +
PATCH /api/v1/nodes/two                                                                        +
PATCH /api/v1/nodes/one/status                                                                 +
GET /api/v1/nodes/one                                                                          +
GET /api/v1/nodes?fieldSelector=metadata.name=one&watch=1                                      +
GET /api/v1/nodes/two                                                                          node 'one' cannot read 'two', only its own Node object
GET /api/v1/nodes                                                                              node 'one' cannot read all nodes, only its own Node object
GET /api/v1/nodes/one/status                                                                   -
DELETE /api/v1/nodes/one                                                                       -
GET /api/v1/nodes/one/proxy                                                                    -
GET /api/v1/namespaces/ns/pods/p                                                               +
GET /api/v1/namespaces/ns/pods/mirror                                                          +
GET /api/v1/namespaces/ns/pods/q                                                               RELATED
GET /api/v1/pods?fieldSelector=spec.nodeName=one                                               +
GET /api/v1/pods?fieldSelector=spec.nodeName%3Done,status.phase!%3DFailed&watch=1              +
GET /api/v1/pods?fieldSelector=spec.nodeName=two                                               can only list/watch pods with spec.nodeName field selector
GET /api/v1/pods                                                                               can only list/watch pods with spec.nodeName field selector
GET /api/v1/pods?fieldSelector=spec.nodeName=one,x                                             can only list/watch pods with spec.nodeName field selector
GET /api/v1/namespaces/ns/pods?fieldSelector=metadata.name=p                                   +
GET /api/v1/namespaces/ns/pods?fieldSelector=metadata.name=q                                   RELATED
POST /api/v1/namespaces/ns/pods                                                                +
DELETE /api/v1/namespaces/ns/pods/q                                                            +
PUT /api/v1/namespaces/ns/pods/p                                                               -
DELETE /api/v1/namespaces/ns/pods                                                              -
PATCH /api/v1/namespaces/ns/pods/p/status                                                      +
GET /api/v1/namespaces/ns/pods/p/status                                                        -
POST /api/v1/namespaces/ns/pods/p/eviction                                                     +
POST /api/v1/namespaces/ns/pods/p/exec                                                         -
GET /api/v1/namespaces/ns/pods/p/log                                                           -
POST /apis/certificates.k8s.io/v1beta1/namespaces/ns/podcertificaterequests                    +
GET /apis/certificates.k8s.io/v1beta1/namespaces/ns/podcertificaterequests/mine                +
GET /apis/certificates.k8s.io/v1beta1/namespaces/ns/podcertificaterequests/other               RELATED
GET /apis/certificates.k8s.io/v1beta1/podcertificaterequests?fieldSelector=spec.nodeName=one   +
GET /apis/certificates.k8s.io/v1beta1/podcertificaterequests                                   can only list/watch podcertificaterequests with nodeName field selector
PUT /apis/certificates.k8s.io/v1beta1/namespaces/ns/podcertificaterequests/mine                nodes may not update podcertificaterequests
PUT /apis/certificates.k8s.io/v1beta1/namespaces/ns/podcertificaterequests/mine/status         nodes may not access the status subresource of PodCertificateRequests
POST /apis/authentication.k8s.io/v1/tokenreviews                                               +
GET /api/v1/services                                                                           +
GET /api/v1/namespaces                                                                         -
GET /metrics                                                                                   -
";

#[tokio::test]
async fn nodes_may_do_what_their_pods_need() {
    let node = Node::new(Arc::new(graph()), Arc::<Late>::default(), role()).with_pod_certificates(true);
    let user = kubelet("one");
    for line in REQUESTS.trim().lines() {
        let (request, wanted) = line.split_once("  ").expect("a request and what comes of it");
        let info = info(request);
        let verdict = node.authorize(&Attributes::of(&user, &info)).await;
        let wanted = match wanted.trim() {
            "+" => Verdict::allow(),
            "-" => Verdict::no_opinion(),
            "RELATED" => Verdict::new(Decision::NoOpinion, RELATED),
            why => Verdict::new(Decision::NoOpinion, why.to_owned()),
        };
        assert_eq!(verdict, wanted, "{request}");
    }
}

#[tokio::test]
async fn only_members_of_the_group_with_such_a_name_are_nodes() {
    let node = Node::new(Arc::new(graph()), Arc::<Late>::default(), role());
    let check = async |user: UserInfo, wanted: Verdict| {
        let info = info("GET /api/v1/namespaces/ns/secrets/mounted");
        assert_eq!(node.authorize(&Attributes::of(&user, &info)).await, wanted, "{user:?}");
    };
    let no = |reason: &'static str| Verdict::new(Decision::NoOpinion, reason);
    check(kubelet("one"), Verdict::allow()).await;
    check(UserInfo { groups: vec!["system:authenticated".into()], ..kubelet("one") }, no("")).await;
    check(UserInfo { name: "one".into(), ..kubelet("one") }, no("")).await;
    check(UserInfo { name: "system:nodes:one".into(), ..kubelet("one") }, no("")).await;
    check(kubelet(""), no(r#"unknown node for user "system:node:""#)).await;
    check(kubelet("two"), no("no relationship found between node 'two' and this object")).await;
    check(kubelet("unknown"), no("no relationship found between node 'unknown' and this object")).await;
}

#[tokio::test]
async fn without_pod_certificates_nodes_have_no_say_in_them() {
    let node = Node::new(Arc::new(graph()), Arc::<Late>::default(), role());
    let user = kubelet("one");
    for request in [
        "POST /apis/certificates.k8s.io/v1beta1/namespaces/ns/podcertificaterequests",
        "GET /apis/certificates.k8s.io/v1beta1/namespaces/ns/podcertificaterequests/mine",
    ] {
        let info = info(request);
        assert_eq!(node.authorize(&Attributes::of(&user, &info)).await, Verdict::no_opinion(), "{request}");
    }
}

#[tokio::test]
async fn what_is_not_known_is_looked_for_once_more() {
    let graph = Arc::new(graph());
    let new = r#"{"metadata":{"name":"new","namespace":"ns"},"spec":{"nodeName":"one",
                  "volumes":[{"name":"a","secret":{"secretName":"new"}}]}}"#;
    let late = Arc::new(Late { meanwhile: Some((graph.clone(), new)), ..Late::default() });
    let node = Node::new(graph, late.clone(), role());
    let user = kubelet("one");
    for (secret, allowed, asked) in
        [("mounted", true, 0), ("new", true, 1), ("new", true, 1), ("other", false, 2)]
    {
        let info = info(&format!("GET /api/v1/namespaces/ns/secrets/{secret}"));
        let verdict = node.authorize(&Attributes::of(&user, &info)).await;
        assert_eq!(verdict.decision == Decision::Allow, allowed, "{secret}");
        assert_eq!(late.asked.load(std::sync::atomic::Ordering::Relaxed), asked, "{secret}");
    }
}

#[tokio::test]
async fn reviews_with_odd_names_find_nothing() {
    let node = Node::new(Arc::new(graph()), Arc::<Late>::default(), role());
    let user = kubelet("one");
    for (resource, namespace, name) in [
        ("secrets", "ns/mounted", ""),
        ("secrets", "", "ns/mounted"),
        ("persistentvolumes", "ns", "pv"),
        ("secrets", "n", "s/mounted"),
    ] {
        let info = RequestInfo {
            is_resource_request: true,
            verb: "get".into(),
            resource: resource.into(),
            namespace: namespace.into(),
            name: name.into(),
            ..RequestInfo::default()
        };
        let verdict = node.authorize(&Attributes::of(&user, &info)).await;
        assert_eq!(verdict.decision, Decision::NoOpinion, "{resource} {namespace} {name}");
    }
}

#[tokio::test]
async fn the_rules_of_nodes_can_not_be_listed() {
    let node = Node::new(Arc::new(graph()), Arc::<Late>::default(), role());
    let found = node.rules_for(&kubelet("one"), "ns").await;
    assert_eq!((found.rules.len(), found.incomplete), (0, true));
    assert_eq!(found.errors, ["node authorizer does not support user rule resolution"]);
    let other = UserInfo { name: "alice".into(), ..UserInfo::default() };
    assert_eq!(node.rules_for(&other, "ns").await, Rules::default());
}
