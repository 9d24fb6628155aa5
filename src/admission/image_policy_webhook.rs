//! ImagePolicyWebhook: a webhook decides by their images which pods may be.
//!
//! It is posted an `ImageReview` with the images of a pod's containers and those of its annotations that are meant
//! for it; what it said is remembered for a while. Where it can't be asked, the configuration says what holds.
//!
//! Source: "ImagePolicyWebhook" in the Kubernetes documentation of admission control.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value, scalar};
use keelson_base::metrics::Registry;
use serde::Serialize;
use tracing::debug;

use super::config::only;
use super::{Attributes, Phase, Plugin, pod};
use crate::outbound::{Answers, Backoff, ClientMetrics, Webhook, kubeconfig, review};

const KIND: &str = "ImageReview";
const VERSION: &str = "imagepolicy.k8s.io/v1alpha1";
/// What keys of audit annotations begin with.
const AUDIT_PREFIX: &str = "imagepolicywebhook.image-policy.k8s.io/";
/// What is in the keys of annotations that the webhook gets to see.
const ANNOTATIONS: &str = ".image-policy.k8s.io/";
/// How many answers are remembered.
const REMEMBERED: usize = 1024;
/// How large an answer may be to be remembered, in bytes.
const MAXIMAL_ANSWER: usize = 64 << 10;
/// How long one request may take, and all of them for one pod.
const TIMEOUT: Duration = Duration::from_secs(30);
const ALTOGETHER: Duration = Duration::from_secs(60);

pub(super) struct ImagePolicyWebhook {
    peer: Webhook,
    /// How long a yes is remembered. Default: five minutes.
    allow_ttl: Duration,
    /// How long a no is remembered. Default: 30 seconds.
    deny_ttl: Duration,
    /// Whether pods may be where the webhook can't be asked. Default: no.
    default_allow: bool,
    answers: Answers<Answer>,
}

/// What the webhook said.
#[derive(Clone, Debug)]
struct Answer {
    allowed: bool,
    reason: String,
    audit_annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: BTreeMap<&'static str, &'static str>,
    spec: Spec<'a>,
    status: NoStatus,
}

#[derive(Serialize)]
struct Spec<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    containers: Vec<Container<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
}

#[derive(Serialize)]
struct Container<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'a str,
}

#[derive(Serialize)]
struct NoStatus {
    allowed: bool,
}

/// A span that the configuration gives as a number of `unit` nanoseconds: 0 stands for the default, -1 for nothing.
fn span(given: i64, unit: i64, least: i64, most: i64, default: i64) -> Result<Duration, String> {
    let nanos = match given {
        -1 => 0,
        0 => default,
        given => {
            let value = given.saturating_mul(unit);
            if !(least..=most).contains(&value) {
                let [least, most, value] = [least, most, value].map(scalar::Duration);
                return Err(format!("valid value is between {least} and {most}, got {value}"));
            }
            value
        }
    };
    Ok(Duration::from_nanos(nanos.unsigned_abs()))
}

