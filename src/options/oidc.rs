//! Flags about the tokens of other issuers.

use std::collections::BTreeMap;

use super::{Errors, path, value};
use crate::authn::jwt::{Flags, Source, signing_algorithm};

const ISSUER_URL: &str = "--oidc-issuer-url";
const REQUIRED_CLAIM: &str = "--oidc-required-claim";
const SIGNING_ALGS: &str = "--oidc-signing-algs";
const CONFIG: &str = "--authentication-config";

#[derive(Debug, clap::Args)]
pub(super) struct Oidc {
    /// The issuers whose tokens are believed, and who may come in without credentials: a file with an
    /// AuthenticationConfiguration. It is followed while the server runs. Excludes the flags --oidc-*, and
    /// --anonymous-auth where the file says who may come in so.
    #[arg(long)]
    authentication_config: Option<String>,
    /// The URL of the OpenID Connect issuer whose tokens are believed, https only.
    #[arg(long)]
    oidc_issuer_url: Option<String>,
    /// Whom the issuer's tokens have to be for; must be given with --oidc-issuer-url.
    #[arg(long)]
    oidc_client_id: Option<String>,
    /// The authorities that the issuer's serving certificate is checked against [default: the system's].
    #[arg(long)]
    oidc_ca_file: Option<String>,
    /// The claim that is the user's name.
    #[arg(long)]
    oidc_username_claim: Option<String>,
    /// What is put before the user's name, - for nothing [default: the issuer's URL and #, before an email
    /// nothing].
    #[arg(long)]
    oidc_username_prefix: Option<String>,
    /// The claim that the user's groups are in, a string or a list of strings.
    #[arg(long)]
    oidc_groups_claim: Option<String>,
    /// What is put before each group.
    #[arg(long)]
    oidc_groups_prefix: Option<String>,
    /// A claim that must be in tokens, and its value: claim=value. Can be given several times.
    #[arg(long)]
    oidc_required_claim: Option<Vec<String>>,
    /// The algorithms that tokens may be signed with, parted by commas: RS256, RS384, RS512, ES256, ES384, PS256,
    /// PS384, PS512.
    #[arg(long)]
    oidc_signing_algs: Option<Vec<String>>,
}

impl Oidc {
    pub(super) fn read(&self, errors: &mut Errors) -> Source {
        let file = path(self.authentication_config.as_ref());
        if !self.is_given() {
            return file.map_or(Source::None, Source::File);
        }
        let text = |given: &Option<String>| given.clone().unwrap_or_default();
        let flags = Flags {
            issuer_url: text(&self.oidc_issuer_url),
            client_id: text(&self.oidc_client_id),
            username_claim: self.oidc_username_claim.clone().unwrap_or_else(|| "sub".to_owned()),
            username_prefix: text(&self.oidc_username_prefix),
            groups_claim: text(&self.oidc_groups_claim),
            groups_prefix: text(&self.oidc_groups_prefix),
            required_claims: self.required_claims(errors),
            signing_algorithms: self.signing_algorithms(errors),
            ca_file: path(self.oidc_ca_file.as_ref()),
        };
        if file.is_some() {
            errors.note(CONFIG, "authentication-config file and oidc-* flags are mutually exclusive");
        } else if flags.issuer_url.is_empty() || flags.client_id.is_empty() {
            let why =
                "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set";
            errors.note(ISSUER_URL, why);
        }
        Source::Flags(Box::new(flags))
    }

    /// Whether one of the flags is given, be it empty.
    fn is_given(&self) -> bool {
        let texts = [
            &self.oidc_issuer_url,
            &self.oidc_client_id,
            &self.oidc_ca_file,
            &self.oidc_username_claim,
            &self.oidc_username_prefix,
            &self.oidc_groups_claim,
            &self.oidc_groups_prefix,
        ];
        let lists = [&self.oidc_required_claim, &self.oidc_signing_algs];
        texts.iter().any(|given| given.is_some()) || lists.iter().any(|given| given.is_some())
    }

    fn required_claims(&self, errors: &mut Errors) -> BTreeMap<String, String> {
        let mut claims = BTreeMap::new();
        for pair in self.oidc_required_claim.iter().flatten().filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some((claim, value)) => {
                    claims.insert(claim.trim().to_owned(), value.trim().to_owned());
                }
                None => errors.note(REQUIRED_CLAIM, "malformed pair, expect string=string"),
            }
        }
        claims
    }

    fn signing_algorithms(&self, errors: &mut Errors) -> Vec<&'static str> {
        let given = self.oidc_signing_algs.as_deref().map(value::list).unwrap_or_default();
        if given.is_empty() {
            return vec!["RS256"];
        }
        given.iter().filter_map(|name| errors.take(SIGNING_ALGS, signing_algorithm(name))).collect()
    }
}
