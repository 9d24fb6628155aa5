//! Tokens that new nodes introduce themselves with: `ID.SECRET`, kept in the secret `bootstrap-token-ID` of the
//! namespace `kube-system`.
//!
//! Source: "Authenticating with Bootstrap Tokens" in the Kubernetes documentation.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::scalar::Time;
use keelson_base::{clock, secret};
use tracing::debug;

use super::token::{Believed, TokenAuthenticator};
use crate::request::UserInfo;

/// The namespace of the secrets.
pub const NAMESPACE: &str = "kube-system";
/// The type of the secrets.
pub const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";

const NAME_PREFIX: &str = "bootstrap-token-";
const USER_PREFIX: &str = "system:bootstrap:";
/// The group of all who use such a token.
const GROUP: &str = "system:bootstrappers";
const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;
/// The most characters of an extra group behind the prefix.
const LONGEST_GROUP: usize = 256;

/// Where the secrets are found.
pub trait Secrets: Send + Sync {
    /// A secret of [`SECRET_TYPE`] in [`NAMESPACE`], as it was a moment ago: asks memory alone.
    fn get(&self, name: &str) -> Option<Arc<Object>>;
}

/// Believes bootstrap tokens. Nothing is kept of them: a secret that is gone is missed at once.
pub struct BootstrapTokens {
    secrets: Arc<dyn Secrets>,
}

impl BootstrapTokens {
    /// Believes those of these secrets.
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        BootstrapTokens { secrets }
    }
}

#[async_trait]
impl TokenAuthenticator for BootstrapTokens {
    fn is_concerned(&self, token: &str) -> bool {
        parts(token).is_some()
    }

    fn recall(&self, token: &str) -> Option<Believed> {
        let (id, guess) = parts(token)?;
        let name = format!("{NAME_PREFIX}{id}");
        let Some(found) = self.secrets.get(&name) else {
            debug!(name, "no secret of this name matches a bootstrap token");
            return None;
        };
        let user = user(&found, id, guess);
        let user = user.inspect_err(|why| debug!(name, why, "a bootstrap token is not believed")).ok()?;
        Some(Believed { user: Arc::new(user), audiences: Vec::new(), warning: None })
    }

    async fn judge(&self, token: &str, _: &[String]) -> Result<Option<Believed>, String> {
        Ok(self.recall(token))
    }
}

impl fmt::Debug for BootstrapTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BootstrapTokens")
    }
}

/// The id and the secret of a token of this form.
fn parts(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let simple = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let fits = id.len() == ID_LENGTH && secret.len() == SECRET_LENGTH && simple(id) && simple(secret);
    fits.then_some((id, secret))
}

/// The user that a token of this id and secret belongs to.
fn user(found: &Object, id: &str, guess: &str) -> Result<UserInfo, &'static str> {
    if found.deletion_timestamp().is_some() {
        return Err("the secret is deleted and awaiting removal");
    }
    if found.str_at(&["type"]) != SECRET_TYPE {
        return Err("the secret is of another type");
    }
    let datum = |key: &str| STANDARD.decode(found.str_at(&["data", key])).unwrap_or_default();
    if !secret::equal(&datum("token-secret"), guess.as_bytes()) {
        return Err("the value of token-secret is another one");
    }
    if datum("token-id") != id.as_bytes() {
        return Err("the value of token-id is another one");
    }
    let expiration = datum("expiration");
    if !expiration.is_empty() {
        let text = std::str::from_utf8(&expiration).map_err(|_| "expiration is no time")?;
        let until = Time::parse(text).map_err(|_| "expiration is no time")?;
        if clock::now().as_second() > until.seconds {
            return Err("the token has run out");
        }
    }
    if datum("usage-bootstrap-authentication") != b"true" {
        return Err("usage-bootstrap-authentication is not true");
    }
    let mut groups = BTreeSet::from([GROUP.to_owned()]);
    let extra = String::from_utf8(datum("auth-extra-groups")).map_err(|_| "auth-extra-groups is no text")?;
    for group in extra.split(',').filter(|_| !extra.is_empty()) {
        if !is_group(group) {
            return Err("a group of auth-extra-groups has another form");
        }
        groups.insert(group.to_owned());
    }
    Ok(UserInfo {
        name: format!("{USER_PREFIX}{id}"),
        groups: groups.into_iter().collect(),
        ..UserInfo::default()
    })
}

/// Whether this is a group that such users may be in.
fn is_group(name: &str) -> bool {
    let rest = name.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default();
    let simple = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=LONGEST_GROUP).contains(&rest.len())
        && rest.bytes().all(|b| simple(b) || matches!(b, b':' | b'-'))
        && rest.bytes().last().is_some_and(simple)
}

