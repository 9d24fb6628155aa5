//! Tokens that a webhook knows: it is posted a `TokenReview`, and says whose the token is.
//!
//! What the webhook says is kept by the cache around this ([`super::token_cache`]), for as long as
//! `--authentication-token-webhook-cache-ttl` says; failures are not.
//!
//! Source: "Webhook Token Authentication" in the authentication chapter of the Kubernetes documentation.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::{Map, Value};
use serde::Serialize;
use tracing::error;

use super::token::{self, Believed, TokenAuthenticator};
use crate::outbound::Webhook;
use crate::request::UserInfo;

/// How long a webhook may take, all attempts together: as long as the cache waits for anybody.
const WITHIN: Duration = Duration::from_secs(30);

/// Which webhook is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The kubeconfig that names it.
    pub file: PathBuf,
    /// The version of the `TokenReview` that is posted. Default: `v1beta1`.
    pub version: Version,
    /// How long its answers are kept. Default: 2 minutes; 0 keeps none.
    pub kept_for: Duration,
}

/// A version of `TokenReview`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// `authentication.k8s.io/v1`.
    V1,
    /// `authentication.k8s.io/v1beta1`.
    #[default]
    V1Beta1,
}

impl Version {
    fn api_version(self) -> &'static str {
        match self {
            Version::V1 => "authentication.k8s.io/v1",
            Version::V1Beta1 => "authentication.k8s.io/v1beta1",
        }
    }
}

/// Believes tokens that a webhook knows.
#[derive(Debug)]
pub struct WebhookTokens {
    webhook: Webhook,
    version: Version,
    api_audiences: Vec<String>,
}

impl WebhookTokens {
    /// Asks this webhook. A token that it knows is for `api_audiences`, where it does not say whom it is for.
    pub fn new(webhook: Webhook, version: Version, api_audiences: Vec<String>) -> Self {
        WebhookTokens { webhook, version, api_audiences }
    }

    fn question(&self, token: &str, audiences: &[String]) -> Result<Bytes, serde_json::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Question<'a> {
            kind: &'a str,
            api_version: &'a str,
            metadata: Empty,
            spec: Spec<'a>,
            status: EmptyStatus,
        }
        #[derive(Serialize)]
        struct Empty {}
        #[derive(Serialize)]
        struct EmptyStatus {
            user: Empty,
        }
        #[derive(Serialize)]
        struct Spec<'a> {
            token: &'a str,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            audiences: &'a [String],
        }
        let question = Question {
            kind: KIND,
            api_version: self.version.api_version(),
            metadata: Empty {},
            spec: Spec { token, audiences },
            status: EmptyStatus { user: Empty {} },
        };
        serde_json::to_vec(&question).map(Bytes::from)
    }

    /// What an answer says.
    fn read(&self, answer: &[u8], audiences: &[String]) -> Result<Option<Believed>, String> {
        let unreadable = |why: String| format!("the webhook's answer can't be read: {why}");
        let answer = json::decode_untyped(answer).map_err(|why| unreadable(why.to_string()))?.value;
        let status = Verdict::read(&answer).map_err(unreadable)?;
        let wanted = self.version.api_version();
        let is = |text: &str, wanted: &str| text.is_empty() || text == wanted;
        if !(is(&status.kind, KIND) && is(&status.api_version, wanted)) {
            let (kind, version) = (&status.kind, &status.api_version);
            return Err(format!(
                "the webhook's answer is a {kind:?} of {version:?} and no {KIND} of {wanted}"
            ));
        }
        let of_token = match status.audiences.as_slice() {
            [] => &self.api_audiences,
            some => some,
        };
        // In the order in which the webhook names them.
        let common = token::common(audiences, of_token);
        if common.is_empty() {
            return Ok(None);
        }
        if !status.authenticated {
            return if status.error.is_empty() { Ok(None) } else { Err(status.error) };
        }
        let user = Arc::new(status.user);
        Ok(Some(Believed { user, audiences: common, warning: None }))
    }
}

const KIND: &str = "TokenReview";

/// What an answer says.
struct Verdict {
    kind: String,
    api_version: String,
    authenticated: bool,
    user: UserInfo,
    audiences: Vec<String>,
    error: String,
}

impl Verdict {
    fn read(answer: &Value) -> Result<Self, String> {
        let answer = Member { value: Some(answer), name: "it" };
        let (status, user) = (answer.member("status")?, answer.member("status")?.member("user")?);
        let extra = user.member("extra")?;
        let mut members = BTreeMap::new();
        for (name, _) in extra.object()?.into_iter().flat_map(Map::iter) {
            members.insert(name.to_owned(), extra.member(name)?.texts()?);
        }
        Ok(Verdict {
            kind: answer.member("kind")?.text()?,
            api_version: answer.member("apiVersion")?.text()?,
            authenticated: status.member("authenticated")?.boolean()?,
            user: UserInfo {
                name: user.member("username")?.text()?,
                uid: user.member("uid")?.text()?,
                groups: user.member("groups")?.texts()?,
                extra: members,
            },
            audiences: status.member("audiences")?.texts()?,
            error: status.member("error")?.text()?,
        })
    }
}

/// A member of the answer; what is `null` counts as absent.
#[derive(Clone, Copy)]
struct Member<'a> {
    value: Option<&'a Value>,
    name: &'a str,
}

impl<'a> Member<'a> {
    fn read<T>(self, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>, String> {
        let read =
            self.value.map(|value| read(value).ok_or_else(|| format!("{} is of another type", self.name)));
        read.transpose()
    }

    fn object(self) -> Result<Option<&'a Map>, String> {
        self.read(Value::as_object)
    }

    fn member(self, name: &'a str) -> Result<Member<'a>, String> {
        let value = self.object()?.and_then(|map| map.get(name)).filter(|value| !value.is_null());
        Ok(Member { value, name })
    }

    fn text(self) -> Result<String, String> {
        Ok(self.read(Value::as_str)?.unwrap_or_default().to_owned())
    }

    fn boolean(self) -> Result<bool, String> {
        Ok(self.read(Value::as_bool)?.unwrap_or_default())
    }

    fn texts(self) -> Result<Vec<String>, String> {
        let all = |value: &Value| value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect();
        Ok(self.read(all)?.unwrap_or_default())
    }
}

#[async_trait]
impl TokenAuthenticator for WebhookTokens {
    async fn judge(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String> {
        let question = self.question(token, audiences).map_err(|e| e.to_string())?;
        match self.webhook.post(question, WITHIN).await {
            Ok(answer) => self.read(&answer, audiences),
            Err(why) => {
                let why = why.to_string();
                error!(error = why, "Failed to make webhook authenticator request");
                Err(why)
            }
        }
    }
}

#[cfg(test)]
mod tests;
