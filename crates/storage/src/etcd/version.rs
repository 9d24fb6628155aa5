//! What etcd's members can do, by their versions.
//!
//! Before 3.5.13, and in 3.4 before 3.4.31, an answer to a request for progress could overtake events that it
//! covers (etcd's issues 15220 and 17507): there progress is never asked for. The lowest version of the members
//! counts, as any of them may serve a watch.

use std::time::Duration;

use keelson_base::{clock, random};

use crate::etcd::endpoints::Endpoints;

/// How often members are asked again: those that were never reached, and all.
const UNKNOWN_AGAIN: Duration = Duration::from_secs(15);
const ALL_AGAIN: Duration = Duration::from_secs(300);

/// A version: major, minor, patch. One that can't be read is lower than any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u32; 3]);

impl Version {
    /// Reads `3.6.0`, `v3.5.13` or `3.6.0-rc.1+build`; a version before a release counts as the release.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.strip_prefix('v').unwrap_or(text);
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut version = [0; 3];
        let mut parts = numbers.split('.');
        for number in &mut version {
            match parts.next().map(str::parse) {
                Some(Ok(parsed)) => *number = parsed,
                _ => return Self::default(),
            }
        }
        Self(version)
    }

    /// Whether an answer to a request for progress comes behind all events that it covers.
    pub(super) fn answers_progress_in_order(self) -> bool {
        match self.0 {
            [3, 4, patch] => patch >= 31,
            [3, 5, patch] => patch >= 13,
            version => version > [3, 5, 0],
        }
    }
}

/// Keeps asking, as members come back and are replaced. Never returns.
pub(super) async fn follow(endpoints: &Endpoints) {
    let mut all_known = false;
    loop {
        let pause = if all_known { ALL_AGAIN } else { UNKNOWN_AGAIN };
        clock::sleep(random::jitter(pause, 0.2)).await;
        all_known = endpoints.learn_versions().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_in_order_from_the_versions_that_repaired_it() {
        for (text, expected) in [
            ("3.3.27", false),
            ("3.4.30", false),
            ("3.4.31", true),
            ("3.5.0", false),
            ("3.5.12", false),
            ("3.5.13", true),
            ("v3.6.0-rc.1", true),
            ("3.6.16", true),
            ("4.0.0", true),
            ("3.6", false),
            ("", false),
            ("etcd", false),
        ] {
            assert_eq!(Version::parse(text).answers_progress_in_order(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_lowest_member_counts() {
        let versions = ["3.6.1", "3.5.9", "3.5.13"].map(Version::parse);
        assert_eq!(versions.iter().min(), Some(&Version::parse("3.5.9")));
        assert!(Version::parse("unknown") < Version::parse("3.4.0"));
    }
}
