//! Believes tokens, or doesn't.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keelson_apimachinery::field::quote;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};
use keelson_base::clock::{self, Instant, Timestamp};
use prometheus::IntCounter;
use sha2::{Digest, Sha256};
use tracing::debug;

use super::claims::{self, Claims, Reference};
use super::{ACCEPTED_FOR, GROUP, Kind, Subjects, user_name};
use crate::authn::jws::{self, PublicKeys};
use crate::authn::metrics::{Metrics, Tokens};
use crate::authn::recent::{Key, Recent};
use crate::authn::token::{self, Believed, TokenAuthenticator};
use crate::authn::{CREDENTIAL_ID, with_authenticated_group};
use crate::request::UserInfo;

/// The issuer of tokens that lie in secrets.
const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";
/// The label of secrets whose tokens are believed no longer.
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";
/// The label of secrets that says when the token was used last.
pub const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";
/// Seconds that clocks may differ by, and that what was deleted still counts.
const LEEWAY: i64 = 60;

const AUTO_GENERATED: &str = "Use tokens from the TokenRequest API or manually created secret-based tokens instead \
     of auto-generated secret-based tokens.";
const INVALIDATED: &str = "service account token has been invalidated";
const LEGACY_INVALIDATED: &str = "Token has been invalidated";

/// Believes tokens of some issuers, signed with some keys.
pub struct Verifier {
    issuers: Vec<String>,
    keys: PublicKeys,
    api_audiences: Vec<String>,
    looks_up_secrets: bool,
    subjects: Arc<dyn Subjects>,
    known: Recent<(Arc<Known>, Instant)>,
    metrics: Option<Metrics>,
}

/// A token whose signature is good.
struct Known {
    claims: Claims,
    legacy: bool,
    user: Arc<UserInfo>,
    warning: Option<&'static str>,
}

impl Verifier {
    /// Believes tokens of `issuers` that are for one of `api_audiences`. `looks_up_secrets` says whether a token
    /// that lies in a secret is believed only while it does.
    pub fn new(
        issuers: Vec<String>,
        keys: PublicKeys,
        api_audiences: Vec<String>,
        looks_up_secrets: bool,
        subjects: Arc<dyn Subjects>,
    ) -> Self {
        let known = Recent::default();
        Verifier { issuers, keys, api_audiences, looks_up_secrets, subjects, known, metrics: None }
    }

    /// The same that counts the tokens that are used.
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    fn count(&self, which: impl FnOnce(&Tokens) -> &IntCounter) {
        if let Some(metrics) = &self.metrics {
            which(metrics.tokens()).inc();
        }
    }

