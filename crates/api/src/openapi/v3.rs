//! OpenAPI v3: a document a group version, and a few small ones.

use keelson_apimachinery::{Map, Text, Value};

use super::operations::{self, Body, Operation, PathItem, Produces};
use super::parameters::{Location, Parameter};
use super::{STANDARD, TITLE, VERSION, object, referenced};
use crate::Resource;
use crate::openapi_schema::{Describe, Document};

const PATCHES: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// Makes the paths of a document.
type Paths = fn() -> Vec<PathItem>;

/// The documents that are no group's.
pub(super) const SINGLE: [(&str, Paths); 5] = [
    (".well-known/openid-configuration", operations::of_issuer),
    ("api", operations::of_legacy_versions),
    ("apis", operations::of_groups),
    ("openid/v1/jwks", operations::of_issuer_keys),
    ("version", operations::of_server_version),
];

/// The paths of all documents where these resources are served, as the index lists them: `api/v1`, `apis/apps`,
/// `version`.
pub fn paths(resources: &[&'static Resource]) -> Vec<String> {
    let mut paths: Vec<String> = SINGLE.iter().map(|(path, _)| (*path).to_owned()).collect();
    for resource in resources {
        let of_version = match resource.group.as_str() {
            "" => format!("api/{}", resource.version),
            group => format!("apis/{group}/{}", resource.version),
        };
        let of_group = format!("apis/{}", resource.group);
        for path in [of_group, of_version] {
            if !path.ends_with('/') && !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths
}

/// The document at a path of [`paths`], with these descriptions; `None` for other paths.
pub fn document(path: &str, resources: &[&'static Resource], descriptions: &dyn Describe) -> Option<Value> {
    if let Some((_, items)) = SINGLE.iter().find(|(single, _)| *single == path) {
        return Some(write(&items(), ("", "v1"), descriptions));
    }
    let served = |group: &str, version: Option<&str>| {
        // The core group has no path of its own below /apis.
        (version.is_some() || !group.is_empty())
            && resources.iter().any(|r| r.group == group && version.is_none_or(|v| r.version == v))
    };
    let (items, of) = match *path.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] if served("", Some(version)) => {
            (operations::of_version("", version, resources), ("", version))
        }
        ["apis", group] if served(group, None) => (operations::of_group(group), ("", "v1")),
        ["apis", group, version] if served(group, Some(version)) => {
            (operations::of_version(group, version, resources), (group, version))
        }
        _ => return None,
    };
    Some(write(&items, of, descriptions))
}

fn write(items: &[PathItem], (group, version): (&str, &str), descriptions: &dyn Describe) -> Value {
    let paths: Map = items.iter().map(|item| (Text::from(item.path.as_str()), path_item(item))).collect();
    let paths = Value::Object(paths);
    let document = Document::V3 { group, version };
    let schemas = referenced([&paths], "#/components/schemas/", document, descriptions);
    let token = object([
        ("description", "Bearer Token authentication".into()),
        ("in", "header".into()),
        ("name", "authorization".into()),
        ("type", "apiKey".into()),
    ]);
    let components = match schemas.is_empty() {
        true => object([("securitySchemes", object([("BearerToken", token)]))]),
        false => object([("schemas", schemas.into()), ("securitySchemes", object([("BearerToken", token)]))]),
    };
    object([
        ("components", components),
        ("info", object([("title", TITLE.into()), ("version", VERSION.into())])),
        ("openapi", "3.0.0".into()),
        ("paths", paths),
    ])
}

fn path_item(item: &PathItem) -> Value {
    let common = common_parameters(item);
    let mut members = Map::new();
    for operation in &item.operations {
        members.insert(operation.method, write_operation(operation, &common));
    }
    if !common.is_empty() {
        members.insert("parameters", common.iter().map(parameter).collect::<Vec<_>>());
    }
    Value::Object(members)
}

/// The parameters that all of a path's operations have: they stand at the path.
pub(super) fn common_parameters(item: &PathItem) -> Vec<Parameter> {
    let (first, others) = item.operations.split_first().expect("a path has an operation");
    let everywhere = |p: &&Parameter| others.iter().all(|o| o.parameters.contains(p));
    first.parameters.iter().filter(everywhere).copied().collect()
}

fn write_operation(operation: &Operation, common: &[Parameter]) -> Value {
    let mut members = Map::new();
    members.insert("operationId", operation.id.as_str());
    members.insert("tags", vec![Value::from(operation.tag.as_str())]);
    if !operation.action.is_empty() {
        members.insert("x-kubernetes-action", operation.action);
    }
    if let Some([group, version, kind]) = &operation.gvk {
        members.insert("x-kubernetes-group-version-kind", gvk(group, version, kind));
    }
    let own: Vec<Value> =
        operation.parameters.iter().filter(|p| !common.contains(p)).map(parameter).collect();
    if !own.is_empty() {
        members.insert("parameters", own);
    }
    if let Some(body) = request_body(&operation.body) {
        members.insert("requestBody", body);
    }
    let mut responses = Map::new();
    for code in operation.codes {
        let content = content(produced(operation.produces), &answer(operation));
        responses.insert(*code, object([("content", content), ("description", reason(code).into())]));
    }
    responses.insert("401", object([("description", reason("401").into())]));
    members.insert("responses", responses);
    Value::Object(members)
}

pub(super) fn gvk(group: &str, version: &str, kind: &str) -> Value {
    object([("group", group.into()), ("kind", kind.into()), ("version", version.into())])
}

/// HTTP's own words for a code: OpenAPI demands a description.
pub(super) fn reason(code: &str) -> &'static str {
    match code {
        "201" => "Created",
        "202" => "Accepted",
        "401" => "Unauthorized",
        _ => "OK",
    }
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = object([("type", parameter.ty.into()), ("uniqueItems", true.into())]);
    match parameter.location {
        Location::Path => object([
            ("in", "path".into()),
            ("name", parameter.name.into()),
            ("required", true.into()),
            ("schema", schema),
        ]),
        Location::Query => {
            object([("in", "query".into()), ("name", parameter.name.into()), ("schema", schema)])
        }
    }
}

fn request_body(body: &Body) -> Option<Value> {
    let reference = |name: &str| object([("$ref", format!("#/components/schemas/{name}").into())]);
    const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
    match body {
        Body::None => None,
        Body::Object(ty) => {
            Some(object([("content", content(&["*/*"], &reference(ty))), ("required", true.into())]))
        }
        Body::DeleteOptions => {
            Some(object([("content", content(&["*/*"], &reference(&format!("{META}.DeleteOptions"))))]))
        }
        Body::Patch => {
            let patch = content(&PATCHES, &reference(&format!("{META}.Patch")));
            Some(object([("content", patch), ("required", true.into())]))
        }
    }
}

fn answer(operation: &Operation) -> Value {
    match &operation.answer {
        Some(name) => object([("$ref", format!("#/components/schemas/{name}").into())]),
        None => object([("type", "string".into())]),
    }
}

fn content(media_types: &[&str], schema: &Value) -> Value {
    let each = media_types.iter().map(|name| (Text::from(*name), object([("schema", schema.clone())])));
    Value::Object(each.collect())
}

/// The media types of answers.
pub(super) fn produced(produces: Produces) -> &'static [&'static str] {
    const WATCHABLE: &[&str] = &[
        STANDARD[0],
        STANDARD[1],
        STANDARD[2],
        "application/json;stream=watch",
        "application/vnd.kubernetes.protobuf;stream=watch",
    ];
    match produces {
        Produces::Standard => &STANDARD,
        Produces::Watchable => WATCHABLE,
        Produces::Text => const { &["text/plain", STANDARD[0], STANDARD[1], STANDARD[2]] },
        Produces::Anything => &["*/*"],
        Produces::Json => &["application/json"],
        Produces::KeySet => &["application/jwk-set+json"],
    }
}
