//! Facts of the built-in kinds, read from the tables in `crates/api/schema` that `cargo xtask facts` writes.

mod descriptions;
mod load;

use std::sync::LazyLock;

pub use descriptions::{Descriptions, descriptions};
use keelson_apimachinery::{Schema, Text, TypeId};

/// A resource that the server serves, in one version.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: Text,
    /// The version, such as `v1`.
    pub version: Text,
    /// The kind of its objects, such as `Pod`.
    pub kind: Text,
    /// The plural name in paths, such as `pods`.
    pub plural: Text,
    /// The singular name, such as `pod`; empty where discovery has none.
    pub singular: Text,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Verbs in discovery's order.
    pub verbs: Vec<Text>,
    /// Short names in discovery's order.
    pub short_names: Vec<Text>,
    /// Categories in discovery's order.
    pub categories: Vec<Text>,
    /// Subresources in discovery's order.
    pub subresources: Vec<Subresource>,
    /// The type of its objects in [`schema`].
    pub type_id: TypeId,
    /// Group and version in which its objects are stored; for most, its own.
    pub storage_version: (Text, Text),
    /// The directory of its keys below the etcd prefix, such as `pods`, `services/specs`, `minions`, or
    /// `apiregistration.k8s.io/apiservices`.
    pub storage_path: Text,
    /// Whether its objects are JSON in storage; most are protobuf.
    pub stored_as_json: bool,
}

/// A subresource, such as `status`.
#[derive(Clone, Debug)]
pub struct Subresource {
    /// The name behind the object's name in paths.
    pub name: Text,
    /// The kind it speaks, with its group and version, such as `("autoscaling", "v1", "Scale")`.
    pub group: Text,
    /// See `group`.
    pub version: Text,
    /// See `group`.
    pub kind: Text,
    /// Verbs in discovery's order.
    pub verbs: Vec<Text>,
}

struct Facts {
    openapi: OpenApi,
    schema: Schema,
    resources: Vec<Resource>,
    /// Sorted by group, version and kind.
    kinds: Vec<(&'static str, &'static str, &'static str, TypeId)>,
    /// Kinds that exist in every registered version.
    everywhere: Vec<(&'static str, TypeId)>,
    registered: Vec<(&'static str, &'static str)>,
    /// Kinds that are known by name alone: group, version, kind.
    named: Vec<(&'static str, &'static str, &'static str)>,
}

/// What OpenAPI definitions have besides what follows from the schema. Few entries each.
pub(crate) struct OpenApi {
    /// Types with a wire form of their own: its name in the tables, the definition's name, its JSON.
    pub(crate) forms: Vec<(&'static str, &'static str, &'static str)>,
    /// Definitions that have no properties, as JSON.
    pub(crate) definitions: Vec<(TypeId, &'static str)>,
    /// `x-kubernetes-unions`, as JSON.
    pub(crate) unions: Vec<(TypeId, &'static str)>,
    /// Fields (by index) that refer to a definition and have no description.
    pub(crate) bare: Vec<(TypeId, usize)>,
    /// Fields (by index) with `x-kubernetes-map-type: granular`.
    pub(crate) granular: Vec<(TypeId, usize)>,
}

pub(crate) fn openapi() -> &'static OpenApi {
    &FACTS.openapi
}

static FACTS: LazyLock<Facts> = LazyLock::new(load::load);

/// The schema of all built-in types. Built on first use (some 3 ms), then shared.
pub fn schema() -> &'static Schema {
    &FACTS.schema
}

/// The tables as they stand in the binary: documents that are made from them change when these bytes do.
pub fn bytes() -> &'static [u8] {
    load::BYTES
}

/// All built-in resources in discovery's order.
pub fn resources() -> &'static [Resource] {
    &FACTS.resources
}

/// Since when a resource is deprecated, and what takes its place: how the warning goes on that names its version.
pub fn deprecation(resource: &Resource) -> Option<&'static str> {
    match (resource.group.as_str(), resource.version.as_str(), resource.plural.as_str()) {
        ("", "v1", "componentstatuses") => Some("ComponentStatus is deprecated in v1.19+"),
        ("", "v1", "endpoints") => {
            Some("Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
        }
        _ => None,
    }
}

/// The resource with this plural name in a group and version.
pub fn resource(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    resources().iter().find(|r| r.group == group && r.version == version && r.plural == plural)
}

/// The type of a kind: of objects, lists, options (`DeleteOptions` and its like exist in every registered
/// version), reviews, `Status` (of `v1`) and `Table` (of `meta.k8s.io/v1`).
pub fn kind(group: &str, version: &str, kind: &str) -> Option<TypeId> {
    let kinds = &FACTS.kinds;
    if let Ok(i) = kinds.binary_search_by(|(g, v, k, _)| (*g, *v, *k).cmp(&(group, version, kind))) {
        return Some(kinds[i].3);
    }
    let (_, id) = FACTS.everywhere.iter().find(|(k, _)| *k == kind)?;
    let meta = (group, version) == ("meta.k8s.io", "v1");
    (meta || FACTS.registered.contains(&(group, version))).then_some(*id)
}

/// Whether kube-apiserver's scheme knows the kind: one that has a type here, or that is neither served nor stored.
pub fn is_registered(group: &str, version: &str, name: &str) -> bool {
    kind(group, version, name).is_some() || FACTS.named.contains(&(group, version, name))
}

/// The group, version and kind under which a type is registered; several for `Table` and its like, and all
/// registered versions for `DeleteOptions` and its like. In order.
pub fn kinds_of(id: TypeId) -> Vec<(&'static str, &'static str, &'static str)> {
    if let Some((kind, _)) = FACTS.everywhere.iter().find(|(_, of)| *of == id) {
        return FACTS.registered.iter().map(|(group, version)| (*group, *version, *kind)).collect();
    }
    FACTS.kinds.iter().filter(|(_, _, _, of)| *of == id).map(|(g, v, k, _)| (*g, *v, *k)).collect()
}

/// Whether each registered version has the kind (`DeleteOptions` and its like).
pub(crate) fn in_every_version(id: TypeId) -> bool {
    FACTS.everywhere.iter().any(|(_, of)| *of == id)
}

/// Groups and versions that kube-apiserver's scheme knows, whether it serves them or not, in order.
pub fn registered_versions() -> &'static [(&'static str, &'static str)] {
    &FACTS.registered
}
