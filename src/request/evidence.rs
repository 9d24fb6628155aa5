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

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every line of the crate's code that makes evidence, by file.
    fn makers(dir: &Path, what: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            // Tests stand at the end of a file, or in a file or folder of their own.
            if path.file_stem().is_some_and(|stem| stem == "tests") {
                continue;
            }
            if path.is_dir() {
                makers(&path, what, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            if code.contains(what) {
                let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
                found.push(path.strip_prefix(source).unwrap().display().to_string());
            }
        }
    }

    #[test]
    fn only_the_filters_make_evidence() {
        let check = |what: &str, allowed: &[&str]| {
            let mut found = Vec::new();
            makers(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), what, &mut found);
            found.retain(|file| !allowed.contains(&file.as_str()));
            assert!(found.is_empty(), "{what} in {found:?}");
        };
        check("Authenticated::new(", &["filters/authentication.rs", "filters/impersonation.rs"]);
        check("Authorized::new(", &["filters/authorization.rs"]);
    }
}
