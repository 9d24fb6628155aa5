//! PodTolerationRestriction: pods of a namespace get its default tolerations, and may have no others than it
//! allows.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Text, Value};

use super::config::check_kind;
use super::objects::NAMESPACES;
use super::{Attributes, Objects, Operation, Phase, Plugin, pod, tolerations};

const DEFAULT: &str = "scheduler.alpha.kubernetes.io/defaultTolerations";
const ALLOWED: &str = "scheduler.alpha.kubernetes.io/tolerationsWhitelist";
const MEMORY_PRESSURE: &str = "node.kubernetes.io/memory-pressure";

pub(super) struct PodTolerationRestriction {
    objects: Arc<dyn Objects>,
    default: Vec<Value>,
    allowed: Vec<Value>,
}

impl PodTolerationRestriction {
    pub(super) fn new(objects: Arc<dyn Objects>, own: Option<&Value>) -> Result<Self, String> {
        let (mut default, mut allowed) = (Vec::new(), Vec::new());
        if let Some(own) = own {
            let version = ["podtolerationrestriction.admission.k8s.io/v1alpha1"];
            check_kind(own, &version, "Configuration", &["default", "whitelist"])?;
            default = read(own.get("default"))?;
            allowed = read(own.get("whitelist"))?;
        }
        Ok(PodTolerationRestriction { objects, default, allowed })
    }

    /// The tolerations in an annotation of the namespace; `None` where it has none.
    async fn annotated(&self, attributes: &Attributes<'_>, key: &str) -> Result<Option<Vec<Value>>, Status> {
        let name = attributes.namespace;
        let namespace = match self.objects.get(NAMESPACES, "", name).await? {
            Some(found) => found,
            None => {
                let found = self.objects.get_now(NAMESPACES, "", name).await?;
                found.ok_or_else(|| Status::not_found("", "namespaces", name))?
            }
        };
        match namespace.annotation(key) {
            None => Ok(None),
            Some("") => Ok(Some(Vec::new())),
            Some(text) => {
                let parsed = json::decode_untyped(text.as_bytes()).map_err(|error| error.to_string());
                let list = parsed.and_then(|parsed| read(Some(&parsed.value)));
                list.map(Some).map_err(Status::opaque)
            }
        }
    }
}

/// Tolerations with no other members than such have.
fn read(value: Option<&Value>) -> Result<Vec<Value>, String> {
    let wrong = || "must be a list of tolerations".to_owned();
    let list = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => value.as_array().ok_or_else(wrong)?,
    };
    let one = |value: &Value| {
        let members = value.as_object().ok_or_else(wrong)?;
        let mut toleration = Map::new();
        for key in ["key", "operator", "value", "effect"] {
            match members.get(key) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) if text.is_empty() => {}
                Some(Value::String(text)) => drop(toleration.insert(key, text.clone())),
                Some(_) => return Err(wrong()),
            }
        }
        match members.get("tolerationSeconds") {
            None | Some(Value::Null) => {}
            Some(Value::Int(seconds)) => drop(toleration.insert("tolerationSeconds", *seconds)),
            Some(_) => return Err(wrong()),
        }
        Ok(Value::Object(toleration))
    };
    list.iter().map(one).collect()
}

#[async_trait]
impl Plugin for PodTolerationRestriction {
    fn concerns(&self, _: Phase, attributes: &Attributes<'_>) -> bool {
        attributes.writes() && attributes.is("", "pods")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        let mut added = Vec::new();
        if attributes.operation == Operation::Create {
            let of_namespace = self.annotated(attributes, DEFAULT).await?;
            added = of_namespace.unwrap_or_else(|| self.default.clone());
        }
        if !pod::is_best_effort(pod) {
            let members: [(&str, Value); 3] = [
                ("effect", "NoSchedule".into()),
                ("key", MEMORY_PRESSURE.into()),
                ("operator", "Exists".into()),
            ];
            let toleration = members.into_iter().map(|(k, v)| (Text::const_new(k), v)).collect::<Map>();
            added.push(toleration.into());
        }
        if !added.is_empty() {
            let merged = tolerations::merge(pod::spec_list(pod, "tolerations"), &added);
            pod::spec_mut(pod).insert("tolerations", merged);
        }
        self.validate(attributes, Some(pod)).await
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        let given = pod::spec_list(pod, "tolerations");
        if given.is_empty() {
            return Ok(());
        }
        let (allowed, scope) = match self.annotated(attributes, ALLOWED).await? {
            Some(allowed) => (allowed, "namespace"),
            None => (self.allowed.clone(), "cluster"),
        };
        if tolerations::are_allowed(given, &allowed) {
            return Ok(());
        }
        // Upstream's text is no `Status`, so that clients see an internal error.
        Err(Status::opaque(format!(
            "pod tolerations (possibly merged with namespace default tolerations) conflict with its {scope} \
             whitelist"
        )))
    }
}
