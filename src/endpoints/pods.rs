//! What only pods have: `binding`, which puts a pod on a node.

use http::StatusCode;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};
use keelson_base::clock;

use super::call::Call;
use super::decode::{self, Expected};
use super::respond::{self, Format};
use super::{Endpoints, body, negotiation};
use crate::registry::{Admit, Change, NoAdmission, Operation, WriteContext};
use crate::request::{Body, Response, WriteKind, WriteParameters};

/// Binds the pod that the `Binding` in the body names to the node that it names.
pub(super) async fn bind(endpoints: &Endpoints, call: &Call<'_>, body: Body) -> Result<Response, Status> {
    let media_type = negotiation::content_type(&call.parts.headers)?;
    let body = body::read(body).await?;
    let parameters = WriteParameters::parse(&call.query, WriteKind::Create)?;
    let ty =
        keelson_api::facts::kind("", "v1", "Binding").ok_or_else(|| Status::internal("no type Binding"))?;
    let expected = Expected { api_version: "v1", kind: "Binding", ty, go_type: "core.Binding" };
    let mut binding =
        decode::decode(expected, media_type, &body, parameters.field_validation, call.warnings)?;
    settle_namespace(call, &mut binding)?;
    let manager = call.field_manager(&parameters);
    let namespace = Some(call.info.namespace.as_str()).filter(|n| !n.is_empty());
    let context = WriteContext { namespace, subresource: "binding", ..call.context(&parameters, &manager) };
    // What is admitted is the binding, not what it does to the pod.
    let admit = endpoints.admit(call, &context);
    admit.mutate(Operation::Create, &mut binding, None).await?;
    let by_path = &call.info.name;
    if !by_path.is_empty() && binding.name() != by_path {
        return Err(Status::bad_request("name in URL does not match name in Binding object"));
    }
    check_target(&binding)?;
    admit.validate(Operation::Create, Some(&binding), None).await?;

    let pods = endpoints.stored("", "v1", "pods")?;
    let mut change = Bind { binding: &binding };
    pods.store()?.update(&context, binding.name(), &mut change, &NoAdmission).await?;
    let format = Format { media_type: call.accepted.media_type, pretty: call.accepted.pretty };
    Ok(respond::success(StatusCode::CREATED, StatusCode::CREATED.as_u16(), None, format))
}

/// `Binding` has no store of its own, so that the call does not know that it is in a namespace.
fn settle_namespace(call: &Call<'_>, binding: &mut Object) -> Result<(), Status> {
    let namespace = call.info.namespace.as_str();
    if !binding.namespace().is_empty() && binding.namespace() != namespace {
        let why = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Status::bad_request(why));
    }
    binding.set_namespace(namespace);
    Ok(())
}

fn check_target(binding: &Object) -> Result<(), Status> {
    let path = Path::new("target");
    let mut errors = Vec::new();
    let kind = binding.str_at(&["target", "kind"]);
    if !matches!(kind, "" | "Node") {
        errors.push(FieldError::not_supported(&path.child("kind"), kind, &["Node", "<empty>"]));
    }
    if binding.str_at(&["target", "name"]).is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    match texts.as_slice() {
        [] => Ok(()),
        [one] => Err(Status::opaque(one)),
        many => Err(Status::opaque(format!("[{}]", many.join(", ")))),
    }
}

struct Bind<'a> {
    binding: &'a Object,
}

impl Change for Bind<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let binding = self.binding;
        let name = binding.name();
        let current = current.ok_or_else(|| Status::not_found("", "pods", name))?;
        let conflict = |why: String| Status::conflict("", "pods/binding", name, why);
        if current.deletion_timestamp().is_some() {
            return Err(conflict(format!("pod {name} is being deleted, cannot be assigned to a host")));
        }
        let node = current.str_at(&["spec", "nodeName"]);
        if !node.is_empty() {
            return Err(conflict(format!("pod {name} is already assigned to node {node:?}")));
        }
        let gates = current.at(&["spec", "schedulingGates"]).and_then(Value::as_array).unwrap_or_default();
        if !gates.is_empty() {
            return Err(conflict(format!("pod {name} has non-empty .spec.schedulingGates")));
        }
        let mut pod = current.clone();
        let target = binding.str_at(&["target", "name"]).to_owned();
        if let Some(spec) = pod.members_mut().entry("spec", || Value::Object(Map::new())).as_object_mut() {
            spec.insert("nodeName", target);
        }
        for (key, value) in binding.annotations().into_iter().flat_map(Map::iter) {
            pod.set_annotation(key, value.as_str());
        }
        if let Some(added) = binding.labels() {
            let mut labels = pod.labels().cloned().unwrap_or_default();
            for (key, value) in added.iter() {
                labels.insert(key, value.clone());
            }
            pod.set_labels(labels);
        }
        // A hint of the scheduler has had its time.
        if let Some(status) = pod.members_mut().get_mut("status").and_then(Value::as_object_mut) {
            status.remove("nominatedNodeName");
        }
        set_scheduled(&mut pod);
        // What was set may need the zero fields that JSON shows.
        let schema = keelson_api::schema();
        let ty = keelson_api::facts::kind("", "v1", "Pod").ok_or_else(|| Status::internal("no type Pod"))?;
        let canonical = json::canonicalize(schema, ty, pod.into()).map_err(Status::internal)?.value;
        Object::try_from(canonical).map_err(|_| Status::internal("a pod is no object"))
    }

    fn precondition_uid(&self) -> Option<&str> {
        Some(self.binding.uid()).filter(|uid| !uid.is_empty())
    }
}

/// Makes the condition `PodScheduled` true.
fn set_scheduled(pod: &mut Object) {
    let now = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let status = pod.members_mut().entry("status", || Value::Object(Map::new()));
    let Some(status) = status.as_object_mut() else { return };
    let list = status.entry("conditions", || Value::Array(Vec::new()));
    let Value::Array(conditions) = list else { return };
    let fields = |transition: Value| -> Map {
        [("type", Value::from("PodScheduled")), ("status", "True".into()), ("lastTransitionTime", transition)]
            .map(|(k, v)| (k.into(), v))
            .into_iter()
            .collect()
    };
    match conditions.iter_mut().find(|c| c.str_at(&["type"]) == "PodScheduled") {
        Some(condition) => {
            let unchanged = condition.str_at(&["status"]) == "True";
            let since = condition.get("lastTransitionTime").cloned().filter(|_| unchanged);
            *condition = Value::Object(fields(since.unwrap_or_else(|| now.into())));
        }
        None => conditions.push(Value::Object(fields(now.into()))),
    }
}
