//! `delete` and `deletecollection`.

use http::StatusCode;
use keelson_apimachinery::Status;
use keelson_apimachinery::status::Details;
use keelson_apimachinery::{Value, codec};

use super::call::Call;
use super::decode::{self, Expected};
use super::represent::Item;
use super::respond::{self, Format};
use super::{Endpoints, body, collection, negotiation};
use crate::registry::DeleteOptions;
use crate::request::{Body, DeleteParameters, FieldValidation, ListParameters, Response, WriteParameters};

/// Deletes one object, and answers with it or with a `Status` that names it.
pub(super) async fn serve(endpoints: &Endpoints, call: &Call<'_>, body: Body) -> Result<Response, Status> {
    let (options, write) = read_options(endpoints, call, "delete", body).await?;
    let manager = String::new();
    let context = call.context(&write, &manager);
    let store = call.served.store()?;
    let deleted = store.delete(&context, &call.info.name, &options, &endpoints.admit(call, &context)).await?;
    // Clients of the old option learn that deletion takes its time.
    let waits = !deleted.gone && options.orphan_dependents == Some(false);
    let code = if waits { StatusCode::ACCEPTED } else { StatusCode::OK };
    if deleted.answer_object || !deleted.gone {
        return call.representation()?.answer(code, Item::Stored(&deleted.object), call.gzip());
    }
    let uid = uid_of(call, &deleted.object)?;
    let resource = call.served.resource;
    let details = Details {
        name: call.info.name.to_string(),
        group: resource.group.to_string(),
        kind: resource.plural.to_string(),
        uid,
        ..Details::default()
    };
    let format = Format { media_type: call.accepted.media_type, pretty: call.accepted.pretty };
    Ok(respond::success(code, 0, Some(&details), format))
}

/// Deletes the objects of a collection that the options select, and answers with them as they were.
pub(super) async fn serve_collection(
    endpoints: &Endpoints,
    call: &Call<'_>,
    body: Body,
) -> Result<Response, Status> {
    let parameters = ListParameters::parse(&call.query)?;
    let list = call.list_options(&parameters)?;
    let (options, write) = read_options(endpoints, call, "delete_collection", body).await?;
    let manager = String::new();
    let context = call.context(&write, &manager);
    let store = call.served.store()?;
    let listing =
        store.delete_collection(&context, &list, &options, &endpoints.admit(call, &context)).await?;
    collection::answer(&call.representation()?, listing, call.gzip())
}

/// The options in the body, or in the query where there is no body.
async fn read_options(
    endpoints: &Endpoints,
    call: &Call<'_>,
    verb: &str,
    body: Body,
) -> Result<(DeleteOptions, WriteParameters), Status> {
    let body = body::read(body).await?;
    endpoints.note_body(call, verb, &body);
    let parameters =
        if body.is_empty() { DeleteParameters::parse(&call.query)? } else { decode_options(call, &body)? };
    let dry_run = parameters.validate()?;
    let options = DeleteOptions {
        grace_period_seconds: parameters.grace_period_seconds,
        precondition_uid: parameters.precondition_uid,
        precondition_resource_version: parameters.precondition_resource_version,
        orphan_dependents: parameters.orphan_dependents,
        propagation_policy: parameters.propagation_policy,
    };
    Ok((options, WriteParameters { dry_run, ..WriteParameters::default() }))
}

/// `DeleteOptions` may claim to be of any group version that is served.
fn decode_options(call: &Call<'_>, body: &[u8]) -> Result<DeleteParameters, Status> {
    let media_type = negotiation::content_type(&call.parts.headers)?;
    let ty = keelson_api::facts::kind("", "v1", "DeleteOptions");
    let ty = ty.ok_or_else(|| Status::internal("no type DeleteOptions"))?;
    let claimed = claimed_version(media_type, body);
    let known = claimed.as_deref().filter(|version| is_known_version(version));
    let expected = Expected {
        api_version: known.unwrap_or("v1"),
        kind: "DeleteOptions",
        ty,
        go_type: "v1.DeleteOptions",
    };
    let options = decode::decode(expected, media_type, body, FieldValidation::Ignore, call.warnings)?;
    let text = |path: &[&str]| options.at(path).and_then(Value::as_str).map(str::to_owned);
    let dry_run = options.get("dryRun").and_then(Value::as_array).unwrap_or_default();
    Ok(DeleteParameters {
        dry_run: dry_run.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        grace_period_seconds: options.get("gracePeriodSeconds").and_then(Value::as_i64),
        orphan_dependents: options.get("orphanDependents").and_then(Value::as_bool),
        propagation_policy: text(&["propagationPolicy"]),
        precondition_uid: text(&["preconditions", "uid"]),
        precondition_resource_version: text(&["preconditions", "resourceVersion"]),
    })
}

/// The `apiVersion` that a body says it has.
pub(super) fn claimed_version(media_type: negotiation::MediaType, body: &[u8]) -> Option<String> {
    let untyped = match media_type {
        negotiation::MediaType::Protobuf => {
            return codec::envelope::open(body)
                .ok()
                .map(|e| e.api_version.to_owned())
                .filter(|v| !v.is_empty());
        }
        negotiation::MediaType::Json => codec::json::decode_untyped(body).ok()?,
        negotiation::MediaType::Yaml => codec::yaml::decode_untyped(body).ok()?,
    };
    Some(untyped.value.str_at(&["apiVersion"]).to_owned()).filter(|v| !v.is_empty())
}

fn is_known_version(api_version: &str) -> bool {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    keelson_api::facts::kind(group, version, "DeleteOptions").is_some()
}

fn uid_of(call: &Call<'_>, stored: &crate::registry::Stored) -> Result<String, Status> {
    let (schema, resource) = (keelson_api::schema(), call.served.store()?.resource());
    match stored.message(resource)? {
        Some(raw) => {
            let meta = codec::scan::metadata(schema, resource.type_id, raw).map_err(Status::internal)?;
            Ok(meta.uid.to_owned())
        }
        None => Ok(call.served.tree(stored)?.uid().to_owned()),
    }
}
