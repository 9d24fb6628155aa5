//! What differs between resources on the write path.

/// The rules and hooks of one resource.
pub struct Strategy {}
