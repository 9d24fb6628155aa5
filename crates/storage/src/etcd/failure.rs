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

/// Whether a put failed because its lease had ended.
pub(super) fn is_lost_lease(reason: &str) -> bool {
    reason.contains("etcdserver: requested lease not found")
}
