//! The tokens of one issuer.

use std::sync::Arc;

use keelson_apimachinery::field::quote;
use keelson_base::clock;
use keelson_base::shutdown::Signal;
use keelson_base::task::TaskGroup;

use super::claims::{self, Claims};
use super::distributed::Resolver;
use super::metrics::Metrics;
use super::provider::{Http, Provider};
use super::rules::Rules;
use crate::authn::{jws, with_authenticated_group};
use crate::request::UserInfo;

/// How long before its time a token is believed, as clocks differ. In milliseconds.
const NOT_BEFORE_LEEWAY: i64 = 5 * 60 * 1000;

/// What tokens must be like, whoever signed them.
#[derive(Clone, Debug)]
pub(super) struct Acceptance {
    /// They have to be for one of these.
    pub(super) audiences: Vec<String>,
    /// They have to be signed with one of these JWS algorithms.
    pub(super) algorithms: Vec<&'static str>,
}

impl Acceptance {
    /// The claims of a token that its issuer signed, that is for one of the audiences, and of its time.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(super) async fn verify(&self, token: &str, provider: &Provider) -> Result<Claims, String> {
        // What needs no keys comes first: a token that ran out makes nobody fetch any.
        let payload = claims::unverified_payload(token)?;
        let claims =
            Claims::parse(&payload).map_err(|why| format!("oidc: failed to unmarshal claims: {why}"))?;
        self.check(&claims, provider.issuer(), clock::now().as_millisecond())?;
        let signed = jws::parse(token).ok_or("oidc: malformed jwt: it is no signed token in compact form")?;
        if !self.algorithms.contains(&signed.algorithm.as_str()) {
            let known: Vec<String> = self.algorithms.iter().map(|name| quote(name)).collect();
            let (found, known) = (quote(&signed.algorithm), known.join(" "));
            return Err(format!(
                "oidc: malformed jwt: unexpected signature algorithm {found}; expected [{known}]"
            ));
        }
        if signed.payload != payload {
            return Err("oidc: malformed jwt: it is no signed token in compact form".to_owned());
        }
        let verified = provider.verify(&signed).await;
        verified.map_err(|why| format!("failed to verify signature: {why}"))?;
        Ok(claims)
    }

    /// Checks what claims say of themselves at the time `now`, in milliseconds since 1970.
    fn check(&self, claims: &Claims, issuer: &str, now: i64) -> Result<(), String> {
        let standard = claims.standard().map_err(|why| format!("oidc: failed to unmarshal claims: {why}"))?;
        if claims::issuer_url(&standard.issuer) != issuer {
            let (wanted, found) = (quote(issuer), quote(&standard.issuer));
            return Err(format!(
                "oidc: id token issued by a different provider, expected {wanted} got {found}"
            ));
        }
        if !standard.audiences.iter().any(|audience| self.audiences.contains(audience)) {
            let list = |texts: &[String]| texts.iter().map(|text| quote(text)).collect::<Vec<_>>().join(" ");
            let (wanted, found) = (list(&self.audiences), list(&standard.audiences));
            return Err(format!("oidc: expected audience in [{wanted}] got [{found}]"));
        }
        let at = |seconds: i64| seconds.saturating_mul(1000);
        match standard.expires {
            None => return Err("oidc: token is expired: it does not say when it expires".to_owned()),
            Some(expires) if at(expires) < now => {
                return Err(format!("oidc: token is expired (Token Expiry: {})", shown(expires)));
            }
            Some(_) => {}
        }
        if let Some(begins) = standard.not_before.filter(|begins| now + NOT_BEFORE_LEEWAY < at(*begins)) {
            return Err(format!(
                "oidc: current time {} before the nbf (not before) time: {}",
                shown(now / 1000),
                shown(begins)
            ));
        }
        Ok(())
    }
}

/// A time, as text; the number where it is none.
fn shown(seconds: i64) -> String {
    clock::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// Believes the tokens of one issuer.
#[derive(Debug)]
pub(super) struct JwtAuthenticator {
    rules: Rules,
    provider: Arc<Provider>,
    accepts: Acceptance,
    resolver: Option<Resolver>,
    metrics: Arc<Metrics>,
}

impl JwtAuthenticator {
    /// Believes what the rules say, of tokens that are signed with one of the algorithms. The issuer is
    /// discovered from now on, by `tasks`, until `end`.
    ///
    /// # Errors
    /// Where the issuer can't be asked: its authorities can't be used.
    pub(super) fn start(
        rules: Rules,
        algorithms: &[&'static str],
        tasks: &TaskGroup,
        end: &Signal,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, String> {
        let issuer = &rules.issuer;
        let http = Http::new(&issuer.certificate_authority);
        let http =
            http.map_err(|why| format!("the certificateAuthority of {}: {why}", quote(&issuer.url)))?;
        let counted = Some(metrics.clone());
        let provider = Provider::new(&issuer.url, &issuer.discovery_url, http.clone(), counted, end.clone());
        let provider = Arc::new(provider);
        tasks.spawn("issuer of tokens", provider.clone().run());
        let groups = rules.groups_claim();
        let resolver = groups.map(|claim| Resolver::new(claim, http, tasks.clone(), end.clone()));
        let accepts = Acceptance { audiences: issuer.audiences.clone(), algorithms: algorithms.to_vec() };
        Ok(JwtAuthenticator { rules, provider, accepts, resolver, metrics: metrics.clone() })
    }

    /// The issuer's URL.
    pub(super) fn issuer(&self) -> &str {
        self.provider.issuer()
    }

    pub(super) fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The user of a token that claims to be of this issuer.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(super) async fn user_of(&self, token: &str) -> Result<Arc<UserInfo>, String> {
        let begun = clock::monotonic();
        let user = self.uncounted(token).await;
        let took = clock::monotonic().duration_since(begun);
        self.metrics.judged(self.provider.issuer_hash(), user.is_ok(), took);
        user
    }

    async fn uncounted(&self, token: &str) -> Result<Arc<UserInfo>, String> {
        if !self.provider.is_ready() {
            return Err("oidc: authenticator not initialized".to_owned());
        }
        let claims = self.accepts.verify(token, &self.provider).await;
        let mut claims = claims.map_err(|why| format!("oidc: verify token: {why}"))?;
        if let Some(resolver) = &self.resolver {
            let expanded = resolver.expand(&mut claims, &self.accepts).await;
            expanded.map_err(|why| format!("oidc: could not expand distributed claims: {why}"))?;
        }
        self.rules.user(&claims).map(with_authenticated_group)
    }
}
