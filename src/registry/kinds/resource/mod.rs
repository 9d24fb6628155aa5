//! The group `resource.k8s.io`.

pub(in crate::registry) mod resource_slice;
