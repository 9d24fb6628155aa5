//! The configuration `PodSecurityConfiguration`.

use keelson_apimachinery::content::names;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::{Map, Value};

use super::policy::{Level, LevelVersion, Policy, Version};
use crate::admission::attributes::aggregate;
use crate::admission::config::{check_kind, only, texts};

const VERSIONS: [&str; 3] = [
    "pod-security.admission.config.k8s.io/v1",
    "pod-security.admission.config.k8s.io/v1beta1",
    "pod-security.admission.config.k8s.io/v1alpha1",
];

/// What is not checked.
#[derive(Clone, Debug, Default)]
pub(in crate::admission) struct Exemptions {
    users: Vec<String>,
    runtime_classes: Vec<String>,
    namespaces: Vec<String>,
}

impl Exemptions {
    pub(super) fn has_user(&self, name: &str) -> bool {
        !name.is_empty() && self.users.iter().any(|user| user == name)
    }

    pub(super) fn has_runtime_class(&self, name: &str) -> bool {
        !name.is_empty() && self.runtime_classes.iter().any(|class| class == name)
    }

    pub(super) fn has_namespace(&self, name: &str) -> bool {
        !name.is_empty() && self.namespaces.iter().any(|namespace| namespace == name)
    }
}

/// The policy of namespaces that say nothing, and what is exempt.
pub(super) fn read(own: Option<&Value>) -> Result<(Policy, Exemptions), String> {
    let Some(own) = own else { return Ok((Policy::PRIVILEGED, Exemptions::default())) };
    check_kind(own, &VERSIONS, "PodSecurityConfiguration", &["defaults", "exemptions"])?;
    let empty = Map::new();
    let part = |key: &str| match own.get(key) {
        None | Some(Value::Null) => Ok(&empty),
        Some(value) => value.as_object().ok_or_else(|| format!("{key}: must be an object")),
    };
    let mut errors = Vec::new();
    let policy = defaults(part("defaults")?, &mut errors)?;
    let exemptions = exemptions(part("exemptions")?, &mut errors)?;
    match errors.as_slice() {
        [] => Ok((policy, exemptions)),
        errors => Err(aggregate(&errors.iter().map(ToString::to_string).collect::<Vec<_>>())),
    }
}

fn defaults(map: &Map, errors: &mut Vec<FieldError>) -> Result<Policy, String> {
    const KNOWN: [&str; 6] = ["enforce", "enforce-version", "audit", "audit-version", "warn", "warn-version"];
    only(&Value::Object(map.clone()), &KNOWN).map_err(|why| format!("defaults: {why}"))?;
    let text = |key: &str| map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let path = |key: &str| Path::new("defaults").child(key);
    let mut mode = |key: &str| {
        let level = text(key).unwrap_or("privileged");
        let level = Level::parse(level).unwrap_or_else(|why| {
            errors.push(FieldError::invalid(&path(key), level, why));
            Level::Restricted
        });
        let key = format!("{key}-version");
        let version = text(&key).unwrap_or("latest");
        let version = Version::parse(version).unwrap_or_else(|why| {
            errors.push(FieldError::invalid(&path(&key), version, why));
            Version::Latest
        });
        LevelVersion { level, version }
    };
    let (enforce, warn, audit) = (mode("enforce"), mode("warn"), mode("audit"));
    Ok(Policy { enforce, audit, warn })
}

fn exemptions(map: &Map, errors: &mut Vec<FieldError>) -> Result<Exemptions, String> {
    const KNOWN: [&str; 3] = ["usernames", "runtimeClasses", "namespaces"];
    only(&Value::Object(map.clone()), &KNOWN).map_err(|why| format!("exemptions: {why}"))?;
    let mut list = |key: &str, check: fn(&str) -> Vec<String>| -> Result<Vec<String>, String> {
        let names = texts(map, key).map_err(|why| format!("exemptions.{why}"))?;
        for (i, name) in names.iter().enumerate() {
            let path = Path::new("exemptions").child(key).index(i);
            let wrong = check(name);
            if !wrong.is_empty() {
                errors.push(FieldError::invalid(&path, name, wrong.join(", ")));
            } else if names[..i].contains(name) {
                errors.push(FieldError::duplicate(&path, name));
            }
        }
        Ok(names)
    };
    let namespaces = list("namespaces", names::dns_label)?;
    let runtime_classes = list("runtimeClasses", names::dns_subdomain)?;
    let users = list("usernames", |name| match name {
        "" => vec!["username must not be empty".into()],
        _ => Vec::new(),
    })?;
    Ok(Exemptions { users, runtime_classes, namespaces })
}
