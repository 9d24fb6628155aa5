//! `create`: a new object.

use http::StatusCode;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::call::{Call, dedup_owner_references};
use super::decode::{self, Expected};
use super::managed_fields::Tracker;
use super::represent::Item;
use super::{Endpoints, body, negotiation};
use crate::request::{Body, Response, WriteKind, WriteParameters};

/// Creates the object in the body and answers with it.
pub(super) async fn serve(endpoints: &Endpoints, call: &Call<'_>, body: Body) -> Result<Response, Status> {
    let media_type = negotiation::content_type(&call.parts.headers)?;
    let body = body::read(body).await?;
    endpoints.note_body(call, "create", &body);
    let parameters = WriteParameters::parse(&call.query, WriteKind::Create)?;
    let served = call.served;
    let go_type = served.go_type("");
    let expected = Expected {
        api_version: &served.api_version,
        kind: &served.resource.kind,
        ty: served.ty(),
        go_type: go_type.trim_start_matches('*'),
    };
    let mut object = decode::decode(expected, media_type, &body, parameters.field_validation, call.warnings)?;
    drop(body);
    forget_system_fields(&mut object);
    call.settle_namespace(&mut object)?;
    dedup_owner_references(&mut object, false, call.warnings);
    let manager = call.field_manager(&parameters);
    Tracker::new(call).update(None, &mut object, false, &manager);
    let object = served.to_stored(object)?;
    let context = call.context(&parameters, &manager);
    let stored = served.store()?.create(&context, object, &endpoints.admit(call, &context)).await?;
    call.representation()?.answer(StatusCode::CREATED, Item::Stored(&stored), call.gzip())
}

/// What only the server sets is not taken from clients.
pub(super) fn forget_system_fields(object: &mut Object) {
    object.set_creation_timestamp(None);
    object.set_deletion_timestamp(None);
    object.set_deletion_grace_period_seconds(None);
    object.set_uid("");
    object.set_self_link("");
}
