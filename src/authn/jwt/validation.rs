//! Checks a configuration, and makes rules of it. All that is wrong is told at once, with the paths and texts
//! that users of kube-apiserver know.
//!
//! Source: "Authentication configuration from a file" in the Kubernetes documentation.

use std::collections::BTreeSet;

use keelson_apimachinery::content::names::dns_subdomain;
use keelson_apimachinery::field::{ErrorType, FieldError, Path};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::config::{
    AnonymousAuthConfig, AuthenticationConfiguration, ClaimMappings, ClaimValidationRule, ExtraMapping,
    Issuer, JwtAuthenticator, PrefixedClaimOrExpression, UserValidationRule,
};
use super::expression::{Expression, Useless};
use super::rules::{Condition, Mapping, Rules};
use super::url;

/// How many issuers there may be.
const MAX_ISSUERS: usize = 64;
const MATCH_ANY: &str = "MatchAny";
const EGRESS: [&str; 2] = ["controlplane", "cluster"];
const EMAIL_RULE: &str = "claims.email_verified must be used in claimMappings.username.expression or \
     claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in \
     claimMappings.username.expression";

/// The rules of a configuration's issuers, in its order. None of them may be one of the `disallowed`: the
/// issuers of service accounts' tokens.
///
/// # Errors
/// All that is wrong, in upstream's order.
pub(super) fn rules(
    config: &AuthenticationConfiguration,
    disallowed: &[String],
) -> Result<Vec<Rules>, Vec<FieldError>> {
    let root = Path::new("jwt");
    if config.jwt.len() > MAX_ISSUERS {
        return Err(vec![FieldError::too_many(&root, config.jwt.len(), MAX_ISSUERS)]);
    }
    let disallowed = disallowed.iter().map(String::as_str).collect();
    let mut check = Check { disallowed, errors: Vec::new() };
    let (mut urls, mut discovery_urls) = (BTreeSet::new(), BTreeSet::new());
    let mut rules = Vec::new();
    for (i, jwt) in config.jwt.iter().enumerate() {
        let path = root.index(i);
        rules.extend(check.authenticator(jwt, &path));
        let (issuer, at) = (&jwt.issuer, path.child("issuer"));
        if !urls.insert(issuer.url.as_str()) {
            check.errors.push(FieldError::duplicate(&at.child("url"), &issuer.url));
        }
        if !issuer.discovery_url.is_empty() && !discovery_urls.insert(issuer.discovery_url.as_str()) {
            check.errors.push(FieldError::duplicate(&at.child("discoveryURL"), &issuer.discovery_url));
        }
    }
    if let Some(anonymous) = &config.anonymous {
        check.anonymous(anonymous);
    }
    if check.errors.is_empty() { Ok(rules) } else { Err(check.errors) }
}

/// What is wrong so far.
struct Check<'a> {
    disallowed: BTreeSet<&'a str>,
    errors: Vec<FieldError>,
}

