//! Authorizers that need no policy.

use async_trait::async_trait;

use keelson_api::rbac::Rule;

use super::{Attributes, Authorizer, Decision, Rules, Verdict};
use crate::request::UserInfo;

/// The group whose members may do everything.
pub const MASTERS: &str = "system:masters";

/// The paths that everyone may read: those of the role `system:public-info-viewer`.
const PUBLIC_PATHS: [&str; 5] = ["/healthz", "/livez", "/readyz", "/version", "/version/"];

/// Lets members of one group do everything.
pub struct PrivilegedGroup(pub &'static str);

#[async_trait]
impl Authorizer for PrivilegedGroup {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let member = attributes.user.in_group(self.0);
        if member { Verdict::allow() } else { Verdict::no_opinion() }
    }
}

/// Lets everyone do everything.
pub struct AlwaysAllow;

#[async_trait]
impl Authorizer for AlwaysAllow {
    async fn authorize(&self, _: &Attributes<'_>) -> Verdict {
        Verdict::allow()
    }

    async fn rules_for(&self, _: &UserInfo, _: &str) -> Rules {
        let all = || vec!["*".into()];
        let resources = Rule { verbs: all(), api_groups: all(), resources: all(), ..Rule::default() };
        let paths = Rule { verbs: all(), non_resource_urls: all(), ..Rule::default() };
        Rules { rules: vec![resources, paths], ..Rules::default() }
    }
}

/// Lets nobody do anything.
pub struct AlwaysDeny;

#[async_trait]
impl Authorizer for AlwaysDeny {
    async fn authorize(&self, _: &Attributes<'_>) -> Verdict {
        Verdict::new(Decision::NoOpinion, "Everything is forbidden.")
    }
}

/// Lets everyone read health and version.
pub struct PublicInfo;

#[async_trait]
impl Authorizer for PublicInfo {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let public = !attributes.is_resource_request
            && attributes.verb == "get"
            && PUBLIC_PATHS.contains(&attributes.path);
        if public { Verdict::allow() } else { Verdict::no_opinion() }
    }
}
