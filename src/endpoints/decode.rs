//! Bodies into objects: negotiation of what they are, strict field validation, and the texts of refusal.

use keelson_api::defaults;
use keelson_apimachinery::codec::{Decoded, StrictError, envelope, json, protobuf, yaml};
use keelson_apimachinery::meta::{GroupVersion, Object};
use keelson_apimachinery::{Map, Status, TypeId, Value};

use super::negotiation::MediaType;
use crate::registry::Warnings;
use crate::request::FieldValidation;

/// What a body has to hold.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    /// `apps/v1`.
    pub(super) api_version: &'a str,
    /// `Deployment`.
    pub(super) kind: &'a str,
    /// Its type.
    pub(super) ty: TypeId,
    /// The type that messages name as the target of a failed conversion: `core.ConfigMap`.
    pub(super) go_type: &'a str,
}

/// The object in a body, with `apiVersion`, `kind` and defaults, canonical. A body may leave both out.
///
/// # Errors
/// 400 for what can't be read, is of another kind or version, or (under `Strict`) has fields that the kind
/// doesn't have.
pub(super) fn decode(
    expected: Expected<'_>,
    media_type: MediaType,
    body: &[u8],
    validation: FieldValidation,
    warnings: &Warnings,
) -> Result<Object, Status> {
    let decoded = match media_type {
        MediaType::Json => from_json(expected, body)?,
        MediaType::Yaml => from_yaml(expected, body)?,
        MediaType::Protobuf => from_protobuf(expected, body)?,
    };
    if !decoded.strict.is_empty() {
        match validation {
            FieldValidation::Ignore => {}
            FieldValidation::Warn => warn(&decoded.strict, warnings),
            FieldValidation::Strict => return Err(expected.refuse(strict_text(&decoded.strict))),
        }
    }
    let mut object = match decoded.value {
        Value::Null => Object::default(),
        value => Object::try_from(value).map_err(|_| Status::bad_request("the body is no object"))?,
    };
    object.set_type(expected.api_version, expected.kind);
    defaults::apply(expected.ty, &mut object);
    Ok(object)
}

/// `strict decoding error: …`.
pub(super) fn strict_text(errors: &[StrictError]) -> String {
    let list: Vec<&str> = errors.iter().map(|e| e.0.as_str()).collect();
    format!("strict decoding error: {}", list.join(", "))
}

/// Warns of each error; those of the YAML parser come in one text, line by line.
pub(super) fn warn(errors: &[StrictError], warnings: &Warnings) {
    for StrictError(text) in errors {
        match text.strip_prefix("yaml: unmarshal errors:\n") {
            Some(lines) => lines.lines().for_each(|line| warnings.add(line.trim())),
            None => warnings.add(text.as_str()),
        }
    }
}

impl Expected<'_> {
    fn version(&self) -> &str {
        self.api_version.rsplit('/').next().unwrap_or_default()
    }

    /// 400 for a body that is known to be of the expected kind.
    fn refuse(&self, why: impl std::fmt::Display) -> Status {
        let (kind, version) = (self.kind, self.version());
        Status::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"))
    }

    /// 400 for a body of which not even the kind can be read.
    fn unrecognized(&self, why: impl std::fmt::Display, body: &[u8]) -> Status {
        let (kind, summary) = (self.kind, summary(body));
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): {why} ({summary})"
        ))
    }

    /// Refuses what says that it is of another kind or version.
    fn check_type(&self, api_version: &str, kind: &str) -> Result<(), Status> {
        let api_version = if api_version.is_empty() { self.api_version } else { api_version };
        let kind = if kind.is_empty() { self.kind } else { kind };
        if (api_version, kind) == (self.api_version, self.kind) {
            return Ok(());
        }
        let refuse = |why: String| {
            let version = api_version.rsplit('/').next().unwrap_or_default();
            let wanted = self.kind;
            Status::bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a {wanted}: {why}"
            ))
        };
        let parsed = GroupVersion::parse(api_version).map_err(refuse)?;
        if !keelson_api::facts::is_registered(&parsed.group, &parsed.version, kind) {
            return Err(refuse(format!(
                "no kind {kind:?} is registered for version {api_version:?} in scheme \
                 \"pkg/api/legacyscheme/scheme.go:30\""
            )));
        }
        if kind != self.kind {
            let from = match keelson_api::facts::kind(&parsed.group, &parsed.version, kind) {
                Some(ty) => keelson_api::schema().get(ty).go_name.to_string(),
                None => format!("{}.{kind}", parsed.version),
            };
            return Err(refuse(format!("converting ({from}) to ({}): unknown conversion", self.go_type)));
        }
        Err(Status::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            self.api_version
        )))
    }

    fn check_type_of(&self, value: &Value) -> Result<(), Status> {
        self.check_type(value.str_at(&["apiVersion"]), value.str_at(&["kind"]))
    }
}

