//! What an `AuthorizationConfiguration` must be.

use std::collections::BTreeSet;
use std::path::Path as FilePath;

use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::scalar::Duration;
use keelson_apimachinery::selector::syntax::subdomain_errors;

use super::{AuthorizationConfiguration, AuthorizerConfiguration, Nanoseconds, WebhookConfiguration};
use crate::authz::webhook::Conditions;

/// The types that there are, sorted.
const TYPES: [&str; 6] = ["ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"];
/// The longest that a webhook may take, in nanoseconds.
const MAXIMAL_TIMEOUT: i64 = 30_000_000_000;
const IN_CLUSTER: &str = "InClusterConfig";
const KUBECONFIG: &str = "KubeConfigFile";

/// All that is wrong with a configuration, in upstream's order. Looks whether kubeconfigs are there.
pub fn validate(configuration: &AuthorizationConfiguration) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let list = Path::new("authorizers");
    if configuration.authorizers.is_empty() {
        errors.push(FieldError::required(&list, "at least one authorization mode must be defined"));
    }
    let (mut types, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (i, authorizer) in configuration.authorizers.iter().enumerate() {
        let path = list.index(i);
        let AuthorizerConfiguration { type_, name, webhook } = authorizer;
        let at_type = path.child("type");
        if type_.is_empty() {
            errors.push(FieldError::required(&at_type, ""));
            continue;
        }
        if !TYPES.contains(&type_.as_str()) {
            errors.push(FieldError::not_supported(&at_type, type_, &TYPES));
            continue;
        }
        if !types.insert(type_) && type_ != "Webhook" {
            errors.push(FieldError::duplicate(&at_type, type_));
            continue;
        }
        let at_name = path.child("name");
        let wrong_name = subdomain_errors(name);
        if name.is_empty() {
            errors.push(FieldError::required(&at_name, ""));
        } else if names.contains(name) {
            errors.push(FieldError::duplicate(&at_name, name));
        } else if !wrong_name.is_empty() {
            let why = format!("authorizer name is invalid: {}", wrong_name.join(", "));
            errors.push(FieldError::invalid(&at_name, name, why));
        }
        names.insert(name);
        let at_webhook = path.child("webhook");
        match (type_.as_str(), webhook) {
            ("Webhook", None) => errors.push(FieldError::required(&at_webhook, "required when type=Webhook")),
            ("Webhook", Some(webhook)) => validate_webhook(webhook, &path, &mut errors),
            (_, Some(_)) => {
                let why = "may only be specified when type=Webhook";
                errors.push(FieldError::invalid(&at_webhook, "non-null", why));
            }
            (_, None) => {}
        }
    }
    errors
}

/// `path` is the authorizer's: upstream leaves `webhook` out.
fn validate_webhook(webhook: &WebhookConfiguration, path: &Path, errors: &mut Vec<FieldError>) {
    validate_spans(webhook, path, errors);
    let version = &webhook.subject_access_review_version;
    let at = path.child("subjectAccessReviewVersion");
    match version.as_str() {
        "" => errors.push(FieldError::required(&at, "")),
        "v1" | "v1beta1" => {}
        _ => errors.push(FieldError::not_supported(&at, version, &["v1", "v1beta1"])),
    }
    let version = &webhook.match_condition_subject_access_review_version;
    let at = path.child("matchConditionSubjectAccessReviewVersion");
    match version.as_str() {
        "" if webhook.match_conditions.is_empty() => {}
        "" => errors.push(FieldError::required(&at, "required if match conditions are specified")),
        "v1" => {}
        _ => errors.push(FieldError::not_supported(&at, version, &["v1"])),
    }
    let at = path.child("failurePolicy");
    match webhook.failure_policy.as_str() {
        "" => errors.push(FieldError::required(&at, "")),
        "NoOpinion" | "Deny" => {}
        other => errors.push(FieldError::not_supported(&at, other, &["NoOpinion", "Deny"])),
    }
    validate_connection(webhook, &path.child("connectionInfo"), errors);
    let expressions: Vec<String> =
        webhook.match_conditions.iter().map(|condition| condition.expression.clone()).collect();
    if let Err(wrong) = Conditions::compile(&expressions, path) {
        errors.extend(wrong);
    }
}

fn validate_spans(webhook: &WebhookConfiguration, path: &Path, errors: &mut Vec<FieldError>) {
    let mut check = |name: &str, span: Nanoseconds, most: i64, why: &str| {
        let at = path.child(name);
        if span.0 == 0 {
            errors.push(FieldError::required(&at, ""));
        } else if span.0 < 0 || span.0 > most {
            errors.push(FieldError::invalid(&at, &Duration(span.0).to_string(), why));
        }
    };
    check("timeout", webhook.timeout, MAXIMAL_TIMEOUT, "must be > 0s and <= 30s");
    check("authorizedTTL", webhook.authorized_ttl, i64::MAX, "must be > 0s");
    check("unauthorizedTTL", webhook.unauthorized_ttl, i64::MAX, "must be > 0s");
}

fn validate_connection(webhook: &WebhookConfiguration, path: &Path, errors: &mut Vec<FieldError>) {
    let (at_type, at_file) = (path.child("type"), path.child("kubeConfigFile"));
    let file = webhook.connection_info.kube_config_file.as_deref();
    match webhook.connection_info.type_.as_str() {
        "" => errors.push(FieldError::required(&at_type, "")),
        IN_CLUSTER => {
            if let Some(file) = file {
                errors.push(FieldError::invalid(&at_file, file, "can only be set when type=KubeConfigFile"));
            }
            let why = "not supported by this version of Keelson";
            errors.push(FieldError::invalid(&at_type, IN_CLUSTER, why));
        }
        KUBECONFIG => match file {
            None | Some("") => errors.push(FieldError::required(&at_file, "")),
            Some(file) if !FilePath::new(file).is_absolute() => {
                errors.push(FieldError::invalid(&at_file, file, "must be an absolute path"));
            }
            Some(file) => match std::fs::metadata(file) {
                Err(error) => {
                    errors.push(FieldError::invalid(&at_file, file, format!("error loading file: {error}")));
                }
                Ok(found) if !found.is_file() => {
                    errors.push(FieldError::invalid(&at_file, file, "must be a regular file"));
                }
                Ok(_) => {}
            },
        },
        other => errors.push(FieldError::not_supported(&at_type, other, &[IN_CLUSTER, KUBECONFIG])),
    }
}
