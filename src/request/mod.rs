//! What a request is: its [`RequestInfo`], who sent it, its options, and the evidence that it was checked.
//!
//! The filters parse these from the wire and leave them in the request's extensions; the endpoints take them
//! as arguments. Nothing here knows a kind, a store or an answer.
//!
//! Evidence ([`Authenticated`], [`Authorized`]) can only be made inside this crate, by the one filter that
//! checks for it: a handler that asks for it as an argument can't be reached without the check.

mod evidence;
mod held;
mod info;
mod options;
mod query;
mod selectors;
mod upgrade;
mod user;

pub use evidence::{Authenticated, Authorized};
pub use held::Held;
pub use info::RequestInfo;
pub use options::{
    DeleteParameters, FieldValidation, IncludeObject, ListParameters, WriteKind, WriteParameters,
};
pub(crate) use options::{MAX_FIELD_MANAGER, is_printable};
pub use query::Query;
pub use selectors::{Demands, Selectors};
pub use upgrade::{Upgrade, wants_web_socket};
pub use user::UserInfo;

use bytes::Bytes;
use http_body_util::BodyExt;

/// Why a body broke off.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's or an answer's body.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

/// A request as the filters and endpoints see it.
pub type Request = http::Request<Body>;

/// An answer as the endpoints and filters make it.
pub type Response = http::Response<Body>;

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body without bytes.
pub fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}
