//! Authentication: who sends a request.
//!
//! A decision engine: it is given [`Credentials`] and says who they belong to. It knows nothing of HTTP; the
//! filter `filters/authentication.rs` takes the credentials from a request and turns the outcome into
//! evidence or an answer.
//!
//! Kinds of credentials are tried in a fixed order: client certificate ([`x509`]), then bearer token
//! ([`token_file`]). The first that is accepted wins. If one was presented and none accepted, the request is
//! refused, whatever it asks for; if none was presented, it is anonymous.

pub mod bearer;
pub mod csv;
pub mod token_file;
pub mod x509;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use crate::request::UserInfo;

pub use x509::{ClientAuthorities, ClientCertificate};

/// The user that requests without credentials belong to.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of requests without credentials.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group of everyone else.
pub const AUTHENTICATED: &str = "system:authenticated";

/// Who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The authorities whose client certificates are believed, PEM; one that the server makes where absent.
    pub client_ca_file: Option<PathBuf>,
    /// The file of bearer tokens, see [`token_file`].
    pub token_file: Option<PathBuf>,
    /// Whether requests without credentials are let on to authorization.
    pub anonymous: bool,
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
    #[error("invalid bearer token")]
    Token,
    /// There were no credentials, and anonymous requests are not let in.
    #[error("no credentials, and anonymous requests are not let in")]
    Anonymous,
}

/// Says who credentials belong to.
#[derive(Debug)]
pub struct Authenticator {
    certificates: Arc<ClientAuthorities>,
    tokens: Option<token_file::Tokens>,
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
        Authenticator { certificates, tokens, anonymous }
    }

    /// Says who the credentials belong to.
    pub fn authenticate(&self, credentials: Credentials<'_>) -> Outcome {
        let mut refused = None;
        if let Some(certificate) = credentials.certificate {
            match self.certificates.user_of(certificate) {
                Ok(Some(user)) => return Outcome { user: Ok(user), warning: None },
                Ok(None) => {}
                Err(why) => refused = Some(Refused::Certificate(why)),
            }
        }
        let mut warning = None;
        match credentials.authorization.map(bearer::parse) {
            Some(bearer::Bearer::Token(token)) => {
                match self.tokens.as_ref().and_then(|tokens| tokens.user_of(token)) {
                    Some(user) => return Outcome { user: Ok(user), warning: None },
                    None => refused = Some(refused.unwrap_or(Refused::Token)),
                }
            }
            Some(bearer::Bearer::ExtraSpace) => warning = Some(bearer::EXTRA_SPACE_WARNING),
            Some(bearer::Bearer::None) | None => {}
        }
        let user = match refused {
            Some(refused) => Err(refused),
            None => self.anonymous.clone().ok_or(Refused::Anonymous),
        };
        Outcome { user, warning }
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
