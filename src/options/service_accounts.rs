//! Flags about the tokens of service accounts.

use std::path::PathBuf;
use std::time::Duration;

use super::{Errors, path, value};
use crate::authn::service_account;

const ISSUER: &str = "--service-account-issuer";
const KEY_FILE: &str = "--service-account-key-file";
const SIGNING_KEY_FILE: &str = "--service-account-signing-key-file";
const MAX_EXPIRATION: &str = "--service-account-max-token-expiration";
const JWKS_URI: &str = "--service-account-jwks-uri";

#[derive(Debug, clap::Args)]
pub(super) struct ServiceAccounts {
    /// The names that this server goes by: tokens have to be for one of them [default: the issuers].
    #[arg(long)]
    api_audiences: Option<Vec<String>>,
    /// Who issues the tokens of service accounts, best an https URL. Can be given several times: the first
    /// issues, all are believed [default: https://kubernetes.default.svc.cluster.local].
    #[arg(long)]
    service_account_issuer: Option<Vec<String>>,
    /// RSA or ECDSA keys, private or public, PEM, that verify the tokens of service accounts. Can be given several
    /// times [default: that of a key that the server makes].
    #[arg(long)]
    service_account_key_file: Option<Vec<String>>,
    /// The private key that signs the tokens of service accounts, PEM [default: one that the server makes, which
    /// other servers of the cluster don't know].
    #[arg(long)]
    service_account_signing_key_file: Option<String>,
    /// The longest that a token of a service account may last, from 1h on; requests for more are cut [default: no
    /// bound].
    #[arg(long)]
    service_account_max_token_expiration: Option<String>,
    /// Whether the tokens that pods get by default last a year, for clients that don't read them again.
    #[arg(long)]
    service_account_extend_token_expiration: Option<String>,
    /// Whether tokens that lie in secrets are believed only while they do.
    #[arg(long)]
    service_account_lookup: Option<String>,
    /// Where others find the keys that verify tokens; an https URL [default: /openid/v1/jwks at this server].
    #[arg(long)]
    service_account_jwks_uri: Option<String>,
}

impl ServiceAccounts {
    pub(super) fn read(&self, errors: &mut Errors) -> service_account::Config {
        let key_files: Vec<PathBuf> = self
            .service_account_key_file
            .iter()
            .flatten()
            .filter(|f| !f.is_empty())
            .map(PathBuf::from)
            .collect();
        let signing_key_file = path(self.service_account_signing_key_file.as_ref());
        if signing_key_file.is_some() && key_files.is_empty() {
            errors.note(KEY_FILE, format!("must be set together with {SIGNING_KEY_FILE}"));
        }
        if signing_key_file.is_none() && !key_files.is_empty() {
            errors.note(SIGNING_KEY_FILE, format!("must be set together with {KEY_FILE}"));
        }
        let own_key = key_files.is_empty() && signing_key_file.is_none();
        let issuers = self.issuers(own_key, errors);
        let boolean = |errors: &mut Errors, flag: &str, given: Option<&String>| {
            errors.value(flag, given, value::boolean, true)
        };
        let extend_flag = "--service-account-extend-token-expiration";
        service_account::Config {
            issuers,
            key_files,
            signing_key_file,
            max_expiration: errors
                .optional(MAX_EXPIRATION, self.service_account_max_token_expiration.as_ref(), max_expiration)
                .flatten(),
            extend_expiration: boolean(
                errors,
                extend_flag,
                self.service_account_extend_token_expiration.as_ref(),
            ),
            lookup: boolean(errors, "--service-account-lookup", self.service_account_lookup.as_ref()),
            keys_url: errors.optional(JWKS_URI, self.service_account_jwks_uri.as_ref(), keys_url),
        }
    }

    fn issuers(&self, own_key: bool, errors: &mut Errors) -> Vec<String> {
        let Some(given) = &self.service_account_issuer else {
            if !own_key {
                errors.note(ISSUER, "service-account-issuer is a required flag");
            }
            return vec![service_account::DEFAULT_ISSUER.to_owned()];
        };
        for (at, issuer) in given.iter().enumerate() {
            if issuer.is_empty() {
                errors.note(ISSUER, "should not be an empty string");
            } else if let Err(why) = check_url(issuer) {
                errors.note(ISSUER, format!("{issuer:?} contained a ':' but was not a valid URL: {why}"));
            } else if given[..at].contains(issuer) {
                errors.note(ISSUER, format!("{issuer:?} is already specified"));
            }
        }
        given.clone()
    }

    /// The names of the server, which are its issuers' where none are given.
    pub(super) fn api_audiences(&self, accounts: &service_account::Config) -> Vec<String> {
        let given = self.api_audiences.as_deref().map(value::list).unwrap_or_default();
        if given.is_empty() { accounts.issuers.clone() } else { given }
    }
}

/// None for 0.
fn max_expiration(text: &str) -> Result<Option<Duration>, String> {
    let (least, most) = (Duration::from_secs(3600), Duration::from_secs(1 << 32));
    let given = value::duration(text)?;
    if !given.is_zero() && !(least..=most).contains(&given) {
        return Err(
            "the service-account-max-token-expiration must be between 1 hour and 2^32 seconds".to_owned()
        );
    }
    Ok((!given.is_zero()).then_some(given))
}

fn keys_url(text: &str) -> Result<String, String> {
    check_url(text).map_err(|why| format!("must be a valid URL: {why}"))?;
    if !text.to_ascii_lowercase().starts_with("https://") {
        return Err(format!("requires https scheme, parsed as: {text}"));
    }
    Ok(text.to_owned())
}

/// What stands before a colon has to be a scheme, and nothing may be in it that no URL holds.
fn check_url(text: &str) -> Result<(), &'static str> {
    let Some((scheme, _)) = text.split_once(':') else { return Ok(()) };
    if text.chars().any(|c| c.is_control() || c == ' ') {
        return Err("invalid character in URL");
    }
    // A colon behind a slash, or behind what begins a query, is in no scheme's place.
    if scheme.contains(['/', '?', '#']) {
        return Ok(());
    }
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    match scheme.chars().next() {
        None => Err("missing protocol scheme"),
        Some(first) if first.is_ascii_alphabetic() && scheme.chars().all(letters) => Ok(()),
        Some(_) => Err("first path segment in URL cannot contain colon"),
    }
}
