//! DefaultTolerationSeconds: pods stay for a while on nodes that are not ready or can't be reached.

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Text, Value};

use super::{Attributes, Phase, Plugin, pod};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// How long, in seconds.
pub(super) struct DefaultTolerationSeconds {
    pub(super) not_ready: i64,
    pub(super) unreachable: i64,
}

#[async_trait]
impl Plugin for DefaultTolerationSeconds {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes() && attributes.is("", "pods")
    }

    async fn admit(&self, _: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        let given = pod::spec_list(pod, "tolerations");
        let tolerates = |key: &str| {
            given.iter().any(|toleration| {
                matches!(toleration.str_at(&["effect"]), "" | "NoExecute")
                    && [key, ""].contains(&toleration.str_at(&["key"]))
            })
        };
        let missing = [(NOT_READY, self.not_ready), (UNREACHABLE, self.unreachable)];
        let missing: Vec<_> = missing.into_iter().filter(|(key, _)| !tolerates(key)).collect();
        for (key, seconds) in missing {
            pod::push(pod::spec_mut(pod), "tolerations", toleration(key, seconds));
        }
        Ok(())
    }
}

fn toleration(key: &'static str, seconds: i64) -> Value {
    let members: [(&str, Value); 4] = [
        ("effect", "NoExecute".into()),
        ("key", key.into()),
        ("operator", "Exists".into()),
        ("tolerationSeconds", seconds.into()),
    ];
    Value::Object(members.into_iter().map(|(k, v)| (Text::const_new(k), v)).collect::<Map>())
}
