//! Label and field selectors: parsing with Kubernetes' grammar and error texts, and matching.
//!
//! Selectors arrive in query parameters and, for labels, as `LabelSelector` objects. They are parsed once a
//! request and then matched against every object, so matching borrows and does not allocate.
//!
//! Parsing takes time linear in the input, which may be [`MAX_BYTES`] long.

pub mod fields;
pub mod labels;
pub mod syntax;

/// The longest selector text that is parsed, in bytes; what is longer is refused.
pub const MAX_BYTES: usize = 1 << 20;

fn within_bounds(text: &str) -> Result<(), String> {
    if text.len() > MAX_BYTES {
        return Err(format!("selector is too long: {} bytes, may not be more than {MAX_BYTES}", text.len()));
    }
    Ok(())
}
