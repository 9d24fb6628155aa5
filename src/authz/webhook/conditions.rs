//! Match conditions: for which requests a webhook is asked.

use keelson_apimachinery::field::{FieldError, Path};

use super::review::Review;

/// Conditions that all have to hold.
#[derive(Debug, Default)]
pub struct Conditions(Vec<String>);

impl Conditions {
    /// The conditions of these expressions; errors are told at `path`, that of the webhook.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn compile(expressions: &[String], path: &Path) -> Result<Self, Vec<FieldError>> {
        let path = path.child("matchConditions");
        match expressions.is_empty() {
            true => Ok(Conditions(Vec::new())),
            false => Err(vec![FieldError::forbidden(&path, "not supported by this version of Keelson")]),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all hold.
    ///
    /// # Errors
    /// Where one can't be evaluated and none is false.
    pub(super) fn hold(&self, _: &Review<'_>) -> Result<bool, String> {
        Ok(true)
    }
}
