//! Keelson.
