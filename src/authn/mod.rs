//! Authentication: who sends a request.
//!
//! A decision engine: it is given [`Credentials`] and says who they belong to. It sees a request's headers and
//! nothing else of HTTP; the filter `filters/authentication.rs` takes the credentials from a request and turns the
//! outcome into evidence or an answer.
//!
//! Kinds of credentials are tried in a fixed order: what a front proxy says ([`front_proxy`]), client certificate
//! ([`x509`]), bearer token of the `Authorization` header, bearer token of a WebSocket handshake. Tokens go through
//! several authenticators ([`token`]), one after the other: [`token_file`], [`service_account`],
//! [`bootstrap_token`], those of other issuers, [`webhook`]. The first that is accepted wins, whatever others
//! say. If some were presented and none accepted, the request is refused, whatever it asks for; if none were
//! presented, it is [anonymous](Anonymous).
//!
//! Most credentials are judged at once, without a lock. A token that was not seen lately has to wait for what it
//! depends on to be looked up.

mod anonymous;
pub mod bearer;
pub mod bootstrap_token;
pub mod csv;
pub mod front_proxy;
pub mod jws;
pub mod jwt;
mod metrics;
mod recent;
mod refused;
pub mod service_account;
pub mod token;
pub mod token_cache;
pub mod token_file;
mod web_socket;
pub mod webhook;
pub mod x509;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use keelson_base::clock;

use self::front_proxy::FrontProxy;
use self::token::{Believed, TokenAuthenticator};
use crate::request::UserInfo;

pub use self::anonymous::{ANONYMOUS, Anonymous, UNAUTHENTICATED, is_anonymous};
pub use self::metrics::Metrics;
pub use self::refused::{Reasons, Refused};
pub use self::x509::{ClientAuthorities, ClientCertificate};

/// The group of those who showed credentials.
pub const AUTHENTICATED: &str = "system:authenticated";

/// The member of a user's `extra` that says which credential was shown.
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
/// Why a token is refused, where there is no more to say.
const INVALID_TOKEN: &str = "invalid bearer token";

/// Who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The authorities whose client certificates are believed, PEM; one that the server makes where absent.
    pub client_ca_file: Option<PathBuf>,
    /// The front proxies that are believed. Default: none.
    pub front_proxy: Option<front_proxy::Config>,
    /// The file of bearer tokens, see [`token_file`].
    pub token_file: Option<PathBuf>,
    /// Which requests without credentials are let on to authorization.
    pub anonymous: Anonymous,
    /// Whether that was said on the command line: the file of [`Config::jwt`] may not say it, too.
    pub anonymous_is_given: bool,
    /// Where it is said which other issuers' tokens are believed.
    pub jwt: jwt::Source,
    /// What names the server goes by: tokens have to be for one of them. One or more.
    pub api_audiences: Vec<String>,
    /// Whose service account tokens are believed.
    pub service_accounts: service_account::Config,
    /// Whether [bootstrap tokens](bootstrap_token) are believed. Default: false.
    pub bootstrap_tokens: bool,
    /// The webhook that knows tokens. Default: none.
    pub webhook: Option<webhook::Config>,
}

/// What a request brings to say who sends it.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The certificate that the client proved to own the key of.
    pub certificate: Option<&'a ClientCertificate>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The path, percent-decoded.
    pub path: &'a str,
}

/// Who credentials belong to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The user; an error where the credentials are refused. The error is for the log.
    pub user: Result<Arc<UserInfo>, Refused>,
    /// A warning for the client.
    pub warning: Option<&'static str>,
}

/// The answer to who credentials belong to.
pub enum Authentication {
    /// It is known.
    Known(Outcome),
    /// It has to be found out. The future is cancel safe.
    Asked(BoxFuture<'static, Outcome>),
}

impl Authentication {
    /// The outcome, once it is known.
    pub async fn outcome(self) -> Outcome {
        match self {
            Authentication::Known(outcome) => outcome,
            Authentication::Asked(asked) => asked.await,
        }
    }
}

impl From<Believed> for Outcome {
    fn from(believed: Believed) -> Self {
        Outcome { user: Ok(with_group(believed.user)), warning: believed.warning }
    }
}

/// A token that somebody asked about, and that is believed.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// Whose it is.
    pub user: Arc<UserInfo>,
    /// Those of the audiences that were asked for that it is for.
    pub audiences: Vec<String>,
}

