//! Reviews: questions that are answered and not stored.
//!
//! `SelfSubjectReview` (who am I), `TokenReview`, which asks the server's authenticator, and the access reviews,
//! which ask its authorizer.

use http::StatusCode;
use keelson_api::rbac::Rule;
use keelson_apimachinery::field::{ErrorType, FieldError, Path, quote};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::selector::syntax::{label_key_errors, label_value_errors};
use keelson_apimachinery::selector::{fields, labels};
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
use crate::request::{Body, Demands, Response, Selectors, UserInfo, WriteKind, WriteParameters};

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
            judge(endpoints, call, kind, &review).await
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
async fn judge(endpoints: &Endpoints, call: &Call<'_>, kind: Review, review: &Object) -> Map {
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
    let of_resource = |key| on(&["spec", "resourceAttributes", key]);
    let of_path = |key| on(&["spec", "nonResourceAttributes", key]);
    let selectors = Selectors {
        fields: field_demands(review.at(&["spec", "resourceAttributes", "fieldSelector"])),
        labels: label_demands(review.at(&["spec", "resourceAttributes", "labelSelector"])),
    };
    let attributes = match resource {
        true => Attributes {
            group: of_resource("group"),
            version: Some(of_resource("version")).filter(|version| !version.is_empty()).unwrap_or("*"),
            resource: of_resource("resource"),
            subresource: of_resource("subresource"),
            namespace: of_resource("namespace"),
            name: of_resource("name"),
            selectors: &selectors,
            ..Attributes::on_resources(user, of_resource("verb"))
        },
        false => Attributes {
            is_resource_request: false,
            path: of_path("path"),
            ..Attributes::on_resources(user, of_path("verb"))
        },
    };
    let verdict = endpoints.config.authorizer.authorize(&attributes).await;
    let mut status = Map::new();
    status.insert("allowed", verdict.is_allowed());
    if verdict.decision == Decision::Deny {
        status.insert("denied", true);
    }
    if !verdict.reason.is_empty() {
        status.insert("reason", &*verdict.reason);
    }
    let ignored = [ignored("fieldSelector", &selectors.fields), ignored("labelSelector", &selectors.labels)];
    let errors: Vec<String> = verdict.error.into_iter().chain(ignored.into_iter().flatten()).collect();
    if !errors.is_empty() {
        status.insert("evaluationError", errors.join("; "));
    }
    status
}

/// What there is to say where demands of a selector could not be read.
fn ignored<R>(selector: &str, demands: &Demands<R>) -> Option<String> {
    let partially = if demands.requirements.is_empty() { "" } else { "partially " };
    let text = format!("spec.resourceAttributes.{selector} {partially}ignored due to parse error");
    demands.error.is_some().then_some(text)
}

/// The requirements of a selector in a review.
fn requirements(selector: &Value) -> &[Value] {
    selector.get("requirements").and_then(Value::as_array).unwrap_or_default()
}

fn field_demands(selector: Option<&Value>) -> Demands<fields::Requirement> {
    let Some(selector) = selector else { return Demands::default() };
    if requirements(selector).is_empty() {
        return Demands::of_fields(selector.str_at(&["rawSelector"]));
    }
    Demands::gather(requirements(selector).iter().map(field_requirement))
}

/// A requirement as selectors have it, which know single values alone.
fn field_requirement(requirement: &Value) -> Result<fields::Requirement, String> {
    let values = texts(requirement.get("values"));
    if values.len() > 1 {
        return Err("fieldSelectors do not yet support multiple values".into());
    }
    let (operator, word) = match requirement.str_at(&["operator"]) {
        "In" => (fields::Operator::Equals, "in"),
        "NotIn" => (fields::Operator::NotEquals, "not in"),
        other @ ("Exists" | "DoesNotExist") => {
            return Err(format!("fieldSelectors do not yet support {other}"));
        }
        other => return Err(format!("{} is not a valid field selector operator", quote(other))),
    };
    let [value] = values.as_slice() else {
        return Err(format!("fieldSelectors {word} must have one value"));
    };
    Ok(fields::Requirement {
        field: requirement.str_at(&["key"]).into(),
        operator,
        value: value.as_str().into(),
    })
}

fn label_demands(selector: Option<&Value>) -> Demands<labels::Requirement> {
    let Some(selector) = selector else { return Demands::default() };
    if requirements(selector).is_empty() {
        return Demands::of_labels(selector.str_at(&["rawSelector"]));
    }
    Demands::gather(requirements(selector).iter().map(labels::Requirement::read))
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
        check_selector(&path.child("fieldSelector"), attributes.get("fieldSelector"), false, &mut errors);
        check_selector(&path.child("labelSelector"), attributes.get("labelSelector"), true, &mut errors);
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

/// What is wrong with a field selector, or a label selector, of a review.
fn check_selector(path: &Path, selector: Option<&Value>, of_labels: bool, errors: &mut Vec<FieldError>) {
    let Some(selector) = selector.filter(|s| !s.is_null()) else { return };
    let raw = selector.str_at(&["rawSelector"]);
    let requirements = requirements(selector);
    if !raw.is_empty() && !requirements.is_empty() {
        let why = "may not specified at the same time as requirements";
        errors.push(FieldError::invalid(&path.child("rawSelector"), raw, why));
    }
    if raw.is_empty() && requirements.is_empty() {
        let why = format!("when {path} is specified, requirements or rawSelector is required");
        errors.push(FieldError::required(&path.child("requirements"), why));
    }
    for (i, requirement) in requirements.iter().enumerate() {
        let path = path.child("requirements").index(i);
        let key = requirement.str_at(&["key"]);
        if !of_labels && key.is_empty() {
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
            // What a newer client means by others is not known here; to leave it out asks for more.
            _ => {}
        }
        if of_labels {
            let errors_of_key = label_key_errors(key);
            errors.extend(
                errors_of_key.into_iter().map(|why| FieldError::invalid(&path.child("key"), key, why)),
            );
            for (i, value) in texts(requirement.get("values")).iter().enumerate() {
                let path = path.child("values").index(i);
                errors.extend(
                    label_value_errors(value).into_iter().map(|why| FieldError::invalid(&path, value, why)),
                );
            }
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
