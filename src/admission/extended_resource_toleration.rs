//! ExtendedResourceToleration: pods that use an extended resource tolerate the taint of its nodes.

use std::collections::BTreeSet;

use async_trait::async_trait;
use keelson_apimachinery::content::names::qualified_name;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Text, Value};

use super::{Attributes, Phase, Plugin, pod};

pub(super) struct ExtendedResourceToleration;

/// Whether a resource is none of Kubernetes' own.
pub(super) fn is_extended(name: &str) -> bool {
    name.contains('/')
        && !name.contains("kubernetes.io/")
        && !name.starts_with("requests.")
        && qualified_name(&format!("requests.{name}")).is_empty()
}

#[async_trait]
impl Plugin for ExtendedResourceToleration {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes() && attributes.is("", "pods")
    }

    async fn admit(&self, _: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        let mut names: BTreeSet<String> = BTreeSet::new();
        for list in pod::CONTAINER_LISTS {
            for container in pod::spec_list(pod, list) {
                let requests = container.at(&["resources", "requests"]).and_then(Value::as_object);
                let requested = requests.into_iter().flat_map(Map::keys);
                names.extend(requested.filter(|name| is_extended(name)).map(str::to_owned));
            }
        }
        for name in names {
            let tolerates = pod::spec_list(pod, "tolerations").iter().any(|toleration| {
                let text = |key| toleration.str_at(&[key]);
                (text("key"), text("operator"), text("effect"), text("value"))
                    == (&name, "Exists", "NoSchedule", "")
            });
            if !tolerates {
                let members: [(&str, Value); 3] =
                    [("effect", "NoSchedule".into()), ("key", name.into()), ("operator", "Exists".into())];
                let toleration = members.into_iter().map(|(k, v)| (Text::const_new(k), v)).collect::<Map>();
                pod::push(pod::spec_mut(pod), "tolerations", toleration.into());
            }
        }
        Ok(())
    }
}
