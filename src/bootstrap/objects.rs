//! The objects, as tables, with their defaults filled in.

use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};
use keelson_base::clock;

use super::{BootstrapError, Endpoint, New, store};
use crate::registry::{Change, NoAdmission, Registry, ServerChange, ServerWriter, WriteContext};

/// The namespaces that Kubernetes itself lives in.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The priority classes that Kubernetes itself uses: name, value, description.
const PRIORITY_CLASSES: [(&str, i64, &str); 2] = [
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
];

/// The name of the service that leads to the servers, and of the range that it is in.
pub(super) const KUBERNETES: &str = "kubernetes";

/// An object without a namespace.
fn new(registry: &Registry, group: &'static str, plural: &'static str, text: &str) -> New {
    New { group, plural, namespace: None, object: object(registry, group, plural, text) }
}

/// The namespaces.
pub(super) fn namespaces(registry: &Registry) -> impl Iterator<Item = New> {
    NAMESPACES
        .iter()
        .map(move |name| new(registry, "", "namespaces", &format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)))
}

/// The priority classes.
pub(super) fn priority_classes(registry: &Registry) -> impl Iterator<Item = New> {
    PRIORITY_CLASSES.iter().map(move |(name, value, description)| {
        let text = format!(
            r#"{{"metadata":{{"name":"{name}"}},"value":{value},"description":"{description}","preemptionPolicy":"PreemptLowerPriority"}}"#
        );
        new(registry, "scheduling.k8s.io", "priorityclasses", &text)
    })
}

/// The range that services have their addresses from.
pub(super) fn service_range(registry: &Registry) -> New {
    let cidrs = cidrs(registry).join(",");
    let text = format!(r#"{{"metadata":{{"name":"{KUBERNETES}"}},"spec":{{"cidrs":[{cidrs}]}}}}"#);
    new(registry, "networking.k8s.io", "servicecidrs", &text)
}

/// Since when service account tokens without an end are looked after: the token cleaner wants to know.
pub(super) fn legacy_token_tracking(registry: &Registry) -> New {
    let today = clock::now().strftime("%Y-%m-%d");
    let text = format!(
        r#"{{"metadata":{{"name":"kube-apiserver-legacy-service-account-token-tracking","namespace":"kube-system"}},"data":{{"since":"{today}"}}}}"#
    );
    New {
        group: "",
        plural: "configmaps",
        namespace: Some("kube-system"),
        object: object(registry, "", "configmaps", &text),
    }
}

/// The service ranges, quoted.
fn cidrs(registry: &Registry) -> Vec<String> {
    registry.config().services.cidrs.iter().map(|cidr| format!("\"{cidr}\"")).collect()
}

/// The service that leads to the servers. It has no selector: who serves is told by [`super::KubernetesService`].
pub(super) fn kubernetes_service(registry: &Registry, endpoint: &Endpoint) -> New {
    let address = registry.config().services.kubernetes_address();
    let address = address.map(|a| format!(r#""clusterIP":"{a}","#)).unwrap_or_default();
    let (kind, node_port) = match endpoint.node_port {
        None => ("ClusterIP", String::new()),
        Some(port) => ("NodePort", format!(r#","nodePort":{port}"#)),
    };
    let traffic = if kind == "NodePort" { r#""externalTrafficPolicy":"Cluster","# } else { "" };
    let text = format!(
        r#"{{"metadata":{{"name":"{KUBERNETES}","namespace":"default","labels":{{"component":"apiserver","provider":"kubernetes"}}}},
            "spec":{{{address}{traffic}"type":"{kind}","ipFamilyPolicy":"SingleStack","sessionAffinity":"None","internalTrafficPolicy":"Cluster",
            "ports":[{{"name":"https","protocol":"TCP","port":443,"targetPort":{}{node_port}}}]}}}}"#,
        endpoint.port
    );
    New {
        group: "",
        plural: "services",
        namespace: Some("default"),
        object: object(registry, "", "services", &text),
    }
}

/// Says that the service range can be used, where nobody has said anything of it and it is the one that this
/// server was given.
pub(super) async fn mark_service_range_ready(registry: &Registry) -> Result<(), BootstrapError> {
    let failed = |status| BootstrapError { what: format!("servicecidrs/{KUBERNETES}"), status };
    let ranges = store(registry, "networking.k8s.io", "servicecidrs").map_err(failed)?;
    let server = ServerWriter::new();
    let context = WriteContext { subresource: "status", ..server.context(None) };
    let own = registry.config().services.cidrs.iter().map(|cidr| Value::from(cidr.to_string())).collect();
    let mut change = MarkReady { own };
    let resource = ranges.resource();
    let mut change = ServerChange { change: &mut change, resource, subresource: "status" };
    match ranges.update(&context, KUBERNETES, &mut change, &NoAdmission).await {
        Ok(_) => Ok(()),
        Err(status) => Err(failed(status)),
    }
}

struct MarkReady {
    own: Vec<Value>,
}

impl Change for MarkReady {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let mut range = current
            .cloned()
            .ok_or_else(|| Status::not_found("networking.k8s.io", "servicecidrs", KUBERNETES))?;
        let cidrs = range.at(&["spec", "cidrs"]).and_then(Value::as_array).unwrap_or_default();
        if cidrs != self.own {
            tracing::warn!(?cidrs, "the service range that the cluster has is not the one of the flags");
            return Ok(range);
        }
        let known = range.at(&["status", "conditions"]).and_then(Value::as_array).unwrap_or_default();
        if range.deletion_timestamp().is_some() || known.iter().any(|c| c.str_at(&["type"]) == "Ready") {
            return Ok(range);
        }
        let now = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let text = format!(
            r#"{{"conditions":[{{"type":"Ready","status":"True","lastTransitionTime":"{now}","reason":"","message":"Kubernetes default Service CIDR is ready"}}]}}"#
        );
        let status = json::decode_untyped(text.as_bytes()).map_err(Status::internal)?.value;
        range.members_mut().insert("status", status);
        Ok(range)
    }
}

/// The canonical object of a resource that this text says.
///
/// # Panics
/// For a text that is no such object: the tables here are wrong, which a test finds.
pub(super) fn object(registry: &Registry, group: &str, plural: &str, text: &str) -> Object {
    let resource = registry.store(group, plural).expect("a resource that exists").resource();
    let decoded = json::decode(keelson_api::schema(), resource.type_id, text.as_bytes());
    let value = decoded.expect("JSON of the resource's type").value;
    let mut object = Object::try_from(value).expect("a JSON object");
    let separator = if resource.group.is_empty() { "" } else { "/" };
    object.set_type(&format!("{}{separator}{}", resource.group, resource.version), &resource.kind);
    object
}
