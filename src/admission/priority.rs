//! Priority: a pod gets the number that its priority class stands for.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::objects::PRIORITY_CLASSES;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod};

const PREEMPT: &str = "PreemptLowerPriority";

pub(super) struct Priority {
    pub(super) objects: Arc<dyn Objects>,
}

/// What a priority class says.
struct Resolved {
    name: String,
    value: i64,
    preemption: Option<String>,
}

impl Priority {
    async fn default_class(&self) -> Result<Option<Arc<Object>>, Status> {
        let classes = self.objects.list(PRIORITY_CLASSES, "").await?;
        let default = |class: &Arc<Object>| class.get("globalDefault").and_then(Value::as_bool) == Some(true);
        // There may be several where they were created at the same time.
        Ok(classes.into_iter().filter(default).min_by_key(|class| value_of(class)))
    }

    async fn resolve(&self, attributes: &Attributes<'_>, pod: &Object) -> Result<Resolved, Status> {
        let name = pod.str_at(&["spec", "priorityClassName"]);
        let class = if name.is_empty() {
            self.default_class().await?
        } else {
            let found = self.objects.get(PRIORITY_CLASSES, "", name).await?;
            let why = || format!("no PriorityClass with name {name} was found");
            Some(found.ok_or_else(|| attributes.forbidden(Some(pod), why()))?)
        };
        Ok(match class {
            None => Resolved { name: String::new(), value: 0, preemption: Some(PREEMPT.into()) },
            Some(class) => Resolved {
                name: class.name().to_owned(),
                value: value_of(&class),
                preemption: class.get("preemptionPolicy").and_then(Value::as_str).map(str::to_owned),
            },
        })
    }
}

fn value_of(class: &Object) -> i64 {
    class.get("value").and_then(Value::as_i64).unwrap_or(0)
}

#[async_trait]
impl Plugin for Priority {
    fn concerns(&self, phase: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes()
            && match phase {
                Phase::Admit => attributes.is("", "pods"),
                Phase::Validate => attributes.is("scheduling.k8s.io", "priorityclasses"),
            }
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        if attributes.operation == Operation::Update {
            // What was set here before stays where the client doesn't say it.
            for field in ["priority", "preemptionPolicy"] {
                let old = attributes.old.and_then(|old| old.at(&["spec", field]));
                if let (None, Some(old)) = (pod.at(&["spec", field]), old) {
                    pod::spec_mut(pod).insert(field, old.clone());
                }
            }
            return Ok(());
        }
        let resolved = self.resolve(attributes, pod).await?;
        let given = pod.at(&["spec", "priority"]).and_then(Value::as_i64);
        if let Some(given) = given.filter(|given| *given != resolved.value) {
            let why = format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission \
                 controller computed {} from the given PriorityClass name",
                resolved.value
            );
            return Err(attributes.forbidden(Some(pod), why));
        }
        let given = pod.at(&["spec", "preemptionPolicy"]).and_then(Value::as_str);
        if let (Some(given), Some(wanted)) = (given, &resolved.preemption)
            && given != wanted
        {
            let why = format!(
                "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority \
                 admission controller computed {wanted} from the given PriorityClass name"
            );
            return Err(attributes.forbidden(Some(pod), why));
        }
        let spec = pod::spec_mut(pod);
        if !resolved.name.is_empty() {
            spec.insert("priorityClassName", resolved.name);
        }
        spec.insert("priority", resolved.value);
        if let Some(preemption) = resolved.preemption {
            spec.insert("preemptionPolicy", preemption);
        }
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(class) = object else { return Ok(()) };
        if class.get("globalDefault").and_then(Value::as_bool) != Some(true) {
            return Ok(());
        }
        let Some(default) = self.default_class().await? else { return Ok(()) };
        if attributes.operation == Operation::Create || default.name() != class.name() {
            let why = format!(
                "PriorityClass {} is already marked as default. Only one default can exist",
                default.name()
            );
            return Err(attributes.forbidden(object, why));
        }
        Ok(())
    }
}
