//! Requests as the filters hand them over, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT, WARNING};
use http_body_util::BodyExt;
use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_base::metrics::Registry as MetricRegistry;
use keelson_base::task::TaskGroup;
use keelson_storage::Storage;
use keelson_storage::embedded::{Embedded, Options};

use super::super::{ComponentHealth, Components, Endpoints, EndpointsConfig};
use super::roles::nobody_holds_anything;
use crate::admission::Chain;
use crate::authn::service_account::{Issuer, SigningKey};
use crate::authn::{Anonymous, Authenticator, ClientAuthorities};
use crate::authz::{self, Authorizer, MASTERS};
use crate::registry::{Registry, RegistryConfig};
use crate::request::{Authenticated, Authorized, Request, RequestInfo, Response, UserInfo, full};
use crate::telemetry::Metrics;

/// A server without its front.
pub(super) struct Cluster {
    endpoints: Arc<Endpoints>,
    embedded: Arc<Embedded>,
    writes: TaskGroup,
    _directory: tempfile::TempDir,
}

/// One component, which is well.
struct Neighbours;

#[async_trait::async_trait]
impl Components for Neighbours {
    fn names(&self) -> Vec<String> {
        vec!["etcd-0".into()]
    }

    async fn check(&self, name: &str) -> Option<ComponentHealth> {
        let well = || ComponentHealth { healthy: Some(true), message: "ok".into(), ..Default::default() };
        (name == "etcd-0").then(well)
    }
}

/// What came back.
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) body: Value,
    text: String,
    pub(super) warnings: Vec<String>,
}

impl Cluster {
    pub(super) async fn new() -> Self {
        Self::with_authorizer(authz::Mode::PrivilegedOnly.authorizer()).await
    }

    /// A cluster whose endpoints ask this authorizer.
    pub(super) async fn with_authorizer(authorizer: Arc<dyn Authorizer>) -> Self {
        Self::with(authorizer, keelson_api::resources().iter().collect()).await
    }

    /// A cluster that serves these resources alone.
    async fn serving(resources: Vec<&'static keelson_api::Resource>) -> Self {
        Self::with(authz::Mode::PrivilegedOnly.authorizer(), resources).await
    }

