//! Why a patch could not be applied.

use std::fmt;

use crate::Status;
use crate::status::Details;

/// Why a patch could not be applied, by the answer that clients get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// 400: the patch is malformed.
    Malformed(String),
    /// 422: the patch does not fit the object. Clients get a generic message; the text is for the log.
    Inapplicable(String),
    /// 413: the patch asks for too much.
    TooLarge(String),
    /// 500 without a reason, with this message: what upstream answers for the rest.
    Opaque(String),
}

impl PatchError {
    /// The text.
    pub fn message(&self) -> &str {
        match self {
            PatchError::Malformed(text)
            | PatchError::Inapplicable(text)
            | PatchError::TooLarge(text)
            | PatchError::Opaque(text) => text,
        }
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for PatchError {}

impl From<PatchError> for Status {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Malformed(text) => Status::bad_request(text),
            PatchError::Inapplicable(_) => {
                let generic = "the server rejected our request due to an error in our request";
                Status::new(422, "Invalid", generic).with_details(Details::default())
            }
            PatchError::TooLarge(text) => Status::request_entity_too_large(text),
            PatchError::Opaque(text) => Status::opaque(text),
        }
    }
}
