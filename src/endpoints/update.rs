//! `update`: an object is replaced, or its status or another part of it.

use http::StatusCode;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::call::{Call, dedup_owner_references};
use super::decode::{self, Expected};
use super::managed_fields::{self, Tracker, sends_empty_list};
use super::represent::Item;
use super::{Endpoints, body, negotiation};
use crate::registry::Change;
use crate::request::{Body, Response, WriteKind, WriteParameters};

/// Replaces the object by the one in the body and answers with the new one.
pub(super) async fn serve(endpoints: &Endpoints, call: &Call<'_>, body: Body) -> Result<Response, Status> {
    let body = body::read(body).await?;
    endpoints.note_body(call, "update", &body);
    let parameters = WriteParameters::parse(&call.query, WriteKind::Update)?;
    let media_type = negotiation::content_type(&call.parts.headers)?;
    let served = call.served;
    let go_type = served.go_type("");
    let expected = Expected {
        api_version: &served.api_version,
        kind: &served.resource.kind,
        ty: served.ty(),
        go_type: go_type.trim_start_matches('*'),
    };
    let mut object = decode::decode(expected, media_type, &body, parameters.field_validation, call.warnings)?;
    let resets = object.managed_fields().is_empty() && sends_empty_list(&body, media_type);
    drop(body);
    call.settle_namespace(&mut object)?;
    call.check_name(&object)?;
    dedup_owner_references(&mut object, false, call.warnings);
    let manager = call.field_manager(&parameters);
    let tracker = Tracker::new(call);
    let mut change = Replace { call, object, tracker, manager: &manager, resets };
    let context = call.context(&parameters, &manager);
    let store = served.store()?;
    let (stored, created) =
        store.update(&context, &call.info.name, &mut change, &endpoints.admit(call, &context)).await?;
    let code = if created { StatusCode::CREATED } else { StatusCode::OK };
    call.representation()?.answer(code, Item::Stored(&stored), call.gzip())
}

/// The object that a client sent, whatever the current one is.
struct Replace<'a> {
    call: &'a Call<'a>,
    /// In the version that the client speaks.
    object: Object,
    tracker: Tracker<'a>,
    manager: &'a str,
    resets: bool,
}

impl Change for Replace<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let served = self.call.served;
        let mut object = self.object.clone();
        let live = current.map(|current| managed_fields::live(served, current)).transpose()?;
        self.tracker.update(live.as_deref(), &mut object, self.resets, self.manager);
        served.to_stored(object)
    }

    fn precondition_uid(&self) -> Option<&str> {
        Some(self.object.uid()).filter(|uid| !uid.is_empty())
    }
}
