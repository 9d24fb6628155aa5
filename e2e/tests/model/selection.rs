//! What is written to and what is selected of it.

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) const NAMESPACES: [&str; 2] = ["model-a", "model-b"];
/// The values of the label `tier`.
pub(crate) const TIERS: [&str; 3] = ["back", "front", "middle"];
/// The nodes that pods are on.
pub(crate) const NODES: [&str; 2] = ["node-1", "node-2"];

/// A resource of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    ConfigMap,
    Pod,
}

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::ConfigMap, Kind::Pod];

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Kind::ConfigMap => "configmaps",
            Kind::Pod => "pods",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::ConfigMap => "ConfigMap",
            Kind::Pod => "Pod",
        }
    }

    /// The path of the collection, of all namespaces without one.
    pub(crate) fn path(self, namespace: Option<&str>) -> String {
        match namespace {
            Some(namespace) => format!("/api/v1/namespaces/{namespace}/{}", self.plural()),
            None => format!("/api/v1/{}", self.plural()),
        }
    }
}

/// An object's place. Keys sort as storage sorts them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.kind.path(Some(&self.namespace)), self.name)
    }
}

/// What the model knows of an object's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) uid: String,
    /// The annotations, of which each client has its own.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) tier: Option<String>,
    /// Where a pod is; empty for nowhere.
    pub(crate) node: String,
    /// Whether it has a deletion timestamp.
    pub(crate) ending: bool,
}

impl Facts {
    pub(crate) fn of(object: &Value) -> Facts {
        let metadata = &object["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let fields = metadata["annotations"].as_object().into_iter().flatten();
        Facts {
            uid: text(&metadata["uid"]),
            fields: fields.map(|(k, v)| (k.clone(), text(v))).collect(),
            tier: metadata["labels"]["tier"].as_str().map(str::to_owned),
            node: text(&object["spec"]["nodeName"]),
            ending: !metadata["deletionTimestamp"].is_null(),
        }
    }
}

/// Which objects of a kind a list or watch is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) kind: Kind,
    pub(crate) namespace: Option<String>,
    pub(crate) selector: Selector,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    All,
    Tier(&'static str),
    TierIn(&'static str, &'static str),
    NoTier,
    NotTier(&'static str),
    Name(String),
    Node(&'static str),
}

impl Selection {
    pub(crate) fn everything(kind: Kind) -> Selection {
        Selection { kind, namespace: None, selector: Selector::All }
    }

    pub(crate) fn matches(&self, key: &Key, facts: &Facts) -> bool {
        let tier = facts.tier.as_deref();
        key.kind == self.kind
            && self.namespace.as_ref().is_none_or(|n| *n == key.namespace)
            && match &self.selector {
                Selector::All => true,
                Selector::Tier(want) => tier == Some(want),
                Selector::TierIn(one, other) => tier == Some(one) || tier == Some(other),
                Selector::NoTier => tier.is_none(),
                Selector::NotTier(not) => tier != Some(not),
                Selector::Name(name) => key.name == *name,
                Selector::Node(node) => facts.node == *node,
            }
    }

    /// The path with the selector as its query, which is open for more.
    pub(crate) fn path(&self) -> String {
        let path = self.kind.path(self.namespace.as_deref());
        match &self.selector {
            Selector::All => format!("{path}?"),
            Selector::Tier(tier) => format!("{path}?labelSelector=tier%3D{tier}&"),
            Selector::TierIn(one, other) => format!("{path}?labelSelector=tier%20in%20({one}%2C{other})&"),
            Selector::NoTier => format!("{path}?labelSelector=%21tier&"),
            Selector::NotTier(tier) => format!("{path}?labelSelector=tier%21%3D{tier}&"),
            Selector::Name(name) => format!("{path}?fieldSelector=metadata.name%3D{name}&"),
            Selector::Node(node) => format!("{path}?fieldSelector=spec.nodeName%3D{node}&"),
        }
    }

    /// An object that is selected: its place, tier and node.
    pub(crate) fn example(&self, name: &str) -> (Key, Option<&'static str>, &'static str) {
        let (mut name, mut tier, mut node) = (name.to_owned(), Some(TIERS[2]), "");
        match &self.selector {
            Selector::All | Selector::NotTier(_) => {}
            Selector::Tier(want) | Selector::TierIn(want, _) => tier = Some(*want),
            Selector::NoTier => tier = None,
            Selector::Name(want) => name.clone_from(want),
            Selector::Node(want) => node = *want,
        }
        let namespace = self.namespace.clone().unwrap_or_else(|| NAMESPACES[0].to_owned());
        (Key { kind: self.kind, namespace, name }, tier, node)
    }
}