impl Check<'_> {
    fn invalid(&mut self, path: &Path, value: &str, why: impl Into<String>) {
        self.errors.push(FieldError::invalid(path, value, why));
    }

    fn required(&mut self, path: &Path, why: &str) {
        self.errors.push(FieldError::required(path, why));
    }

    fn anonymous(&mut self, anonymous: &AnonymousAuthConfig) {
        if !anonymous.enabled && !anonymous.conditions.is_empty() {
            let path = Path::new("anonymous").child("conditions");
            let shown = serde_json::to_string(&anonymous.conditions).unwrap_or_default();
            let why = "enabled should be set to true when conditions are defined";
            self.errors.push(FieldError::new(ErrorType::Invalid, &path, Some(shown), why));
        }
    }

    /// The rules of one issuer; `None` only where something is wrong.
    fn authenticator(&mut self, jwt: &JwtAuthenticator, path: &Path) -> Option<Rules> {
        self.issuer(&jwt.issuer, &path.child("issuer"));
        let rules_path = path.child("claimValidationRules");
        let (required, conditions) = self.claim_rules(&jwt.claim_validation_rules, &rules_path);
        let mappings = self.mappings(&jwt.claim_mappings, &conditions, &path.child("claimMappings"));
        let user_conditions = self.user_rules(&jwt.user_validation_rules, &path.child("userValidationRules"));
        let Mappings { username, groups, uid, extra } = mappings;
        let issuer = jwt.issuer.clone();
        let username = username?;
        Some(Rules { issuer, username, groups, uid, extra, required, conditions, user_conditions })
    }

    fn issuer(&mut self, issuer: &Issuer, path: &Path) {
        let (url, discovery_url) = (issuer.url.as_str(), issuer.discovery_url.as_str());
        if url.is_empty() {
            self.required(&path.child("url"), "");
        } else {
            if self.disallowed.contains(url) {
                let list: Vec<&str> = self.disallowed.iter().copied().collect();
                let why = format!("URL must not overlap with disallowed issuers: [{}]", list.join(" "));
                self.invalid(&path.child("url"), url, why);
            }
            self.url(url, &path.child("url"));
        }
        if !discovery_url.is_empty() {
            let path = path.child("discoveryURL");
            if !url.is_empty() && url.trim_end_matches('/') == discovery_url.trim_end_matches('/') {
                self.invalid(&path, discovery_url, "discoveryURL must be different from URL");
            }
            self.url(discovery_url, &path);
        }
        self.audiences(issuer, path);
        let authority = issuer.certificate_authority.as_bytes();
        if !authority.is_empty() && !CertificateDer::pem_slice_iter(authority).any(|read| read.is_ok()) {
            let why = "data does not contain any valid RSA or ECDSA certificates";
            self.invalid(&path.child("certificateAuthority"), "<omitted>", why);
        }
        let egress = issuer.egress_selector_type.as_str();
        if !egress.is_empty() {
            let why = match EGRESS.contains(&egress) {
                true => "this version of Keelson has no egress selectors",
                false => "egress selector must be either controlplane or cluster",
            };
            self.invalid(&path.child("egressSelectorType"), egress, why);
        }
    }

    fn url(&mut self, text: &str, path: &Path) {
        let url = match url::parse(text) {
            Ok(url) => url,
            Err(why) => return self.invalid(path, text, why),
        };
        if url.scheme != "https" {
            self.invalid(path, text, "URL scheme must be https");
        }
        if url.has_user {
            self.invalid(path, text, "URL must not contain a username or password");
        }
        if url.has_query {
            self.invalid(path, text, "URL must not contain a query");
        }
        if url.has_fragment {
            self.invalid(path, text, "URL must not contain a fragment");
        }
    }

    fn audiences(&mut self, issuer: &Issuer, path: &Path) {
        let list = path.child("audiences");
        if issuer.audiences.is_empty() {
            return self.required(&list, &format!("at least one {list} is required"));
        }
        let mut seen = BTreeSet::new();
        for (i, audience) in issuer.audiences.iter().enumerate() {
            if audience.is_empty() {
                self.required(&list.index(i), "");
            }
            if !seen.insert(audience) {
                self.errors.push(FieldError::duplicate(&list.index(i), audience));
            }
        }
        let (policy, several) = (issuer.audience_match_policy.as_str(), issuer.audiences.len() > 1);
        let path = path.child("audienceMatchPolicy");
        if several && policy != MATCH_ANY {
            self.invalid(&path, policy, "audienceMatchPolicy must be MatchAny for multiple audiences");
        }
        if !several && !["", MATCH_ANY].contains(&policy) {
            self.invalid(&path, policy, "audienceMatchPolicy must be empty or MatchAny for single audience");
        }
    }

    /// The claims that must have a value, and the conditions.
    fn claim_rules(
        &mut self,
        rules: &[ClaimValidationRule],
        path: &Path,
    ) -> (Vec<(String, String)>, Vec<Condition>) {
        let (mut claims, mut expressions) = (BTreeSet::new(), BTreeSet::new());
        let (mut required, mut conditions) = (Vec::new(), Vec::new());
        for (i, rule) in rules.iter().enumerate() {
            let path = path.index(i);
            match (rule.claim.as_str(), rule.expression.as_str()) {
                ("", "") => self.required(&path, "claim or expression is required"),
                (claim, "") => {
                    if !rule.message.is_empty() {
                        let why = "may not be specified when claim is set";
                        self.invalid(&path.child("message"), &rule.message, why);
                    }
                    if !claims.insert(claim) {
                        self.errors.push(FieldError::duplicate(&path.child("claim"), claim));
                    }
                    required.push((claim.to_owned(), rule.required_value.clone()));
                }
                ("", text) => {
                    if !rule.required_value.is_empty() {
                        let why = "may not be specified when expression is set";
                        self.invalid(&path.child("requiredValue"), &rule.required_value, why);
                    }
                    let at = path.child("expression");
                    if !expressions.insert(text) {
                        self.errors.push(FieldError::duplicate(&at, text));
                    } else if let Some(expression) = self.compiled(Expression::claims_condition, text, &at) {
                        conditions.push(Condition { expression, message: rule.message.clone() });
                    }
                }
                (claim, _) => self.invalid(&path, claim, "claim and expression can't both be set"),
            }
        }
        (required, conditions)
    }

    fn mappings(&mut self, given: &ClaimMappings, conditions: &[Condition], path: &Path) -> Mappings {
        let username = self.prefixed(&given.username, &path.child("username"), true);
        let groups = self.prefixed(&given.groups, &path.child("groups"), false);
        let uid_path = path.child("uid");
        let uid = match (given.uid.claim.as_str(), given.uid.expression.as_str()) {
            ("", "") => None,
            (claim, "") => Some(Mapping::Claim { name: claim.to_owned(), prefix: String::new() }),
            ("", text) => {
                let expression = self.compiled(Expression::over_claims, text, &uid_path.child("expression"));
                expression.map(Mapping::Expression)
            }
            _ => {
                self.invalid(&uid_path, "", "claim and expression can't both be set");
                None
            }
        };
        let extra = self.extra(&given.extra, &path.child("extra"));
        if let Some(Mapping::Expression(name)) = &username
            && name.selects_claim("email")
        {
            let others = extra.iter().map(|(_, expression)| expression);
            let others = others.chain(conditions.iter().map(|condition| &condition.expression));
            if !others.chain([name]).any(|expression| expression.selects_claim("email_verified")) {
                self.invalid(&path.child("username").child("expression"), name.text(), EMAIL_RULE);
            }
        }
        Mappings { username, groups, uid, extra }
    }

    fn prefixed(
        &mut self,
        given: &PrefixedClaimOrExpression,
        path: &Path,
        is_required: bool,
    ) -> Option<Mapping> {
        match (given.claim.as_str(), given.expression.as_str()) {
            ("", "") => {
                if is_required {
                    self.required(path, "claim or expression is required");
                }
                None
            }
            (claim, "") => {
                if given.prefix.is_none() {
                    let why = "prefix is required when claim is set. It can be set to an empty string to disable \
                               prefixing";
                    self.required(&path.child("prefix"), why);
                }
                let prefix = given.prefix.clone().unwrap_or_default();
                Some(Mapping::Claim { name: claim.to_owned(), prefix })
            }
            ("", text) => {
                if let Some(prefix) = &given.prefix {
                    let why = "may not be specified when expression is set";
                    self.invalid(&path.child("prefix"), prefix, why);
                }
                let expression = self.compiled(Expression::over_claims, text, &path.child("expression"));
                expression.map(Mapping::Expression).filter(|_| given.prefix.is_none())
            }
            _ => {
                self.invalid(path, "", "claim and expression can't both be set");
                None
            }
        }
    }

    fn extra(&mut self, given: &[ExtraMapping], path: &Path) -> Vec<(String, Expression)> {
        let (mut keys, mut extra) = (BTreeSet::new(), Vec::new());
        for (i, ExtraMapping { key, value_expression }) in given.iter().enumerate() {
            let (path, key_path) = (path.index(i), path.index(i).child("key"));
            self.extra_key(key, &key_path);
            let at = path.child("valueExpression");
            if !keys.insert(key) {
                self.errors.push(FieldError::duplicate(&key_path, key));
            } else if value_expression.is_empty() {
                self.required(&at, "");
            } else if let Some(read) = self.compiled(Expression::over_claims, value_expression, &at) {
                extra.push((key.clone(), read));
            }
        }
        extra
    }

    fn extra_key(&mut self, key: &str, path: &Path) {
        const PATH: &str = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+";
        let in_path = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:".contains(c);
        let (domain, rest) = key.split_once('/').unwrap_or_default();
        if key.is_empty() {
            self.required(path, "");
        } else if domain.is_empty() || rest.is_empty() {
            self.invalid(path, key, "must be a domain-prefixed path (such as \"acme.io/foo\")");
        } else {
            for why in dns_subdomain(domain) {
                self.invalid(path, domain, why);
            }
            if !rest.chars().all(in_path) {
                self.invalid(path, rest, format!("Invalid path (regex used for validation is '{PATH}')"));
            }
        }
        if key.to_lowercase() != key {
            self.invalid(path, key, "must be lowercase");
        }
        let below =
            |parent: &str| domain.strip_suffix(parent).is_some_and(|d| d.is_empty() || d.ends_with('.'));
        if below("kubernetes.io") || below("k8s.io") {
            let why = "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use";
            self.invalid(path, key, why);
        }
    }

    fn user_rules(&mut self, rules: &[UserValidationRule], path: &Path) -> Vec<Condition> {
        let (mut seen, mut conditions) = (BTreeSet::new(), Vec::new());
        for (i, UserValidationRule { expression, message }) in rules.iter().enumerate() {
            let at = path.index(i).child("expression");
            if expression.is_empty() {
                self.required(&at, "");
            } else if !seen.insert(expression) {
                self.errors.push(FieldError::duplicate(&at, expression));
            } else if let Some(expression) = self.compiled(Expression::user_condition, expression, &at) {
                conditions.push(Condition { expression, message: message.clone() });
            }
        }
        conditions
    }

    fn compiled(
        &mut self,
        compile: impl FnOnce(&str) -> Result<Expression, Useless>,
        text: &str,
        path: &Path,
    ) -> Option<Expression> {
        match compile(text) {
            Ok(expression) => return Some(expression),
            Err(Useless::Invalid(why)) => self.invalid(path, text, why),
            Err(Useless::Internal(why)) => {
                self.errors.push(FieldError::new(ErrorType::Internal, path, None, why));
            }
        }
        None
    }
}

/// Where a user's fields come from. What is wrong is absent.
struct Mappings {
    username: Option<Mapping>,
    groups: Option<Mapping>,
    uid: Option<Mapping>,
    extra: Vec<(String, Expression)>,
}

/// All errors as one text, as upstream joins them: each once.
pub(super) fn joined(errors: &[FieldError]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in errors.iter().map(ToString::to_string) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}
