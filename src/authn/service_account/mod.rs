//! Service account tokens: signed statements of who somebody is, issued by this server or one that shares its
//! keys.
//!
//! A token is believed when one of the known keys signed it, it is of a known issuer, for one of the wanted
//! audiences and not run out, and when the account (and the pod, secret or node that it is bound to) is still
//! there. What was found out is kept: for [`ACCEPTED_FOR`] a token is believed at once; after that its objects
//! are looked for again, but not its signature.
//!
//! Source: "Service account tokens" in the authentication chapter of the Kubernetes documentation; KEP-1205.

mod claims;
pub mod discovery;
mod issuer;
mod verifier;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

pub use super::jws::{KeyError, PublicKey, PublicKeys, SigningKey};
pub use claims::{Claims, Private, Reference};
pub use issuer::{Issuer, SignError, Wanted};
pub use verifier::{LAST_USED, Verifier};

/// How long a token is believed without looking for its objects again.
pub const ACCEPTED_FOR: Duration = Duration::from_secs(10);

/// Who issues tokens where `--service-account-issuer` does not say.
pub const DEFAULT_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// The group of all accounts; those of one namespace are in one with `:` and its name behind it, too.
const GROUP: &str = "system:serviceaccounts";

/// What tokens are issued and believed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who issues tokens: the first writes its name into new ones, all are believed. One or more.
    pub issuers: Vec<String>,
    /// Files with the keys that verify tokens, PEM. Empty where the server makes a key of its own.
    pub key_files: Vec<PathBuf>,
    /// The file with the key that signs tokens, PEM. Default: one that the server makes.
    pub signing_key_file: Option<PathBuf>,
    /// How long a token may last, where that is bounded.
    pub max_expiration: Option<Duration>,
    /// Whether tokens of the usual length for pods last a year. Default: true.
    pub extend_expiration: bool,
    /// Whether tokens in secrets are believed only while those are there. Default: true.
    pub lookup: bool,
    /// Where others find the keys. Default: at this server.
    pub keys_url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            issuers: vec![DEFAULT_ISSUER.to_owned()],
            key_files: Vec::new(),
            signing_key_file: None,
            max_expiration: None,
            extend_expiration: true,
            lookup: true,
            keys_url: None,
        }
    }
}

/// A kind of object that tokens depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The account that a token speaks for.
    ServiceAccount,
    /// A pod that it is bound to.
    Pod,
    /// A secret that it is bound to or lies in.
    Secret,
    /// A node that it is bound to.
    Node,
}

/// How the objects are found that tokens depend on.
#[async_trait]
pub trait Subjects: Send + Sync {
    /// An object by its name; of nodes the namespace is empty. What is known in memory will do where it has the
    /// wanted `uid` (any, where that is empty); else storage is asked. Cancel safe.
    ///
    /// # Errors
    /// Where storage can't be asked.
    async fn find(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<Option<Arc<Object>>, Status>;

    /// Notes at a secret that its token was used on this day, such as `2026-01-31`. What goes wrong is logged.
    async fn note_use(&self, secret: &Object, day: &str);
}

/// The name of an account as a user: `system:serviceaccount:NAMESPACE:NAME`.
pub fn user_name(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}
