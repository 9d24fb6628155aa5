//! What the flags `--oidc-*` say: one issuer, and the rules that a file could have for it, too.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::config::{
    AuthenticationConfiguration, ClaimMappings, ClaimValidationRule, Issuer, JwtAuthenticator,
    PrefixedClaimOrExpression,
};
use crate::authn::jws::ALGORITHMS;

/// The claim that is an address and needs no prefix.
const EMAIL: &str = "email";
/// The prefix that is none.
const NO_PREFIX: &str = "-";

/// The flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The issuer's URL.
    pub issuer_url: String,
    /// Whom tokens have to be for.
    pub client_id: String,
    /// The claim that is the user's name. Default: `sub`.
    pub username_claim: String,
    /// What is put before the name: `-` for nothing. Default: the issuer's URL and `#`, but nothing before an
    /// `email`.
    pub username_prefix: String,
    /// The claim that the groups are in; may be empty.
    pub groups_claim: String,
    /// What is put before each group.
    pub groups_prefix: String,
    /// Claims, and the value that each must have.
    pub required_claims: BTreeMap<String, String>,
    /// The JWS algorithms that tokens may be signed with. Default: `RS256`.
    pub signing_algorithms: Vec<&'static str>,
    /// The authorities of the issuer's serving certificate, PEM. Default: the system's.
    pub ca_file: Option<PathBuf>,
}

impl Flags {
    /// The file that says the same.
    ///
    /// # Errors
    /// Where the authorities can't be read.
    pub(super) fn configuration(&self) -> io::Result<AuthenticationConfiguration> {
        let prefix = match self.username_prefix.as_str() {
            NO_PREFIX => String::new(),
            "" if self.username_claim != EMAIL => format!("{}#", self.issuer_url),
            given => given.to_owned(),
        };
        let claim = |name: &str, prefix: &str| PrefixedClaimOrExpression {
            claim: name.to_owned(),
            prefix: Some(prefix.to_owned()),
            expression: String::new(),
        };
        let groups = match self.groups_claim.as_str() {
            "" => PrefixedClaimOrExpression::default(),
            name => claim(name, &self.groups_prefix),
        };
        let authority = self.ca_file.as_ref().map(std::fs::read_to_string).transpose()?;
        let required = self.required_claims.iter().map(|(claim, value)| ClaimValidationRule {
            claim: claim.clone(),
            required_value: value.clone(),
            ..ClaimValidationRule::default()
        });
        let issuer = Issuer {
            url: self.issuer_url.clone(),
            audiences: vec![self.client_id.clone()],
            certificate_authority: authority.unwrap_or_default(),
            ..Issuer::default()
        };
        let username = claim(&self.username_claim, &prefix);
        let jwt = JwtAuthenticator {
            issuer,
            claim_validation_rules: required.collect(),
            claim_mappings: ClaimMappings { username, groups, ..ClaimMappings::default() },
            user_validation_rules: Vec::new(),
        };
        Ok(AuthenticationConfiguration { jwt: vec![jwt], anonymous: None })
    }
}

/// The JWS algorithm of this name.
///
/// # Errors
/// Where tokens can't be signed with it.
pub fn signing_algorithm(name: &str) -> Result<&'static str, String> {
    if name == "ES512" {
        return Err("oidc: the signing alg \"ES512\" is not supported by this version of Keelson".to_owned());
    }
    let known = ALGORITHMS.into_iter().find(|known| *known == name);
    known.ok_or_else(|| format!("oidc: unsupported signing alg: {name:?}"))
}
