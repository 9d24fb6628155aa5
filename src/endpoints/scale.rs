//! The `scale` subresource: an `autoscaling/v1` `Scale` as a view of a workload's replicas.

use http::StatusCode;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::managed_fields::{from_scale, to_scale};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::selector::labels;
use keelson_apimachinery::{Map, Status, TypeId, Value};

use super::call::Call;
use super::decode::{self, Expected};
use super::managed_fields::{Configuration, Tracker};
use super::patch::{self, PatchType, Patcher};
use super::represent::Item;
use super::{Endpoints, body, negotiation};
use crate::registry::{Change, Stored, WriteContext};
use crate::request::{Body, Response, WriteKind, WriteParameters};

const API_VERSION: &str = "autoscaling/v1";

/// Answers with the scale of an object.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Status> {
    let stored = call.served.store()?.get(call.namespace(), &call.info.name).await?;
    answer(call, StatusCode::OK, &stored)
}

/// Sets the replicas to those of the `Scale` in the body.
pub(super) async fn update(endpoints: &Endpoints, call: &Call<'_>, body: Body) -> Result<Response, Status> {
    let body = body::read(body).await?;
    let parameters = WriteParameters::parse(&call.query, WriteKind::Update)?;
    let media_type = negotiation::content_type(&call.parts.headers)?;
    let expected =
        Expected { api_version: API_VERSION, kind: "Scale", ty: scale_type()?, go_type: "autoscaling.Scale" };
    let mut scale = decode::decode(expected, media_type, &body, parameters.field_validation, call.warnings)?;
    call.settle_namespace(&mut scale)?;
    call.check_name(&scale)?;
    write(endpoints, call, &parameters, Source::Body(scale)).await
}

/// Changes the replicas as a patch of the `Scale` says.
pub(super) async fn patch(
    endpoints: &Endpoints,
    call: &Call<'_>,
    patch_type: PatchType,
    body: Body,
) -> Result<Response, Status> {
    let body = body::read(body).await?;
    if patch_type == PatchType::Apply {
        let parameters = WriteParameters::parse(&call.query, WriteKind::Apply)?;
        let config = patch::configuration(call, &parameters, &body)?;
        return write(endpoints, call, &parameters, Source::Apply(config)).await;
    }
    let parameters = WriteParameters::parse(&call.query, WriteKind::Patch)?;
    let patcher = Patcher {
        patch_type,
        body,
        parsed: None,
        resets: false,
        api_version: API_VERSION,
        kind: "Scale",
        ty: scale_type()?,
        validation: parameters.field_validation,
        warnings: call.warnings,
    };
    write(endpoints, call, &parameters, Source::Patch(patcher)).await
}

async fn write(
    endpoints: &Endpoints,
    call: &Call<'_>,
    parameters: &WriteParameters,
    source: Source<'_>,
) -> Result<Response, Status> {
    let manager = call.field_manager(parameters);
    let tracker = Tracker::of_scale(API_VERSION, scale_type()?);
    let change = &mut SetScale { call, source, tracker, manager: &manager };
    // To the store it is an update of the object: the generation rises.
    let context = WriteContext { subresource: "", ..call.context(parameters, &manager) };
    let store = call.served.store()?;
    let (stored, _) =
        store.update(&context, &call.info.name, change, &endpoints.admit(call, &context)).await?;
    answer(call, StatusCode::OK, &stored)
}

fn answer(call: &Call<'_>, code: StatusCode, stored: &Stored) -> Result<Response, Status> {
    let scale = scale_of(&call.served.tree(stored)?)?;
    call.representation()?.answer(code, Item::Tree(&scale, scale_type()?), call.gzip())
}

fn scale_type() -> Result<TypeId, Status> {
    keelson_api::facts::kind("autoscaling", "v1", "Scale").ok_or_else(|| Status::internal("no type Scale"))
}

/// Where the new scale comes from.
enum Source<'b> {
    Body(Object),
    Patch(Patcher<'b>),
    Apply(Configuration<'b>),
}

struct SetScale<'a, 'b> {
    call: &'a Call<'a>,
    source: Source<'b>,
    tracker: Tracker<'a>,
    manager: &'a str,
}

impl Change for SetScale<'_, '_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let served = self.call.served;
        let current = current.ok_or_else(|| served.not_found(&self.call.info.name))?;
        let mut object = served.to_served(current.clone())?;
        // The scale shows who owns the replicas, and what becomes of them goes back to the object.
        let mut live = scale_of(&object)?;
        live.set_managed_fields(to_scale(object.managed_fields()).map_err(Status::opaque)?);
        let mut scale = match &mut self.source {
            Source::Body(scale) => scale.clone(),
            Source::Patch(patcher) => patcher.apply(&|| Ok(live.clone()))?,
            Source::Apply(config) => self.tracker.apply(Some(&live), config)?,
        };
        if !matches!(self.source, Source::Apply(_)) {
            self.tracker.update(Some(&live), &mut scale, false, self.manager);
        }
        self.call.settle_namespace(&mut scale)?;
        self.call.check_name(&scale)?;
        let entries = from_scale(object.managed_fields(), scale.managed_fields(), &served.api_version);
        object.set_managed_fields(entries.map_err(Status::opaque)?);
        let replicas = scale.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(0);
        if replicas < 0 {
            let path = Path::new("spec").child("replicas");
            let error = FieldError::invalid_int(&path, replicas, "must be greater than or equal to 0");
            return Err(Status::invalid("autoscaling", "Scale", scale.name(), &[error]));
        }
        if !scale.resource_version().is_empty() {
            object.set_resource_version(scale.resource_version());
        }
        let spec = object.members_mut().entry("spec", || Value::Object(Map::new()));
        if let Some(spec) = spec.as_object_mut() {
            spec.insert("replicas", replicas);
        }
        served.to_stored(object)
    }

    fn precondition_uid(&self) -> Option<&str> {
        match &self.source {
            Source::Body(scale) => Some(scale.uid()).filter(|uid| !uid.is_empty()),
            Source::Patch(_) | Source::Apply(_) => None,
        }
    }
}

/// The scale of a workload.
fn scale_of(object: &Object) -> Result<Object, Status> {
    let mut scale = Object::default();
    scale.set_type(API_VERSION, "Scale");
    scale.metadata_mut();
    scale.set_name(object.name());
    scale.set_namespace(object.namespace());
    scale.set_uid(object.uid());
    scale.set_resource_version(object.resource_version());
    scale.set_creation_timestamp(object.creation_timestamp());
    let mut spec = Map::new();
    let wanted = object.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(0);
    if wanted != 0 {
        spec.insert("replicas", wanted);
    }
    let mut status = Map::new();
    let actual = object.at(&["status", "replicas"]).and_then(Value::as_i64).unwrap_or(0);
    status.insert("replicas", actual);
    let selector = selector_text(object)?;
    if !selector.is_empty() {
        status.insert("selector", selector);
    }
    scale.members_mut().insert("spec", spec);
    scale.members_mut().insert("status", status);
    Ok(scale)
}

/// The selector of a workload as text; that of a replication controller is a plain set of labels.
fn selector_text(object: &Object) -> Result<String, Status> {
    let Some(selector) = object.at(&["spec", "selector"]) else { return Ok(String::new()) };
    if object.kind() == "ReplicationController" {
        return Ok(labels::Selector::from_map(selector).to_string());
    }
    let selector = labels::from_label_selector(selector).map_err(Status::internal)?;
    Ok(selector.to_string())
}
