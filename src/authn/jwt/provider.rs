//! An issuer's keys: discovered, fetched and fetched again by a task of their own.
//!
//! The task asks the issuer where its keys are, every ten seconds until it answers; nothing of the issuer is
//! believed before. Then it fetches the keys, and again whenever a token shows up that none of them verifies:
//! that is how issuers change keys. All who wait for keys wait for the same fetch, and fetches are at least
//! a second apart, so that whoever sends forged tokens can't make the server flood the issuer.
//!
//! Source: OpenID Connect Discovery 1.0, section 4; OpenID Connect Core 1.0, section 10.1.1.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use keelson_apimachinery::field::quote;
use keelson_base::clock;
use keelson_base::shutdown::Signal;
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tracing::{debug, error};

use super::metrics::{self, Metrics};
use crate::authn::jws::{Compact, WebKey, web_keys};
use crate::outbound::{Client, Tls};

/// How often an issuer is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How long to wait after it could not be discovered.
    pub(super) retry: Duration,
    /// The least time between two fetches of its keys.
    pub(super) apart: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { retry: Duration::from_secs(10), apart: Duration::from_secs(1) }
    }
}

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// How many times an answer may lead elsewhere.
const MAX_REDIRECTS: usize = 10;
/// How much of an answer that is of no use is told of, in bytes.
const SHOWN: usize = 512;

/// What an issuer is asked with. Clones share connections.
#[derive(Clone, Debug)]
pub(super) struct Http(Client);

impl Http {
    /// Believes servers whose certificates these authorities (PEM; the system's, where it is empty) signed.
    ///
    /// # Errors
    /// Where they can't be used.
    pub(super) fn new(authorities: &str) -> Result<Self, String> {
        let authorities = Some(authorities.as_bytes().to_vec()).filter(|pem| !pem.is_empty());
        let tls = Tls { authorities, ..Tls::default() };
        Client::new(&tls).map(Http).map_err(|why| why.to_string())
    }

