//! The APIServices of the groups and versions that the server itself serves: made and kept as they should be;
//! those of versions that are served no more are removed.

use std::collections::HashSet;

use keelson_apimachinery::Map;
use keelson_apimachinery::meta::Object;

use super::{Revision, Wanted, key};
use crate::bootstrap::BootstrapError;
use crate::registry::Registry;

/// Marks the APIServices that servers manage; its value says when.
const AUTO_MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";
const ON_START: &str = "onstart";

const API_SERVICES: &str = include_str!("apiservices.json");

pub(super) async fn ensure(registry: &Registry) -> Result<(), BootstrapError> {
    let resource = ("apiregistration.k8s.io", "apiservices");
    let wanted = Wanted::read(registry, resource, API_SERVICES, None, Some((AUTO_MANAGED, ON_START)))?;
    let present = wanted.ensure(revise).await?;
    let names: HashSet<_> = wanted.objects.iter().map(key).collect();
    for (_, object) in present.iter().filter(|(name, _)| !names.contains(*name)) {
        if object.label(AUTO_MANAGED) == Some(ON_START) {
            let failed = |status| BootstrapError { what: object.name().to_owned(), status };
            wanted.delete(object).await.map_err(failed)?;
        }
    }
    Ok(())
}

pub(super) fn revise(current: &Object, wanted: &Object) -> Option<Revision> {
    // One without the label is its user's.
    let managed = current.label(AUTO_MANAGED).is_some();
    if !managed || current.get("spec") == wanted.get("spec") {
        return None;
    }
    let mut object = current.clone();
    if let Some(spec) = wanted.get("spec") {
        object.members_mut().insert("spec", spec.clone());
    }
    let mut labels: Map = object.labels().cloned().unwrap_or_default();
    labels.insert(AUTO_MANAGED, ON_START);
    object.set_labels(labels);
    Some(Revision::Update(object))
}
