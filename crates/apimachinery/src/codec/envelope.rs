//! The storage and wire envelope of protobuf: `k8s\\0` and `runtime.Unknown`.
