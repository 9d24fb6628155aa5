//! Proof that a request was checked.

use std::sync::Arc;

use super::UserInfo;

/// Proof that the sender of a request is known (anonymous counts, where it is allowed).
#[derive(Clone, Debug)]
pub struct Authenticated {
    user: Arc<UserInfo>,
}

impl Authenticated {
    /// Says that `user` sent the request. Only `filters/authentication.rs` (and `filters/impersonation.rs`,
    /// for the user who is impersonated) may call it: a test scans for other callers.
    pub(crate) fn new(user: Arc<UserInfo>) -> Self {
        Authenticated { user }
    }

    /// Who sent the request.
    pub fn user(&self) -> &UserInfo {
        &self.user
    }

    /// Who sent the request, shared.
    pub fn shared_user(&self) -> Arc<UserInfo> {
        self.user.clone()
    }
}

/// Proof that the sender may do what the request asks.
#[derive(Clone, Debug)]
pub struct Authorized {
    _checked: (),
}

impl Authorized {
    /// Says that the request is allowed. Only `filters/authorization.rs` may call it: a test scans for other
    /// callers.
    pub(crate) fn new() -> Self {
        Authorized { _checked: () }
    }
}
