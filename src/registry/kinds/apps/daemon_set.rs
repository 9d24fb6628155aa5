//! DaemonSet.

use keelson_apimachinery::meta::Object;

use crate::registry::Hooks;
use crate::registry::options::WriteContext;

/// Counts the changes of the template, as a field did that apps/v1 no longer has.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Its template has a generation of its own.
pub(in crate::registry) struct DaemonSets;

impl Hooks for DaemonSets {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        let generation = template_generation(object).max(1);
        object.set_annotation(TEMPLATE_GENERATION, Some(&generation.to_string()));
    }

    fn prepare_for_update(&self, _: &WriteContext<'_>, object: &mut Object, old: &Object) {
        let changed = object.at(&["spec", "template"]) != old.at(&["spec", "template"]);
        let generation = template_generation(old) + i64::from(changed);
        object.set_annotation(TEMPLATE_GENERATION, Some(&generation.to_string()));
    }
}

fn template_generation(object: &Object) -> i64 {
    object.annotation(TEMPLATE_GENERATION).and_then(|text| text.parse().ok()).unwrap_or(0)
}
