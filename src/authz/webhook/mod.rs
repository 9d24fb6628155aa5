//! Webhooks that authorize: a `SubjectAccessReview` is posted, and its status decides.
//!
//! What a webhook said is remembered for a while. Match conditions say for which requests it is asked at all. What
//! happens where it can't be asked, the failure policy says.
//!
//! Source: "Webhook Mode" in the Kubernetes documentation.

mod conditions;
mod review;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use keelson_base::clock::{self, Instant};
use tracing::error;

pub use self::conditions::Conditions;
pub use self::review::ReviewVersion;
use self::review::{Review, Status};
use super::metrics::AuthorizationMetrics;
use super::{Attributes, Authorizer, Decision, Rules, Verdict};
use crate::outbound::{Answers, Webhook, kubeconfig};
use crate::request::UserInfo;

/// How many answers are remembered.
const REMEMBERED: usize = 8192;
/// From how many bytes on what a client chose is not remembered: it may want to fill memory.
const MAXIMAL_CONTROLLED: usize = 10_000;
/// How long a reason may be to be remembered, in bytes.
const MAXIMAL_REASON: usize = 16 << 10;
/// How long all the requests of one decision may take.
const ALTOGETHER: Duration = Duration::from_secs(60);

/// How a webhook is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The kubeconfig that says where it is.
    pub kubeconfig: PathBuf,
    /// The version of the review. Default of the flag: `v1beta1`.
    pub version: ReviewVersion,
    /// How long a yes is remembered; not at all where it is nothing. Default: five minutes.
    pub authorized_ttl: Duration,
    /// How long everything else is remembered; not at all where it is nothing. Default: 30 seconds.
    pub unauthorized_ttl: Duration,
    /// How long one request may take. Default of the flags: 30 seconds.
    pub timeout: Duration,
    /// What holds where it can't be asked: no opinion, or no. Default of the flags: no opinion.
    pub on_failure: Decision,
    /// Expressions over `request` that all have to hold for it to be asked.
    pub conditions: Vec<String>,
}

/// Asks a webhook.
pub struct WebhookAuthorizer {
    name: String,
    settings: Settings,
    conditions: Conditions,
    peer: Webhook,
    answers: Answers<Status>,
    metrics: AuthorizationMetrics,
}

impl WebhookAuthorizer {
    /// The webhook that the settings name, counted under `name`.
    ///
    /// # Errors
    /// A kubeconfig or a condition that can't be used.
    pub fn new(name: &str, settings: Settings, metrics: AuthorizationMetrics) -> Result<Self, String> {
        let conditions =
            Conditions::compile(&settings.conditions, &Default::default()).map_err(|errors| {
                let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
                texts.join(", ")
            })?;
        let peer = kubeconfig::read(&settings.kubeconfig).map_err(|error| error.to_string())?;
        let peer = peer.counted(&metrics.clients);
        let answers = Answers::new(REMEMBERED);
        Ok(WebhookAuthorizer { name: name.to_owned(), settings, conditions, peer, answers, metrics })
    }

    #[cfg(test)]
    fn retried(mut self, backoff: crate::outbound::Backoff) -> Self {
        self.peer = self.peer.with_backoff(backoff);
        self
    }

    /// Whether the conditions let the request through to the webhook.
    fn matches(&self, review: &Review<'_>) -> Result<bool, String> {
        if self.conditions.is_empty() {
            return Ok(true);
        }
        let labels = ["Webhook", self.name.as_str()];
        let begun = clock::monotonic();
        let matched = self.conditions.hold(review);
        let took = clock::monotonic().saturating_duration_since(begun);
        self.metrics.condition_durations.with_label_values(&labels).observe(took.as_secs_f64());
        match &matched {
            Ok(true) => {}
            Ok(false) => self.metrics.condition_exclusions.with_label_values(&labels).inc(),
            Err(_) => self.metrics.condition_errors.with_label_values(&labels).inc(),
        }
        matched
    }

    /// Asks the webhook; the errors are counted.
    async fn ask(&self, body: Bytes) -> Result<Status, String> {
        let mut outcome = None;
        let mut result = "error";
        let mut flight = Flight { authorizer: self, begun: clock::monotonic(), is_over: false };
        let posted = self
            .peer
            .post_observed(body, self.settings.timeout, ALTOGETHER, |answer, took| {
                result = match answer {
                    Ok(bytes) => match self.settings.version.status(bytes) {
                        Ok(status) => {
                            outcome = Some(Ok(status));
                            "success"
                        }
                        Err(why) => {
                            outcome = Some(Err(why));
                            "error"
                        }
                    },
                    Err(failure) if failure.is_timeout() => "timeout",
                    Err(_) => "error",
                };
                self.metrics.webhook(&self.name, result, took);
            })
            .await;
        flight.is_over = true;
        let answer = match posted {
            Ok(_) => outcome.unwrap_or_else(|| Err("there was no answer".to_owned())),
            Err(failure) => Err(failure.to_string()),
        };
        if answer.is_err() && self.settings.on_failure == Decision::NoOpinion {
            self.metrics.webhook_fail_open.with_label_values(&[self.name.as_str(), result]).inc();
        }
        answer
    }
}

/// A decision that waits for the webhook; counted where nobody waits for it any more.
struct Flight<'a> {
    authorizer: &'a WebhookAuthorizer,
    begun: Instant,
    is_over: bool,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let took = clock::monotonic().saturating_duration_since(self.begun);
            self.authorizer.metrics.webhook(&self.authorizer.name, "canceled", took);
        }
    }
}

/// Whether what the client chose is short enough to be remembered.
fn may_be_remembered(attributes: &Attributes<'_>) -> bool {
    let Attributes { namespace, verb, group, version, resource, subresource, name, path, .. } = attributes;
    let controlled = [namespace, verb, group, version, resource, subresource, name, path];
    controlled.iter().map(|text| text.len()).sum::<usize>() < MAXIMAL_CONTROLLED
}

#[async_trait]
impl Authorizer for WebhookAuthorizer {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let review = Review::of(attributes);
        match self.matches(&review) {
            Ok(true) => {}
            Ok(false) => return Verdict::no_opinion(),
            Err(why) => return Verdict::failed(self.settings.on_failure, why),
        }
        let body = review.body(self.settings.version);
        let status = match self.answers.get(&body) {
            Some(status) => status,
            None => {
                let status = match self.ask(Bytes::from(body.clone())).await {
                    Ok(status) => status,
                    Err(why) => {
                        error!(webhook = self.name, error = why, "Failed to make webhook authorizer request");
                        return Verdict::failed(self.settings.on_failure, why);
                    }
                };
                if may_be_remembered(attributes) && status.reason.len() <= MAXIMAL_REASON {
                    let lasting = match status.allowed {
                        true => self.settings.authorized_ttl,
                        false => self.settings.unauthorized_ttl,
                    };
                    self.answers.keep(&body, status.clone(), lasting);
                }
                status
            }
        };
        status.verdict()
    }

    async fn rules_for(&self, _: &UserInfo, _: &str) -> Rules {
        let why = "webhook authorizer does not support user rule resolution".to_owned();
        Rules { incomplete: true, errors: vec![why], ..Rules::default() }
    }
}
