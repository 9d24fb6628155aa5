//! `AuthorizationConfiguration`: the file that says which authorizers are asked, and how.
//!
//! Read strictly ([`parse`]), held to upstream's rules ([`validate`]), and made into what the chain is built from
//! ([`load`]). While a server runs the file is followed ([`Follower`]): what can't be used is told of, and the old
//! configuration stays.
//!
//! Source: "Configuring the API Server using an Authorization Config File" in the Kubernetes documentation.

mod follow;
#[cfg(test)]
mod tests;
mod validation;

use std::path::PathBuf;
use std::time::Duration;

use keelson_apimachinery::scalar;
use serde::{Deserialize, Deserializer};

pub use self::follow::{Follower, Held};
pub use self::validation::validate;
use super::chain::Configured;
use super::webhook::{ReviewVersion, Settings};
use super::{Decision, Mode};
use crate::config_file;

const KIND: &str = "AuthorizationConfiguration";
const VERSIONS: [&str; 3] =
    ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1", "apiserver.config.k8s.io/v1alpha1"];

/// The file's content, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AuthorizationConfiguration {
    /// The authorizers, in the order in which they are asked.
    pub authorizers: Vec<AuthorizerConfiguration>,
}

/// One authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AuthorizerConfiguration {
    /// Its mode.
    #[serde(rename = "type")]
    pub type_: String,
    /// Its name: a DNS subdomain that no other has.
    pub name: String,
    /// How it is asked; for webhooks only, and always.
    pub webhook: Option<WebhookConfiguration>,
}

/// How a webhook is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WebhookConfiguration {
    /// How long a yes is remembered. Default: five minutes.
    #[serde(rename = "authorizedTTL")]
    pub authorized_ttl: Nanoseconds,
    /// Whether a yes is remembered. Default: true.
    pub cache_authorized_requests: Option<bool>,
    /// How long everything else is remembered. Default: 30 seconds.
    #[serde(rename = "unauthorizedTTL")]
    pub unauthorized_ttl: Nanoseconds,
    /// Whether everything else is remembered. Default: true.
    pub cache_unauthorized_requests: Option<bool>,
    /// How long a request may take; at most 30 seconds.
    pub timeout: Nanoseconds,
    /// The version of the review that is posted.
    pub subject_access_review_version: String,
    /// The version of the review that conditions see.
    pub match_condition_subject_access_review_version: String,
    /// `NoOpinion` or `Deny`: what holds where it can't be asked.
    pub failure_policy: String,
    /// Where it is.
    pub connection_info: ConnectionInfo,
    /// For which requests it is asked: those for which all of them hold.
    pub match_conditions: Vec<MatchCondition>,
}

/// Where a webhook is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConnectionInfo {
    /// `KubeConfigFile` or `InClusterConfig`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The kubeconfig's absolute path.
    pub kube_config_file: Option<String>,
}

/// A condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MatchCondition {
    /// The expression, over `request`.
    pub expression: String,
}

/// A span of time, written as Go writes it (`1m30s`). May be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanoseconds(pub i64);

impl<'de> Deserialize<'de> for Nanoseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = scalar::Duration::parse(&text).map_err(serde::de::Error::custom)?;
        Ok(Nanoseconds(parsed.0))
    }
}

impl Nanoseconds {
    fn duration(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

/// Reads the file's bytes and sets defaults. No bytes are an empty configuration.
///
/// # Errors
/// What is wrong with them.
pub fn parse(bytes: &[u8]) -> Result<AuthorizationConfiguration, String> {
    if bytes.is_empty() {
        return Ok(AuthorizationConfiguration::default());
    }
    let mut configuration: AuthorizationConfiguration = config_file::parse(bytes, KIND, &VERSIONS)
        .map_err(|why| format!("failed to load AuthorizationConfiguration from file: {why}"))?;
    for webhook in configuration.authorizers.iter_mut().filter_map(|a| a.webhook.as_mut()) {
        let set = |ttl: &mut Nanoseconds, seconds: i64| {
            if ttl.0 == 0 {
                ttl.0 = seconds * 1_000_000_000;
            }
        };
        set(&mut webhook.authorized_ttl, 300);
        set(&mut webhook.unauthorized_ttl, 30);
    }
    Ok(configuration)
}

/// Reads the file's bytes, and makes of them what the chain is built from. Each of the modes `required` has to be
/// among them.
///
/// # Errors
/// All that is wrong with them.
pub fn load(bytes: &[u8], required: &[Mode]) -> Result<Vec<Configured>, String> {
    let configuration = parse(bytes)?;
    let errors = validate(&configuration);
    if !errors.is_empty() {
        return Err(aggregate(errors.iter().map(ToString::to_string).collect()));
    }
    let (mut configured, mut errors) = (Vec::new(), Vec::new());
    for AuthorizerConfiguration { type_, name, webhook } in configuration.authorizers {
        let Some(mode) = Mode::parse(&type_) else {
            errors.push(format!("authorizer type {type_} is not supported by this version of Keelson"));
            continue;
        };
        let usual = Configured::usual(mode);
        match webhook {
            Some(webhook) => configured.push(Configured::webhook(&name, settings(webhook)?)),
            None if usual.name != name => {
                errors.push(format!("expected name {} for authorizer {type_} instead of {name}", usual.name));
            }
            None => configured.push(usual),
        }
    }
    let mut missing: Vec<&str> = required
        .iter()
        .filter(|mode| !configured.iter().any(|c| c.mode == **mode))
        .map(|mode| mode.as_str())
        .collect();
    if errors.is_empty() && !missing.is_empty() {
        missing.sort_unstable();
        errors.push(format!("missing required types: [{}]", missing.join(" ")));
    }
    if errors.is_empty() { Ok(configured) } else { Err(aggregate(errors)) }
}

fn settings(given: WebhookConfiguration) -> Result<Settings, String> {
    let remembered = |wanted: Option<bool>, ttl: Nanoseconds| match wanted {
        Some(false) => Duration::ZERO,
        _ => ttl.duration(),
    };
    Ok(Settings {
        kubeconfig: PathBuf::from(given.connection_info.kube_config_file.unwrap_or_default()),
        version: ReviewVersion::parse(&given.subject_access_review_version)?,
        authorized_ttl: remembered(given.cache_authorized_requests, given.authorized_ttl),
        unauthorized_ttl: remembered(given.cache_unauthorized_requests, given.unauthorized_ttl),
        timeout: given.timeout.duration(),
        on_failure: if given.failure_policy == "Deny" { Decision::Deny } else { Decision::NoOpinion },
        conditions: given.match_conditions.into_iter().map(|condition| condition.expression).collect(),
    })
}

/// Several errors as one text, as upstream tells them.
fn aggregate(mut errors: Vec<String>) -> String {
    let mut seen = std::collections::HashSet::new();
    errors.retain(|error| seen.insert(error.clone()));
    if errors.len() == 1 { errors.remove(0) } else { format!("[{}]", errors.join(", ")) }
}
