//! The static token file: `token,user,uid,"group1,group2"`, one a line.
//!
//! Source: "Static token file" in the authentication chapter of the Kubernetes documentation.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tracing::warn;

use super::token::{Believed, TokenAuthenticator};
use super::{csv, with_authenticated_group};
use crate::request::UserInfo;

/// Bearer tokens and whose they are.
///
/// Tokens are kept and looked up by their SHA-256: how long a look-up takes says nothing of a token.
#[derive(Clone, Default)]
pub struct Tokens {
    users: HashMap<[u8; 32], Arc<UserInfo>>,
}

/// Why a token file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It can't be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// It is no CSV.
    #[error(transparent)]
    Syntax(#[from] csv::CsvError),
    /// A line has too few fields.
    #[error("token file '{file}' must have at least 3 columns (token, user name, user uid), found {columns}")]
    Columns {
        /// The file.
        file: String,
        /// How many the line has.
        columns: usize,
    },
}

impl Tokens {
    /// Reads a token file.
    ///
    /// # Errors
    /// See [`TokenFileError`].
    pub fn read(path: &Path) -> Result<Self, TokenFileError> {
        Self::parse(&std::fs::read_to_string(path)?, &path.display().to_string())
    }

    /// Parses the content of a token file; `file` is its name for messages. Of two lines with one token the
    /// later holds; lines without a token are left out.
    ///
    /// # Errors
    /// See [`TokenFileError`].
    pub fn parse(text: &str, file: &str) -> Result<Self, TokenFileError> {
        let mut users = HashMap::new();
        for (number, record) in csv::records(text)?.into_iter().enumerate() {
            let [token, name, uid, more @ ..] = record.as_slice() else {
                return Err(TokenFileError::Columns { file: file.to_owned(), columns: record.len() });
            };
            if token.is_empty() {
                warn!(file, record = number + 1, "empty token has been found in token file");
                continue;
            }
            let groups = more.first().map(|g| g.split(',').map(str::to_owned).collect()).unwrap_or_default();
            let user = UserInfo { name: name.clone(), uid: uid.clone(), groups, ..UserInfo::default() };
            if users.insert(digest(token), with_authenticated_group(user)).is_some() {
                warn!(file, record = number + 1, "duplicate token has been found in token file");
            }
        }
        Ok(Tokens { users })
    }

    /// Whose token this is.
    pub fn user_of(&self, token: &str) -> Option<Arc<UserInfo>> {
        self.users.get(&digest(token)).cloned()
    }
}

#[async_trait]
impl TokenAuthenticator for Tokens {
    /// All that are known are recalled.
    fn is_concerned(&self, token: &str) -> bool {
        self.users.contains_key(&digest(token))
    }

    fn recall(&self, token: &str) -> Option<Believed> {
        self.user_of(token).map(|user| Believed { user, audiences: Vec::new(), warning: None })
    }

    async fn judge(&self, token: &str, _: &[String]) -> Result<Option<Believed>, String> {
        Ok(self.recall(token))
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("count", &self.users.len()).finish_non_exhaustive()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_give_users_with_their_groups() {
        let text = "admintoken,admin,admin-uid,\"system:masters\"\n\
                    two,bob,2,\"a,b\"\n\n\
                    bare,carl,3\n\
                    ,nobody,4\n\
                    two,bert,5,c,ignored\n";
        let tokens = Tokens::parse(text, "tokens.csv").expect("a good file");
        let check = |token: &str, wanted: Option<(&str, &str, &[&str])>| {
            let user = tokens.user_of(token);
            let got = user.as_ref().map(|u| (u.name.as_str(), u.uid.as_str(), u.groups.clone()));
            let wanted =
                wanted.map(|(n, u, g)| (n, u, g.iter().map(ToString::to_string).collect::<Vec<_>>()));
            assert_eq!(got, wanted, "{token}");
        };
        check("admintoken", Some(("admin", "admin-uid", &["system:masters", "system:authenticated"])));
        check("two", Some(("bert", "5", &["c", "system:authenticated"])));
        check("bare", Some(("carl", "3", &["system:authenticated"])));
        check("", None);
        check("admin", None);
    }

    #[test]
    fn bad_files_are_refused_with_upstreams_text() {
        let check = |text: &str, message: &str| {
            assert_eq!(Tokens::parse(text, "t.csv").expect_err(text).to_string(), message);
        };
        check(
            "a,b\n",
            "token file 't.csv' must have at least 3 columns (token, user name, user uid), found 2",
        );
        check("a,b,\"c\n", "parse error on line 1: extraneous or missing \" in quoted-field");
    }

    #[test]
    fn debug_shows_no_token() {
        let tokens = Tokens::parse("secret,a,b", "t.csv").expect("a good file");
        assert!(!format!("{tokens:?}").contains("secret"));
    }
}
