//! ABAC: a file of policies, one JSON object a line, each of which allows something to someone.
//!
//! What no policy allows is left to others. A line of version `v1beta1` names its kind; a line without version and
//! kind is of the form before there were any, in which what is left out stands for everything.
//!
//! Source: "Using ABAC Authorization" in the Kubernetes documentation.

#[cfg(test)]
mod tests;

use std::path::Path;

use async_trait::async_trait;
use keelson_api::rbac::Rule;
use keelson_apimachinery::codec::yaml;
use serde::Deserialize;

use super::{Attributes, Authorizer, Decision, Rules, Verdict};
use crate::config_file;
use crate::request::UserInfo;

/// Whom `*` stands for.
const AUTHENTICATED: &str = "system:authenticated";
/// How long a line may be, in bytes.
const MAXIMAL_LINE: usize = 64 << 10;
const GROUP: &str = "abac.authorization.kubernetes.io";
const V0: &str = "abac.authorization.kubernetes.io/v0";
const V1BETA1: &str = "abac.authorization.kubernetes.io/v1beta1";

/// What one line allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Policy {
    /// The user; empty for any of `group`.
    user: String,
    /// The group; empty for any. Without a user and a group nobody is meant.
    group: String,
    /// Whether only to get, list and watch.
    readonly: bool,
    /// The group of resources, `*` for all.
    api_group: String,
    /// The resource, `*` for all.
    resource: String,
    /// The namespace, `*` for all and for what is in none.
    namespace: String,
    /// The path of no resource; a `*` at the end stands for any rest.
    non_resource_path: String,
}

#[derive(Deserialize)]
struct Versioned {
    #[serde(default)]
    spec: Policy,
}

/// The form without a version.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Unversioned {
    user: String,
    group: String,
    readonly: bool,
    resource: String,
    namespace: String,
}

impl From<Unversioned> for Policy {
    fn from(given: Unversioned) -> Self {
        let all = |text: String| if text.is_empty() { "*".to_owned() } else { text };
        let unrestricted = given.namespace.is_empty() && given.resource.is_empty();
        let nobody = given.user.is_empty() && given.group.is_empty();
        Policy {
            user: given.user,
            group: if nobody { AUTHENTICATED.to_owned() } else { given.group },
            readonly: given.readonly,
            api_group: "*".to_owned(),
            resource: all(given.resource),
            namespace: all(given.namespace),
            non_resource_path: if unrestricted { "*".to_owned() } else { String::new() },
        }
    }
}

impl Policy {
    fn read(line: &[u8]) -> Result<Self, String> {
        let tree = yaml::decode_untyped(line).map_err(|error| error.to_string())?.value;
        let (kind, version) = (tree.str_at(&["kind"]), tree.str_at(&["apiVersion"]));
        let mut policy = if kind.is_empty() && version.is_empty() || version == V0 {
            config_file::parse_leniently::<Unversioned>(line, "Policy", &[V0])?.into()
        } else {
            config_file::parse_leniently::<Versioned>(line, "Policy", &[V1BETA1])?.spec
        };
        if policy.user == "*" || policy.group == "*" {
            policy.user.clear();
            policy.group = AUTHENTICATED.to_owned();
        }
        Ok(policy)
    }

    fn is_about(&self, user: &UserInfo) -> bool {
        let named = self.user.is_empty() || self.user == user.name;
        let member = self.group.is_empty() || user.in_group(&self.group);
        named && member && !(self.user.is_empty() && self.group.is_empty())
    }

    fn allows(&self, attributes: &Attributes<'_>) -> bool {
        let fits = |pattern: &str, value: &str| pattern == "*" || pattern == value;
        if !self.is_about(attributes.user)
            || self.readonly && !matches!(attributes.verb, "get" | "list" | "watch")
        {
            return false;
        }
        if attributes.is_resource_request {
            return fits(&self.namespace, attributes.namespace)
                && fits(&self.resource, attributes.resource)
                && fits(&self.api_group, attributes.group);
        }
        let path = &self.non_resource_path;
        path == attributes.path
            || path.ends_with('*') && attributes.path.starts_with(path.trim_end_matches('*'))
    }
}

/// The policies of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    policies: Vec<Policy>,
}

impl Policies {
    /// Reads a file of policies.
    ///
    /// # Errors
    /// Where it can't be read or a line is none of a policy, with the line and its number.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let bytes = config_file::read_bytes(path).map_err(|error| error.to_string())?;
        let (policies, unversioned) = Policies::parse_counted(&bytes)
            .map_err(|why| format!("error reading policy file {shown}{why}"))?;
        if unversioned > 0 {
            tracing::warn!(
                path = %shown,
                "the policy file has lines without version: what they leave out stands for everything"
            );
        }
        Ok(policies)
    }

    /// Reads the bytes of a file of policies. Blank lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// Which line is wrong, and how.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        Policies::parse_counted(bytes).map(|(policies, _)| policies)
    }

    fn parse_counted(bytes: &[u8]) -> Result<(Self, usize), String> {
        let (mut policies, mut unversioned) = (Vec::new(), 0);
        for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.len() >= MAXIMAL_LINE {
                return Err(": bufio.Scanner: token too long".to_owned());
            }
            let trimmed = line.trim_ascii();
            if trimmed.is_empty() || trimmed.starts_with(b"#") {
                continue;
            }
            let wrong =
                |why: String| format!(", line {}: {}: {why}", at + 1, String::from_utf8_lossy(trimmed));
            policies.push(Policy::read(trimmed).map_err(wrong)?);
            unversioned += usize::from(!trimmed.windows(GROUP.len()).any(|text| text == GROUP.as_bytes()));
        }
        Ok((Policies { policies }, unversioned))
    }
}

#[async_trait]
impl Authorizer for Policies {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        match self.policies.iter().any(|policy| policy.allows(attributes)) {
            true => Verdict::allow(),
            false => Verdict::new(Decision::NoOpinion, "No policy matched."),
        }
    }

    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        let mut found = Rules::default();
        for policy in &self.policies {
            if !policy.is_about(user) || policy.namespace != "*" && policy.namespace != namespace {
                continue;
            }
            let verbs = if policy.readonly {
                vec!["get".into(), "list".into(), "watch".into()]
            } else {
                vec!["*".into()]
            };
            if !policy.resource.is_empty() {
                found.rules.push(Rule {
                    verbs: verbs.clone(),
                    api_groups: vec![policy.api_group.as_str().into()],
                    resources: vec![policy.resource.as_str().into()],
                    ..Rule::default()
                });
            }
            if !policy.non_resource_path.is_empty() {
                let non_resource_urls = vec![policy.non_resource_path.as_str().into()];
                found.rules.push(Rule { verbs, non_resource_urls, ..Rule::default() });
            }
        }
        found
    }
}