fn from_json(expected: Expected<'_>, body: &[u8]) -> Result<Decoded, Status> {
    match json::decode(keelson_api::schema(), expected.ty, body) {
        Ok(decoded) => {
            expected.check_type_of(&decoded.value)?;
            Ok(decoded)
        }
        // Which error counts depends on what the body says it is.
        Err(error) => {
            let couldnt = "couldn't get version/kind; json parse error:";
            let untyped = json::decode_untyped(body)
                .map_err(|syntax| expected.unrecognized(format_args!("{couldnt} {syntax}"), body))?;
            check_type_fields(&untyped.value)
                .map_err(|why| expected.unrecognized(format_args!("{couldnt} {why}"), body))?;
            expected.check_type_of(&untyped.value)?;
            Err(expected.refuse(error))
        }
    }
}

fn from_yaml(expected: Expected<'_>, body: &[u8]) -> Result<Decoded, Status> {
    let untyped = yaml::decode_untyped(body).map_err(|error| expected.unrecognized(error, body))?;
    check_type_fields(&untyped.value).map_err(|why| {
        expected.unrecognized(format_args!("couldn't get version/kind; json parse error: {why}"), body)
    })?;
    expected.check_type_of(&untyped.value)?;
    let value = if untyped.value.is_null() { Value::Object(Map::new()) } else { untyped.value };
    let typed =
        json::canonicalize(keelson_api::schema(), expected.ty, value).map_err(|e| expected.refuse(e))?;
    let mut strict = untyped.strict;
    strict.extend(typed.strict);
    Ok(Decoded { value: typed.value, strict })
}

fn from_protobuf(expected: Expected<'_>, body: &[u8]) -> Result<Decoded, Status> {
    let envelope = envelope::open(body).map_err(|error| expected.unrecognized(error, body))?;
    expected.check_type(envelope.api_version, envelope.kind)?;
    let value = protobuf::decode(keelson_api::schema(), expected.ty, envelope.raw)
        .map_err(|error| expected.refuse(error))?;
    Ok(Decoded { value, strict: Vec::new() })
}

/// Go's complaint about a body that is no object, or whose `apiVersion` or `kind` is no text.
fn check_type_fields(value: &Value) -> Result<(), String> {
    let Value::Object(members) = value else {
        return match go_kind(value) {
            "null" => Ok(()),
            kind => Err(format!(
                "json: cannot unmarshal {kind} into Go value of type struct {{ APIVersion string \
                 \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
            )),
        };
    };
    for key in ["apiVersion", "kind"] {
        match members.get(key).map(go_kind) {
            None | Some("string" | "null") => {}
            Some(kind) => {
                return Err(format!(
                    "json: cannot unmarshal {kind} into Go struct field .{key} of type string"
                ));
            }
        }
    }
    Ok(())
}

/// What Go's JSON decoder calls a value's type.
pub(super) fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Raw(_) | Value::Object(_) => "object",
    }
}

