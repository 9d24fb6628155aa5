//! Who sends a request.

use std::collections::BTreeMap;

/// A user as authenticators name it.
///
/// Source: `user.Info` of the authentication chapter of the Kubernetes documentation.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct UserInfo {
    /// The name, such as `system:node:a`.
    pub name: String,
    /// What tells apart users that had the same name at different times; may be empty.
    pub uid: String,
    /// The groups, in the authenticator's order.
    pub groups: Vec<String>,
    /// What else the authenticator says.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// Whether the user is in this group.
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}