    /// What is at a URL, wherever that leads to. `token` goes with the request to the URL's own host.
    ///
    /// # Errors
    /// Where there is no answer, or a URL that is not https.
    pub(super) async fn get(&self, url: &str, token: Option<&str>) -> Result<Response<Bytes>, String> {
        let mut url: Uri = url.parse().map_err(|why| format!("{url:?} is no URL: {why}"))?;
        let host = url.authority().cloned();
        for _ in 0..=MAX_REDIRECTS {
            if url.scheme_str() != Some("https") {
                return Err(format!("\"{url}\" is not asked: URL scheme must be https"));
            }
            let mut request = Request::get(url.clone()).body(Bytes::new()).map_err(|why| why.to_string())?;
            if let Some(token) = token.filter(|token| !token.is_empty() && url.authority() == host.as_ref()) {
                let value = HeaderValue::try_from(format!("Bearer {token}"));
                let mut value = value.map_err(|_| "the access token can't be sent")?;
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            let answer = self.0.send(request, ANSWER_WITHIN, MAX_ANSWER).await;
            let answer = answer.map_err(|why| format!("Get \"{url}\": {why}"))?;
            match redirection(&url, &answer) {
                None => return Ok(answer),
                Some(next) => url = next?,
            }
        }
        Err(format!("stopped after {MAX_REDIRECTS} redirects"))
    }
}

/// Where an answer leads.
fn redirection(from: &Uri, answer: &Response<Bytes>) -> Option<Result<Uri, String>> {
    let leads = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = answer.headers().get(LOCATION).filter(|_| leads)?;
    let location = match location.to_str() {
        Ok(text) if text.starts_with("//") => format!("https:{text}"),
        Ok(text) if text.starts_with('/') => {
            format!("https://{}{text}", from.authority().map_or("", |host| host.as_str()))
        }
        Ok(text) => text.to_owned(),
        Err(why) => return Some(Err(why.to_string())),
    };
    Some(location.parse().map_err(|why| format!("{location:?} is no URL: {why}")))
}

/// What an answer that is of no use says.
fn useless(answer: &Response<Bytes>) -> String {
    let body = answer.body();
    format!("{}: {}", answer.status(), String::from_utf8_lossy(&body[..body.len().min(SHOWN)]))
}

/// An issuer.
pub(super) struct Provider {
    issuer: String,
    issuer_hash: String,
    /// Where it is discovered.
    discovery: String,
    http: Http,
    pace: Pace,
    state: watch::Sender<State>,
    /// Somebody needs keys that are not known.
    wanted: Notify,
    end: Signal,
    metrics: Option<Arc<Metrics>>,
}

/// What is known of an issuer.
#[derive(Clone, Debug, Default)]
struct State {
    /// Where its keys are; `None` before it was discovered.
    keys_url: Option<String>,
    keys: Arc<[WebKey]>,
    /// How often keys were asked for.
    fetches: u64,
    /// Why the last time failed.
    failure: Option<String>,
}

/// What is read of a discovered issuer.
#[derive(Deserialize)]
struct Discovered {
    #[serde(default)]
    issuer: String,
    #[serde(default)]
    jwks_uri: String,
}

impl Provider {
    /// An issuer that is discovered at `discovery`, or at its well-known path where that is empty. Nothing is
    /// asked before [`Provider::run`]. Fetches are counted where there are `metrics`.
    pub(super) fn new(
        issuer: &str,
        discovery: &str,
        http: Http,
        metrics: Option<Arc<Metrics>>,
        end: Signal,
    ) -> Self {
        let discovery = match discovery {
            "" => format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer)),
            elsewhere => elsewhere.to_owned(),
        };
        Provider {
            issuer: issuer.to_owned(),
            issuer_hash: metrics::hash(issuer.as_bytes()),
            discovery,
            http,
            pace: Pace::default(),
            state: watch::Sender::new(State::default()),
            wanted: Notify::new(),
            end,
            metrics,
        }
    }

    /// The same that asks at another pace.
    #[cfg(test)]
    pub(super) fn at_pace(self, pace: Pace) -> Self {
        Provider { pace, ..self }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn issuer_hash(&self) -> &str {
        &self.issuer_hash
    }

    /// Whether the issuer was discovered.
    pub(super) fn is_ready(&self) -> bool {
        self.state.borrow().keys_url.is_some()
    }

    /// Waits until the issuer was discovered. Cancel safe.
    pub(super) async fn ready(&self) {
        // It fails where the sender is gone, which is here.
        let _ = self.state.subscribe().wait_for(|state| state.keys_url.is_some()).await;
    }

    /// Why the issuer could not be discovered, or its keys not fetched.
    pub(super) fn failure(&self) -> Option<String> {
        self.state.borrow().failure.clone()
    }

    /// Discovers the issuer and keeps its keys until the signal comes.
    pub(super) async fn run(self: Arc<Self>) {
        self.end.unless_begun(self.keep()).await;
        // Whoever waits for keys still is not left waiting.
        self.state.send_modify(|state| {
            state.fetches += 1;
            state.failure = Some("the issuer is not asked any more".to_owned());
        });
    }

    async fn keep(&self) {
        let keys_url = loop {
            debug!(issuer = self.issuer, "discovering an issuer of tokens");
            match self.discover().await {
                Ok(url) => break url,
                Err(why) => {
                    error!(
                        issuer = self.issuer,
                        error = why,
                        "oidc authenticator: initializing plugin; its tokens are refused until that succeeds"
                    );
                    self.state.send_modify(|state| state.failure = Some(why));
                    clock::sleep(self.pace.retry).await;
                }
            }
        };
        self.state.send_modify(|state| {
            state.failure = None;
            state.keys_url = Some(keys_url.clone());
        });
        loop {
            let begun = clock::monotonic();
            let fetched = self.fetch(&keys_url).await;
            if let Err(why) = &fetched {
                error!(issuer = self.issuer, error = why, "the keys of an issuer of tokens can't be fetched");
            }
            self.state.send_modify(|state| {
                state.fetches += 1;
                state.failure = match fetched {
                    Ok(keys) => {
                        state.keys = keys;
                        None
                    }
                    Err(why) => Some(why),
                };
            });
            clock::sleep(self.pace.apart.saturating_sub(clock::monotonic().duration_since(begun))).await;
            self.wanted.notified().await;
        }
    }

    /// Where the issuer's keys are.
    async fn discover(&self) -> Result<String, String> {
        let answer = self.http.get(&self.discovery, None).await?;
        if answer.status() != StatusCode::OK {
            return Err(useless(&answer));
        }
        let found: Discovered = serde_json::from_slice(answer.body())
            .map_err(|why| format!("oidc: failed to decode provider discovery object: {why}"))?;
        if found.issuer != self.issuer {
            let (wanted, found) = (quote(&self.issuer), quote(&found.issuer));
            return Err(format!(
                "oidc: issuer did not match the issuer returned by provider, expected {wanted} got {found}"
            ));
        }
        if found.jwks_uri.is_empty() {
            return Err("provider did not return JWKS URL".to_owned());
        }
        Ok(found.jwks_uri)
    }

    async fn fetch(&self, url: &str) -> Result<Arc<[WebKey]>, String> {
        let result = self.fetch_uncounted(url).await;
        if let Some(metrics) = &self.metrics {
            metrics.fetched(&self.issuer_hash, result.as_ref().ok().map(|(text, _)| text.as_ref()));
        }
        result.map(|(_, keys)| keys)
    }

    async fn fetch_uncounted(&self, url: &str) -> Result<(Bytes, Arc<[WebKey]>), String> {
        let answer = self.http.get(url, None).await.map_err(|why| format!("oidc: get keys failed {why}"))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("oidc: get keys failed: {}", useless(&answer)));
        }
        let keys = web_keys(answer.body()).map_err(|why| format!("oidc: failed to decode keys: {why}"))?;
        Ok((answer.into_body(), keys.into()))
    }

    /// Whether the issuer signed a token; keys are fetched for one that none of the known ones verifies.
    ///
    /// # Errors
    /// Why it can't be said that the issuer did.
    pub(super) async fn verify(&self, token: &Compact<'_>) -> Result<(), String> {
        let mut states = self.state.subscribe();
        let seen = states.borrow().clone();
        if verified(&seen.keys, token) {
            return Ok(());
        }
        if self.end.has_begun() {
            return Err("fetching keys: the issuer is not asked any more".to_owned());
        }
        self.wanted.notify_one();
        // The sender lives as long as this call.
        let now =
            states.wait_for(|state| state.fetches > seen.fetches).await.map_err(|why| why.to_string())?;
        let (keys, failure) = (now.keys.clone(), now.failure.clone());
        drop(now);
        match failure {
            Some(why) => Err(format!("fetching keys {why}")),
            None if verified(&keys, token) => Ok(()),
            None => Err("failed to verify id token signature".to_owned()),
        }
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Whether one of the keys that the token may mean verifies it.
fn verified(keys: &[WebKey], token: &Compact<'_>) -> bool {
    let meant = |key: &&WebKey| token.key_id.is_empty() || key.id == token.key_id;
    let verifies =
        |key: &WebKey| key.key.verifies(&token.algorithm, token.message.as_bytes(), &token.signature);
    keys.iter().filter(meant).any(verifies)
}
