//! Job.

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Value};

use crate::registry::Hooks;
use crate::registry::options::{DeleteOptions, WriteContext};
use crate::registry::strategy::member;

const ORPHANS: &str = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning";

const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";

/// A job tells its pods by a label with its uid, unless it selects them by hand.
pub(in crate::registry) struct Jobs;

impl Hooks for Jobs {
    fn prepare_for_create(&self, _: &WriteContext<'_>, object: &mut Object) {
        // Where the job's labels are the template's by default, they stay so. Labels that a user gave both alike
        // can't be told from these.
        let same = object.labels().is_none_or(|own| template_labels(object) == Some(own));
        if object.at(&["spec", "manualSelector"]).and_then(Value::as_bool) != Some(true) {
            select_by_uid(object);
        }
        if same && let Some(labels) = template_labels(object).cloned() {
            object.set_labels(labels);
        }
    }

    fn deletion_warnings(&self, options: &DeleteOptions) -> Vec<String> {
        let said = options.propagation_policy.is_some() || options.orphan_dependents.is_some();
        if said { Vec::new() } else { vec![ORPHANS.to_owned()] }
    }
}

fn template_labels(job: &Object) -> Option<&Map> {
    job.at(&["spec", "template", "metadata", "labels"]).and_then(Value::as_object)
}

fn select_by_uid(object: &mut Object) {
    let (name, uid) = (object.name().to_owned(), object.uid().to_owned());
    let spec = member(object.members_mut(), "spec");
    let labels = nested(spec, &["template", "metadata", "labels"]);
    for (key, value) in [
        ("job-name", &name),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        (CONTROLLER_UID, &uid),
    ] {
        // Labels of the user stay, and are refused where they contradict.
        labels.entry(key, || value.as_str().into());
    }
    nested(spec, &["selector", "matchLabels"]).entry(CONTROLLER_UID, || uid.as_str().into());
}

/// The map at a path, made where it is absent.
fn nested<'a>(map: &'a mut Map, path: &[&'static str]) -> &'a mut Map {
    path.iter().fold(map, |map, key| member(map, key))
}