    /// Judges a token of one of the issuers: whether it speaks for somebody to one of `audiences`.
    ///
    /// # Errors
    /// Why it doesn't. The text says nothing that the token's owner may not know, and nothing of the token but
    /// names and uids.
    async fn believe(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String> {
        let (key, now) = (key(token), clock::monotonic());
        let known = self.known.get(&key, Clone::clone);
        let fresh = known.as_ref().is_some_and(|(_, at)| now.duration_since(*at) < ACCEPTED_FOR);
        let mut known = match known {
            Some((known, _)) => known,
            None => match self.verify(token)? {
                Some(known) => Arc::new(known),
                None => return Ok(None),
            },
        };
        if !fresh && known.claims.audiences.is_empty() {
            self.count(|tokens| &tokens.legacy);
        }
        let audiences = self.audiences(&known, audiences)?;
        self.check_time(&known)?;
        if !fresh {
            match self.confirm(&known, token).await {
                Ok(warning) => {
                    if warning != known.warning {
                        let (claims, user) = (known.claims.clone(), known.user.clone());
                        known = Arc::new(Known { claims, legacy: known.legacy, user, warning });
                    }
                    self.known.put(key, (known.clone(), now), || true);
                }
                Err(why) => {
                    self.known.remove(&key);
                    return Err(why);
                }
            }
        }
        Ok(Some(Believed { user: known.user.clone(), audiences, warning: known.warning }))
    }

    /// Checks the signature and who issued it; `None` where it is no token of this form.
    fn verify(&self, token: &str) -> Result<Option<Known>, String> {
        let Some(parts) = claims::parse(token) else { return Ok(None) };
        let (mut tried, mut good) = (false, false);
        let signed = &parts.token;
        for key in self.keys.named(&signed.key_id) {
            tried = true;
            good = key.verifies(&signed.algorithm, signed.message.as_bytes(), &signed.signature);
            if good {
                break;
            }
        }
        match (tried, good) {
            (false, _) => return Err("invalid signature, no keys found".to_owned()),
            (true, false) => return Err("go-jose/go-jose: error in cryptographic primitive".to_owned()),
            (true, true) => {}
        }
        let claims = parts.claims;
        let ours = self.issuers.contains(&claims.issuer);
        let legacy = claims.issuer == LEGACY_ISSUER && (!ours || claims.kubernetes.namespace.is_empty());
        if !(ours || legacy) {
            return Err(format!("token issuer {} is invalid", quote(&claims.issuer)));
        }
        let user = if legacy { legacy_user(&claims)? } else { user(&claims) };
        let user = with_authenticated_group(user);
        Ok(Some(Known { claims, legacy, user, warning: None }))
    }

    /// Whom the token is for: the server itself, where it does not say so.
    fn of_token<'a>(&'a self, known: &'a Known) -> &'a [String] {
        match known.claims.audiences.as_slice() {
            [] => &self.api_audiences,
            some => some,
        }
    }

    /// Those of the wanted audiences that the token is for.
    fn audiences(&self, known: &Known, wanted: &[String]) -> Result<Vec<String>, String> {
        let of_token = self.of_token(known);
        let common = token::common(of_token, wanted);
        if common.is_empty() {
            let list = |texts: &[String]| texts.iter().map(|t| quote(t)).collect::<Vec<_>>().join(" ");
            let (found, wanted) = (list(of_token), list(wanted));
            return Err(format!("token audiences [{found}] is invalid for the target audiences [{wanted}]"));
        }
        Ok(common)
    }

    fn check_time(&self, known: &Known) -> Result<(), String> {
        if known.legacy {
            return Ok(());
        }
        let (claims, now) = (&known.claims, clock::now().as_second());
        let later = |time: Option<i64>| time.is_some_and(|time| now + LEEWAY < time);
        let why = if later(claims.not_before) {
            "service account token is not valid yet"
        } else if claims.expires.is_some_and(|expires| now - LEEWAY > expires) {
            "service account token has expired"
        } else if later(claims.issued_at) {
            "service account token is issued in the future"
        } else {
            return Ok(());
        };
        Err(why.to_owned())
    }

    /// Looks for what the token depends on. Returns what its user is to be warned of.
    async fn confirm(&self, known: &Known, token: &str) -> Result<Option<&'static str>, String> {
        if known.legacy {
            return if self.looks_up_secrets {
                self.confirm_legacy(&known.claims, token).await
            } else {
                Ok(None)
            };
        }
        let about = &known.claims.kubernetes;
        let (namespace, account) = (about.namespace.as_str(), &about.account);
        let found = self.account(namespace, &account.name, &account.uid).await?;
        if found.uid() != account.uid {
            let uid = found.uid();
            return Err(format!("service account UID ({uid}) does not match claim ({})", account.uid));
        }
        if is_deleted(&found) {
            return Err(format!("service account {namespace}/{} has been deleted", account.name));
        }
        if let Some(secret) = &about.secret {
            self.confirm_bound(Kind::Secret, namespace, secret).await?;
        }
        if let Some(pod) = &about.pod {
            self.confirm_bound(Kind::Pod, namespace, pod).await?;
        }
        if let (Some(node), None) = (&about.node, &about.pod) {
            self.confirm_bound(Kind::Node, "", node).await?;
        }
        if let Some(warn_after) = about.warn_after.filter(|at| *at != 0) {
            let stale = clock::now().as_second() > warn_after;
            self.count(|tokens| if stale { &tokens.stale } else { &tokens.valid });
        }
        Ok(None)
    }

