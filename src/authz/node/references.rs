//! What objects refer to: read from those that make edges of the graph.

use std::collections::BTreeSet;

use keelson_apimachinery::Value;
use keelson_apimachinery::meta::Object;

use super::graph::{Edges, Kind, id};

/// The annotation of pods that mirror what a kubelet runs on its own.
pub const MIRROR: &str = "kubernetes.io/config.mirror";

/// A resource whose objects make edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feeder {
    /// Pods, once they are bound to a node.
    Pods,
    /// Volumes that are bound to a claim.
    PersistentVolumes,
    /// Attachments of volumes to nodes.
    VolumeAttachments,
    /// Slices of devices of a node.
    ResourceSlices,
    /// Requests for the certificates of pods.
    PodCertificateRequests,
}

impl Feeder {
    /// All of them.
    pub const ALL: [Feeder; 5] = [
        Feeder::Pods,
        Feeder::PersistentVolumes,
        Feeder::VolumeAttachments,
        Feeder::ResourceSlices,
        Feeder::PodCertificateRequests,
    ];

    /// Group and plural.
    pub fn resource(self) -> (&'static str, &'static str) {
        match self {
            Feeder::Pods => ("", "pods"),
            Feeder::PersistentVolumes => ("", "persistentvolumes"),
            Feeder::VolumeAttachments => ("storage.k8s.io", "volumeattachments"),
            Feeder::ResourceSlices => ("resource.k8s.io", "resourceslices"),
            Feeder::PodCertificateRequests => ("certificates.k8s.io", "podcertificaterequests"),
        }
    }

    /// What of an object [`Feeder::edges`] and [`Feeder::id`] read, as paths; `None` for anything. There are many
    /// pods, and they have much else.
    pub fn reads(self) -> Option<&'static [&'static [&'static str]]> {
        match self {
            Feeder::Pods => Some(&[
                &["metadata", "name"],
                &["metadata", "namespace"],
                &["metadata", "annotations"],
                &["spec", "nodeName"],
                &["spec", "serviceAccountName"],
                &["spec", "imagePullSecrets"],
                &["spec", "volumes"],
                &["spec", "resourceClaims"],
                &["spec", "initContainers", "envFrom"],
                &["spec", "initContainers", "env", "valueFrom"],
                &["spec", "containers", "envFrom"],
                &["spec", "containers", "env", "valueFrom"],
                &["spec", "ephemeralContainers", "envFrom"],
                &["spec", "ephemeralContainers", "env", "valueFrom"],
                &["status", "resourceClaimStatuses"],
                &["status", "extendedResourceClaimStatus"],
            ]),
            _ => None,
        }
    }

    /// The kind of its objects.
    pub(super) fn kind(self) -> Kind {
        match self {
            Feeder::Pods => Kind::Pod,
            Feeder::PersistentVolumes => Kind::PersistentVolume,
            Feeder::VolumeAttachments => Kind::VolumeAttachment,
            Feeder::ResourceSlices => Kind::ResourceSlice,
            Feeder::PodCertificateRequests => Kind::PodCertificateRequest,
        }
    }

    /// What an object of this resource is called in the graph.
    pub(super) fn id(self, object: &Object) -> String {
        let namespace = if self.kind().is_namespaced() { object.namespace() } else { "" };
        id(self.kind(), namespace, object.name())
    }

    /// The edges that an object makes; none for one that leads to no node (yet).
    pub fn edges(self, object: &Object) -> Edges {
        let own = self.id(object);
        let to_node = |path: &[&str]| match object.str_at(path) {
            "" => Edges::none(own.clone()),
            node => Edges::to_node(own.clone(), node, Vec::new()),
        };
        match self {
            Feeder::Pods => pod(own, object),
            Feeder::PersistentVolumes => volume(own, object),
            _ => to_node(&["spec", "nodeName"]),
        }
    }
}

fn pod(own: String, pod: &Object) -> Edges {
    let node = pod.str_at(&["spec", "nodeName"]);
    if node.is_empty() {
        return Edges::none(own);
    }
    // A node creates these itself, so nothing that it names there may lead anywhere.
    if pod.annotation(MIRROR).is_some() {
        return Edges::to_node(own, node, Vec::new());
    }
    let mut things = BTreeSet::new();
    let mut refers = |kind: Kind, name: &str| {
        if !name.is_empty() {
            things.insert(id(kind, pod.namespace(), name));
        }
    };
    refers(Kind::ServiceAccount, pod.str_at(&["spec", "serviceAccountName"]));
    visit_secrets(pod, &mut |name| refers(Kind::Secret, name));
    visit_config_maps(pod, &mut |name| refers(Kind::ConfigMap, name));
    for volume in list(pod.at(&["spec", "volumes"])) {
        if let Some(claim) = volume.get("persistentVolumeClaim") {
            refers(Kind::PersistentVolumeClaim, claim.str_at(&["claimName"]));
        } else if volume.get("ephemeral").is_some() {
            let claim = format!("{}-{}", pod.name(), volume.str_at(&["name"]));
            refers(Kind::PersistentVolumeClaim, &claim);
        }
    }
    for claim in list(pod.at(&["spec", "resourceClaims"])) {
        refers(Kind::ResourceClaim, resource_claim(pod, claim));
    }
    let extended = pod.str_at(&["status", "extendedResourceClaimStatus", "resourceClaimName"]);
    refers(Kind::ResourceClaim, extended);
    Edges::to_node(own, node, things.into_iter().collect())
}

