//! Reviews: questions that are answered and not stored.
//!
//! `SelfSubjectReview` (who am I), `TokenReview`, which asks the server's authenticator, and the access reviews,
//! which ask its authorizer.

use http::StatusCode;
use keelson_api::rbac::Rule;
use keelson_apimachinery::field::{ErrorType, FieldError, Path, quote};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};
use keelson_base::clock;

use super::call::Call;
use super::create::forget_system_fields;
use super::decode::{self, Expected};
use super::managed_fields::Tracker;
use super::represent::Item;
use super::{Endpoints, body, negotiation};
use crate::authz::{Attributes, Decision, Rules};
use crate::registry::{Admit, Operation};
use crate::request::{Body, Response, UserInfo, WriteKind, WriteParameters};

/// A kind of review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Review {
    /// Who the sender is.
    SelfSubject,
    /// Whose a token is.
    Token,
    /// Whether the sender may do something.
    SelfAccess,
    /// Whether someone may do something.
    Access,
    /// Whether someone may do something in one namespace.
    LocalAccess,
    /// What the sender may do in a namespace.
    SelfRules,
}

impl Review {
    /// The review that is created at this resource.
    pub(super) fn of(plural: &str) -> Option<Self> {
        match plural {
            "selfsubjectreviews" => Some(Review::SelfSubject),
            "tokenreviews" => Some(Review::Token),
            "selfsubjectaccessreviews" => Some(Review::SelfAccess),
            "subjectaccessreviews" => Some(Review::Access),
            "localsubjectaccessreviews" => Some(Review::LocalAccess),
            "selfsubjectrulesreviews" => Some(Review::SelfRules),
            _ => None,
        }
    }
}

/// Answers the question in the body.
pub(super) async fn serve(
    endpoints: &Endpoints,
    call: &Call<'_>,
    kind: Review,
    body: Body,
) -> Result<Response, Status> {
    let media_type = negotiation::content_type(&call.parts.headers)?;
    let body = body::read(body).await?;
    let parameters = WriteParameters::parse(&call.query, WriteKind::Create)?;
    let served = call.served;
    let go_type = served.go_type("");
    let expected = Expected {
        api_version: &served.api_version,
        kind: &served.resource.kind,
        ty: served.ty(),
        go_type: go_type.trim_start_matches('*'),
    };
    let mut review = decode::decode(expected, media_type, &body, parameters.field_validation, call.warnings)?;
    forget_system_fields(&mut review);
    call.settle_namespace(&mut review)?;
    let manager = call.field_manager(&parameters);
    // The others answer with an object of their own.
    if !matches!(kind, Review::SelfSubject | Review::SelfRules) {
        Tracker::new(call).update(None, &mut review, false, &manager);
    }
    let admit = endpoints.admit(call, &call.context(&parameters, &manager));
    admit.mutate(Operation::Create, &mut review, None).await?;
    match kind {
        Review::SelfSubject | Review::SelfRules => {}
        Review::Token if review.str_at(&["spec", "token"]).is_empty() => {
            return Err(Status::bad_request("token is required for TokenReview in authentication"));
        }
        Review::Token => {}
        Review::SelfAccess | Review::Access | Review::LocalAccess => check_access(kind, &review)?,
    }
    admit.validate(Operation::Create, Some(&review), None).await?;
    let status = match kind {
        Review::SelfSubject => {
            let now = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            review.set_creation_timestamp(Some(&now));
            let mut status = Map::new();
            status.insert("userInfo", user_tree(call.user));
            status
        }
        Review::Token => review_token(endpoints, &review).await,
        Review::SelfAccess | Review::Access | Review::LocalAccess => {
            judge(endpoints, call, kind, &review).await?
        }
        Review::SelfRules => {
            let namespace = review.str_at(&["spec", "namespace"]);
            if namespace.is_empty() {
                return Err(Status::bad_request("no namespace on request"));
            }
            let found = endpoints.config.authorizer.rules_for(call.user, namespace).await;
            // The answer does not repeat the question.
            review.members_mut().insert("spec", Map::new());
            rules_tree(&found)
        }
    };
    review.members_mut().insert("status", status);
    call.representation()?.answer(StatusCode::CREATED, Item::Tree(&review, served.ty()), call.gzip())
}

