//! Discovery: which groups, versions and resources are served, as single documents and aggregated.
//!
//! Source: "API discovery" in the API concepts. The documents are made once from the facts and kept encoded,
//! as clients ask for them again and again.

use std::collections::HashMap;

use base64::Engine;
use bytes::Bytes;
use http::header::{ACCEPT, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{Method, StatusCode};
use keelson_api::{Resource, Subresource};
use keelson_apimachinery::{Map, Status, Text, Value};
use sha2::{Digest, Sha256};

use super::negotiation::{self, MediaType, Restrictions};
use super::respond::{self, Format};
use super::served::api_version;
use crate::request::Response;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const AGGREGATED: [(MediaType, &str); 3] = [
    (MediaType::Json, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"),
    (MediaType::Yaml, "application/yaml;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"),
    (
        MediaType::Protobuf,
        "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    ),
];

/// The discovery documents of all that is served.
pub(super) struct Discovery {
    /// By path without a slash at its end.
    plain: HashMap<String, Document>,
    /// For `/api` and `/apis`.
    aggregated: HashMap<&'static str, Aggregated>,
}

struct Document {
    kind: &'static str,
    tree: Map,
    api_version: &'static str,
}

struct Aggregated {
    etag: HeaderValue,
    encoded: Vec<(MediaType, &'static str, Bytes)>,
}

/// A group with its versions, and each version with its resources; all in discovery's order.
type Groups<'a> = Vec<(&'a Text, Vec<(&'a Text, Vec<&'a Resource>)>)>;

impl Discovery {
    /// The documents of these resources, which are in discovery's order. `external` is where clients outside find the
    /// server, with a port.
    ///
    /// # Errors
    /// Where a document does not fit its type: the facts are wrong.
    pub(super) fn new(resources: &[&'static Resource], external: &str) -> Result<Self, Status> {
        let groups = grouped(resources);
        let mut plain = HashMap::new();
        let mut list = Vec::new();
        for (group, versions) in &groups {
            for (version, resources) in versions {
                let path = match group.as_str() {
                    "" => format!("/api/{version}"),
                    group => format!("/apis/{group}/{version}"),
                };
                plain.insert(path, resource_list(group, version, resources));
            }
            if !group.is_empty() {
                let tree = group_tree(group, versions.iter().map(|(version, _)| *version));
                list.push(Value::Object(tree.clone()));
                plain
                    .insert(format!("/apis/{group}"), Document { kind: "APIGroup", tree, api_version: "v1" });
            }
        }
        let tree = [(Text::from("groups"), Value::Array(list))].into_iter().collect();
        plain.insert("/apis".into(), Document { kind: "APIGroupList", tree, api_version: "v1" });
        let (legacy, named): (Groups<'_>, Groups<'_>) =
            groups.iter().cloned().partition(|(g, _)| g.is_empty());
        plain.insert("/api".into(), api_versions(&legacy, external));
        let aggregated = [("/api", aggregate(&legacy)?), ("/apis", aggregate(&named)?)].into();
        Ok(Discovery { plain, aggregated })
    }

    /// The answer, where the path is one of discovery's.
    pub(super) fn respond(&self, request: &Parts) -> Option<Response> {
        let path = request.uri.path();
        let path = path.strip_suffix('/').unwrap_or(path);
        if path != "/api" && !self.plain.contains_key(path) {
            return None;
        }
        Some(
            self.answer(path, request).unwrap_or_else(|status| {
                respond::status(&status, Format::of(&request.headers, &request.uri))
            }),
        )
    }

    fn answer(&self, path: &str, request: &Parts) -> Result<Response, Status> {
        negotiation::check_route_accepts(&request.headers, negotiation::MEDIA_TYPES)?;
        if request.method != Method::GET {
            return Err(Status::method_not_allowed());
        }
        if let Some(aggregated) = self.aggregated.get(path)
            && let Some(media_type) = wants_aggregated(request)
        {
            return Ok(aggregated.respond(request, media_type));
        }
        let accepted = negotiation::accepted(&request.headers, &request.uri, Restrictions::Plain)?;
        let format = Format { media_type: accepted.media_type, pretty: accepted.pretty };
        match self.plain.get(path) {
            Some(document) => document.respond(format),
            None => Err(Status::internal("a document without its plain form")),
        }
    }

    /// The paths of all documents, for the index at `/`.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.plain.keys().map(String::as_str)
    }
}

/// `/api`, which says where the server is.
fn api_versions(legacy: &Groups<'_>, external: &str) -> Document {
    let mut address = Map::new();
    address.insert("clientCIDR", "0.0.0.0/0");
    address.insert("serverAddress", external);
    let versions: Vec<Value> =
        legacy.iter().flat_map(|(_, v)| v).map(|(v, _)| Value::from(v.as_str())).collect();
    let mut tree = Map::new();
    tree.insert("versions", versions);
    tree.insert("serverAddressByClientCIDRs", vec![Value::Object(address)]);
    Document { kind: "APIVersions", tree, api_version: "" }
}

impl Document {
    fn respond(&self, format: Format) -> Result<Response, Status> {
        let name = format!("{META}.{}", self.kind);
        let ty =
            keelson_api::schema().id(&name).ok_or_else(|| Status::internal(format!("no type {name}")))?;
        let bytes = respond::tree(ty, self.tree.clone(), self.api_version, self.kind, format)?;
        Ok(respond::whole(StatusCode::OK, format.media_type.name(), bytes, false))
    }
}

impl Aggregated {
    fn respond(&self, request: &Parts, media_type: MediaType) -> Response {
        let known = request.headers.get(IF_NONE_MATCH).is_some_and(|tag| tag == self.etag);
        let mut response = match self.encoded.iter().find(|(m, ..)| *m == media_type).filter(|_| !known) {
            Some((_, name, bytes)) => {
                respond::whole(StatusCode::OK, name, bytes.clone(), respond::accepts_gzip(&request.headers))
            }
            None => {
                let mut response = Response::new(crate::request::empty());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response
            }
        };
        response.headers_mut().insert(ETAG, self.etag.clone());
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        response
    }
}

/// The media type, where the first clause that can be honoured asks for the aggregated document.
fn wants_aggregated(request: &Parts) -> Option<MediaType> {
    let header = request.headers.get(ACCEPT)?.to_str().ok()?;
    for clause in negotiation::clauses(header) {
        let Some(media_type) = MediaType::ALL.into_iter().find(|m| clause.matches(*m)) else { continue };
        let value = |name| clause.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        match (value("g"), value("v"), value("as")) {
            (Some("apidiscovery.k8s.io"), Some("v2"), Some("APIGroupDiscoveryList")) => {
                return Some(media_type);
            }
            (None, None, None) => return None,
            _ => {}
        }
    }
    None
}

fn grouped(resources: &[&'static Resource]) -> Groups<'static> {
    let mut groups: Groups<'static> = Vec::new();
    for resource in resources.iter().copied() {
        let at = groups.iter().position(|(group, _)| **group == resource.group).unwrap_or_else(|| {
            groups.push((&resource.group, Vec::new()));
            groups.len() - 1
        });
        let versions = &mut groups[at].1;
        match versions.iter_mut().find(|(version, _)| **version == resource.version) {
            Some((_, list)) => list.push(resource),
            None => versions.push((&resource.version, vec![resource])),
        }
    }
    groups
}

fn group_tree<'a>(group: &str, versions: impl Iterator<Item = &'a Text>) -> Map {
    let versions: Vec<Value> = versions
        .map(|version| {
            let mut tree = Map::new();
            tree.insert("groupVersion", api_version(group, version));
            tree.insert("version", version.clone());
            Value::Object(tree)
        })
        .collect();
    let mut tree = Map::new();
    tree.insert("name", group);
    tree.insert("preferredVersion", versions.first().cloned().unwrap_or_default());
    tree.insert("versions", versions);
    tree
}

fn resource_list(group: &str, version: &str, resources: &[&Resource]) -> Document {
    let mut list: Vec<(String, Value)> = Vec::new();
    for resource in resources {
        let mut tree = Map::new();
        tree.insert("name", resource.plural.clone());
        tree.insert("singularName", resource.singular.clone());
        tree.insert("namespaced", resource.namespaced);
        tree.insert("kind", resource.kind.clone());
        tree.insert("verbs", texts(&resource.verbs));
        insert_texts(&mut tree, "shortNames", &resource.short_names);
        insert_texts(&mut tree, "categories", &resource.categories);
        if !resource.storage_path.is_empty() {
            tree.insert("storageVersionHash", storage_version_hash(resource));
        }
        list.push((resource.plural.to_string(), Value::Object(tree)));
        for subresource in &resource.subresources {
            let name = format!("{}/{}", resource.plural, subresource.name);
            let mut tree = Map::new();
            tree.insert("name", name.clone());
            tree.insert("singularName", "");
            tree.insert("namespaced", resource.namespaced);
            if !own_version(resource, subresource) {
                tree.insert("group", subresource.group.clone());
                tree.insert("version", subresource.version.clone());
            }
            tree.insert("kind", subresource.kind.clone());
            tree.insert("verbs", texts(&subresource.verbs));
            list.push((name, Value::Object(tree)));
        }
    }
    list.sort_by(|a, b| a.0.cmp(&b.0));
    let mut tree = Map::new();
    tree.insert("groupVersion", api_version(group, version));
    tree.insert("resources", list.into_iter().map(|(_, tree)| tree).collect::<Vec<_>>());
    // The core group's document is older than the field.
    Document { kind: "APIResourceList", tree, api_version: if group.is_empty() { "" } else { "v1" } }
}

fn aggregate(groups: &Groups<'_>) -> Result<Aggregated, Status> {
    let items = groups.iter().map(|(group, versions)| {
        let mut metadata = Map::new();
        if !group.is_empty() {
            metadata.insert("name", group.as_str());
        }
        let versions = versions.iter().map(|(version, resources)| {
            let resources: Vec<Value> =
                resources.iter().map(|r| Value::Object(aggregated_resource(r))).collect();
            let mut tree = Map::new();
            tree.insert("version", (*version).clone());
            tree.insert("resources", resources);
            tree.insert("freshness", "Current");
            Value::Object(tree)
        });
        let mut tree = Map::new();
        tree.insert("metadata", metadata);
        tree.insert("versions", versions.collect::<Vec<_>>());
        Value::Object(tree)
    });
    let tree: Map = [
        (Text::from("items"), Value::Array(items.collect())),
        (Text::from("metadata"), Value::Object(Map::new())),
    ]
    .into_iter()
    .collect();
    let name = "io.k8s.api.apidiscovery.v2.APIGroupDiscoveryList";
    let ty = keelson_api::schema().id(name).ok_or_else(|| Status::internal(format!("no type {name}")))?;
    let mut encoded = Vec::new();
    for (media_type, content_type) in AGGREGATED {
        let format = Format { media_type, pretty: false };
        let kind = "APIGroupDiscoveryList";
        let bytes = respond::tree(ty, tree.clone(), "apidiscovery.k8s.io/v2", kind, format)?;
        encoded.push((media_type, content_type, bytes));
    }
    let digest = Sha256::digest(&encoded[0].2);
    let hex: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    let etag = HeaderValue::from_str(&format!("\"{hex}\"")).map_err(Status::internal)?;
    Ok(Aggregated { etag, encoded })
}

fn aggregated_resource(resource: &Resource) -> Map {
    let mut tree = Map::new();
    tree.insert("resource", resource.plural.clone());
    tree.insert("responseKind", response_kind("", "", &resource.kind));
    tree.insert("scope", if resource.namespaced { "Namespaced" } else { "Cluster" });
    tree.insert("singularResource", resource.singular.clone());
    tree.insert("verbs", texts(&resource.verbs));
    insert_texts(&mut tree, "shortNames", &resource.short_names);
    insert_texts(&mut tree, "categories", &resource.categories);
    if !resource.subresources.is_empty() {
        let list = resource.subresources.iter().map(|subresource| {
            let (group, version) = match own_version(resource, subresource) {
                true => ("", ""),
                false => (subresource.group.as_str(), subresource.version.as_str()),
            };
            let mut tree = Map::new();
            tree.insert("subresource", subresource.name.clone());
            tree.insert("responseKind", response_kind(group, version, &subresource.kind));
            tree.insert("verbs", texts(&subresource.verbs));
            Value::Object(tree)
        });
        tree.insert("subresources", list.collect::<Vec<_>>());
    }
    tree
}

/// Whether a subresource's kind is of its resource's group and version: discovery then leaves both out.
fn own_version(resource: &Resource, subresource: &Subresource) -> bool {
    resource.group == subresource.group && resource.version == subresource.version
}

fn response_kind(group: &str, version: &str, kind: &str) -> Map {
    [("group", group), ("version", version), ("kind", kind)]
        .into_iter()
        .map(|(key, text)| (Text::from(key), Value::from(text)))
        .collect()
}

fn storage_version_hash(resource: &Resource) -> String {
    let (group, version) = &resource.storage_version;
    let digest = Sha256::digest(format!("{group}/{version}/{}", resource.kind));
    base64::engine::general_purpose::STANDARD.encode(&digest[..8])
}

fn texts(list: &[Text]) -> Vec<Value> {
    list.iter().cloned().map(Value::String).collect()
}

fn insert_texts(tree: &mut Map, key: &'static str, list: &[Text]) {
    if !list.is_empty() {
        tree.insert(key, texts(list));
    }
}
