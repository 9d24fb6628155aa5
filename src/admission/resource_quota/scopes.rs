//! Scopes: which objects a quota counts.

use keelson_apimachinery::Value;
use keelson_apimachinery::meta::Object;

use crate::admission::pod::{self, list, spec_list};

/// A scope, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) scope: String,
    operator: String,
    values: Vec<String>,
}

impl Selector {
    /// A `ScopedResourceSelectorRequirement`.
    pub(super) fn of(value: &Value) -> Self {
        let texts = list(Some(value), "values").iter().filter_map(Value::as_str).map(str::to_owned);
        Selector {
            scope: value.str_at(&["scopeName"]).to_owned(),
            operator: value.str_at(&["operator"]).to_owned(),
            values: texts.collect(),
        }
    }

    /// Those of a quota: its list of scopes, and its selector.
    pub(super) fn all_of(quota: &Object) -> Vec<Self> {
        let exists = |scope: &Value| Selector {
            scope: scope.as_str().unwrap_or_default().to_owned(),
            operator: "Exists".into(),
            values: Vec::new(),
        };
        let selector = quota.at(&["spec", "scopeSelector"]);
        let scopes = spec_list(quota, "scopes").iter().map(exists);
        scopes.chain(list(selector, "matchExpressions").iter().map(Selector::of)).collect()
    }

    /// As Go prints it.
    pub(super) fn printed(&self) -> String {
        format!("{{{} {} [{}]}}", self.scope, self.operator, self.values.join(" "))
    }

    /// Whether the names of classes that an object has are those that are meant.
    fn matches(&self, names: &[String]) -> bool {
        let has = |name: &String| self.values.contains(name);
        match self.operator.as_str() {
            "In" => names.iter().any(has),
            "NotIn" => names.is_empty() || names.iter().any(|name| !has(name)),
            "Exists" => !names.is_empty(),
            "DoesNotExist" => names.is_empty(),
            _ => false,
        }
    }
}

/// What scopes ask of an object.
#[derive(Clone, Debug, Default)]
pub(super) enum Facts {
    /// No scope counts it.
    #[default]
    None,
    /// A pod.
    Pod { terminating: bool, best_effort: bool, priority_class: Vec<String>, crosses_namespaces: bool },
    /// A claim, with its attribute classes.
    Claim(Vec<String>),
}

impl Facts {
    pub(super) fn of_pod(object: &Object) -> Self {
        let class = object.str_at(&["spec", "priorityClassName"]);
        Facts::Pod {
            terminating: is_terminating(object),
            best_effort: pod::is_best_effort(object),
            priority_class: Some(class.to_owned()).filter(|class| !class.is_empty()).into_iter().collect(),
            crosses_namespaces: crosses_namespaces(object),
        }
    }

    pub(super) fn of_claim(object: &Object) -> Self {
        let paths: [&[&str]; 3] = [
            &["spec", "volumeAttributesClassName"],
            &["status", "currentVolumeAttributesClassName"],
            &["status", "modifyVolumeStatus", "targetVolumeAttributesClassName"],
        ];
        let mut names: Vec<String> = paths.iter().map(|path| object.str_at(path).to_owned()).collect();
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names.dedup();
        Facts::Claim(names)
    }

    pub(super) fn matches(&self, selector: &Selector) -> bool {
        match (self, selector.scope.as_str()) {
            (Facts::Pod { terminating, .. }, "Terminating") => *terminating,
            (Facts::Pod { terminating, .. }, "NotTerminating") => !terminating,
            (Facts::Pod { best_effort, .. }, "BestEffort") => *best_effort,
            (Facts::Pod { best_effort, .. }, "NotBestEffort") => !best_effort,
            (Facts::Pod { priority_class, .. }, "PriorityClass") => selector.matches(priority_class),
            (Facts::Pod { crosses_namespaces, .. }, "CrossNamespacePodAffinity") => *crosses_namespaces,
            (Facts::Claim(names), "VolumeAttributesClass") => selector.matches(names),
            _ => false,
        }
    }
}

/// Whether a pod has a deadline.
pub(super) fn is_terminating(object: &Object) -> bool {
    let deadline = object.at(&["spec", "activeDeadlineSeconds"]).and_then(Value::as_i64);
    deadline.is_some_and(|seconds| seconds >= 0)
}

/// Whether the affinity of a pod looks at pods of other namespaces.
fn crosses_namespaces(object: &Object) -> bool {
    let crosses = |term: Option<&Value>| {
        !list(term, "namespaces").is_empty()
            || term.and_then(|term| term.get("namespaceSelector")).is_some_and(|selector| !selector.is_null())
    };
    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let affinity = object.at(&["spec", "affinity", kind]);
        let required = list(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
        let preferred = list(affinity, "preferredDuringSchedulingIgnoredDuringExecution");
        required.iter().any(|term| crosses(Some(term)))
            || preferred.iter().any(|term| crosses(term.get("podAffinityTerm")))
    })
}
