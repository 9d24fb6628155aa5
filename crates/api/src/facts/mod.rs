//! Facts of the built-in kinds, read from the tables in `crates/api/schema` that `cargo xtask facts` writes.

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

/// The schema of all built-in types. Built on first use (about a millisecond), then shared.
pub fn schema() -> &'static Schema {
    unimplemented!("made from the facts")
}

/// All built-in resources in discovery's order.
pub fn resources() -> &'static [Resource] {
    unimplemented!("made from the facts")
}
