//! Keelson: a Kubernetes API server with kube-apiserver's wire API, flags and stored bytes.
//!
//! The modules follow the way of a request: [`server`] takes the connection, [`filters`] check the request
//! (with the engines [`authn`] and [`authz`]) and leave their evidence in [`request`] types, [`endpoints`]
//! negotiate, decode and run the verb, [`admission`] changes and refuses writes, [`registry`] keeps the objects. [`options`] is the command line,
//! [`bootstrap`] what a fresh cluster holds, [`config_file`] reads configuration, [`outbound`] sends the server's own
//! requests, [`telemetry`] logs and metrics.

pub mod admission;
pub mod authn;
pub mod authz;
pub mod bootstrap;
pub mod config_file;
pub mod endpoints;
pub mod filters;
pub mod options;
pub mod outbound;
pub mod registry;
pub mod request;
pub mod server;
pub mod telemetry;

/// The version of Kubernetes whose API is served.
pub const KUBERNETES_VERSION: &str = endpoints::version::GIT_VERSION;

pub use endpoints::version::raw as raw_version;

/// Keelson's own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