/// Says who credentials belong to.
#[derive(Debug)]
pub struct Authenticator {
    front_proxy: Option<FrontProxy>,
    certificates: Arc<ClientAuthorities>,
    tokens: Vec<Arc<dyn TokenAuthenticator>>,
    api_audiences: Arc<[String]>,
    anonymous: Arc<ArcSwap<Anonymous>>,
    anonymous_user: Arc<UserInfo>,
    metrics: Option<Metrics>,
}

impl Authenticator {
    /// Believes certificates of these authorities, and lets these requests on that have no credentials. The server
    /// goes by the names `api_audiences`.
    pub fn new(
        certificates: Arc<ClientAuthorities>,
        api_audiences: Vec<String>,
        anonymous: Anonymous,
    ) -> Self {
        Authenticator {
            front_proxy: None,
            certificates,
            tokens: Vec::new(),
            api_audiences: api_audiences.into(),
            anonymous: Arc::new(ArcSwap::from_pointee(anonymous)),
            anonymous_user: anonymous::user(),
            metrics: None,
        }
    }

    /// The same that counts.
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// The same that believes front proxies, too.
    pub fn with_front_proxy(mut self, front_proxy: FrontProxy) -> Self {
        self.front_proxy = Some(front_proxy);
        self
    }

    /// The same that believes more tokens: those that none of the authenticators before this one believes.
    pub fn with_tokens(mut self, tokens: Arc<dyn TokenAuthenticator>) -> Self {
        self.tokens.push(tokens);
        self
    }

    /// Which requests without credentials are let on. What is stored there holds from then on.
    pub fn anonymous(&self) -> Arc<ArcSwap<Anonymous>> {
        self.anonymous.clone()
    }

    /// Says who the credentials belong to.
    pub fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        let known = |user, warning| Authentication::Known(Outcome { user, warning });
        let mut reasons = Reasons::default();
        if let Some(certificate) = credentials.certificate {
            if let Some(proxy) = &self.front_proxy {
                match proxy.user_of(certificate, credentials.headers) {
                    Ok(Some(user)) => return known(Ok(with_authenticated_group(user)), None),
                    Ok(None) => {}
                    Err(why) => reasons.push(why),
                }
            }
            if let (Some(metrics), Some(remaining)) = (&self.metrics, certificate.remaining()) {
                metrics.certificate(remaining);
            }
            match self.certificates.user_of(certificate) {
                Ok(Some(user)) => return known(Ok(user), None),
                Ok(None) => {}
                Err(why) => reasons.push(why),
            }
        }
        let (mut warning, mut in_header) = (None, None);
        // Bytes that are no text are no token that anybody knows, but they are a token.
        let header =
            credentials.headers.get(AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
        match header.as_deref().map(bearer::parse) {
            Some(bearer::Bearer::Token(token)) => in_header = Some(token),
            Some(bearer::Bearer::ExtraSpace) => warning = Some(bearer::EXTRA_SPACE_WARNING),
            Some(bearer::Bearer::None) | None => {}
        }
        let in_handshake = web_socket::token(credentials.headers);
        let of_handshake = in_handshake.as_ref().ok().and_then(Option::as_deref);
        if let Some(believed) = in_header.and_then(|token| self.recall(token)) {
            return Authentication::Known(believed.into());
        }
        let mut has_to_ask = in_header.is_some_and(|token| self.is_concerned(token));
        if !has_to_ask && let Some(token) = of_handshake {
            if let Some(believed) = self.recall(token) {
                return Authentication::Known(believed.into());
            }
            has_to_ask = self.is_concerned(token);
        }
        if has_to_ask {
            let (in_header, tokens) = (in_header.map(str::to_owned), self.tokens.clone());
            let (audiences, metrics) = (self.api_audiences.clone(), self.metrics.clone());
            return Authentication::Asked(Box::pin(async move {
                let handshake = in_handshake.transpose().map(|token| token.map_err(str::to_owned));
                for token in in_header.map(Ok).into_iter().chain(handshake) {
                    let judged = match token {
                        Ok(token) => judge(&tokens, &token, &audiences, &mut reasons, metrics.as_ref()).await,
                        Err(why) => {
                            reasons.push(why);
                            None
                        }
                    };
                    if let Some(believed) = judged {
                        return believed.into();
                    }
                }
                Outcome { user: Err(Refused::Credentials(reasons)), warning }
            }));
        }
        if in_header.or(of_handshake).is_some() {
            reasons.push(INVALID_TOKEN);
        }
        if let Err(why) = in_handshake {
            reasons.push(why);
        }
        let user = match () {
            () if !reasons.is_empty() => Err(Refused::Credentials(reasons)),
            () if self.anonymous.load().allows(credentials.path) => Ok(self.anonymous_user.clone()),
            () => Err(Refused::Anonymous),
        };
        known(user, warning)
    }