/// The beginning of a body as messages show it.
fn summary(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let (start, dots) = match body.get(..SHOWN) {
        Some(start) if body.len() > SHOWN => (start, " ..."),
        _ => (body, ""),
    };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{dots}", String::from_utf8_lossy(start)),
        Some(_) => {
            let hex: String = start.iter().map(|b| format!("{b:02x}")).collect();
            format!("{hex}{dots}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_map() -> Expected<'static> {
        let ty = keelson_api::facts::kind("", "v1", "ConfigMap").unwrap();
        Expected { api_version: "v1", kind: "ConfigMap", ty, go_type: "core.ConfigMap" }
    }

    fn run(
        media_type: MediaType,
        body: &str,
        validation: FieldValidation,
    ) -> (Result<Object, Status>, Vec<String>) {
        let warnings = Warnings::default();
        let result = decode(config_map(), media_type, body.as_bytes(), validation, &warnings);
        (result, warnings.take())
    }

    #[test]
    fn unreadable_bodies_are_refused_with_upstreams_texts() {
        let check = |media_type: MediaType, body: &str, message: &str| {
            let status = run(media_type, body, FieldValidation::Warn).0.unwrap_err();
            assert_eq!((status.code(), status.message()), (400, message), "{body}");
        };
        let json = MediaType::Json;
        let unrecognized =
            |why: &str| format!("the object provided is unrecognized (must be of type ConfigMap): {why}");
        check(
            json,
            "",
            &unrecognized(
                "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)",
            ),
        );
        check(
            json,
            "{]",
            &unrecognized(
                "couldn't get version/kind; json parse error: invalid character ']' looking for beginning of object key string ({])",
            ),
        );
        check(
            json,
            "[1, 2]",
            &unrecognized(
                "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type \
             struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" } \
             (5b312c20325d)",
            ),
        );
        check(
            json,
            r#"{"kind":1}"#,
            &unrecognized(
                "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string ({\"kind\":1})",
            ),
        );
        check(
            MediaType::Protobuf,
            "not protobuf",
            &unrecognized(
                "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (6e6f742070726f746f627566)",
            ),
        );
        check(
            json,
            r#"{"data":{"k":5}}"#,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go \
             struct field ConfigMap.data of type string",
        );
        check(
            json,
            r#"{"kind":"Secret","apiVersion":"v1","data":{"k":"aGk="}}"#,
            "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion",
        );
        check(
            json,
            r#"{"kind":"ConfigMap","apiVersion":"v2"}"#,
            "ConfigMap in version \"v2\" cannot be handled as a ConfigMap: no kind \"ConfigMap\" is registered for \
             version \"v2\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        );
    }

    #[test]
    fn unknown_fields_warn_or_fail_or_are_dropped() {
        let body = r#"{"metadata":{"name":"a","nosuch":1},"data":{"k":"1","k":"2"},"bogus":{"deep":true}}"#;
        let (object, warnings) = run(MediaType::Json, body, FieldValidation::Warn);
        assert_eq!(
            warnings,
            ["unknown field \"metadata.nosuch\"", "duplicate field \"data.k\"", "unknown field \"bogus\""]
        );
        let object = object.unwrap();
        assert_eq!(
            (object.kind(), object.api_version(), object.str_at(&["data", "k"])),
            ("ConfigMap", "v1", "2")
        );
        let (refused, _) = run(MediaType::Json, body, FieldValidation::Strict);
        assert_eq!(
            refused.unwrap_err().message(),
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \
             \"metadata.nosuch\", duplicate field \"data.k\", unknown field \"bogus\""
        );
        let (object, warnings) = run(MediaType::Json, body, FieldValidation::Ignore);
        assert!(object.is_ok() && warnings.is_empty());
    }

    #[test]
    fn yaml_warns_by_line() {
        let body = "metadata:\n  name: a\n  nosuch: 1\ndata: {k: '1', k: '2'}\nbogus: 1\n";
        let (object, warnings) = run(MediaType::Yaml, body, FieldValidation::Warn);
        assert_eq!(
            warnings,
            [
                "line 4: key \"k\" already set in map",
                "unknown field \"bogus\"",
                "unknown field \"metadata.nosuch\""
            ]
        );
        assert_eq!(object.unwrap().name(), "a");
    }

    #[test]
    fn null_is_an_empty_object() {
        let (object, _) = run(MediaType::Json, "null", FieldValidation::Warn);
        assert_eq!((object.as_ref().unwrap().name(), object.as_ref().unwrap().kind()), ("", "ConfigMap"));
    }
}
