//! Claims that a token doesn't hold, but says who does: groups that would be too many for it.
//!
//! The server that holds them answers with a token that names the groups, signed by an issuer of its own; that
//! issuer is discovered when it is met first, and its tokens are believed from then on.
//!
//! Source: OpenID Connect Core 1.0, section 5.6.2.

use std::collections::BTreeMap;
use std::sync::Arc;

use keelson_apimachinery::Value;
use keelson_apimachinery::field::quote;
use keelson_base::shutdown::Signal;
use keelson_base::task::TaskGroup;
use parking_lot::Mutex;

use super::authenticator::Acceptance;
use super::claims::Claims;
use super::provider::{Http, Provider};
use crate::authn::jws;

const NAMES: &str = "_claim_names";
const SOURCES: &str = "_claim_sources";
/// How many issuers of such claims are known at once. There are one or two.
const MAX_ISSUERS: usize = 16;

/// Finds a distributed claim.
#[derive(Debug)]
pub(super) struct Resolver {
    /// The claim that is looked for.
    claim: String,
    http: Http,
    issuers: Mutex<BTreeMap<String, Arc<Provider>>>,
    tasks: TaskGroup,
    end: Signal,
}

/// Who holds a claim.
struct Source<'a> {
    endpoint: &'a str,
    access_token: &'a str,
}

impl Resolver {
    /// Looks for `claim`. Issuers are kept by `tasks`, until `end`.
    pub(super) fn new(claim: &str, http: Http, tasks: TaskGroup, end: Signal) -> Self {
        Resolver { claim: claim.to_owned(), http, issuers: Mutex::default(), tasks, end }
    }

    /// Adds the claim to those of a verified token, where it is said who holds it.
    ///
    /// # Errors
    /// Where it can't be had.
    pub(super) async fn expand(&self, claims: &mut Claims, accepts: &Acceptance) -> Result<(), String> {
        if claims.get(&self.claim).is_some() {
            return Ok(());
        }
        let value = match source(claims, &self.claim)? {
            None => return Ok(()),
            Some(source) => self.ask(&source, accepts).await?,
        };
        claims.set(&self.claim, value);
        Ok(())
    }

    async fn ask(&self, source: &Source<'_>, accepts: &Acceptance) -> Result<Value, String> {
        let (claim, endpoint) = (&self.claim, source.endpoint);
        let answer = self.http.get(endpoint, Some(source.access_token)).await;
        let answer = answer.map_err(|why| format!("while getting distributed claim {claim:?}: {why}"))?;
        if !answer.status().is_success() {
            let status = answer.status();
            return Err(format!(
                "while getting distributed claim {claim:?}: error while getting distributed claim JWT: {status}"
            ));
        }
        let text = std::str::from_utf8(answer.body());
        let Some((token, issuer)) = text.ok().and_then(|text| Some((text, jws::claimed_issuer(text)?)))
        else {
            return Err(format!(
                "getting untrusted issuer from endpoint {endpoint} failed for claim {claim:?}: malformed token"
            ));
        };
        let issuer = super::claims::issuer_url(&issuer);
        let provider = self
            .provider(issuer)
            .map_err(|why| format!("verifying untrusted issuer {issuer} failed: {why}"))?;
        let found = accepts.verify(token, &provider).await;
        let found = found.map_err(|why| format!("verify distributed claim token: {why}"))?;
        found.get(claim).cloned().ok_or_else(|| {
            format!(
                "jwt returned by distributed claim endpoint {} did not contain claim: {claim}",
                quote(endpoint)
            )
        })
    }

    /// An issuer, where it was discovered; where it is met first, that begins now.
    fn provider(&self, issuer: &str) -> Result<Arc<Provider>, String> {
        let mut issuers = self.issuers.lock();
        if let Some(provider) = issuers.get(issuer) {
            return if provider.is_ready() { Ok(provider.clone()) } else { Err(not_ready(issuer)) };
        }
        if issuers.len() >= MAX_ISSUERS {
            return Err(format!("there are {MAX_ISSUERS} others already"));
        }
        let provider = Arc::new(Provider::new(issuer, "", self.http.clone(), None, self.end.clone()));
        issuers.insert(issuer.to_owned(), provider.clone());
        self.tasks.spawn("issuer of distributed claims", provider.run());
        Err(not_ready(issuer))
    }
}

fn not_ready(issuer: &str) -> String {
    format!("verifier not initialized for issuer: {}", quote(issuer))
}

/// Who holds the claim; `None` where nobody does.
fn source<'a>(claims: &'a Claims, claim: &str) -> Result<Option<Source<'a>>, String> {
    let Some(names) = claims.get(NAMES) else { return Ok(None) };
    let names = names.as_object().ok_or("oidc: error parsing distributed claim names: it is no object")?;
    let sources = claims.get(SOURCES).ok_or("oidc: no claim sources")?;
    let sources = sources.as_object().ok_or("oidc: could not parse claim sources: it is no object")?;
    let Some(name) = names.get(claim).and_then(Value::as_str) else { return Ok(None) };
    let Some(source) = sources.get(name) else {
        return Err(format!("id token _claim_names contained a source {name} missing in _claims_sources"));
    };
    let endpoint = source.str_at(&["endpoint"]);
    // Without one it may be an aggregated claim, which is not looked at.
    let access_token = source.str_at(&["access_token"]);
    Ok(Some(Source { endpoint, access_token }).filter(|_| !endpoint.is_empty()))
}
