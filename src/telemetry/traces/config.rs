//! The file of `--tracing-config-file`: a `TracingConfiguration` of `apiserver.config.k8s.io`.

use std::path::Path;

use serde::Deserialize;

use crate::config_file::{self, ConfigFileError};

const VERSIONS: [&str; 3] =
    ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1", "apiserver.config.k8s.io/v1alpha1"];

/// OTLP's port for gRPC on this machine.
const DEFAULT_ENDPOINT: &str = "localhost:4317";

const MOST: i32 = 1_000_000;

/// What is traced, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The collector, as `host:port`. It is spoken to without TLS. Default: `localhost:4317`.
    pub endpoint: String,
    /// Of a million traces that begin here, how many are recorded; those that a client's trace is a part of follow it.
    /// Default: none.
    pub sampling_rate_per_million: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    sampling_rate_per_million: Option<i32>,
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// One that can't be read, or says what makes no sense.
    pub fn read(path: &Path) -> Result<Self, ConfigFileError> {
        let file: File = config_file::read(path, "TracingConfiguration", &VERSIONS)?;
        Config::of(file).map_err(|reason| ConfigFileError::wrong(path, reason))
    }

    /// Reads the bytes of such a file.
    #[cfg(test)]
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        config_file::parse(bytes, "TracingConfiguration", &VERSIONS).and_then(Config::of)
    }

    fn of(file: File) -> Result<Self, String> {
        let mut wrong = Vec::new();
        let rate = file.sampling_rate_per_million.unwrap_or(0);
        let mut invalid = |value: String, why: &str| {
            wrong.push(format!("samplingRatePerMillion: Invalid value: {value}: {why}"));
        };
        if rate < 0 {
            invalid(rate.to_string(), "sampling rate must be positive");
        }
        if rate > MOST {
            invalid(rate.to_string(), "sampling rate per million must be less than or equal to one million");
        }
        let endpoint = match file.endpoint.as_deref() {
            None | Some("") => DEFAULT_ENDPOINT.to_owned(),
            Some(text) => address(text).unwrap_or_else(|why| {
                wrong.push(format!("endpoint: Invalid value: {text:?}: {why}"));
                String::new()
            }),
        };
        if wrong.is_empty() {
            Ok(Config { endpoint, sampling_rate_per_million: rate.unsigned_abs() })
        } else {
            Err(wrong.join(", "))
        }
    }
}

/// Host and port of an endpoint: `host:port`, or gRPC's `dns://[authority]/host:port`.
fn address(text: &str) -> Result<String, String> {
    let address = match text.split_once("//") {
        None => text.strip_prefix("dns:").unwrap_or(text),
        Some(("dns:", rest)) => rest.rsplit('/').next().unwrap_or_default(),
        Some(("unix:" | "unix-abstract:", _)) => {
            return Err("Unix sockets are not supported by this version of Keelson".to_owned());
        }
        Some((scheme, _)) => {
            let scheme = scheme.trim_end_matches(':');
            return Err(format!(
                "unsupported scheme: {scheme}.  Options are none, dns, unix, or unix-abstract.  See https://github.com/grpc/grpc/blob/master/doc/naming.md"
            ));
        }
    };
    let authority: http::uri::Authority =
        address.parse().map_err(|_| "neither a host nor an address".to_owned())?;
    if authority.as_str().contains('@') {
        return Err("a host and a port are expected".to_owned());
    }
    // gRPC's port where none is given.
    Ok(if authority.port().is_some() { authority.to_string() } else { format!("{authority}:443") })
}
