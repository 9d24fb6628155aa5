//! What a fresh cluster holds before its first client comes: namespaces and the `kubernetes` service.
