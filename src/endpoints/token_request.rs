//! `serviceaccounts/token`: a token for a service account.
//!
//! Nothing is stored, so a dry run gets a token, too, as kube-apiserver gives it one.
//!
//! Source: `TokenRequest` in the API documentation; KEP-1205.

use std::time::Duration;

use http::StatusCode;
use keelson_apimachinery::field::{ErrorType, FieldError, Path};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};
use keelson_base::clock;

use super::call::Call;
use super::decode::{self, Expected};
use super::managed_fields::Tracker;
use super::represent::Item;
use super::{Endpoints, body, negotiation};
use crate::authn::service_account::{Reference, Wanted};
use crate::registry::{Admit, Operation};
use crate::request::{Body, Response, WriteKind, WriteParameters};

const GROUP: &str = "authentication.k8s.io";
const API_VERSION: &str = "authentication.k8s.io/v1";
const KIND: &str = "TokenRequest";

/// The fewest seconds that a token lasts.
const LEAST: i64 = 10 * 60;
/// The most seconds.
const MOST: i64 = 1 << 32;

/// Issues the token that the `TokenRequest` in the body asks for.
pub(super) async fn serve(endpoints: &Endpoints, call: &Call<'_>, body: Body) -> Result<Response, Status> {
    let media_type = negotiation::content_type(&call.parts.headers)?;
    let body = body::read(body).await?;
    let parameters = WriteParameters::parse(&call.query, WriteKind::Create)?;
    let ty = keelson_api::facts::kind(GROUP, "v1", KIND)
        .ok_or_else(|| Status::internal("no type TokenRequest"))?;
    let expected =
        Expected { api_version: API_VERSION, kind: KIND, ty, go_type: "authentication.TokenRequest" };
    let mut request =
        decode::decode(expected, media_type, &body, parameters.field_validation, call.warnings)?;
    drop(body);
    call.settle_namespace(&mut request)?;
    let manager = call.field_manager(&parameters);
    Tracker::of_kind(API_VERSION, KIND, ty, &call.info.subresource).update(
        None,
        &mut request,
        false,
        &manager,
    );
    let admit = endpoints.admit(call, &call.context(&parameters, &manager));
    admit.mutate(Operation::Create, &mut request, None).await?;
    check_name(call, &request)?;
    let account = account(call, &request).await?;
    complete(endpoints, &account, &mut request);
    let now = clock::now();
    request.set_creation_timestamp(Some(&time(now)));
    check_duration(&request)?;
    admit.validate(Operation::Create, Some(&request), None).await?;

    let issuer = &endpoints.config.token_issuer;
    let bound = bound(endpoints, call, &request).await?;
    let mut seconds = seconds(&request);
    if let Some(most) = issuer.max_seconds().filter(|most| seconds > *most) {
        call.warnings.add(format!("requested expiration of {seconds} seconds shortened to {most} seconds"));
        seconds = most;
        spec(&mut request).insert("expirationSeconds", seconds);
    }
    let wanted = Wanted {
        namespace: account.namespace().to_owned(),
        account: reference(&account),
        audiences: audiences(&request),
        seconds,
        ..bound
    };
    let token = issuer.issue(wanted).await.map_err(Status::internal)?;
    // It is at most what the token itself says.
    let lasts = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let mut status = Map::new();
    status.insert("token", token);
    status.insert("expirationTimestamp", time(now + lasts));
    request.members_mut().insert("status", status);
    call.representation()?.answer(StatusCode::CREATED, Item::Tree(&request, ty), call.gzip())
}

fn time(at: clock::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn spec(request: &mut Object) -> &mut Map {
    let spec = request.members_mut().entry("spec", || Value::Object(Map::new()));
    if !matches!(spec, Value::Object(_)) {
        *spec = Value::Object(Map::new());
    }
    spec.as_object_mut().expect("it was just made an object")
}

fn seconds(request: &Object) -> i64 {
    request.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64).unwrap_or(0)
}

