//! End-to-end tests: an unmodified kubectl against the built server.