    async fn account(&self, namespace: &str, name: &str, uid: &str) -> Result<Arc<Object>, String> {
        let missing = || Status::not_found("", "serviceaccounts", name).to_string();
        if namespace.is_empty() || name.is_empty() {
            return Err(missing());
        }
        let found = self.subjects.find(Kind::ServiceAccount, namespace, name, uid).await;
        found.map_err(|status| status.to_string())?.ok_or_else(missing)
    }

    async fn confirm_bound(&self, kind: Kind, namespace: &str, bound: &Reference) -> Result<(), String> {
        let found = match self.subjects.find(kind, namespace, &bound.name, &bound.uid).await {
            Ok(found) => found,
            Err(status) => {
                debug!(error = %status, ?kind, "can't look for what a token is bound to");
                None
            }
        };
        let found = found.ok_or(INVALIDATED)?;
        if found.uid() != bound.uid {
            let name = match kind {
                Kind::ServiceAccount => "service account",
                Kind::Pod => "pod",
                Kind::Secret => "secret",
                Kind::Node => "node",
            };
            return Err(format!(
                "{name} UID ({}) does not match service account {name} ref claim ({})",
                found.uid(),
                bound.uid
            ));
        }
        if is_deleted(&found) { Err(INVALIDATED.to_owned()) } else { Ok(()) }
    }

    /// Looks for the secret that the token must lie in.
    async fn confirm_legacy(&self, claims: &Claims, token: &str) -> Result<Option<&'static str>, String> {
        let (namespace, name) = (claims.legacy_namespace.as_str(), claims.legacy_account.as_str());
        let secret = match self.subjects.find(Kind::Secret, namespace, &claims.legacy_secret, "").await {
            Ok(Some(secret)) if secret.deletion_timestamp().is_none() => secret,
            _ => return Err(LEGACY_INVALIDATED.to_owned()),
        };
        if !holds(&secret, token) {
            return Err("Token does not match server's copy".to_owned());
        }
        let account = self.account(namespace, name, &claims.legacy_uid).await?;
        if account.deletion_timestamp().is_some() {
            return Err(format!("ServiceAccount {namespace}/{name} has been deleted"));
        }
        if account.uid() != claims.legacy_uid {
            let (uid, claim) = (account.uid(), &claims.legacy_uid);
            return Err(format!("ServiceAccount UID ({uid}) does not match claim ({claim})"));
        }
        self.note_use(&secret).await;
        if secret.label(INVALID_SINCE).is_some_and(|since| !since.is_empty()) {
            self.count(|tokens| &tokens.invalidated);
            let secret = secret.name();
            return Err(format!(
                "the token in secret {namespace}/{secret} for service account {namespace}/{name} has been marked \
                 invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove \
                 the '{INVALID_SINCE}' label from the secret to temporarily allow use of this token"
            ));
        }
        let named = account.get("secrets").and_then(Value::as_array).unwrap_or_default();
        let generated = named.iter().any(|reference| reference.str_at(&["name"]) == secret.name());
        self.count(|tokens| if generated { &tokens.generated } else { &tokens.manual });
        Ok(generated.then_some(AUTO_GENERATED))
    }

    async fn note_use(&self, secret: &Object) {
        let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
        let now = clock::now();
        let tomorrow = now + std::time::Duration::from_secs(24 * 60 * 60);
        let noted = secret.label(LAST_USED);
        // Another server's clock may be a little ahead.
        if noted != Some(&day(now)) && noted != Some(&day(tomorrow)) {
            self.subjects.note_use(secret, &day(now)).await;
        }
    }
}

