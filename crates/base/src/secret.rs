//! Secrets: compared without telling, by the time it takes, how much of a guess was right; and never shown.

use std::fmt;

use subtle::ConstantTimeEq;

/// Whether two secrets are the same. How long it takes depends on their lengths alone.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A text that nobody may see in a log: a token, a password. `Debug` hides it, there is no `Display`, and `==` takes
/// as long for a bad guess as for a good one.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text, for where it has to be sent or looked up.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `guess` is the text, in constant time.
    pub fn is(&self, guess: &str) -> bool {
        equal(self.0.as_bytes(), guess.as_bytes())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for Secret {}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_empty() { "Secret(empty)" } else { "Secret(hidden)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_or_not() {
        let check = |one: &str, other: &str, same: bool| {
            assert_eq!(equal(one.as_bytes(), other.as_bytes()), same, "{one:?} {other:?}");
            assert_eq!(Secret::new(one) == Secret::new(other), same, "{one:?} {other:?}");
            assert_eq!(Secret::new(one).is(other), same, "{one:?} {other:?}");
        };
        check("", "", true);
        check("token", "token", true);
        check("token", "tokem", false);
        check("token", "toke", false);
        check("", "token", false);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Some(Secret::new("planted"))), "Some(Secret(hidden))");
        assert_eq!(format!("{:?}", Secret::default()), "Secret(empty)");
    }
}
