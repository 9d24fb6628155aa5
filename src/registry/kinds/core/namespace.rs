//! Namespace.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Text, Value};

use crate::registry::Hooks;
use crate::registry::options::WriteContext;
use crate::registry::strategy::member;

const FINALIZER: &str = "kubernetes";
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A namespace is born with a finalizer in its spec, which whoever empties the namespace takes away.
pub(in crate::registry) struct Namespaces;

impl Hooks for Namespaces {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        let mut status = Map::new();
        status.insert("phase", "Active");
        object.members_mut().insert(Text::const_new("status"), status);
        let spec = member(object.members_mut(), "spec");
        let list = spec.entry("finalizers", || Value::Array(Vec::new()));
        if let Value::Array(finalizers) = list
            && !finalizers.iter().any(|f| f.as_str() == Some(FINALIZER))
        {
            finalizers.push(FINALIZER.into());
        }
        label(object);
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        keep_finalizers(object, old);
        label(object);
    }

    fn prepare_subresource(&self, context: &WriteContext<'_>, object: &mut Object, old: &Object) {
        if context.subresource == "finalize" {
            let status = old.get("status").cloned().unwrap_or_else(|| Value::Object(Map::new()));
            object.members_mut().insert(Text::const_new("status"), status);
        }
        label(object);
    }

    fn may_vanish(&self, object: &Object) -> bool {
        object.at(&["spec", "finalizers"]).is_none()
    }

    fn terminates(&self) -> bool {
        true
    }
}

fn keep_finalizers(object: &mut Object, old: &Object) {
    let before = old.at(&["spec", "finalizers"]).cloned();
    let spec = member(object.members_mut(), "spec");
    match before {
        Some(finalizers) => spec.insert("finalizers", finalizers),
        None => spec.remove("finalizers"),
    };
}

/// Selectors find a namespace by its name through this label.
fn label(object: &mut Object) {
    let name = object.name().to_owned();
    if !name.is_empty() && object.label(NAME_LABEL) != Some(&name) {
        let mut labels = object.labels().cloned().unwrap_or_default();
        labels.insert(NAME_LABEL, name);
        object.set_labels(labels);
    }
}