impl ImagePolicyWebhook {
    /// The plugin with this configuration: `{"imagePolicy": {"kubeConfigFile": …, "allowTTL": …, …}}`.
    ///
    /// # Errors
    /// A configuration that is missing or can't be used.
    pub(super) fn new(own: Option<&Value>, metrics: &Registry) -> Result<Self, String> {
        let metrics = ClientMetrics::new(metrics).map_err(|error| error.to_string())?;
        let own = own.ok_or("no config specified (see --admission-control-config-file)")?;
        only(own, &["imagePolicy"])?;
        let given = own.get("imagePolicy").filter(|given| !given.is_null());
        let given = given.ok_or("imagePolicy: must be an object")?;
        let known = ["kubeConfigFile", "allowTTL", "denyTTL", "retryBackoff", "defaultAllow"];
        only(given, &known).map_err(|why| format!("imagePolicy: {why}"))?;
        let number = |name: &str| match given.get(name) {
            None | Some(Value::Null) => Ok(0),
            Some(Value::Int(number)) => Ok(*number),
            Some(_) => Err(format!("imagePolicy.{name}: must be a whole number")),
        };
        const MILLISECOND: i64 = 1_000_000;
        const SECOND: i64 = 1000 * MILLISECOND;
        let backoff = span(number("retryBackoff")?, MILLISECOND, 1, 300 * SECOND, 500 * MILLISECOND)?;
        let allow_ttl = span(number("allowTTL")?, SECOND, SECOND, 1800 * SECOND, 300 * SECOND)?;
        let deny_ttl = span(number("denyTTL")?, SECOND, SECOND, 1800 * SECOND, 30 * SECOND)?;
        let default_allow = match given.get("defaultAllow") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(allow)) => *allow,
            Some(_) => return Err("imagePolicy.defaultAllow: must be true or false".to_owned()),
        };
        let file = given.str_at(&["kubeConfigFile"]);
        if file.is_empty() {
            return Err("imagePolicy.kubeConfigFile: must name a file".to_owned());
        }
        let peer = kubeconfig::read(Path::new(file)).map_err(|error| error.to_string())?;
        let peer = peer.with_backoff(Backoff::beginning_with(backoff)).counted(&metrics);
        Ok(ImagePolicyWebhook { peer, allow_ttl, deny_ttl, default_allow, answers: Answers::new(REMEMBERED) })
    }

    /// Asks the webhook, unless it said lately what it thinks.
    async fn ask(&self, review: &Review<'_>) -> Result<Answer, String> {
        let question = serde_json::to_vec(review).map_err(|error| error.to_string())?;
        if let Some(answer) = self.answers.get(&question) {
            return Ok(answer);
        }
        let body = Bytes::from(question.clone());
        let posted = self.peer.post_observed(body, TIMEOUT, ALTOGETHER, |_, _| {}).await;
        let bytes = posted.map_err(|failure| failure.to_string())?;
        let answer = Answer::read(&bytes)?;
        if bytes.len() <= MAXIMAL_ANSWER {
            let lasting = if answer.allowed { self.allow_ttl } else { self.deny_ttl };
            self.answers.keep(&question, answer.clone(), lasting);
        }
        Ok(answer)
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let status = review::status_of(bytes, KIND, VERSION)?;
        let mut audit_annotations = BTreeMap::new();
        match status.get("auditAnnotations") {
            None | Some(Value::Null) => {}
            Some(Value::Object(given)) => {
                for (key, value) in given.iter() {
                    let value = value.as_str().ok_or_else(|| {
                        format!("the webhook's answer: status.auditAnnotations.{key}: must be a string")
                    })?;
                    audit_annotations.insert(key.to_owned(), value.to_owned());
                }
            }
            Some(_) => {
                return Err("the webhook's answer: status.auditAnnotations: must be an object".to_owned());
            }
        }
        Ok(Answer {
            allowed: review::flag(&status, "allowed")?,
            reason: review::text(&status, "reason")?,
            audit_annotations,
        })
    }
}

/// The question about a pod.
fn review<'a>(attributes: &Attributes<'a>, object: &'a Object) -> Review<'a> {
    let lists: &[&str] = match attributes.subresource {
        "" => &["containers", "initContainers"],
        _ => &["ephemeralContainers"],
    };
    let containers = lists.iter().flat_map(|list| pod::spec_list(object, list));
    let annotations = object.at(&["metadata", "annotations"]).and_then(Value::as_object);
    let annotations = annotations.into_iter().flat_map(|map| map.iter());
    Review {
        kind: KIND,
        api_version: VERSION,
        metadata: BTreeMap::new(),
        spec: Spec {
            containers: containers.map(|c| Container { image: c.str_at(&["image"]) }).collect(),
            annotations: annotations
                .filter(|(key, _)| key.contains(ANNOTATIONS))
                .filter_map(|(key, value)| Some((key, value.as_str()?)))
                .collect(),
            namespace: attributes.namespace,
        },
        status: NoStatus { allowed: false },
    }
}

#[async_trait]
impl Plugin for ImagePolicyWebhook {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes()
            && attributes.is_any("", "pods")
            && matches!(attributes.subresource, "" | "ephemeralcontainers")
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        let answer = match self.ask(&review(attributes, pod)).await {
            Ok(answer) => answer,
            Err(why) => {
                debug!(error = why, allowed = self.default_allow, "error contacting webhook backend");
                if !self.default_allow {
                    return Err(attributes.forbidden(object, why));
                }
                attributes.notes.audit(&format!("{AUDIT_PREFIX}failed-open"), "true");
                return Ok(());
            }
        };
        for (key, value) in &answer.audit_annotations {
            attributes.notes.audit(&format!("{AUDIT_PREFIX}{key}"), value);
        }
        match (answer.allowed, answer.reason.as_str()) {
            (true, _) => Ok(()),
            (false, "") => {
                Err(attributes.forbidden(object, "one or more images rejected by webhook backend"))
            }
            (false, reason) => {
                let why = format!("image policy webhook backend denied one or more images: {reason}");
                Err(attributes.forbidden(object, why))
            }
        }
    }
}
