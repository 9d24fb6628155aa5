//! The filters that every request passes.
