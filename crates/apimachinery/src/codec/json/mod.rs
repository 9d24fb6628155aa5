//! JSON, to and from canonical and untyped trees.
