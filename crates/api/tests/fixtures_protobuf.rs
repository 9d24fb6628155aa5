//! Protobuf against the codec fixtures that Kubernetes keeps of every kind, and against trees of the real
//! schema.

mod objects;
mod protobuf;
