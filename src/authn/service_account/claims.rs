//! What a token says, and the form that it is in.
//!
//! Source: RFC 7519; "Service account private claims" in the Kubernetes documentation.

use serde::{Deserialize, Deserializer, Serialize};

use crate::authn::jws::{self, Compact};

/// What a token says. Members are in the order that kube-apiserver writes them in: by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// Whom it is for.
    #[serde(rename = "aud", deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// When it runs out, in seconds since 1970.
    #[serde(rename = "exp", deserialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// When it was issued.
    #[serde(rename = "iat", deserialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<i64>,
    /// Who issued it.
    #[serde(rename = "iss", deserialize_with = "or_default")]
    pub issuer: String,
    /// Its own name.
    #[serde(rename = "jti", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What Kubernetes says.
    #[serde(rename = "kubernetes.io", deserialize_with = "or_default")]
    pub kubernetes: Private,
    /// From when on it holds.
    #[serde(rename = "nbf", deserialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    /// Whom it speaks for.
    #[serde(rename = "sub", deserialize_with = "or_default")]
    pub subject: String,

    #[serde(
        rename = "kubernetes.io/serviceaccount/namespace",
        deserialize_with = "or_default",
        skip_serializing
    )]
    pub(super) legacy_namespace: String,
    #[serde(
        rename = "kubernetes.io/serviceaccount/service-account.name",
        deserialize_with = "or_default",
        skip_serializing
    )]
    pub(super) legacy_account: String,
    #[serde(
        rename = "kubernetes.io/serviceaccount/service-account.uid",
        deserialize_with = "or_default",
        skip_serializing
    )]
    pub(super) legacy_uid: String,
    #[serde(
        rename = "kubernetes.io/serviceaccount/secret.name",
        deserialize_with = "or_default",
        skip_serializing
    )]
    pub(super) legacy_secret: String,
}

/// What Kubernetes says in a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Private {
    /// The account's namespace.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The node that it is bound to, or that its pod is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    /// The pod that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    /// The secret that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
    /// The account.
    #[serde(rename = "serviceaccount", deserialize_with = "or_default")]
    pub account: Reference,
    /// When it should have been exchanged for another one.
    #[serde(rename = "warnafter", deserialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub warn_after: Option<i64>,
}

/// An object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reference {
    /// Its name.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its uid.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A number of seconds, of which parts of one are cut off.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    // The conversion saturates: no time is that far away.
    #[allow(clippy::cast_possible_truncation)]
    let whole = |number: serde_json::Number| number.as_i64().or(number.as_f64().map(|n| n as i64));
    Ok(number.and_then(whole))
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::<Audience>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Audience::One(one)) => vec![one],
        Some(Audience::Many(many)) => many,
    })
}

/// A token in its parts; nothing is verified.
pub(super) struct Parts<'a> {
    pub(super) token: Compact<'a>,
    pub(super) claims: Claims,
}

/// Takes a token apart; `None` where it is none of this form.
pub(super) fn parse(token: &str) -> Option<Parts<'_>> {
    let token = jws::parse(token)?;
    let claims = jws::object(&token.payload)?;
    Some(Parts { token, claims })
}
