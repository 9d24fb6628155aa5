//! What etcd's errors mean.

use std::error::Error as _;

use etcd_client::Error as Failure;

use crate::Error;

/// gRPC's code for a server that can't answer now.
const UNAVAILABLE: i32 = 14;

/// An etcd error as the trait's. What is not a refusal by etcd's own rules counts as `Unavailable`.
pub(super) fn map(failure: &Failure) -> Error {
    let text = describe(failure);
    if let Failure::GRpcStatus(status) = failure {
        let message = status.message();
        if message.contains("etcdserver: request is too large") || message.contains("message larger than max")
        {
            return Error::TooLarge;
        }
        if message.contains("mvcc: required revision has been compacted") {
            return Error::Compacted { oldest: 0 };
        }
        if message.contains("mvcc: required revision is a future revision") {
            return Error::FutureRevision { current: 0 };
        }
        if message.contains("database space exceeded") {
            return Error::NoSpace(text);
        }
    }
    Error::Unavailable(text)
}

/// The error with all that led to it, in one line.
pub(super) fn describe(failure: &Failure) -> String {
    let Failure::GRpcStatus(status) = failure else { return failure.to_string() };
    let mut text = status.message().to_owned();
    let mut source = status.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = if text.is_empty() { cause_text } else { format!("{text}: {cause_text}") };
        }
        source = cause.source();
    }
    if text.is_empty() { status.to_string() } else { text }
}

/// Whether the connection failed, or the server can't answer now; asking another one may help.
pub(super) fn is_transient(failure: &Failure) -> bool {
    match failure {
        Failure::GRpcStatus(status) => status.code() as i32 == UNAVAILABLE || status.source().is_some(),
        Failure::TransportError(_) | Failure::IoError(_) => true,
        _ => false,
    }
}

/// Whether the request certainly was not sent: there was no connection to send it over.
pub(super) fn is_unsent(failure: &Failure) -> bool {
    let Failure::GRpcStatus(status) = failure else { return false };
    let mut source = status.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if text == "tcp connect error" || text == "tcp open error" || text == "dns error" {
            return true;
        }
        if cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
        {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Whether a request that was sent may have been carried out all the same, or may still be. etcd's refusals say that
/// it was not; where the connection broke, or etcd could not tell in time, nobody knows.
pub(super) fn may_have_happened(failure: &Failure) -> bool {
    /// gRPC's codes for what says nothing: cancelled, unknown, deadline exceeded, internal.
    const SILENT: [i32; 4] = [1, 2, 4, 13];
    if is_unsent(failure) {
        return false;
    }
    match failure {
        // A member without a leader refuses before it looks at a request.
        Failure::GRpcStatus(status) if status.message() == "etcdserver: no leader" => false,
        Failure::GRpcStatus(status) if SILENT.contains(&(status.code() as i32)) => true,
        other => is_transient(other),
    }
}

/// Whether a put failed because its lease had ended.
pub(super) fn is_lost_lease(reason: &str) -> bool {
    reason.contains("etcdserver: requested lease not found")
}

#[cfg(test)]
mod tests {
    use etcd_client::Error as Failure;
    use tonic::{Code, Status};

    use super::*;

    #[test]
    fn what_may_have_happened_is_told_from_what_was_refused() {
        for (code, message, expected) in [
            (Code::Unavailable, "etcdserver: request timed out", true),
            (Code::Unavailable, "etcdserver: leader changed", true),
            (Code::Unavailable, "etcdserver: server stopped", true),
            (Code::Unavailable, "etcdserver: no leader", false),
            (Code::Unknown, "raft proposal dropped", true),
            (Code::DeadlineExceeded, "context deadline exceeded", true),
            (Code::NotFound, "etcdserver: requested lease not found", false),
            (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded", false),
            (Code::ResourceExhausted, "etcdserver: too many requests", false),
            (Code::PermissionDenied, "etcdserver: permission denied", false),
        ] {
            let failure = Failure::GRpcStatus(Status::new(code, message));
            assert_eq!(may_have_happened(&failure), expected, "{message}");
        }
    }
}
