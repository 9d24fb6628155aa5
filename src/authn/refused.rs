//! Why credentials are refused.

use std::fmt;

/// Why credentials are refused. For the log: the client is told nothing but that they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There were some, and none is believed.
    #[error("{0}")]
    Credentials(Reasons),
    /// There were none, and anonymous requests are not let in, or not to that path.
    #[error("no credentials, and anonymous requests are not let in")]
    Anonymous,
}

/// What was wrong with each of the credentials, in the order in which they were tried. Shown as kube-apiserver
/// shows a list of errors: each text once; in brackets where there are several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons(Vec<String>);

impl Reasons {
    /// One more.
    pub(super) fn push(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => f.write_str(one),
            all => write!(f, "[{}]", all.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_reasons_are_shown_in_brackets_and_each_once() {
        let check = |reasons: &[&str], wanted: &str| {
            let mut list = Reasons::default();
            reasons.iter().for_each(|reason| list.push(*reason));
            assert_eq!(Refused::Credentials(list).to_string(), wanted);
        };
        check(&["a"], "a");
        check(&["a", "a"], "a");
        check(&["a", "b", "a"], "[a, b]");
    }
}
