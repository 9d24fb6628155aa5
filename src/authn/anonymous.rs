//! Requests without credentials.
//!
//! Source: "Anonymous requests" in the authentication chapter of the Kubernetes documentation; KEP-4633.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::request::UserInfo;

/// The user that requests without credentials belong to.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of requests without credentials.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Which requests without credentials are let on to authorization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// None.
    Disabled,
    /// All.
    #[default]
    Everywhere,
    /// Those of these paths, exactly as they are written.
    Paths(BTreeSet<String>),
}

impl Anonymous {
    /// Whether a request of this path, percent-decoded, is let on.
    pub fn allows(&self, path: &str) -> bool {
        match self {
            Anonymous::Disabled => false,
            Anonymous::Everywhere => true,
            Anonymous::Paths(paths) => paths.contains(path),
        }
    }
}

/// The user of requests without credentials.
pub(super) fn user() -> Arc<UserInfo> {
    Arc::new(UserInfo {
        name: ANONYMOUS.to_owned(),
        groups: vec![UNAUTHENTICATED.to_owned()],
        ..UserInfo::default()
    })
}

/// Whether nobody showed credentials for this user.
pub fn is_anonymous(user: &UserInfo) -> bool {
    user.name == ANONYMOUS || user.in_group(UNAUTHENTICATED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_whole() {
        let check = |anonymous: &Anonymous, path: &str, wanted: bool| {
            assert_eq!(anonymous.allows(path), wanted, "{anonymous:?} {path}");
        };
        let some = Anonymous::Paths(["/livez".to_owned(), "/readyz".to_owned()].into());
        check(&some, "/livez", true);
        for other in ["/livez/", "/livez/ping", "/LIVEZ", "/", "", "/api"] {
            check(&some, other, false);
            check(&Anonymous::Everywhere, other, true);
            check(&Anonymous::Disabled, other, false);
        }
    }
}