/// Asks the authenticator.
async fn review_token(endpoints: &Endpoints, review: &Object) -> Map {
    let wanted = texts(review.at(&["spec", "audiences"]));
    let token = review.str_at(&["spec", "token"]);
    let mut status = Map::new();
    match endpoints.config.authenticator.review(token, &wanted).await {
        Ok(Some(reviewed)) => {
            status.insert("authenticated", true);
            status.insert("user", user_tree(&reviewed.user));
            status.insert("audiences", reviewed.audiences.into_iter().map(Value::from).collect::<Vec<_>>());
        }
        Ok(None) => drop(status.insert("user", Map::new())),
        Err(refused) => {
            status.insert("user", Map::new());
            status.insert("error", refused.to_string());
        }
    }
    status
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn user_tree(user: &UserInfo) -> Map {
    let list = |texts: &[String]| Value::Array(texts.iter().map(|t| Value::from(t.as_str())).collect());
    let mut tree = Map::new();
    if !user.name.is_empty() {
        tree.insert("username", user.name.as_str());
    }
    if !user.uid.is_empty() {
        tree.insert("uid", user.uid.as_str());
    }
    if !user.groups.is_empty() {
        tree.insert("groups", list(&user.groups));
    }
    if !user.extra.is_empty() {
        let extra = user.extra.iter().map(|(key, values)| (key.as_str().into(), list(values)));
        tree.insert("extra", extra.collect::<Map>());
    }
    tree
}

/// What a user may do, with the errors as one text.
fn rules_tree(found: &Rules) -> Map {
    let of_paths = |rule: &&Rule| !rule.non_resource_urls.is_empty();
    let list = |rules: Vec<&Rule>| Value::Array(rules.into_iter().map(Rule::to_value).collect());
    let (paths, resources) = found.rules.iter().partition(of_paths);
    let mut status = Map::new();
    status.insert("resourceRules", list(resources));
    status.insert("nonResourceRules", list(paths));
    status.insert("incomplete", found.incomplete);
    match found.errors.as_slice() {
        [] => {}
        [one] => drop(status.insert("evaluationError", one.as_str())),
        many => drop(status.insert("evaluationError", format!("[{}]", many.join(", ")))),
    }
    status
}

/// Asks the authorizer.
async fn judge(endpoints: &Endpoints, call: &Call<'_>, kind: Review, review: &Object) -> Result<Map, Status> {
    let subject;
    let user = match kind {
        Review::SelfAccess => call.user,
        _ => {
            subject = subject_of(review);
            &subject
        }
    };
    let on = |path: &[&'static str]| review.str_at(path);
    let resource = review.at(&["spec", "resourceAttributes"]).is_some();
    let of_resource = |key| if resource { on(&["spec", "resourceAttributes", key]) } else { "" };
    let selector = |key| if resource { on(&["spec", "resourceAttributes", key, "rawSelector"]) } else { "" };
    let attributes = Attributes {
        user,
        verb: if resource { of_resource("verb") } else { on(&["spec", "nonResourceAttributes", "verb"]) },
        is_resource_request: resource,
        group: of_resource("group"),
        version: of_resource("version"),
        resource: of_resource("resource"),
        subresource: of_resource("subresource"),
        namespace: of_resource("namespace"),
        name: of_resource("name"),
        path: if resource { "" } else { on(&["spec", "nonResourceAttributes", "path"]) },
        field_selector: selector("fieldSelector"),
        label_selector: selector("labelSelector"),
    };
    let mut status = Map::new();
    match endpoints.config.authorizer.authorize(&attributes).await {
        Ok(verdict) => {
            status.insert("allowed", verdict.decision == Decision::Allow);
            if verdict.decision == Decision::Deny {
                status.insert("denied", true);
            }
            if !verdict.reason.is_empty() {
                status.insert("reason", &*verdict.reason);
            }
        }
        Err(error) => {
            status.insert("allowed", false);
            status.insert("evaluationError", error.to_string());
        }
    }
    Ok(status)
}

fn subject_of(review: &Object) -> UserInfo {
    let extra = review.at(&["spec", "extra"]).and_then(Value::as_object);
    UserInfo {
        name: review.str_at(&["spec", "user"]).to_owned(),
        uid: review.str_at(&["spec", "uid"]).to_owned(),
        groups: texts(review.at(&["spec", "groups"])),
        extra: extra.into_iter().flat_map(Map::iter).map(|(k, v)| (k.to_owned(), texts(Some(v)))).collect(),
    }
}

fn check_access(kind: Review, review: &Object) -> Result<(), Status> {
    let spec = Path::new("spec");
    let (of_resource, of_path) = (
        review.at(&["spec", "resourceAttributes"]).filter(|v| !v.is_null()),
        review.at(&["spec", "nonResourceAttributes"]).filter(|v| !v.is_null()),
    );
    let mut errors = Vec::new();
    match (of_resource, of_path) {
        (Some(_), Some(path)) => {
            let why = "cannot be specified in combination with resourceAttributes";
            errors.push(non_resource(&spec, path, why));
        }
        (None, None) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            let path = spec.child("resourceAttributes");
            errors.push(FieldError::new(ErrorType::Invalid, &path, Some("null".into()), why));
        }
        _ => {}
    }
    let groups = review.at(&["spec", "groups"]).and_then(Value::as_array).unwrap_or_default();
    if kind != Review::SelfAccess && review.str_at(&["spec", "user"]).is_empty() && groups.is_empty() {
        let why = "at least one of user or group must be specified";
        errors.push(FieldError::invalid(&spec.child("user"), "", why));
    }
    if let Some(attributes) = of_resource {
        let path = spec.child("resourceAttributes");
        check_selector(&path.child("fieldSelector"), attributes.get("fieldSelector"), &mut errors);
        check_selector(&path.child("labelSelector"), attributes.get("labelSelector"), &mut errors);
    }
    check_metadata(kind, review, &mut errors);
    if kind == Review::LocalAccess {
        let asked = review.str_at(&["spec", "resourceAttributes", "namespace"]);
        if of_resource.is_some() && asked != review.namespace() {
            let path = spec.child("resourceAttributes").child("namespace");
            errors.push(FieldError::invalid(&path, asked, "must match metadata.namespace"));
        }
        if let Some(path) = of_path {
            errors.push(non_resource(&spec, path, "disallowed on this kind of request"));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid("authorization.k8s.io", "", "", &errors)) }
}

fn non_resource(spec: &Path, value: &Value, why: &str) -> FieldError {
    let text = |key| quote(value.str_at(&[key]));
    let shown = format!("{{\"Path\":{},\"Verb\":{}}}", text("path"), text("verb"));
    FieldError::new(ErrorType::Invalid, &spec.child("nonResourceAttributes"), Some(shown), why)
}

fn check_selector(path: &Path, selector: Option<&Value>, errors: &mut Vec<FieldError>) {
    let Some(selector) = selector.filter(|s| !s.is_null()) else { return };
    let raw = selector.str_at(&["rawSelector"]);
    let requirements = selector.get("requirements").and_then(Value::as_array).unwrap_or_default();
    if !raw.is_empty() && !requirements.is_empty() {
        let why = "may not specified at the same time as requirements";
        errors.push(FieldError::invalid(&path.child("rawSelector"), raw, why));
    }
    if raw.is_empty() && requirements.is_empty() {
        let why = match path.to_string() {
            path if path.ends_with("fieldSelector") => {
                "when fieldSelector is specified, requirements or rawSelector is required".to_owned()
            }
            path => format!("when {path} is specified, requirements or rawSelector is required"),
        };
        errors.push(FieldError::required(&path.child("requirements"), why));
    }
    for (i, requirement) in requirements.iter().enumerate() {
        let path = path.child("requirements").index(i);
        if requirement.str_at(&["key"]).is_empty() {
            errors.push(FieldError::required(&path.child("key"), "must be specified"));
        }
        let values = requirement.get("values").and_then(Value::as_array).unwrap_or_default();
        match requirement.str_at(&["operator"]) {
            "In" | "NotIn" if values.is_empty() => {
                let why = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(FieldError::required(&path.child("values"), why));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(FieldError::forbidden(&path.child("values"), why));
            }
            _ => {}
        }
    }
}

/// Metadata must be empty, but for the namespace of local reviews and what the server itself notes.
fn check_metadata(kind: Review, review: &Object, errors: &mut Vec<FieldError>) {
    let mut metadata = review.metadata().cloned().unwrap_or_default();
    metadata.remove("managedFields");
    if kind == Review::LocalAccess {
        metadata.remove("namespace");
    }
    if metadata.is_empty() {
        return;
    }
    let mut shown = Vec::new();
    let schema = keelson_api::schema();
    let name = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    let metadata = Value::Object(review.metadata().cloned().unwrap_or_default());
    match schema.id(name) {
        Some(ty) => keelson_apimachinery::codec::json::encode(schema, ty, &metadata, &mut shown),
        None => keelson_apimachinery::codec::json::encode_untyped(&metadata, &mut shown),
    }
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let why =
        if kind == Review::LocalAccess { "must be empty except for namespace" } else { "must be empty" };
    errors.push(FieldError::new(ErrorType::Invalid, &Path::new("metadata"), Some(shown), why));
}
