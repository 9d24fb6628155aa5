//! An API object and its metadata.

use super::GroupVersionKind;
use crate::{Map, Text, Value};

/// An API object: a tree that is always a JSON object.
///
/// Getters take absent members, and members of a wrong type, for their zero value. Setters keep the tree
/// canonical: a zero value removes the member that Go's `omitempty` would hide.
#[derive(Clone, Debug, PartialEq)]
pub struct Object(Value);

impl Default for Object {
    fn default() -> Self {
        Object(Value::Object(Map::new()))
    }
}

impl From<Map> for Object {
    fn from(members: Map) -> Self {
        Object(Value::Object(members))
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        object.0
    }
}

/// Hands back a value that is no JSON object.
impl TryFrom<Value> for Object {
    type Error = Value;

    fn try_from(value: Value) -> Result<Self, Value> {
        if matches!(value, Value::Object(_)) { Ok(Object(value)) } else { Err(value) }
    }
}

impl Object {
    /// The tree.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The members.
    pub fn members(&self) -> &Map {
        match &self.0 {
            Value::Object(members) => members,
            _ => unreachable!("an Object is made of nothing else"),
        }
    }

    /// The members, to change.
    pub fn members_mut(&mut self) -> &mut Map {
        match &mut self.0 {
            Value::Object(members) => members,
            _ => unreachable!("an Object is made of nothing else"),
        }
    }