    /// What an authenticator knows of a token without asking anybody.
    fn recall(&self, token: &str) -> Option<Believed> {
        let begun = clock::monotonic();
        let believed = self.tokens.iter().find_map(|judge| judge.recall(token))?;
        if let Some(metrics) = &self.metrics {
            metrics.looked_up(true, clock::monotonic().duration_since(begun));
        }
        Some(believed)
    }

    /// Whether somebody has to be asked about a token.
    fn is_concerned(&self, token: &str) -> bool {
        self.tokens.iter().any(|judge| judge.is_concerned(token))
    }

    /// Says whose a token is, of which somebody asks whether it is for one of `audiences` (the server's own, where
    /// that is empty). `None` where it counts as no token at all.
    ///
    /// # Errors
    /// Why it is not believed, for whoever asks.
    pub async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, Refused> {
        let wanted = if audiences.is_empty() { &self.api_audiences } else { audiences };
        let header = format!("Bearer {token}");
        let bearer::Bearer::Token(token) = bearer::parse(&header) else {
            let is_anonymous = matches!(**self.anonymous.load(), Anonymous::Everywhere);
            let user = is_anonymous.then(|| self.anonymous_user.clone());
            return Ok(user.map(|user| Reviewed { user, audiences: wanted.to_vec() }));
        };
        let mut reasons = Reasons::default();
        match judge(&self.tokens, token, wanted, &mut reasons, self.metrics.as_ref()).await {
            Some(believed) => {
                Ok(Some(Reviewed { user: with_group(believed.user), audiences: believed.audiences }))
            }
            None => Err(Refused::Credentials(reasons)),
        }
    }

    /// Takes out of a request's headers what nobody behind authentication may see or pass on: credentials, and what
    /// speaks for a front proxy, whether or not it was believed.
    pub fn remove_credentials(&self, headers: &mut HeaderMap) {
        headers.remove(AUTHORIZATION);
        web_socket::remove_token(headers);
        front_proxy::clear_standard(headers);
        if let Some(proxy) = &self.front_proxy {
            proxy.clear(headers);
        }
    }
}

/// Asks one after the other; notes why each refuses the token, at least that nobody knows it.
async fn judge(
    judges: &[Arc<dyn TokenAuthenticator>],
    token: &str,
    audiences: &[String],
    reasons: &mut Reasons,
    metrics: Option<&Metrics>,
) -> Option<Believed> {
    let begun = clock::monotonic();
    let fetch = metrics.map(Metrics::fetch);
    let (mut said_why, mut found) = (false, None);
    for judge in judges.iter().filter(|judge| judge.is_concerned(token)) {
        match judge.judge(token, audiences).await {
            Ok(Some(believed)) => {
                found = Some(believed);
                break;
            }
            Ok(None) => {}
            Err(why) => {
                said_why = true;
                reasons.push(why);
            }
        }
    }
    if let Some(fetch) = fetch {
        fetch.done(found.is_some() || !said_why);
    }
    if let Some(metrics) = metrics {
        metrics.looked_up(false, clock::monotonic().duration_since(begun));
    }
    if found.is_none() && !said_why {
        reasons.push(INVALID_TOKEN);
    }
    found
}

/// The user as a member of the group of those who showed credentials.
fn with_authenticated_group(mut user: UserInfo) -> Arc<UserInfo> {
    if lacks_group(&user) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    Arc::new(user)
}

/// The same; the user is copied only where the group is missing.
fn with_group(user: Arc<UserInfo>) -> Arc<UserInfo> {
    match lacks_group(&user) {
        true => with_authenticated_group(Arc::unwrap_or_clone(user)),
        false => user,
    }
}

fn lacks_group(user: &UserInfo) -> bool {
    user.name != ANONYMOUS && !user.in_group(AUTHENTICATED) && !user.in_group(UNAUTHENTICATED)
}