    async fn with(authorizer: Arc<dyn Authorizer>, resources: Vec<&'static keelson_api::Resource>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(Options::new(directory.path().join("data"))).await.unwrap();
        let storage: Arc<dyn Storage> = embedded.clone();
        let config = RegistryConfig::default();
        let registry = Arc::new(Registry::new(storage, config));
        let writes = TaskGroup::new();
        let config = EndpointsConfig {
            resources,
            watch_list: true,
            min_request_timeout: Duration::from_secs(1800),
            writes: writes.clone(),
            admission: Arc::new(Chain::new(Vec::new(), &MetricRegistry::new()).unwrap()),
            authorizer,
            escalation: Arc::new(nobody_holds_anything()),
            metrics: Metrics::new(MetricRegistry::new()).unwrap(),
            authenticator: Arc::new(Authenticator::new(
                Arc::new(ClientAuthorities::new(Arc::new(rustls::crypto::ring::default_provider()))),
                vec!["https://issuer".to_owned()],
                Anonymous::Disabled,
            )),
            components: Arc::new(Neighbours),
            token_issuer: Arc::new(Issuer::new(
                "https://issuer".to_owned(),
                SigningKey::from_pem(rcgen::KeyPair::generate().unwrap().serialize_pem().as_bytes()).unwrap(),
                vec!["https://issuer".to_owned()],
                Some(Duration::from_secs(7200)),
                true,
            )),
            server_paths: vec!["/readyz/shutdown".to_owned()],
            external_address: "server:6443".to_owned(),
        };
        let endpoints = Arc::new(Endpoints::new(registry, config));
        let cluster = Cluster { endpoints, embedded, writes, _directory: directory };
        cluster.ok("POST /api/v1/namespaces", r#"{"metadata":{"name":"n"}}"#).await;
        cluster
    }

    pub(super) async fn close(self) {
        self.embedded.close().await.unwrap();
    }

    /// `METHOD path`, and headers behind it as `name: value` after semicolons.
    async fn respond(&self, line: &str, user: UserInfo, body: &str) -> Response {
        let (request, headers) = line.split_once(" | ").unwrap_or((line, ""));
        let (method, uri) = request.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let mut builder =
            http::Request::builder().method(method.clone()).uri(uri).header(USER_AGENT, "test/1");
        for (name, value) in headers.split(" | ").filter_map(|h| h.split_once(": ")) {
            builder = builder.header(name, value);
        }
        let mut request: Request = builder.body(full(body.to_owned())).unwrap();
        let info = RequestInfo::parse(&method, &uri.parse().unwrap()).unwrap();
        request.extensions_mut().insert(info);
        request.extensions_mut().insert(Authenticated::new(Arc::new(user)));
        request.extensions_mut().insert(Authorized::new());
        self.endpoints.clone().call(request).await
    }

    pub(super) async fn send(&self, line: &str, body: &str) -> Answer {
        let admin = UserInfo { name: "admin".into(), groups: vec![MASTERS.into()], ..UserInfo::default() };
        self.send_as(admin, line, body).await
    }

    pub(super) async fn send_as(&self, user: UserInfo, line: &str, body: &str) -> Answer {
        let response = self.respond(line, user, body).await;
        let code = response.status().as_u16();
        let headers = response.headers().get_all(WARNING).iter();
        let warnings = headers.map(|w| String::from_utf8_lossy(w.as_bytes()).into_owned()).collect();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = json::decode_untyped(&bytes).map(|d| d.value).unwrap_or_default();
        Answer { code, body, text, warnings }
    }

    pub(super) async fn ok(&self, line: &str, body: &str) -> Answer {
        let answer = self.send(line, body).await;
        assert!(answer.code < 300, "{line}: {}", answer.text);
        answer
    }

    pub(super) async fn refused(&self, line: &str, body: &str, code: u16, message: &str) {
        let answer = self.send(line, body).await;
        assert_eq!((answer.code, answer.body.str_at(&["message"])), (code, message), "{line}");
        assert_eq!(answer.body.at(&["code"]), Some(&Value::Int(i64::from(code))), "{line}");
    }
}

pub(super) const MAPS: &str = "/api/v1/namespaces/n/configmaps";

#[tokio::test]
async fn a_write_goes_on_when_its_client_goes_away() {
    let cluster = Cluster::new().await;
    let line = format!("POST {MAPS}");
    let mut write = Box::pin(cluster.send(&line, r#"{"metadata":{"name":"orphan"}}"#));
    assert!(futures::poll!(&mut write).is_pending(), "the write has begun and is not done");
    drop(write);
    cluster.writes.wait(Duration::from_secs(30)).await.unwrap();
    cluster.ok(&format!("GET {MAPS}/orphan"), "").await;
    cluster.close().await;
}

#[tokio::test]
async fn an_object_lives_and_dies() {
    let cluster = Cluster::new().await;
    let made = cluster.send(&format!("POST {MAPS}"), r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#).await;
    assert_eq!(
        (made.code, made.body.str_at(&["kind"]), made.body.str_at(&["data", "k"])),
        (201, "ConfigMap", "v")
    );
    let read = cluster.ok(&format!("GET {MAPS}/a"), "").await;
    assert_eq!(read.text, made.text);
    let put = r#"{"metadata":{"name":"a"},"data":{"k":"w"}}"#;
    let put = cluster.ok(&format!("PUT {MAPS}/a"), put).await;
    assert_eq!((put.code, put.body.str_at(&["data", "k"])), (200, "w"));
    assert_ne!(
        put.body.str_at(&["metadata", "resourceVersion"]),
        made.body.str_at(&["metadata", "resourceVersion"])
    );
    let gone = cluster.ok(&format!("DELETE {MAPS}/a"), "").await;
    let uid = made.body.str_at(&["metadata", "uid"]);
    assert_eq!(
        gone.text,
        format!(
            "{{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{{}},\"status\":\"Success\",\"details\":\
             {{\"name\":\"a\",\"kind\":\"configmaps\",\"uid\":\"{uid}\"}}}}\n"
        )
    );
    cluster.refused(&format!("GET {MAPS}/a"), "", 404, "configmaps \"a\" not found").await;
    cluster.close().await;
}

#[tokio::test]
async fn bodies_must_fit_the_path() {
    let cluster = Cluster::new().await;
    let other = "the namespace of the provided object does not match the namespace sent on the request";
    let post = format!("POST {MAPS}");
    cluster.refused(&post, r#"{"metadata":{"name":"a","namespace":"m"}}"#, 400, other).await;
    cluster.ok(&post, r#"{"metadata":{"name":"a","namespace":"n"}}"#).await;
    let put = format!("PUT {MAPS}/a");
    let name = "the name of the object (b) does not match the name on the URL (a)";
    cluster.refused(&put, r#"{"metadata":{"name":"b"}}"#, 400, name).await;
    let nameless = "the name of the object (a based on URL) was undeterminable: name must be provided";
    cluster.refused(&put, r#"{"metadata":{}}"#, 400, nameless).await;
    let patch = format!("PATCH {MAPS}/a | content-type: application/merge-patch+json");
    cluster.refused(&patch, r#"{"metadata":{"name":"b"}}"#, 400, name).await;
    cluster.refused(&patch, r#"{"metadata":{"namespace":"m"}}"#, 400, other).await;
    cluster.close().await;
}

#[tokio::test]
async fn patches_of_every_type() {
    let cluster = Cluster::new().await;
    cluster.ok(&format!("POST {MAPS}"), r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#).await;
    let line = |kind: &str| format!("PATCH {MAPS}/a | content-type: application/{kind}");
    let data = |answer: &Answer| answer.body.get("data").cloned().unwrap_or_default();
    let untyped = |text: &str| json::decode_untyped(text.as_bytes()).unwrap().value;

    let patch = r#"[{"op":"add","path":"/data/new","value":"n"},{"op":"remove","path":"/data/k"}]"#;
    let answer = cluster.ok(&line("json-patch+json"), patch).await;
    assert_eq!(data(&answer), untyped(r#"{"new":"n"}"#));
    let answer = cluster.ok(&line("merge-patch+json"), r#"{"data":{"new":null,"m":"1"}}"#).await;
    assert_eq!(data(&answer), untyped(r#"{"m":"1"}"#));
    let answer =
        cluster.ok(&line("strategic-merge-patch+json"), r#"{"data":{"$patch":"replace","s":"2"}}"#).await;
    assert_eq!(data(&answer), untyped(r#"{"s":"2"}"#));

    let rejected = "the server rejected our request due to an error in our request";
    cluster.refused(&line("json-patch+json"), r#"[{"op":"remove","path":"/data/no"}]"#, 422, rejected).await;
    let malformed = "error decoding patch: invalid character 'o' in literal null (expecting 'u')";
    cluster.refused(&line("json-patch+json"), "not json", 400, malformed).await;
    cluster.refused(&line("json"), "{}", 415, "415: Unsupported Media Type").await;
    let missing = format!("PATCH {MAPS}/none | content-type: application/merge-patch+json");
    cluster.refused(&missing, "not json", 404, "configmaps \"none\" not found").await;

    let answer = cluster.send(&line("merge-patch+json"), r#"{"data":{"s":5}}"#).await;
    let shown = answer.body.str_at(&["message"]);
    assert_eq!(answer.code, 422);
    let echo = r#" "" is invalid: patch: Invalid value: "{\"apiVersion\":\"v1\",\"data\":{\"s\":5},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":"#;
    assert!(shown.starts_with(echo), "{shown}");
    assert!(
        shown.ends_with("json: cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        "{shown}"
    );
    let strict = format!(
        "PATCH {MAPS}/a?fieldValidation=Strict | content-type: application/strategic-merge-patch+json"
    );
    let twice = " \"\" is invalid: patch: Invalid value: \"map[bogus:1 data:map[k:2]]\": strict decoding error: \
                 duplicate field \"data.k\", unknown field \"bogus\"";
    cluster.refused(&strict, r#"{"bogus":1,"data":{"k":"1","k":"2"}}"#, 422, twice).await;
    cluster.close().await;
}

#[tokio::test]
async fn unknown_fields_become_warning_headers() {
    let cluster = Cluster::new().await;
    let body = r#"{"metadata":{"name":"a"},"bogus":"\"","endpoints":1}"#;
    let answer = cluster.ok(&format!("POST {MAPS}"), body).await;
    assert_eq!(
        answer.warnings,
        [r#"299 - "unknown field \"bogus\"""#, r#"299 - "unknown field \"endpoints\"""#]
    );
    let silent = cluster.ok(&format!("PUT {MAPS}/a?fieldValidation=Ignore"), body).await;
    assert!(silent.warnings.is_empty());
    let deprecated = cluster.ok("GET /api/v1/namespaces/n/endpoints", "").await;
    assert_eq!(
        deprecated.warnings,
        [r#"299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice""#]
    );
    cluster.close().await;
}

#[tokio::test]
async fn dry_runs_store_nothing() {
    let cluster = Cluster::new().await;
    let answer = cluster.ok(&format!("POST {MAPS}?dryRun=All"), r#"{"metadata":{"name":"a"}}"#).await;
    assert_eq!((answer.code, answer.body.at(&["metadata", "resourceVersion"])), (201, None));
    assert!(!answer.body.str_at(&["metadata", "uid"]).is_empty());
    cluster.refused(&format!("GET {MAPS}/a"), "", 404, "configmaps \"a\" not found").await;
    cluster.close().await;
}

#[tokio::test]
async fn collections_are_listed_paged_watched_and_deleted() {
    let cluster = Cluster::new().await;
    for name in ["c", "a", "b"] {
        cluster.ok(&format!("POST {MAPS}"), &format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).await;
    }
    let names = |answer: &Answer| -> Vec<String> {
        let items = answer.body.get("items").and_then(Value::as_array).unwrap();
        items.iter().map(|i| i.str_at(&["metadata", "name"]).to_owned()).collect()
    };
    assert_eq!(names(&cluster.ok(&format!("GET {MAPS}"), "").await), ["a", "b", "c"]);
    let page = cluster.ok(&format!("GET {MAPS}?limit=2"), "").await;
    assert_eq!(page.body.at(&["metadata", "remainingItemCount"]), Some(&Value::Int(1)));
    let token = page.body.str_at(&["metadata", "continue"]);
    assert_eq!(names(&cluster.ok(&format!("GET {MAPS}?limit=2&continue={token}"), "").await), ["c"]);
    let watched = cluster.ok(&format!("GET {MAPS}?watch=1&timeoutSeconds=1"), "").await;
    let lines: Vec<&str> = watched.text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with("{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",")
    );
    let deleted = cluster.ok(&format!("DELETE {MAPS}"), "").await;
    assert_eq!(names(&deleted), ["a", "b", "c"]);
    assert!(names(&cluster.ok(&format!("GET {MAPS}"), "").await).is_empty());
    cluster.close().await;
}

#[tokio::test]
async fn watches_answer_in_what_can_be_streamed() {
    let cluster = Cluster::new().await;
    let admin = UserInfo::default();
    let response = cluster.respond(&format!("GET {MAPS}?watch=1"), admin, "").await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    drop(response);
    let socket = format!("GET {MAPS}?watch=1 | connection: Upgrade | upgrade: websocket");
    let refused = cluster.send(&socket, "").await;
    assert_eq!((refused.code, refused.text.as_str()), (400, "mismatch challenge/response"));
    let yaml = cluster.send(&format!("GET {MAPS}?watch=1 | {ACCEPT}: application/yaml"), "").await;
    assert_eq!(yaml.code, 406);
    assert!(yaml.text.starts_with("apiVersion: v1\ncode: 406\n"), "{}", yaml.text);
    cluster.close().await;
}

#[tokio::test]
async fn scales_are_views_of_workloads() {
    let cluster = Cluster::new().await;
    let deployment = r#"{"metadata":{"name":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},
        "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}"#;
    let path = "/apis/apps/v1/namespaces/n/deployments";
    cluster.ok(&format!("POST {path}"), deployment).await;
    let scale = cluster.ok(&format!("GET {path}/d/scale"), "").await.body;
    assert_eq!((scale.str_at(&["apiVersion"]), scale.str_at(&["kind"])), ("autoscaling/v1", "Scale"));
    assert_eq!(scale.str_at(&["status", "selector"]), "a=b");
    let patch = format!("PATCH {path}/d/scale | content-type: application/merge-patch+json");
    let scaled = cluster.ok(&patch, r#"{"spec":{"replicas":3}}"#).await.body;
    assert_eq!(scaled.at(&["spec", "replicas"]), Some(&Value::Int(3)));
    let read = cluster.ok(&format!("GET {path}/d"), "").await.body;
    assert_eq!(read.at(&["spec", "replicas"]), Some(&Value::Int(3)));
    assert_eq!(read.at(&["metadata", "generation"]), Some(&Value::Int(2)));
    let negative = "Scale.autoscaling \"d\" is invalid: spec.replicas: Invalid value: -1: must be greater than or \
                    equal to 0";
    cluster.refused(&patch, r#"{"spec":{"replicas":-1}}"#, 422, negative).await;
    let missing = "deployments.apps \"none\" not found";
    cluster.refused(&format!("GET {path}/none/scale"), "", 404, missing).await;
    cluster.close().await;
}

#[tokio::test]
async fn pods_are_bound_once() {
    let cluster = Cluster::new().await;
    let pods = "/api/v1/namespaces/n/pods";
    let pod = r#"{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}}"#;
    cluster.ok(&format!("POST {pods}"), pod).await;
    let bind = format!("POST {pods}/p/binding");
    let binding =
        r#"{"metadata":{"name":"p","annotations":{"x":"y"}},"target":{"kind":"Node","name":"one"}}"#;
    let bound = cluster.send(&bind, binding).await;
    assert_eq!(
        (bound.code, bound.text.as_str()),
        (
            201,
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"code\":201}\n"
        )
    );
    let pod = cluster.ok(&format!("GET {pods}/p"), "").await.body;
    assert_eq!(
        (pod.str_at(&["spec", "nodeName"]), pod.str_at(&["metadata", "annotations", "x"])),
        ("one", "y")
    );
    let conditions = pod.at(&["status", "conditions"]).and_then(Value::as_array).unwrap();
    assert_eq!(
        (conditions[0].str_at(&["type"]), conditions[0].str_at(&["status"])),
        ("PodScheduled", "True")
    );
    let again =
        "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"one\"";
    cluster.refused(&bind, binding, 409, again).await;
    let nowhere = r#"{"metadata":{"name":"p"},"target":{"kind":"Node"}}"#;
    cluster.refused(&bind, nowhere, 500, "target.name: Required value").await;
    cluster.close().await;
}

#[tokio::test]
async fn reviews_answer() {
    let cluster = Cluster::new().await;
    let reviews = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let question = r#"{"spec":{"resourceAttributes":{"resource":"nodes","verb":"delete"}}}"#;
    let answer = cluster.ok(reviews, question).await;
    assert_eq!((answer.code, answer.body.at(&["status", "allowed"])), (201, Some(&Value::Bool(true))));
    let of_alice = r#"{"spec":{"user":"alice","resourceAttributes":{"resource":"nodes","verb":"delete"}}}"#;
    let answer = cluster.ok("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", of_alice).await;
    assert_eq!(answer.body.at(&["status", "allowed"]), Some(&Value::Bool(false)));
    let neither = ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: exactly one \
                   of nonResourceAttributes or resourceAttributes must be specified";
    cluster.refused(reviews, r#"{"spec":{}}"#, 422, neither).await;
    let me = cluster.ok("POST /apis/authentication.k8s.io/v1/selfsubjectreviews", "{}").await;
    assert_eq!(me.body.str_at(&["status", "userInfo", "username"]), "admin");
    cluster.close().await;
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_supported() {
    let cluster = Cluster::new().await;
    let nowhere = "the server could not find the requested resource";
    for path in ["/api/v1/nosuch", "/api/v7/configmaps", "/apis/apps/v9", "/api/v2"] {
        cluster.refused(&format!("GET {path}"), "", 404, nowhere).await;
    }
    for path in ["/nosuch", "/apis/nosuch.example.com/v1/things", "/apis/nosuch.example.com"] {
        let answer = cluster.send(&format!("GET {path}"), "").await;
        assert_eq!((answer.code, answer.text.as_str()), (404, "404 page not found\n"), "{path}");
    }
    let method = "the server does not allow this method on the requested resource";
    cluster.refused(&format!("OPTIONS {MAPS}"), "", 405, method).await;
    let proxy = "pods/proxy is not supported by this version";
    cluster.refused("GET /api/v1/namespaces/n/pods/p/proxy", "", 501, proxy).await;
    let large = "x".repeat(super::super::body::MAX_BODY + 1);
    let limit = "Request entity too large: limit is 3145728";
    cluster.refused(&format!("POST {MAPS}"), &large, 413, limit).await;
    cluster.close().await;
}

#[tokio::test]
async fn an_update_creates_only_for_those_who_may_create() {
    let cluster = Cluster::new().await;
    let lease = "PUT /apis/coordination.k8s.io/v1/namespaces/n/leases/l";
    let body = r#"{"metadata":{"name":"l"},"spec":{"holderIdentity":"x"}}"#;
    let alice = UserInfo { name: "alice".into(), ..UserInfo::default() };
    let refused = cluster.respond(lease, alice, body).await;
    assert_eq!(refused.status(), 403);
    let made = cluster.send(lease, body).await;
    assert_eq!(made.code, 201);
    cluster.close().await;
}

#[tokio::test]
async fn bodies_of_other_versions_are_refused_by_what_is_known_of_them() {
    let cluster = Cluster::new().await;
    let check = async |api_version: &str, kind: &str, message: &str| {
        let body = format!(r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{"name":"a"}}}}"#);
        cluster.refused("POST /apis/apps/v1/namespaces/n/deployments", &body, 400, message).await;
    };
    // A version that is known, but not served.
    let other =
        "the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)";
    check("apps/v1beta1", "Deployment", other).await;
    let unknown = "Deployment in version \"v9\" cannot be handled as a Deployment: no kind \"Deployment\" is \
                   registered for version \"apps/v9\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"";
    check("apps/v9", "Deployment", unknown).await;
    cluster.close().await;
}

#[tokio::test]
async fn the_states_of_components_are_asked_for() {
    let cluster = Cluster::new().await;
    let path = "GET /api/v1/componentstatuses";
    let list = cluster.ok(path, "").await.body;
    let items = list.get("items").and_then(Value::as_array).unwrap();
    assert_eq!((list.str_at(&["kind"]), items.len()), ("ComponentStatusList", 1));
    let check = async |selector: &str, count: usize| {
        let list = cluster.ok(&format!("{path}?fieldSelector={selector}"), "").await.body;
        assert_eq!(list.get("items").and_then(Value::as_array).unwrap().len(), count, "{selector}");
    };
    check("metadata.name%3Detcd-0", 1).await;
    check("metadata.name%3Dother", 0).await;
    let one = cluster.ok(&format!("{path}/etcd-0"), "").await.body;
    let condition = &one.get("conditions").and_then(Value::as_array).unwrap()[0];
    assert_eq!((condition.str_at(&["type"]), condition.str_at(&["status"])), ("Healthy", "True"));
    cluster.refused(&format!("{path}/none"), "", 404, "componentstatus \"none\" not found").await;
    cluster.close().await;
}

#[tokio::test]
async fn what_is_turned_off_is_not_there() {
    let off = |r: &&keelson_api::Resource| {
        r.group == "batch"
            || (r.group == "autoscaling" && r.version == "v1")
            || (r.group == "apps" && r.plural == "daemonsets")
    };
    let cluster = Cluster::serving(keelson_api::resources().iter().filter(|r| !off(r)).collect()).await;
    let check = async |path: &str, code: u16| {
        let answer = cluster.send(&format!("GET {path}"), "").await;
        assert_eq!(answer.code, code, "{path}");
        answer.text
    };
    for path in [
        "/apis/batch",
        "/apis/batch/v1",
        "/apis/batch/v1/jobs",
        "/apis/autoscaling/v1",
        "/apis/autoscaling/v1/namespaces/n/horizontalpodautoscalers",
        "/apis/apps/v1/namespaces/n/daemonsets/a",
        "/openapi/v3/apis/batch/v1",
        "/openapi/v3/apis/autoscaling/v1",
    ] {
        check(path, 404).await;
    }
    let groups = check("/apis", 200).await;
    assert!(
        !groups.contains("batch") && groups.contains("autoscaling/v2") && !groups.contains("autoscaling/v1")
    );
    let apps = check("/apis/apps/v1", 200).await;
    assert!(!apps.contains("daemonsets") && apps.contains("deployments/status"), "{apps}");
    check("/apis/autoscaling/v2/namespaces/n/horizontalpodautoscalers", 200).await;
    let paths = check("/", 200).await;
    assert!(!paths.contains("/apis/batch") && paths.contains("/openapi/v3/apis/apps/v1"));
    let documents = check("/openapi/v3", 200).await;
    assert!(!documents.contains("apis/batch") && documents.contains("apis/autoscaling/v2"));
    assert!(!check("/openapi/v3/apis/apps/v1", 200).await.contains("daemonsets"));
    cluster.close().await;
}
