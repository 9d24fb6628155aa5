//! storage.k8s.io.

pub mod csi_driver;
