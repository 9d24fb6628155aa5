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
    let fields = fields();
    let lines = fields.iter().map(|(key, value)| format!("  {key:?}: {value:?}"));
    format!("{{\n{}\n}}", lines.collect::<Vec<_>>().join(",\n")).into()
}

/// The same as Go's programs print it (`--version=raw`): `version.Info{Major:"1", …}`.
pub fn raw() -> String {
    let fields = fields();
    let fields =
        fields.iter().map(|(key, value)| format!("{}{}:{value:?}", key[..1].to_uppercase(), &key[1..]));
    format!("version.Info{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// What is known of the version, by the names that `/version` has for it.
pub(crate) fn fields() -> [(&'static str, String); 13] {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    // Fields that upstream's build stamps are of this build; times and commits would make builds differ.
    [
        ("major", "1".to_owned()),
        ("minor", "36".to_owned()),
        ("emulationMajor", "1".to_owned()),
        ("emulationMinor", "36".to_owned()),
        ("minCompatibilityMajor", "1".to_owned()),
        ("minCompatibilityMinor", "35".to_owned()),
        ("gitVersion", GIT_VERSION.to_owned()),
        ("gitCommit", concat!("keelson-", env!("CARGO_PKG_VERSION")).to_owned()),
        ("gitTreeState", "clean".to_owned()),
        ("buildDate", "1970-01-01T00:00:00Z".to_owned()),
        ("goVersion", String::new()),
        ("compiler", "rustc".to_owned()),
        ("platform", format!("{}/{architecture}", std::env::consts::OS)),
    ]
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
