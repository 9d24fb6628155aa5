//! From storage's errors to the `Status` that clients get.

use keelson_apimachinery::Status;
use keelson_apimachinery::status::{Cause, Details, qualified};
use keelson_storage::Error;

/// The resource that a failure is about, as the request named it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// The group.
    pub(crate) group: &'a str,
    /// The plural name.
    pub(crate) plural: &'a str,
    /// The object's name; empty for collections.
    pub(crate) name: &'a str,
    /// What was tried: `get`, `list`, `create`, `update`, `delete`, `watch`.
    pub(crate) verb: &'static str,
}

impl About<'_> {
    /// 404.
    pub(crate) fn not_found(&self) -> Status {
        Status::not_found(self.group, self.plural, self.name)
    }

    /// What a storage error means here.
    pub(crate) fn status(&self, error: Error) -> Status {
        match error {
            Error::NotFound => self.not_found(),
            Error::Exists => Status::already_exists(self.group, self.plural, self.name),
            Error::Conflict { .. } => Status::conflict(self.group, self.plural, self.name, MODIFIED),
            Error::Compacted { .. } => Status::expired(LIST_EXPIRED),
            Error::FutureRevision { current } => too_large_resource_version(u64::MAX, current, 0),
            Error::TooLarge => Status::opaque("etcdserver: request is too large"),
            Error::NoSpace(detail) => {
                tracing::error!(%detail, "storage is out of space");
                Status::opaque("etcdserver: mvcc: database space exceeded")
            }
            Error::Unavailable(detail) => {
                tracing::warn!(%detail, verb = self.verb, resource = self.plural, "storage is unavailable");
                self.try_again()
            }
            Error::Uncertain(detail) => {
                tracing::warn!(%detail, verb = self.verb, resource = self.plural, "storage did not answer");
                let (verb, what) = (self.verb, qualified(self.group, self.plural));
                let text = format!(
                    "storage did not answer the {verb} operation against {what}, which may have been carried out, or \
                     may be yet"
                );
                // As kube-apiserver does, without a code or a header upon which clients try again by themselves: whoever
                // asked has to look first.
                Status::opaque(text)
            }
            Error::Corrupt(detail) => {
                tracing::error!(%detail, verb = self.verb, resource = self.plural, "storage is corrupt");
                Status::internal("storage is corrupt")
            }
        }
    }

    /// 500 with the reason `ServerTimeout`: the operation may succeed when tried again.
    fn try_again(&self) -> Status {
        let (verb, what) = (self.verb, qualified(self.group, self.plural));
        let text = format!(
            "The {verb} operation against {what} could not be completed at this time, please try again."
        );
        Status::new(500, "ServerTimeout", text).with_details(Details {
            name: verb.into(),
            group: self.group.into(),
            kind: self.plural.into(),
            retry_after_seconds: 2,
            ..Details::default()
        })
    }
}

/// Why an optimistic write failed.
pub(crate) const MODIFIED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// 410 for a list at a revision that is gone.
pub(crate) const LIST_EXPIRED: &str = "The resourceVersion for the provided list is too old.";

/// 504: the client asked for a revision that has not happened.
pub(crate) fn too_large_resource_version(wanted: u64, current: u64, retry_after_seconds: u32) -> Status {
    let text = format!("Timeout: Too large resource version: {wanted}, current: {current}");
    let cause = Cause {
        reason: "ResourceVersionTooLarge".into(),
        message: "Too large resource version".into(),
        field: String::new(),
    };
    Status::new(504, "Timeout", text).with_details(Details {
        retry_after_seconds,
        causes: vec![cause],
        ..Details::default()
    })
}

/// Reads a resource version: empty and `0` are 0.
///
/// # Errors
/// The text that Go's number parser has for it.
pub(crate) fn parse_resource_version(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.bytes().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let why = if digits { "value out of range" } else { "invalid syntax" };
        format!("strconv.ParseUint: parsing {}: {why}", keelson_apimachinery::field::quote(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_versions_are_read_as_go_does() {
        let check = |text: &str, expected: Result<u64, &str>| {
            assert_eq!(parse_resource_version(text), expected.map_err(str::to_owned), "{text}");
        };
        check("", Ok(0));
        check("0", Ok(0));
        check("12", Ok(12));
        check("+5", Err("strconv.ParseUint: parsing \"+5\": invalid syntax"));
        check("abc", Err("strconv.ParseUint: parsing \"abc\": invalid syntax"));
        check(
            "99999999999999999999",
            Err("strconv.ParseUint: parsing \"99999999999999999999\": value out of range"),
        );
    }
}