fn audiences(request: &Object) -> Vec<String> {
    let list = request.at(&["spec", "audiences"]).and_then(Value::as_array).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn reference(object: &Object) -> Reference {
    Reference { name: object.name().to_owned(), uid: object.uid().to_owned() }
}

/// The name in the body, where there is one, must be the path's.
fn check_name(call: &Call<'_>, request: &Object) -> Result<(), Status> {
    let (wanted, name) = (call.info.name.as_str(), request.name());
    if name.is_empty() || name == wanted {
        return Ok(());
    }
    let path = Path::new("metadata").child("name");
    let error = FieldError::invalid(&path, name, "must match the service account name if specified");
    Err(Status::invalid(GROUP, KIND, wanted, &[error]))
}

/// The account, of the uid that the request names, where it does.
async fn account(call: &Call<'_>, request: &Object) -> Result<Object, Status> {
    let store = call.served.store()?;
    let stored = store.get(call.namespace(), &call.info.name).await?;
    let account = stored.decode(store.resource().type_id)?;
    let (wanted, found) = (request.uid(), account.uid());
    if !wanted.is_empty() && wanted != found {
        let why = format!(
            "the UID in the token request ({wanted}) does not match the UID of the service account ({found})"
        );
        return Err(Status::conflict(GROUP, KIND, &call.info.name, why));
    }
    Ok(account)
}

/// Fills in what the request leaves open.
fn complete(endpoints: &Endpoints, account: &Object, request: &mut Object) {
    if audiences(request).is_empty() {
        let own = endpoints.config.token_issuer.api_audiences().iter();
        let own: Vec<Value> = own.map(|audience| Value::from(audience.as_str())).collect();
        spec(request).insert("audiences", own);
    }
    request.set_name(account.name());
    request.set_namespace(account.namespace());
    request.set_uid(account.uid());
    request.members_mut().remove("status");
}

fn check_duration(request: &Object) -> Result<(), Status> {
    let seconds = seconds(request);
    let why = match seconds {
        ..LEAST => "may not specify a duration less than 10 minutes",
        LEAST..=MOST => return Ok(()),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let path = Path::new("spec").child("expirationSeconds");
    let error = FieldError::new(ErrorType::Invalid, &path, Some(seconds.to_string()), why);
    Err(Status::invalid(GROUP, KIND, "", &[error]))
}

/// What the token is bound to.
async fn bound(endpoints: &Endpoints, call: &Call<'_>, request: &Object) -> Result<Wanted, Status> {
    let Some(to) = request.at(&["spec", "boundObjectRef"]).filter(|to| !to.is_null()) else {
        return Ok(Wanted::default());
    };
    let text = |key: &str| to.str_at(&[key]);
    let (kind, name) = (text("kind"), text("name"));
    let (group, version) = group_version(text("apiVersion"));
    let read = async |plural: &'static str, namespace: Option<&str>, name: &str| {
        let served = endpoints.stored("", "v1", plural)?;
        let store = served.store()?;
        store.get(namespace, name).await?.decode(store.resource().type_id)
    };
    let mut wanted = Wanted::default();
    let uid = match (group, kind) {
        ("", "Pod") => {
            let pod = read("pods", call.namespace(), name).await?;
            let account = call.info.name.as_str();
            if pod.str_at(&["spec", "serviceAccountName"]) != account {
                return Err(Status::bad_request(format!(
                    "cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount \
                     name."
                )));
            }
            let node = pod.str_at(&["spec", "nodeName"]);
            if !node.is_empty() {
                wanted.node = Some(match read("nodes", None, node).await {
                    Ok(node) => reference(&node),
                    Err(status) if status.code() == 404 => {
                        Reference { name: node.to_owned(), uid: String::new() }
                    }
                    Err(status) => return Err(Status::internal(status)),
                });
            }
            let pod = reference(&pod);
            wanted.pod.insert(pod).uid.clone()
        }
        ("", "Node") => {
            let node = reference(&read("nodes", None, name).await?);
            wanted.node.insert(node).uid.clone()
        }
        ("", "Secret") => {
            let secret = reference(&read("secrets", call.namespace(), name).await?);
            wanted.secret.insert(secret).uid.clone()
        }
        _ => {
            let why = format!("cannot bind token to object of type {group}/{version}, Kind={kind}");
            return Err(Status::bad_request(why));
        }
    };
    let named = text("uid");
    if !named.is_empty() && named != uid {
        let why = format!(
            "the UID in the bound object reference ({named}) does not match the UID in record. The object might have \
             been deleted and then recreated"
        );
        return Err(Status::conflict(group, kind, name, why));
    }
    Ok(wanted)
}

/// The group and version in an `apiVersion`; neither, where it is none.
fn group_version(api_version: &str) -> (&str, &str) {
    match api_version.split_once('/') {
        None => ("", api_version),
        Some((_, version)) if version.contains('/') => ("", ""),
        Some(parts) => parts,
    }
}
