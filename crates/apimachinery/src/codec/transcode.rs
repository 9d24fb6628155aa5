//! Protobuf to JSON and back, bytes to bytes.
