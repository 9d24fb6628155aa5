//! Object metadata: names of kinds and resources, and accessors for `metadata`.
