//! Bearer tokens: what believes them, and what all of these have in common.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::request::UserInfo;

/// Who a token belongs to.
#[derive(Clone, Debug)]
pub struct Believed {
    /// The user.
    pub user: Arc<UserInfo>,
    /// Those of the wanted audiences that the token is for. What [`TokenAuthenticator::recall`] returns may leave
    /// them out: it is asked by the server for itself.
    pub audiences: Vec<String>,
    /// A warning for whoever uses the token.
    pub warning: Option<&'static str>,
}

/// Judges bearer tokens of some kind. [`super::Authenticator`] asks one after the other.
#[async_trait]
pub trait TokenAuthenticator: Send + Sync + Debug {
    /// Whether, by its looks, the token may be one of these. Cheap, no I/O. Default: any may.
    fn is_concerned(&self, token: &str) -> bool {
        let _ = token;
        true
    }

    /// Whose the token is, where that is known without waiting and for the server itself; `None` where it has to be
    /// [judged](TokenAuthenticator::judge). Takes no lock that anybody holds for long. Default: `None`.
    fn recall(&self, token: &str) -> Option<Believed> {
        let _ = token;
        None
    }

    /// Judges whether the token speaks for somebody to one of `audiences`. `Ok(None)`: it is none of mine, or I don't
    /// know it. Cancel safe.
    ///
    /// # Errors
    /// It is one of mine, or may be, and I refuse it or can't tell. The text is for the log, and for those who ask
    /// by a `TokenReview`: nothing secret is in it.
    async fn judge(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String>;
}

/// An authenticator whose tokens say nothing of audiences: they are for the server, by whatever name it goes.
#[derive(Debug)]
pub struct ForServer<T> {
    inner: T,
    api_audiences: Vec<String>,
}

impl<T: TokenAuthenticator> ForServer<T> {
    /// `inner`'s tokens are for `api_audiences`.
    pub fn new(inner: T, api_audiences: Vec<String>) -> Self {
        ForServer { inner, api_audiences }
    }
}

#[async_trait]
impl<T: TokenAuthenticator> TokenAuthenticator for ForServer<T> {
    fn is_concerned(&self, token: &str) -> bool {
        self.inner.is_concerned(token)
    }

    fn recall(&self, token: &str) -> Option<Believed> {
        self.inner.recall(token)
    }

    async fn judge(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String> {
        let common = common(&self.api_audiences, audiences);
        if common.is_empty() {
            return Ok(None);
        }
        let believed = self.inner.judge(token, audiences).await?;
        Ok(believed.map(|believed| Believed { audiences: common, ..believed }))
    }
}

/// Those of the `wanted` audiences that are among `known`, in the order of those wanted.
pub(super) fn common(known: &[String], wanted: &[String]) -> Vec<String> {
    wanted.iter().filter(|audience| known.contains(audience)).cloned().collect()
}
