//! The registry: one [`store::Store`] per resource, between the endpoints and storage.
//!
//! It knows objects, their strategies (what a write may change) and their keys. It knows nothing of HTTP,
//! media types or admission: endpoints hand it callbacks.
