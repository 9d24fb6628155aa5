//! A peer that reviews are posted to.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Uri};
use keelson_apimachinery::codec::json;
use keelson_apimachinery::scalar;
use keelson_base::clock::{self, Instant};
use keelson_base::random;
use keelson_base::task::blocking;
use parking_lot::Mutex;
use tracing::{info, warn};

use super::kubeconfig::Settings;
use super::metrics::{ClientMetrics, PeerMetrics};
use super::{Client, OutboundError};

/// How large an answer may be, in bytes.
const MAXIMAL_ANSWER: usize = 8 << 20;
/// How much of an answer that is no `Status` is repeated in an error, in bytes.
const MAXIMAL_EXCERPT: usize = 2048;
/// How often the files that a kubeconfig names (certificates, token) are looked at again, at most.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How often a request that failed is sent again, and after how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// How long to wait after the first failure. Default: 500 ms.
    pub initial: Duration,
    /// What a wait is longer by than the one before.
    pub factor: f64,
    /// How much longer a wait may be, at random, as a part of it.
    pub jitter: f64,
    /// How many requests there are at most.
    pub attempts: u32,
}

impl Backoff {
    /// Upstream's for webhooks, beginning with this wait: 1.5 times as long each time, jitter 0.2, five requests.
    pub fn beginning_with(initial: Duration) -> Self {
        Backoff { initial, factor: 1.5, jitter: 0.2, attempts: 5 }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff::beginning_with(Duration::from_millis(500))
    }
}

/// Why a webhook did not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// There is no answer.
    #[error("Post \"{url}\": {source}")]
    Send {
        /// Where the request went.
        url: String,
        /// Why.
        source: OutboundError,
    },
    /// The answer is a refusal.
    #[error("{message}")]
    Refused {
        /// Its status code.
        code: u16,
        /// What it says.
        message: String,
        /// When to come back, where it says so.
        retry_after: Option<Duration>,
    },
}

impl PostError {
    /// Whether the same request may succeed in a while: upstream's rule for webhooks.
    pub fn is_transient(&self) -> bool {
        match self {
            PostError::Send { source, .. } => matches!(source, OutboundError::Broken { by_peer: true, .. }),
            PostError::Refused { code, retry_after, .. } => {
                matches!(code, 429 | 500 | 504) || retry_after.is_some()
            }
        }
    }

    /// Whether time ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            PostError::Send { source: OutboundError::Timeout(_), .. } | PostError::Refused { code: 504, .. }
        )
    }

    /// The status code of the answer; none where there is no answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            PostError::Send { .. } => None,
            PostError::Refused { code, .. } => Some(*code),
        }
    }
}

/// A peer that reviews are posted to. Clones share its connections.
#[derive(Clone)]
pub struct Webhook {
    inner: Arc<Inner>,
    backoff: Backoff,
    metrics: Option<PeerMetrics>,
}

struct Inner {
    settings: Settings,
    current: ArcSwap<Current>,
    /// When the files were last looked at.
    looked: Mutex<Instant>,
}

/// What is made of the files that a kubeconfig names.
struct Current {
    material: super::kubeconfig::Material,
    client: Client,
    authorization: Option<HeaderValue>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Webhook").field("url", &self.inner.settings.url).finish_non_exhaustive()
    }
}