#[async_trait]
impl TokenAuthenticator for Verifier {
    /// Whether the token claims to be of one of the issuers: others are somebody else's to judge.
    fn is_concerned(&self, token: &str) -> bool {
        jws::claimed_issuer(token)
            .is_some_and(|issuer| issuer == LEGACY_ISSUER || self.issuers.contains(&issuer))
    }

    fn recall(&self, token: &str) -> Option<Believed> {
        // What is no signed token needs no digest.
        if memchr::memchr_iter(b'.', token.as_bytes()).count() != 2 {
            return None;
        }
        let (known, at) = self.known.get(&key(token), Clone::clone)?;
        let fresh = clock::monotonic().duration_since(at) < ACCEPTED_FOR;
        let ours = self.of_token(&known).iter().any(|audience| self.api_audiences.contains(audience));
        let believed =
            || Believed { user: known.user.clone(), audiences: Vec::new(), warning: known.warning };
        (fresh && ours && self.check_time(&known).is_ok()).then(believed)
    }

    async fn judge(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String> {
        self.believe(token, audiences).await
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

/// What a token is known by.
fn key(token: &str) -> Key {
    Sha256::digest(token).into()
}

/// Whether an object was to be gone some time ago.
fn is_deleted(object: &Object) -> bool {
    let at = object.deletion_timestamp().and_then(|text| text.parse::<Timestamp>().ok());
    at.is_some_and(|at| at.as_second() < clock::now().as_second() - LEEWAY)
}

/// Whether the token lies in the secret.
fn holds(secret: &Object, token: &str) -> bool {
    let copy = STANDARD.decode(secret.str_at(&["data", "token"]));
    // Of digests that differ, where they do says nothing of the token.
    copy.is_ok_and(|copy| key(token) == Key::from(Sha256::digest(&copy)))
}

/// The user that a token speaks for.
fn user(claims: &Claims) -> UserInfo {
    let about = &claims.kubernetes;
    let mut extra = BTreeMap::new();
    let mut note = |key: &str, value: &str| extra.insert(key.to_owned(), vec![value.to_owned()]);
    if let Some(pod) = about.pod.as_ref().filter(|pod| !pod.name.is_empty() && !pod.uid.is_empty()) {
        note("authentication.kubernetes.io/pod-name", &pod.name);
        note("authentication.kubernetes.io/pod-uid", &pod.uid);
    }
    if !claims.id.is_empty() {
        note(CREDENTIAL_ID, &format!("JTI={}", claims.id));
    }
    if let Some(node) = about.node.as_ref().filter(|node| !node.name.is_empty()) {
        note("authentication.kubernetes.io/node-name", &node.name);
        if !node.uid.is_empty() {
            note("authentication.kubernetes.io/node-uid", &node.uid);
        }
    }
    UserInfo { extra, ..account_user(&about.namespace, &about.account.name, &about.account.uid) }
}

/// The user that a token in a secret speaks for.
fn legacy_user(claims: &Claims) -> Result<UserInfo, String> {
    let needed = [
        (&claims.subject, "sub"),
        (&claims.legacy_namespace, "namespace"),
        (&claims.legacy_secret, "secretName"),
        (&claims.legacy_account, "serviceAccountName"),
        (&claims.legacy_uid, "serviceAccountUID"),
    ];
    if let Some((_, name)) = needed.iter().find(|(value, _)| value.is_empty()) {
        return Err(format!("{name} claim is missing"));
    }
    if claims.subject != user_name(&claims.legacy_namespace, &claims.legacy_account) {
        return Err("sub claim is invalid".to_owned());
    }
    Ok(account_user(&claims.legacy_namespace, &claims.legacy_account, &claims.legacy_uid))
}

fn account_user(namespace: &str, name: &str, uid: &str) -> UserInfo {
    UserInfo {
        name: user_name(namespace, name),
        uid: uid.to_owned(),
        groups: vec![GROUP.to_owned(), format!("{GROUP}:{namespace}")],
        extra: BTreeMap::new(),
    }
}
