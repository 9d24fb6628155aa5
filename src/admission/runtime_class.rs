//! RuntimeClass: a pod gets the overhead of its runtime class, and goes where that runs.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};

use super::objects::RUNTIME_CLASSES;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod, tolerations};

const MISMATCH: &str = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

pub(super) struct RuntimeClass {
    pub(super) objects: Arc<dyn Objects>,
}

impl RuntimeClass {
    /// The class that a pod names.
    async fn class(&self, attributes: &Attributes<'_>, pod: &Object) -> Result<Option<Arc<Object>>, Status> {
        let Some(name) = pod.at(&["spec", "runtimeClassName"]).and_then(Value::as_str) else {
            return Ok(None);
        };
        if let Some(found) = self.objects.get(RUNTIME_CLASSES, "", name).await? {
            return Ok(Some(found));
        }
        match self.objects.get_now(RUNTIME_CLASSES, "", name).await? {
            Some(found) => Ok(Some(found)),
            None => {
                let why = format!("pod rejected: RuntimeClass {name:?} not found");
                Err(attributes.forbidden(Some(pod), why))
            }
        }
    }
}

/// The overhead of pods of a class; `None` where it names none.
fn overhead(class: Option<&Object>) -> Option<&Value> {
    class?.at(&["overhead"])
}

fn is_overhead_of(overhead: &Value, pod: &Object) -> bool {
    pod::amounts(overhead.get("podFixed")) == pod::amounts(pod.at(&["spec", "overhead"]))
}

#[async_trait]
impl Plugin for RuntimeClass {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create && attributes.is("", "pods")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        let Some(class) = self.class(attributes, pod).await? else { return Ok(()) };
        if let Some(overhead) = overhead(Some(&class)) {
            let given = pod.at(&["spec", "overhead"]).and_then(Value::as_object);
            if given.is_some_and(|given| !given.is_empty()) && !is_overhead_of(overhead, pod) {
                return Err(attributes.forbidden(Some(pod), MISMATCH));
            }
            if let Some(fixed) = overhead.get("podFixed") {
                pod::spec_mut(pod).insert("overhead", fixed.clone());
            }
        }
        let Some(scheduling) = class.get("scheduling") else { return Ok(()) };
        let wanted = scheduling.get("nodeSelector").and_then(Value::as_object);
        for (key, value) in wanted.into_iter().flat_map(Map::iter) {
            let given = pod.at(&["spec", "nodeSelector", key]).and_then(Value::as_str);
            let value = value.as_str().unwrap_or_default();
            if let Some(given) = given.filter(|given| *given != value) {
                let why = format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; \
                     pod.spec.nodeSelector[{key}] = {given}"
                );
                return Err(attributes.forbidden(Some(pod), why));
            }
            pod::member_mut(pod::spec_mut(pod), "nodeSelector").insert(key, value);
        }
        let added = pod::list(Some(scheduling), "tolerations");
        let merged = tolerations::merge(pod::spec_list(pod, "tolerations"), added);
        if !merged.is_empty() {
            pod::spec_mut(pod).insert("tolerations", merged);
        }
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        let class = self.class(attributes, pod).await?;
        match overhead(class.as_deref()) {
            Some(overhead) if !is_overhead_of(overhead, pod) => {
                Err(attributes.forbidden(Some(pod), MISMATCH))
            }
            None if pod.at(&["spec", "overhead"]).is_some() => {
                let why =
                    "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
                Err(attributes.forbidden(Some(pod), why))
            }
            _ => Ok(()),
        }
    }
}
