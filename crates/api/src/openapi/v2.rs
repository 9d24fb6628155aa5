//! OpenAPI v2 (Swagger): all APIs in one document.

use std::collections::BTreeMap;

use keelson_apimachinery::{Map, Text, Value};

use super::operations::{self, Body, Consumes, Operation, PathItem};
use super::parameters::{Location, Parameter};
use super::v3::{SINGLE, common_parameters, gvk, produced, reason};
use super::{STANDARD, TITLE, VERSION, object, referenced, texts};
use crate::Resource;
use crate::openapi_schema::{Describe, Document};

/// Shared parameters by their keys.
type Shared = BTreeMap<String, Value>;

/// The document where these resources are served, with these descriptions.
pub fn document(resources: &[&'static Resource], descriptions: &dyn Describe) -> Value {
    let mut items: Vec<PathItem> = SINGLE.iter().flat_map(|(_, items)| items()).collect();
    for path in super::v3_paths(resources) {
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["api", version] => items.extend(operations::of_version("", version, resources)),
            ["apis", group] => items.extend(operations::of_group(group)),
            ["apis", group, version] => items.extend(operations::of_version(group, version, resources)),
            _ => {}
        }
    }
    let mut shared = Shared::new();
    let paths: Map =
        items.iter().map(|item| (Text::from(item.path.as_str()), path_item(item, &mut shared))).collect();
    let paths = Value::Object(paths);
    let shared: Map = shared.into_iter().map(|(key, parameter)| (Text::from(key), parameter)).collect();
    let shared = Value::Object(shared);
    let definitions = referenced([&paths, &shared], "#/definitions/", Document::V2, descriptions);
    let token = object([
        ("description", "Bearer Token authentication".into()),
        ("in", "header".into()),
        ("name", "authorization".into()),
        ("type", "apiKey".into()),
    ]);
    object([
        ("definitions", definitions.into()),
        ("info", object([("title", TITLE.into()), ("version", VERSION.into())])),
        ("parameters", shared),
        ("paths", paths),
        ("security", vec![object([("BearerToken", Value::Array(Vec::new()))])].into()),
        ("securityDefinitions", object([("BearerToken", token)])),
        ("swagger", "2.0".into()),
    ])
}

fn path_item(item: &PathItem, shared: &mut Shared) -> Value {
    let common = common_parameters(item);
    let mut members = Map::new();
    for operation in &item.operations {
        members.insert(operation.method, write_operation(operation, &common, shared));
    }
    let at_path: Vec<Value> = common.iter().map(|p| parameter(p, shared)).collect();
    if !at_path.is_empty() {
        members.insert("parameters", at_path);
    }
    Value::Object(members)
}

fn write_operation(operation: &Operation, common: &[Parameter], shared: &mut Shared) -> Value {
    let mut members = Map::new();
    if operation.consumes != Consumes::Nothing {
        members.insert("consumes", texts(consumed(operation.consumes)));
    }
    members.insert("produces", texts(produced(operation.produces)));
    members.insert("schemes", texts(&["https"]));
    members.insert("operationId", operation.id.as_str());
    members.insert("tags", vec![Value::from(operation.tag.as_str())]);
    if !operation.action.is_empty() {
        members.insert("x-kubernetes-action", operation.action);
    }
    if let Some([group, version, kind]) = &operation.gvk {
        members.insert("x-kubernetes-group-version-kind", gvk(group, version, kind));
    }
    let mut own: Vec<Value> = body_parameter(&operation.body, shared).into_iter().collect();
    own.extend(operation.parameters.iter().filter(|p| !common.contains(p)).map(|p| parameter(p, shared)));
    if !own.is_empty() {
        members.insert("parameters", own);
    }
    let mut responses = Map::new();
    for code in operation.codes {
        let schema = match &operation.answer {
            Some(name) => reference(name),
            None => object([("type", "string".into())]),
        };
        responses.insert(*code, object([("description", reason(code).into()), ("schema", schema)]));
    }
    responses.insert("401", object([("description", reason("401").into())]));
    members.insert("responses", responses);
    Value::Object(members)
}

fn reference(name: &str) -> Value {
    object([("$ref", format!("#/definitions/{name}").into())])
}

fn parameter(parameter: &Parameter, shared: &mut Shared) -> Value {
    let mut written = Map::new();
    written.insert("name", parameter.name);
    written.insert("type", parameter.ty);
    written.insert("uniqueItems", true);
    match parameter.location {
        Location::Path => {
            written.insert("in", "path");
            written.insert("required", true);
        }
        Location::Query => {
            written.insert("in", "query");
        }
    }
    if parameter.shared.is_empty() {
        return Value::Object(written);
    }
    share(format!("{}-{}", parameter.name, parameter.shared), Value::Object(written), shared)
}

fn body_parameter(body: &Body, shared: &mut Shared) -> Option<Value> {
    const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
    let written = |ty: &str, required: bool| {
        let mut written = Map::new();
        written.insert("in", "body");
        written.insert("name", "body");
        if required {
            written.insert("required", true);
        }
        written.insert("schema", reference(ty));
        Value::Object(written)
    };
    match body {
        Body::None => None,
        Body::Object(ty) => Some(written(ty, true)),
        Body::DeleteOptions => {
            Some(share("body-2Y1dVQaQ".into(), written(&format!("{META}.DeleteOptions"), false), shared))
        }
        Body::Patch => Some(share("body-78PwaGsr".into(), written(&format!("{META}.Patch"), true), shared)),
    }
}

fn share(key: String, parameter: Value, shared: &mut Shared) -> Value {
    let reference = object([("$ref", format!("#/parameters/{key}").into())]);
    shared.insert(key, parameter);
    reference
}

fn consumed(consumes: Consumes) -> &'static [&'static str] {
    match consumes {
        Consumes::Anything => &["*/*"],
        Consumes::Standard => &STANDARD,
        Consumes::Patches => &[
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
            "application/apply-patch+yaml",
        ],
        Consumes::Json => &["application/json"],
        Consumes::Nothing => &[],
    }
}