/// The name of the claim that a pod's entry stands for: of one that is made from a template the status tells. Empty
/// where there is none, or not yet.
fn resource_claim<'a>(pod: &'a Object, entry: &'a Value) -> &'a str {
    if let Some(name) = entry.get("resourceClaimName").and_then(Value::as_str) {
        return name;
    }
    if entry.get("resourceClaimTemplateName").is_none() {
        return "";
    }
    let mut statuses = list(pod.at(&["status", "resourceClaimStatuses"])).iter();
    let own = statuses.find(|status| status.str_at(&["name"]) == entry.str_at(&["name"]));
    own.map_or("", |status| status.str_at(&["resourceClaimName"]))
}

fn volume(own: String, volume: &Object) -> Edges {
    let Some(claim) = volume.at(&["spec", "claimRef"]).filter(|claim| !claim.is_null()) else {
        return Edges::none(own);
    };
    let namespace = claim.str_at(&["namespace"]);
    let claim = id(Kind::PersistentVolumeClaim, namespace, claim.str_at(&["name"]));
    let mut secrets = BTreeSet::new();
    visit_volume_secrets(volume, namespace, &mut |namespace, name| {
        secrets.insert(id(Kind::Secret, namespace, name));
    });
    Edges::to_claim(own, claim, secrets.into_iter().collect())
}

/// Calls `visit` with namespace and name of every secret that a kubelet reads to use a volume; what names no
/// namespace means that of the claim.
fn visit_volume_secrets(volume: &Object, of_claim: &str, visit: &mut dyn FnMut(&str, &str)) {
    /// Sources, and where they name a secret. Those of CSI that only controllers read are left out.
    const REFERENCES: [(&str, &str, bool); 10] = [
        ("cephfs", "secretRef", true),
        ("cinder", "secretRef", false),
        ("flexVolume", "secretRef", true),
        ("rbd", "secretRef", true),
        ("scaleIO", "secretRef", true),
        ("iscsi", "secretRef", true),
        ("storageos", "secretRef", false),
        ("csi", "nodePublishSecretRef", false),
        ("csi", "nodeStageSecretRef", false),
        ("csi", "nodeExpandSecretRef", false),
    ];
    let mut found = |namespace: &str, name: &str| {
        if !name.is_empty() {
            visit(namespace, name);
        }
    };
    let or_of_claim = |namespace| match namespace {
        "" => of_claim,
        own => own,
    };
    if let Some(file) = volume.at(&["spec", "azureFile"]) {
        found(or_of_claim(file.str_at(&["secretNamespace"])), file.str_at(&["secretName"]));
    }
    for (source, key, by_claim) in REFERENCES {
        let Some(secret) = volume.at(&["spec", source, key]) else { continue };
        let namespace = secret.str_at(&["namespace"]);
        found(if by_claim { or_of_claim(namespace) } else { namespace }, secret.str_at(&["name"]));
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).unwrap_or_default()
}

/// All containers of a pod.
fn containers(pod: &Object) -> impl Iterator<Item = &Value> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    lists.into_iter().flat_map(|key| list(pod.at(&["spec", key])))
}

/// Calls `visit` with the name of every secret that a pod names; what claims and volumes name is not among them.
pub fn visit_secrets(pod: &Object, visit: &mut dyn FnMut(&str)) {
    const IN_VOLUMES: [&[&str]; 10] = [
        &["azureFile", "secretName"],
        &["cephfs", "secretRef", "name"],
        &["cinder", "secretRef", "name"],
        &["flexVolume", "secretRef", "name"],
        &["rbd", "secretRef", "name"],
        &["secret", "secretName"],
        &["scaleIO", "secretRef", "name"],
        &["iscsi", "secretRef", "name"],
        &["storageos", "secretRef", "name"],
        &["csi", "nodePublishSecretRef", "name"],
    ];
    let mut found = |name: &str| {
        if !name.is_empty() {
            visit(name);
        }
    };
    list(pod.at(&["spec", "imagePullSecrets"])).iter().for_each(|secret| found(secret.str_at(&["name"])));
    visit_environments(pod, "secretRef", "secretKeyRef", &mut found);
    for volume in list(pod.at(&["spec", "volumes"])) {
        IN_VOLUMES.iter().filter_map(|path| volume.at(path)?.as_str()).for_each(&mut found);
        visit_projected(volume, "secret", &mut found);
    }
}

/// Calls `visit` with the name of every config map that a pod names.
pub fn visit_config_maps(pod: &Object, visit: &mut dyn FnMut(&str)) {
    let mut found = |name: &str| {
        if !name.is_empty() {
            visit(name);
        }
    };
    visit_environments(pod, "configMapRef", "configMapKeyRef", &mut found);
    for volume in list(pod.at(&["spec", "volumes"])) {
        found(volume.str_at(&["configMap", "name"]));
        visit_projected(volume, "configMap", &mut found);
    }
}

/// The names in the containers' environments: of what they take `whole`, or a `key` of.
fn visit_environments(pod: &Object, whole: &str, key: &str, visit: &mut dyn FnMut(&str)) {
    for container in containers(pod) {
        list(container.get("envFrom")).iter().for_each(|source| visit(source.str_at(&[whole, "name"])));
        for variable in list(container.get("env")) {
            visit(variable.str_at(&["valueFrom", key, "name"]));
        }
    }
}

/// The names in the sources of a projected volume.
fn visit_projected(volume: &Value, kind: &str, visit: &mut dyn FnMut(&str)) {
    for source in list(volume.at(&["projected", "sources"])) {
        visit(source.str_at(&[kind, "name"]));
    }
}
