//! `/version`: which Kubernetes this is.

use bytes::Bytes;
use http::Method;
use http::StatusCode;
use http::request::Parts;
use keelson_apimachinery::Status;

use super::respond::{self, Format};
use crate::request::Response;

/// The release whose behaviour the server has.
pub const GIT_VERSION: &str = "v1.36.2";

/// The answer to `/version`.
pub(super) fn respond(request: &Parts) -> Response {
    if request.method != Method::GET {
        return respond::status(&Status::method_not_allowed(), Format::of(&request.headers, &request.uri));
    }
    respond::whole(StatusCode::OK, "application/json", document(), false)
}

fn document() -> Bytes {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let platform = format!("{}/{architecture}", std::env::consts::OS);
    // Fields that upstream's build stamps are of this build; times and commits would make builds differ.
    let fields = [
        ("major", "1"),
        ("minor", "36"),
        ("emulationMajor", "1"),
        ("emulationMinor", "36"),
        ("minCompatibilityMajor", "1"),
        ("minCompatibilityMinor", "35"),
        ("gitVersion", GIT_VERSION),
        ("gitCommit", concat!("keelson-", env!("CARGO_PKG_VERSION"))),
        ("gitTreeState", "clean"),
        ("buildDate", "1970-01-01T00:00:00Z"),
        ("goVersion", ""),
        ("compiler", "rustc"),
        ("platform", &platform),
    ];
    let lines: Vec<String> = fields.iter().map(|(key, value)| format!("  {key:?}: {value:?}")).collect();
    format!("{{\n{}\n}}", lines.join(",\n")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kubernetes_1_36() {
        let document: serde_json::Value = serde_json::from_slice(&document()).unwrap();
        assert_eq!((document["major"].as_str(), document["minor"].as_str()), (Some("1"), Some("36")));
        assert_eq!(document["gitVersion"], GIT_VERSION);
    }
}
