//! PodNodeSelector: pods of a namespace go to the nodes that an annotation of the namespace selects.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};

use super::objects::NAMESPACES;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod};

const ANNOTATION: &str = "scheduler.alpha.kubernetes.io/node-selector";

/// In the configuration: the selector of namespaces that have no annotation.
const CLUSTER_DEFAULT: &str = "clusterDefaultNodeSelector";

type Labels = BTreeMap<String, String>;

pub(super) struct PodNodeSelector {
    objects: Arc<dyn Objects>,
    /// The default selector, and what each namespace may select.
    config: BTreeMap<String, String>,
}

/// `a=b,c=d`
fn parse(text: &str) -> Result<Labels, String> {
    if text.is_empty() {
        return Ok(Labels::new());
    }
    let pair = |part: &str| match part.split('=').collect::<Vec<_>>().as_slice() {
        [key, value] => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("invalid selector: {part}")),
    };
    text.split(',').map(pair).collect()
}

fn labels_of(pod: &Object) -> Labels {
    let selector = pod.at(&["spec", "nodeSelector"]).and_then(Value::as_object);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    selector.into_iter().flat_map(Map::iter).map(|(key, value)| (key.to_owned(), text(value))).collect()
}

impl PodNodeSelector {
    pub(super) fn new(objects: Arc<dyn Objects>, own: Option<&Value>) -> Result<Self, String> {
        let wrong = "podNodeSelectorPluginConfig: must be a map of strings";
        let mut config = BTreeMap::new();
        let map = match own.and_then(|own| own.get("podNodeSelectorPluginConfig")) {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.as_object().ok_or(wrong)?),
        };
        for (key, value) in map.into_iter().flat_map(Map::iter) {
            config.insert(key.to_owned(), value.as_str().ok_or(wrong)?.to_owned());
        }
        Ok(PodNodeSelector { objects, config })
    }

    fn configured(&self, key: &str) -> Result<Labels, Status> {
        parse(self.config.get(key).map_or("", String::as_str)).map_err(Status::opaque)
    }

    /// What the namespace selects.
    async fn selected(&self, attributes: &Attributes<'_>, pod: &Object) -> Result<Labels, Status> {
        let name = attributes.namespace;
        let namespace = match self.objects.get(NAMESPACES, "", name).await? {
            Some(found) => found,
            None => {
                let found = self.objects.get_now(NAMESPACES, "", name).await?;
                found.ok_or_else(|| Status::internal(format!("namespace {name} does not exist")))?
            }
        };
        let selected = match namespace.annotation(ANNOTATION) {
            Some(text) => parse(text).map_err(Status::opaque)?,
            None => self.configured(CLUSTER_DEFAULT)?,
        };
        let own = labels_of(pod);
        if selected.iter().any(|(key, value)| own.get(key).is_some_and(|own| own != value)) {
            let why = "pod node label selector conflicts with its namespace node label selector";
            return Err(attributes.forbidden(Some(pod), why));
        }
        Ok(selected)
    }
}

#[async_trait]
impl Plugin for PodNodeSelector {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.operation == Operation::Create && attributes.is("", "pods")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        let selected = self.selected(attributes, pod).await?;
        if !selected.is_empty() {
            let selector = pod::member_mut(pod::spec_mut(pod), "nodeSelector");
            for (key, value) in selected {
                selector.insert(key, value);
            }
        }
        self.validate(attributes, Some(pod)).await
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        self.selected(attributes, pod).await?;
        let allowed = self.configured(attributes.namespace)?;
        if allowed.is_empty() || labels_of(pod).iter().all(|(key, value)| allowed.get(key) == Some(value)) {
            return Ok(());
        }
        let why = "pod node label selector labels conflict with its namespace whitelist";
        Err(attributes.forbidden(object, why))
    }
}