impl Webhook {
    /// The peer that these settings name. Reads the files that they name.
    ///
    /// # Errors
    /// Files that can't be read or used.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let current = Current::of(&settings)?;
        let inner = Inner {
            settings,
            current: ArcSwap::from_pointee(current),
            looked: Mutex::new(clock::monotonic()),
        };
        Ok(Webhook { inner: Arc::new(inner), backoff: Backoff::default(), metrics: None })
    }

    /// The same peer, asked again so where it failed.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Webhook { backoff, ..self }
    }

    /// The same peer, whose requests are counted.
    #[must_use]
    pub fn counted(self, metrics: &ClientMetrics) -> Self {
        let metrics = Some(metrics.peer(&self.inner.settings.url));
        Webhook { metrics, ..self }
    }

    /// Where requests go.
    pub fn url(&self) -> &Uri {
        &self.inner.settings.url
    }

    /// Posts a JSON body; the body of the answer. A request that failed in passing is sent again (see
    /// [`Backoff`]); all of it ends `within` this time. Cancel safe.
    ///
    /// # Errors
    /// The last failure.
    pub async fn post(&self, body: Bytes, within: Duration) -> Result<Bytes, PostError> {
        self.post_observed(body, within, within, |_, _| {}).await
    }

    /// Posts as [`Webhook::post`] does, each request within `each`, and all `within` this time; tells `observe` of
    /// every request's end and how long it took.
    ///
    /// # Errors
    /// The last failure.
    pub async fn post_observed(
        &self,
        body: Bytes,
        each: Duration,
        within: Duration,
        mut observe: impl FnMut(&Result<Bytes, PostError>, Duration) + Send,
    ) -> Result<Bytes, PostError> {
        let end = clock::monotonic() + within;
        let mut wait = self.backoff.initial;
        let mut attempt = 1;
        loop {
            let begun = clock::monotonic();
            let left = end.saturating_duration_since(begun);
            let answer = self.exchange(body.clone(), each, each.min(left)).await;
            observe(&answer, clock::monotonic().saturating_duration_since(begun));
            let failure = match answer {
                Err(failure) if failure.is_transient() && attempt < self.backoff.attempts => failure,
                decided => return decided,
            };
            let asked = match &failure {
                PostError::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
                PostError::Send { .. } => Duration::ZERO,
            };
            let pause = random::jitter(wait, self.backoff.jitter).max(asked);
            if clock::monotonic() + pause >= end {
                return Err(failure);
            }
            clock::sleep(pause).await;
            wait = wait.mul_f64(self.backoff.factor);
            attempt += 1;
        }
    }

    /// Posts a JSON body once. Cancel safe.
    ///
    /// # Errors
    /// See [`PostError`].
    pub async fn post_once(&self, body: Bytes, within: Duration) -> Result<Bytes, PostError> {
        self.exchange(body, within, within).await
    }

    /// Posts once, `within` this time; the peer is told that it has `told`.
    async fn exchange(&self, body: Bytes, told: Duration, within: Duration) -> Result<Bytes, PostError> {
        let settings = &self.inner.settings;
        self.look_again().await;
        let current = self.inner.current.load_full();
        let url = with_timeout(&settings.url, told);
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        let shown = url.to_string();
        *request.uri_mut() = url;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        if let Some(authorization) = &current.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let (begun, bytes) = (clock::monotonic(), request.body().len());
        let answer = current.client.send(request, within, MAXIMAL_ANSWER).await;
        if let Some(metrics) = &self.metrics {
            let answer = answer.as_ref().ok().map(|answer| (answer.status().as_u16(), answer.body().len()));
            metrics.sent(bytes, clock::monotonic().saturating_duration_since(begun), answer);
        }
        let answer = answer.map_err(|source| PostError::Send { url: shown, source })?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let code = answer.status().as_u16();
        let retry_after = retry_after(answer.headers());
        Err(PostError::Refused { code, message: message(code, answer.body()), retry_after })
    }

    /// Takes over new certificates and tokens, at most once in [`LOOK_EVERY`].
    async fn look_again(&self) {
        {
            let mut looked = self.inner.looked.lock();
            let now = clock::monotonic();
            if !self.inner.settings.names_files() || now.saturating_duration_since(*looked) < LOOK_EVERY {
                return;
            }
            *looked = now;
        }
        let inner = self.inner.clone();
        blocking(move || inner.look()).await;
    }

    #[cfg(test)]
    pub(crate) async fn look_now(&self) {
        let inner = self.inner.clone();
        blocking(move || inner.look()).await;
    }
}

impl Inner {
    fn look(&self) {
        let old = self.current.load();
        match self.settings.material() {
            Ok(material) if material == old.material => {}
            Ok(material) => match Current::from_material(&self.settings, material) {
                Ok(current) => {
                    info!(url = %self.settings.url, "took over new credentials for a webhook");
                    self.current.store(Arc::new(current));
                }
                Err(failure) => {
                    warn!(url = %self.settings.url, error = failure, "new credentials can't be used");
                }
            },
            Err(failure) => {
                warn!(url = %self.settings.url, error = failure, "credentials can't be read again")
            }
        }
    }
}

impl Current {
    fn of(settings: &Settings) -> Result<Self, String> {
        Current::from_material(settings, settings.material()?)
    }

    fn from_material(settings: &Settings, material: super::kubeconfig::Material) -> Result<Self, String> {
        let client = Client::through(&material.tls, settings.proxy.clone()).map_err(|e| e.to_string())?;
        let authorization = match &material.authorization {
            None => None,
            Some(text) => {
                let mut value = HeaderValue::from_str(text)
                    .map_err(|_| "credentials hold characters that no header takes")?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Current { material, client, authorization })
    }
}

/// The URL with `timeout` in its query, as clients of Kubernetes tell how long they wait.
fn with_timeout(url: &Uri, within: Duration) -> Uri {
    let text = scalar::Duration(i64::try_from(within.as_nanos()).unwrap_or(i64::MAX));
    let mut parts = url.clone().into_parts();
    let Ok(path) = format!("{}?timeout={text}", url.path()).parse() else { return url.clone() };
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).unwrap_or_else(|_| url.clone())
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What a refusal says: the message of its `Status`, else what its code means.
fn message(code: u16, body: &[u8]) -> String {
    if let Ok(decoded) = json::decode_untyped(body)
        && decoded.value.str_at(&["kind"]) == "Status"
        && let message @ [_, ..] = decoded.value.str_at(&["message"]).as_bytes()
    {
        return String::from_utf8_lossy(message).into_owned();
    }
    let excerpt = || {
        let text = String::from_utf8_lossy(&body[..body.len().min(MAXIMAL_EXCERPT)]);
        keelson_apimachinery::field::quote(text.trim_end())
    };
    match code {
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 => format!("forbidden: {}", excerpt()),
        404 => "the server could not find the requested resource".to_owned(),
        429 => "the server has received too many requests and has asked us to try again later".to_owned(),
        503 => "the server is currently unable to handle the request".to_owned(),
        504 => "the server was unable to return a response in the time allotted, but may still be processing the \
                request"
            .to_owned(),
        500.. => format!("an error on the server ({}) has prevented the request from succeeding", excerpt()),
        _ => format!("the server responded with the status code {code} but did not return more information"),
    }
}
