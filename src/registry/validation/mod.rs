//! What every object's metadata must keep to, with the texts of apimachinery's validation.

pub(crate) mod metadata;
pub(crate) mod names;