#[cfg(test)]
mod tests {
    use keelson_apimachinery::Map;
    use keelson_apimachinery::field::quote;

    use super::*;

    const TOKEN: &str = "abc123.0123456789abcdef";

    /// At most one secret.
    struct One(Option<Arc<Object>>);

    impl Secrets for One {
        fn get(&self, name: &str) -> Option<Arc<Object>> {
            self.0.clone().filter(|secret| secret.name() == name)
        }
    }

    fn secret(data: &[(&str, &str)], change: impl FnOnce(&mut Object)) -> Object {
        let mut object = Object::default();
        object.set_name("bootstrap-token-abc123");
        let mut map = Map::new();
        let usual = [
            ("token-id", "abc123"),
            ("token-secret", "0123456789abcdef"),
            ("usage-bootstrap-authentication", "true"),
        ];
        for (key, value) in usual.iter().chain(data) {
            map.insert(*key, STANDARD.encode(value));
        }
        object.members_mut().insert("type", SECRET_TYPE);
        object.members_mut().insert("data", map);
        change(&mut object);
        object
    }

    async fn judged(token: &str, secret: Option<Object>) -> String {
        let tokens = BootstrapTokens::new(Arc::new(One(secret.map(Arc::new))));
        assert_eq!(tokens.is_concerned(token), parts(token).is_some());
        match tokens.judge(token, &[]).await {
            Ok(Some(Believed { user, .. })) => format!("{} {}", user.name, user.groups.join(" ")),
            Ok(None) => "nobody".to_owned(),
            Err(why) => why,
        }
    }

    #[tokio::test]
    async fn a_token_is_believed_while_its_secret_says_so() {
        let check = async |data: &[(&str, &str)], wanted: &str| {
            assert_eq!(judged(TOKEN, Some(secret(data, |_| {}))).await, wanted, "{data:?}");
        };
        let user = "system:bootstrap:abc123 system:bootstrappers";
        check(&[], user).await;
        check(&[("token-secret", "0123456789abcdeg")], "nobody").await;
        check(&[("token-secret", "")], "nobody").await;
        check(&[("token-id", "abc124")], "nobody").await;
        for usage in ["false", "", "True", "1"] {
            check(&[("usage-bootstrap-authentication", usage)], "nobody").await;
        }
        check(&[("usage-bootstrap-signing", "true")], user).await;
        for (expiration, good) in [
            ("", true),
            ("2999-01-01T00:00:00Z", true),
            ("2999-01-01T00:00:00+02:00", true),
            ("2001-01-01T00:00:00Z", false),
            ("2999-01-01", false),
            ("2999-01-01 00:00:00Z", false),
            ("never", false),
        ] {
            check(&[("expiration", expiration)], if good { user } else { "nobody" }).await;
        }
        let groups = "system:bootstrappers:x,system:bootstrappers:a-b:c,system:bootstrappers:x";
        let all = format!("{user} system:bootstrappers:a-b:c system:bootstrappers:x");
        check(&[("auth-extra-groups", groups)], &all).await;
        let long = format!("system:bootstrappers:{}", "a".repeat(256));
        check(&[("auth-extra-groups", &long)], &format!("{user} {long}")).await;
        for wrong in [
            "system:masters",
            "system:bootstrappers",
            "system:bootstrappers:",
            "system:bootstrappers:X",
            "system:bootstrappers:a-",
            "system:bootstrappers:a,",
            "system:bootstrappers:a, system:bootstrappers:b",
            "system:bootstrappersx",
            &format!("{long}a"),
        ] {
            check(&[("auth-extra-groups", wrong)], "nobody").await;
        }
    }

    #[tokio::test]
    async fn only_such_secrets_count_and_such_tokens() {
        let check = async |secret: Option<Object>| assert_eq!(judged(TOKEN, secret).await, "nobody");
        check(None).await;
        check(Some(secret(&[], |s| drop(s.members_mut().insert("type", "Opaque"))))).await;
        check(Some(secret(&[], |s| drop(s.members_mut().remove("data"))))).await;
        let deleted = |s: &mut Object| s.set_deletion_timestamp(Some("2026-01-01T00:00:00Z"));
        check(Some(secret(&[], deleted))).await;
        for token in [
            "",
            "abc123",
            "abc123.",
            ".0123456789abcdef",
            "abc12.0123456789abcdef",
            "abc1234.0123456789abcdef",
            "ABC123.0123456789abcdef",
            "abc123.0123456789abcde",
            "abc123.0123456789abcdef0",
            "abc123.0123456789abcde.",
            "abc123.0123456789abcdef\n",
            "äbc12.0123456789abcdef",
        ] {
            assert!(parts(token).is_none(), "{}", quote(token));
            assert_eq!(judged(token, Some(secret(&[], |_| {}))).await, "nobody");
        }
    }
}
