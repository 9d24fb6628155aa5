//! A request's URI as logs and traces may show it: with those values of its query that can't be secret.

use http::Uri;

/// The parameters that the API has. Any other name may be a secret that somebody pasted there.
const KNOWN: [&str; 42] = [
    "allowWatchBookmarks",
    "command",
    "container",
    "continue",
    "dryRun",
    "exclude",
    "fieldManager",
    "fieldSelector",
    "fieldValidation",
    "follow",
    "force",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "includeObject",
    "insecureSkipTLSVerifyBackend",
    "labelSelector",
    "limit",
    "limitBytes",
    "orphanDependents",
    "path",
    "ports",
    "pretty",
    "previous",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "shardSelector",
    "sinceSeconds",
    "sinceTime",
    "stderr",
    "stdin",
    "stdout",
    "stream",
    "tailLines",
    "timeout",
    "timeoutSeconds",
    "timestamps",
    "tty",
    "verbose",
    "verb",
    "watch",
];

/// What other parameters, and other values, are shown as.
const HIDDEN: &str = "…";

/// Values that are words of the API.
const WORDS: [&str; 11] = [
    "true",
    "false",
    "All",
    "Background",
    "Exact",
    "Foreground",
    "Ignore",
    "NotOlderThan",
    "Orphan",
    "Strict",
    "Warn",
];

/// Digits that a value may have, maybe with a unit of time: more might be a secret.
const DIGITS: usize = 20;

/// How many parameters are shown.
const MOST: usize = 20;

/// The path, and the query in so far as it holds nothing that may be secret.
pub(super) fn shown(uri: &Uri) -> String {
    let Some(query) = uri.query() else { return uri.path().to_owned() };
    let mut shown = String::with_capacity(uri.path().len() + query.len() + 1);
    shown.push_str(uri.path());
    for (i, pair) in query.split('&').take(MOST).enumerate() {
        shown.push(if i == 0 { '?' } else { '&' });
        let (name, value) = match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        };
        shown.push_str(if KNOWN.contains(&name) { name } else { HIDDEN });
        if let Some(value) = value {
            shown.push('=');
            shown.push_str(if KNOWN.contains(&name) && is_harmless(value) { value } else { HIDDEN });
        }
    }
    shown
}

fn is_harmless(value: &str) -> bool {
    let digits = value.trim_end_matches(['h', 'm', 's']);
    value.len() <= DIGITS
        && (digits.bytes().all(|b| b.is_ascii_digit()) && value.len() - digits.len() <= 2
            || WORDS.contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_and_words_of_the_api_are_shown() {
        let check =
            |uri: &str, wanted: &str| assert_eq!(shown(&uri.parse().expect("a URI")), wanted, "{uri}");
        check("/api/v1/pods", "/api/v1/pods");
        check("/api/v1/pods?limit=500&watch=true", "/api/v1/pods?limit=500&watch=true");
        check("/api/v1/pods?timeout=30s&resourceVersion=", "/api/v1/pods?timeout=30s&resourceVersion=");
        check(
            "/p?labelSelector=token%3Dplanted&continue=abc&token=planted&planted&verbose",
            "/p?labelSelector=…&continue=…&…=…&…&verbose",
        );
        check("https://host:1/x?dryRun=All", "/x?dryRun=All");
        check("/x?limit=123456789012345678901", "/x?limit=…");
    }
}
