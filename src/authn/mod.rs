//! Authentication: who sends a request.
//!
//! A decision engine: it is given [`Credentials`] and says who they belong to. It knows nothing of HTTP; the
//! filter `filters/authentication.rs` takes the credentials from a request and turns the outcome into
//! evidence or an answer.
//!
//! Kinds of credentials are tried in a fixed order: client certificate ([`x509`]), then bearer token
//! ([`token_file`], [`service_account`]). The first that is accepted wins. If one was presented and none
//! accepted, the request is refused, whatever it asks for; if none was presented, it is anonymous.
//!
//! Most credentials are judged at once. A service account's token that was not seen lately has to wait for
//! what it depends on to be looked up.

pub mod bearer;
pub mod csv;
mod jws;
pub mod service_account;
pub mod token_file;
pub mod x509;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;

use self::service_account::Verifier;
use crate::request::UserInfo;

pub use x509::{ClientAuthorities, ClientCertificate};

/// The user that requests without credentials belong to.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of requests without credentials.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group of everyone else.
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
    /// The file of bearer tokens, see [`token_file`].
    pub token_file: Option<PathBuf>,
    /// Whether requests without credentials are let on to authorization.
    pub anonymous: bool,
    /// What names the server goes by: tokens have to be for one of them. One or more.
    pub api_audiences: Vec<String>,
    /// Whose service account tokens are believed.
    pub service_accounts: service_account::Config,
}

/// What a request brings to say who sends it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// The certificate that the client proved to own the key of.
    pub certificate: Option<&'a ClientCertificate>,
    /// The value of the `Authorization` header.
    pub authorization: Option<&'a str>,
}

/// Who credentials belong to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The user; an error where the credentials are refused. The error is for the log.
    pub user: Result<Arc<UserInfo>, Refused>,
    /// A warning for the client.
    pub warning: Option<&'static str>,
}

/// Why credentials are refused. For the log: the client is told nothing but that they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The client certificate is not one of a known authority, or not valid now.
    #[error("client certificate: {0}")]
    Certificate(String),
    /// Nobody knows the bearer token.
    #[error("{INVALID_TOKEN}")]
    Token,
    /// A service account's token is not believed.
    #[error("[{INVALID_TOKEN}, {0}]")]
    ServiceAccount(String),
    /// There were no credentials, and anonymous requests are not let in.
    #[error("no credentials, and anonymous requests are not let in")]
    Anonymous,
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
    certificates: Arc<ClientAuthorities>,
    tokens: Option<token_file::Tokens>,
    service_accounts: Option<Arc<Verifier>>,
    api_audiences: Vec<String>,
    anonymous: Option<Arc<UserInfo>>,
}

impl Authenticator {
    /// Believes certificates of these authorities and these tokens.
    pub fn new(
        certificates: Arc<ClientAuthorities>,
        tokens: Option<token_file::Tokens>,
        let_anonymous_in: bool,
    ) -> Self {
        let anonymous = let_anonymous_in.then(|| {
            Arc::new(UserInfo {
                name: ANONYMOUS.to_owned(),
                groups: vec![UNAUTHENTICATED.to_owned()],
                ..UserInfo::default()
            })
        });
        Authenticator { certificates, tokens, service_accounts: None, api_audiences: Vec::new(), anonymous }
    }

    /// The same that believes the tokens of service accounts, too, and goes by these names.
    pub fn with_service_accounts(mut self, verifier: Verifier, api_audiences: Vec<String>) -> Self {
        self.service_accounts = Some(Arc::new(verifier));
        self.api_audiences = api_audiences;
        self
    }

    /// Says who the credentials belong to.
    pub fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        let known = |user, warning| Authentication::Known(Outcome { user, warning });
        let mut refused = None;
        if let Some(certificate) = credentials.certificate {
            match self.certificates.user_of(certificate) {
                Ok(Some(user)) => return known(Ok(user), None),
                Ok(None) => {}
                Err(why) => refused = Some(Refused::Certificate(why)),
            }
        }
        let mut warning = None;
        match credentials.authorization.map(bearer::parse) {
            Some(bearer::Bearer::Token(token)) => {
                if let Some(user) = self.tokens.as_ref().and_then(|tokens| tokens.user_of(token)) {
                    return known(Ok(user), None);
                }
                if let Some(verifier) = &self.service_accounts {
                    if let Some((user, warning)) = verifier.recall(token) {
                        return known(Ok(user), warning);
                    }
                    if verifier.is_concerned(token) {
                        return Authentication::Asked(self.ask(verifier.clone(), token, refused));
                    }
                }
                refused = Some(refused.unwrap_or(Refused::Token));
            }
            Some(bearer::Bearer::ExtraSpace) => warning = Some(bearer::EXTRA_SPACE_WARNING),
            Some(bearer::Bearer::None) | None => {}
        }
        let user = match refused {
            Some(refused) => Err(refused),
            None => self.anonymous.clone().ok_or(Refused::Anonymous),
        };
        known(user, warning)
    }

    /// Finds out about a service account's token. `refused` is why another credential was.
    fn ask(
        &self,
        verifier: Arc<Verifier>,
        token: &str,
        refused: Option<Refused>,
    ) -> BoxFuture<'static, Outcome> {
        let (token, audiences) = (token.to_owned(), self.api_audiences.clone());
        Box::pin(async move {
            match verifier.judge(&token, &audiences).await {
                Ok(believed) => Outcome { user: Ok(believed.user), warning: believed.warning },
                Err(why) => {
                    let refused = refused.unwrap_or(Refused::ServiceAccount(why));
                    Outcome { user: Err(refused), warning: None }
                }
            }
        })
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
            return Ok(self.anonymous.clone().map(|user| Reviewed { user, audiences: wanted.to_vec() }));
        };
        if let Some(user) = self.tokens.as_ref().and_then(|tokens| tokens.user_of(token)) {
            let common = self.api_audiences.iter().filter(|a| wanted.contains(a));
            let audiences: Vec<String> = common.cloned().collect();
            return if audiences.is_empty() {
                Err(Refused::Token)
            } else {
                Ok(Some(Reviewed { user, audiences }))
            };
        }
        match self.service_accounts.as_ref().filter(|verifier| verifier.is_concerned(token)) {
            None => Err(Refused::Token),
            Some(verifier) => match verifier.judge(token, wanted).await {
                Ok(believed) => Ok(Some(Reviewed { user: believed.user, audiences: believed.audiences })),
                Err(why) => Err(Refused::ServiceAccount(why)),
            },
        }
    }
}

/// Whether nobody showed credentials for this user.
pub fn is_anonymous(user: &UserInfo) -> bool {
    user.name == ANONYMOUS || user.in_group(UNAUTHENTICATED)
}

/// The user as a member of the group of those who showed credentials.
fn with_authenticated_group(mut user: UserInfo) -> Arc<UserInfo> {
    if !user.in_group(AUTHENTICATED) && !user.in_group(UNAUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    Arc::new(user)
}
