//! The configuration of JWT authenticators and of anonymous requests: the file of `--authentication-config`.
//!
//! Source: `AuthenticationConfiguration` of `apiserver.config.k8s.io/v1` in the Kubernetes documentation; its
//! older versions have the same fields.

use serde::{Deserialize, Serialize};

use crate::authn::Anonymous;
use crate::config_file;

/// The versions that are read.
const VERSIONS: [&str; 3] =
    ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1", "apiserver.config.k8s.io/v1alpha1"];
const KIND: &str = "AuthenticationConfiguration";

/// Whose tokens are believed, and who may come in without any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthenticationConfiguration {
    /// Issuers of tokens, no more than 64, each with another URL.
    pub jwt: Vec<JwtAuthenticator>,
    /// Which requests without credentials are let in. Default: what `--anonymous-auth` says.
    pub anonymous: Option<AnonymousAuthConfig>,
}

impl AuthenticationConfiguration {
    /// Parses the file's content.
    ///
    /// # Errors
    /// Why it is no such configuration; unknown and repeated fields are errors.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        if text.is_empty() {
            return Err("empty config data".to_owned());
        }
        config_file::parse(text, KIND, &VERSIONS)
    }
}

/// Which requests without credentials are let in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AnonymousAuthConfig {
    /// Whether any is.
    pub enabled: bool,
    /// Where there are some: only requests that one of them holds for.
    pub conditions: Vec<AnonymousAuthCondition>,
}

impl From<&AnonymousAuthConfig> for Anonymous {
    fn from(config: &AnonymousAuthConfig) -> Self {
        match config {
            AnonymousAuthConfig { enabled: false, .. } => Anonymous::Disabled,
            AnonymousAuthConfig { conditions, .. } if conditions.is_empty() => Anonymous::Everywhere,
            AnonymousAuthConfig { conditions, .. } => {
                Anonymous::Paths(conditions.iter().map(|condition| condition.path.clone()).collect())
            }
        }
    }
}

/// When a request without credentials is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct AnonymousAuthCondition {
    /// The path that it has to ask for, exactly.
    #[serde(rename(serialize = "Path"))]
    pub path: String,
}

/// An issuer, and what is made of its tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtAuthenticator {
    /// The issuer.
    pub issuer: Issuer,
    /// What must hold for a token's claims.
    pub claim_validation_rules: Vec<ClaimValidationRule>,
    /// Which user the claims name.
    pub claim_mappings: ClaimMappings,
    /// What must hold for that user.
    pub user_validation_rules: Vec<UserValidationRule>,
}

/// Who issues tokens, and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Issuer {
    /// The `iss` of its tokens, and of what is discovered about it; an https URL.
    pub url: String,
    /// Where it is discovered. Default: `/.well-known/openid-configuration` below [`Issuer::url`].
    #[serde(rename = "discoveryURL")]
    pub discovery_url: String,
    /// The authorities that its serving certificate is checked against, PEM. Default: the system's.
    pub certificate_authority: String,
    /// Tokens have to be for one of these. One or more.
    pub audiences: Vec<String>,
    /// `MatchAny`; needed where there are several audiences.
    pub audience_match_policy: String,
    /// Over which egress the issuer is reached: `controlplane`, `cluster`. Neither is there in this server.
    pub egress_selector_type: String,
}

/// A rule for claims: a claim and its value, or an expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimValidationRule {
    /// The claim that must be there.
    pub claim: String,
    /// Its value, a string.
    pub required_value: String,
    /// A CEL expression over `claims` that must be true.
    pub expression: String,
    /// What is said where it is not.
    pub message: String,
}

/// Which user claims name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimMappings {
    /// The user's name; required.
    pub username: PrefixedClaimOrExpression,
    /// Its groups.
    pub groups: PrefixedClaimOrExpression,
    /// Its uid.
    pub uid: ClaimOrExpression,
    /// What else is known of it.
    pub extra: Vec<ExtraMapping>,
}

/// A claim with what is put before its value, or an expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PrefixedClaimOrExpression {
    /// The claim.
    pub claim: String,
    /// Required where there is a claim; may be empty.
    pub prefix: Option<String>,
    /// A CEL expression over `claims`.
    pub expression: String,
}

/// A claim, or an expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimOrExpression {
    /// The claim.
    pub claim: String,
    /// A CEL expression over `claims`.
    pub expression: String,
}

/// A member of a user's `extra`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtraMapping {
    /// Its key: a path below a domain, in lower case.
    pub key: String,
    /// A CEL expression over `claims`: a string, or a list of strings.
    pub value_expression: String,
}

/// A rule for users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserValidationRule {
    /// A CEL expression over `user` that must be true.
    pub expression: String,
    /// What is said where it is not.
    pub message: String,
}