    /// The member `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.members().get(key)
    }

    /// The value at a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        self.0.at(path)
    }

    /// The string at a path of keys; `""` where there is none.
    pub fn str_at(&self, path: &[&str]) -> &str {
        self.0.str_at(path)
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        self.str_at(&["apiVersion"])
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        self.str_at(&["kind"])
    }

    /// Sets `apiVersion` and `kind`; an empty text removes the member.
    pub fn set_type(&mut self, api_version: &str, kind: &str) {
        for (key, text) in [("apiVersion", api_version), ("kind", kind)] {
            match text {
                "" => self.members_mut().remove(key),
                text => self.members_mut().insert(Text::const_new(key), text),
            };
        }
    }

    /// Sets `apiVersion` and `kind`.
    pub fn set_kind(&mut self, kind: &GroupVersionKind) {
        self.set_type(&kind.api_version(), &kind.kind);
    }

    /// `metadata`, where it is there.
    pub fn metadata(&self) -> Option<&Map> {
        self.get("metadata")?.as_object()
    }

    /// `metadata`, made where it is absent.
    pub fn metadata_mut(&mut self) -> &mut Map {
        let value = self.members_mut().entry("metadata", || Value::Object(Map::new()));
        if !matches!(value, Value::Object(_)) {
            *value = Value::Object(Map::new());
        }
        match value {
            Value::Object(members) => members,
            _ => unreachable!("made an object above"),
        }
    }

    fn text(&self, key: &str) -> &str {
        self.meta(key).and_then(Value::as_str).unwrap_or("")
    }

    fn meta(&self, key: &str) -> Option<&Value> {
        self.metadata()?.get(key)
    }

    fn set_meta(&mut self, key: &'static str, value: Option<Value>) {
        match value {
            Some(value) => {
                self.metadata_mut().insert(Text::const_new(key), value);
            }
            None => {
                // No metadata is made only to remove from it.
                if let Some(Value::Object(metadata)) = self.members_mut().get_mut("metadata") {
                    metadata.remove(key);
                }
            }
        }
    }

    fn set_meta_text(&mut self, key: &'static str, text: &str) {
        self.set_meta(key, (!text.is_empty()).then(|| text.into()));
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// Sets `metadata.name`.
    pub fn set_name(&mut self, name: &str) {
        self.set_meta_text("name", name);
    }

    /// `metadata.generateName`.
    pub fn generate_name(&self) -> &str {
        self.text("generateName")
    }

    /// Sets `metadata.generateName`.
    pub fn set_generate_name(&mut self, prefix: &str) {
        self.set_meta_text("generateName", prefix);
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> &str {
        self.text("namespace")
    }

    /// Sets `metadata.namespace`.
    pub fn set_namespace(&mut self, namespace: &str) {
        self.set_meta_text("namespace", namespace);
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        self.text("uid")
    }

    /// Sets `metadata.uid`.
    pub fn set_uid(&mut self, uid: &str) {
        self.set_meta_text("uid", uid);
    }

    /// `metadata.resourceVersion`.
    pub fn resource_version(&self) -> &str {
        self.text("resourceVersion")
    }

    /// Sets `metadata.resourceVersion`.
    pub fn set_resource_version(&mut self, resource_version: &str) {
        self.set_meta_text("resourceVersion", resource_version);
    }

    /// `metadata.selfLink`, which the server has long stopped to set but keeps where it is stored.
    pub fn self_link(&self) -> &str {
        self.text("selfLink")
    }

    /// Sets `metadata.selfLink`.
    pub fn set_self_link(&mut self, link: &str) {
        self.set_meta_text("selfLink", link);
    }

    /// `metadata.generation`; 0 where it is unset.
    pub fn generation(&self) -> i64 {
        self.meta("generation").and_then(Value::as_i64).unwrap_or(0)
    }

    /// Sets `metadata.generation`.
    pub fn set_generation(&mut self, generation: i64) {
        self.set_meta("generation", (generation != 0).then_some(Value::Int(generation)));
    }

    /// `metadata.creationTimestamp`, RFC 3339.
    pub fn creation_timestamp(&self) -> Option<&str> {
        self.meta("creationTimestamp")?.as_str()
    }

    /// Sets `metadata.creationTimestamp`, RFC 3339 to the second.
    pub fn set_creation_timestamp(&mut self, time: Option<&str>) {
        self.set_meta("creationTimestamp", time.map(Value::from));
    }

    /// `metadata.deletionTimestamp`, RFC 3339.
    pub fn deletion_timestamp(&self) -> Option<&str> {
        self.meta("deletionTimestamp")?.as_str()
    }

    /// Sets `metadata.deletionTimestamp`, RFC 3339 to the second.
    pub fn set_deletion_timestamp(&mut self, time: Option<&str>) {
        self.set_meta("deletionTimestamp", time.map(Value::from));
    }

    /// `metadata.deletionGracePeriodSeconds`.
    pub fn deletion_grace_period_seconds(&self) -> Option<i64> {
        self.meta("deletionGracePeriodSeconds")?.as_i64()
    }

    /// Sets `metadata.deletionGracePeriodSeconds`.
    pub fn set_deletion_grace_period_seconds(&mut self, seconds: Option<i64>) {
        self.set_meta("deletionGracePeriodSeconds", seconds.map(Value::Int));
    }

    /// `metadata.labels`, where there are any.
    pub fn labels(&self) -> Option<&Map> {
        self.meta("labels")?.as_object()
    }

    /// The label `key`.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels()?.get(key)?.as_str()
    }

    /// Sets `metadata.labels`.
    pub fn set_labels(&mut self, labels: Map) {
        self.set_meta("labels", (!labels.is_empty()).then(|| labels.into()));
    }

    /// `metadata.annotations`, where there are any.
    pub fn annotations(&self) -> Option<&Map> {
        self.meta("annotations")?.as_object()
    }

    /// The annotation `key`.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations()?.get(key)?.as_str()
    }

    /// Sets `metadata.annotations`.
    pub fn set_annotations(&mut self, annotations: Map) {
        self.set_meta("annotations", (!annotations.is_empty()).then(|| annotations.into()));
    }

    /// Sets one annotation, or with `None` removes it.
    pub fn set_annotation(&mut self, key: &str, value: Option<&str>) {
        let mut annotations = self.annotations().cloned().unwrap_or_default();
        match value {
            Some(value) => annotations.insert(key, value),
            None => annotations.remove(key),
        };
        self.set_annotations(annotations);
    }

    /// `metadata.finalizers`.
    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        self.meta("finalizers").and_then(Value::as_array).unwrap_or_default().iter().filter_map(Value::as_str)
    }

    /// Sets `metadata.finalizers`.
    pub fn set_finalizers<T: Into<Value>>(&mut self, finalizers: impl IntoIterator<Item = T>) {
        let list: Vec<Value> = finalizers.into_iter().map(Into::into).collect();
        self.set_meta("finalizers", (!list.is_empty()).then(|| list.into()));
    }

    /// `metadata.ownerReferences`.
    pub fn owner_references(&self) -> &[Value] {
        self.meta("ownerReferences").and_then(Value::as_array).unwrap_or_default()
    }

    /// Sets `metadata.ownerReferences`.
    pub fn set_owner_references(&mut self, references: Vec<Value>) {
        self.set_meta("ownerReferences", (!references.is_empty()).then(|| references.into()));
    }

    /// `metadata.managedFields`.
    pub fn managed_fields(&self) -> &[Value] {
        self.meta("managedFields").and_then(Value::as_array).unwrap_or_default()
    }

    /// Sets `metadata.managedFields`.
    pub fn set_managed_fields(&mut self, entries: Vec<Value>) {
        self.set_meta("managedFields", (!entries.is_empty()).then(|| entries.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setters_keep_the_tree_canonical() {
        let mut object = Object::default();
        object.set_name("");
        assert_eq!(object, Object::default());

        object.set_kind(&GroupVersionKind::new("apps", "v1", "Deployment"));
        object.set_name("a");
        object.set_generation(3);
        object.set_finalizers(["x", "y"]);
        object.set_annotation("k", Some("v"));
        assert_eq!((object.api_version(), object.kind(), object.name()), ("apps/v1", "Deployment", "a"));
        assert_eq!(object.finalizers().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!((object.generation(), object.annotation("k")), (3, Some("v")));

        object.set_generation(0);
        object.set_finalizers(Vec::<Value>::new());
        object.set_annotation("k", None);
        assert_eq!(object.metadata().unwrap().keys().collect::<Vec<_>>(), ["name"]);
    }

    #[test]
    fn members_of_a_wrong_type_read_as_zero() {
        let mut object = Object::default();
        object.members_mut().insert("metadata", "text");
        assert_eq!((object.name(), object.labels(), object.owner_references().len()), ("", None, 0));
        object.set_name("a");
        assert_eq!(object.name(), "a");
    }

    #[test]
    fn only_json_objects_become_objects() {
        assert_eq!(Object::try_from(Value::Int(1)), Err(Value::Int(1)));
        assert!(Object::try_from(Value::Object(Map::new())).is_ok());
    }
}
