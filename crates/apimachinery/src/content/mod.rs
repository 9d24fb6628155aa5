//! What texts may look like: names, labels, and so on. A check returns what is wrong in the words that clients
//! of Kubernetes know, or nothing where all is well.
//!
//! Source: apimachinery's `util/validation` and `api/validate/content`.

pub mod cron;
pub mod environment;
pub mod http;
pub mod ip;
pub mod keys;
pub mod names;
pub mod numbers;
pub mod paths;
pub mod pem;
pub mod ports;
pub mod time_zones;
pub mod url;
