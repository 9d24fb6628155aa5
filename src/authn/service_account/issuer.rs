//! Issues tokens.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::task::blocking;
use keelson_base::{clock, random};

use super::claims::{Claims, Private, Reference};
use super::user_name;
use crate::authn::jws::SigningKey;

/// Seconds that tokens for pods are asked to last by the admission plugin: those are extended.
const EXTENDED_FROM: i64 = 60 * 60 + 7;
/// How many seconds those last instead.
const EXTENDED_TO: i64 = 365 * 24 * 60 * 60;

/// Why a token can't be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to generate token: can't sign")]
pub struct SignError;

/// What a token is to say.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The account's namespace.
    pub namespace: String,
    /// The account.
    pub account: Reference,
    /// The pod that it is bound to.
    pub pod: Option<Reference>,
    /// The secret that it is bound to.
    pub secret: Option<Reference>,
    /// The node that it is bound to, or that its pod is on.
    pub node: Option<Reference>,
    /// Whom it is for.
    pub audiences: Vec<String>,
    /// How many seconds it lasts, as far as its owner is told.
    pub seconds: i64,
}

/// Issues tokens in the name of one issuer.
#[derive(Debug)]
pub struct Issuer {
    name: String,
    key: Arc<SigningKey>,
    api_audiences: Vec<String>,
    max_seconds: Option<i64>,
    extends: bool,
}

impl Issuer {
    /// Issues tokens as `name`, for `api_audiences` where nobody says whom for. No token lasts longer than
    /// `max_expiration`; whether those of the usual length for pods last a year, `extends` says.
    pub fn new(
        name: String,
        key: SigningKey,
        api_audiences: Vec<String>,
        max_expiration: Option<Duration>,
        extends: bool,
    ) -> Self {
        let max_seconds = max_expiration.map(|max| i64::try_from(max.as_secs()).unwrap_or(i64::MAX));
        Issuer { name, key: Arc::new(key), api_audiences, max_seconds, extends }
    }

    /// Whom tokens are for where nobody says so.
    pub fn api_audiences(&self) -> &[String] {
        &self.api_audiences
    }

    /// The most seconds that a token may last.
    pub fn max_seconds(&self) -> Option<i64> {
        self.max_seconds
    }

    /// The claims of a token that is issued `now`, in seconds since 1970.
    pub(super) fn claims(&self, wanted: Wanted, now: i64) -> Claims {
        let for_the_api = wanted.audiences.iter().all(|audience| self.api_audiences.contains(audience));
        // Clients that never read their token again would fail all at once: they have a year to learn it.
        let extended = self.extends && wanted.pod.is_some() && wanted.seconds == EXTENDED_FROM && for_the_api;
        let (lasts, warn_after) = match extended {
            true => (EXTENDED_TO, Some(now.saturating_add(wanted.seconds))),
            false => (wanted.seconds, None),
        };
        Claims {
            audiences: wanted.audiences,
            expires: Some(now.saturating_add(lasts)),
            issued_at: Some(now),
            issuer: self.name.clone(),
            id: random::uuid().to_string(),
            not_before: Some(now),
            subject: user_name(&wanted.namespace, &wanted.account.name),
            kubernetes: Private {
                namespace: wanted.namespace,
                node: wanted.node,
                pod: wanted.pod,
                secret: wanted.secret,
                account: wanted.account,
                warn_after,
            },
            ..Claims::default()
        }
    }

    /// A token.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub async fn issue(&self, wanted: Wanted) -> Result<String, SignError> {
        self.sign(self.claims(wanted, clock::now().as_second())).await
    }

    pub(super) async fn sign(&self, claims: Claims) -> Result<String, SignError> {
        let key = self.key.clone();
        let signed = blocking(move || key.sign(&serde_json::to_vec(&claims).ok()?));
        signed.await.ok_or(SignError)
    }
}
