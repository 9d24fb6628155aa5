//! Facts of an object read straight from its protobuf bytes.
