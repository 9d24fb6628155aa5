//! What tells resources apart on the write path, as one table.
//!
//! Source: the strategies of kube-apiserver 1.36 and the API conventions ("Metadata", "Resource operations").

use keelson_apimachinery::content::names::NameRule;

/// When `metadata.generation` rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// The server leaves it alone: what a creation sets stays.
    Untracked,
    /// It starts at 1 and stays.
    Fixed,
    /// It starts at 1 (`from_one`) or unset, and rises when one of these members of the object changes.
    Rises {
        /// Whether a new object has generation 1.
        from_one: bool,
        /// Top-level members that count.
        members: &'static [&'static str],
    },
    /// As `Rises` for `spec`, and when annotations change: they are copied to what the object makes.
    SpecAndAnnotations,
    /// It starts at 1 and rises when anything but the metadata changes, or the labels.
    AllButMetadata,
}

/// What a write of the `status` subresource may change in the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusMetadata {
    /// All that an update may change.
    AsSent,
    /// All but the labels.
    KeepLabels,
    /// Nothing that users set: labels, annotations, finalizers and owners stay.
    KeepAll,
    /// Nothing at all.
    Keep,
}

/// What becomes of dependents when a deletion doesn't say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GarbageCollection {
    /// The garbage collector deletes them.
    DeleteDependents,
    /// They are orphaned.
    OrphanDependents,
    /// It has none, and no option makes it wait for any.
    Unsupported,
}

/// Where a field selector's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldSource {
    /// A string at this path; absent ones are `""`.
    Text(&'static [&'static str]),
    /// A number at this path; absent ones are `0`.
    Number(&'static [&'static str]),
    /// A boolean at this path; absent ones are `false`.
    Flag(&'static [&'static str]),
    /// The first of these strings that is not empty.
    FirstText(&'static [&'static [&'static str]]),
    /// What no object has: always `""`.
    Nothing,
}

/// A field that a selector may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldLabel {
    /// The name in selectors.
    pub label: &'static str,
    /// Where its value comes from.
    pub source: FieldSource,
}

/// The fields that selectors may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldLabels {
    /// `metadata.name` and `metadata.namespace`.
    Metadata,
    /// `metadata.name`, `metadata.namespace` where objects have one, and these.
    Listed(&'static [FieldLabel]),
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// The group of the stored version.
    pub group: &'static str,
    /// The plural name.
    pub plural: &'static str,
    /// What its names must be.
    pub names: NameRule,
    /// Whether finalizers need a domain.
    pub qualified_finalizers: bool,
    /// When the generation rises.
    pub generation: Generation,
    /// Whether `status` is the server's: creations drop it, updates keep it.
    pub status: bool,
    /// Whether a creation may set the status all the same.
    pub status_on_create: bool,
    /// What a write of the status may change in the metadata.
    pub status_metadata: StatusMetadata,
    /// Whether a PUT of a missing object creates it.
    pub create_on_update: bool,
    /// Whether an update may leave the resource version out.
    pub unconditional_update: bool,
    /// What becomes of dependents when a deletion doesn't say.
    pub garbage_collection: GarbageCollection,
    /// Whether a deletion answers with the object.
    pub returns_deleted: bool,
    /// The fields that selectors may name.
    pub fields: FieldLabels,
    /// The string by which the watch cache finds objects, too: selectors that demand a value of it look at no
    /// others.
    pub index: Option<&'static [&'static str]>,
}

impl Behaviour {
    const fn new(group: &'static str, plural: &'static str) -> Self {
        Behaviour {
            group,
            plural,
            names: NameRule::Subdomain,
            qualified_finalizers: true,
            generation: Generation::Untracked,
            status: false,
            status_on_create: false,
            status_metadata: StatusMetadata::AsSent,
            create_on_update: false,
            unconditional_update: true,
            garbage_collection: GarbageCollection::DeleteDependents,
            returns_deleted: false,
            fields: FieldLabels::Metadata,
            index: None,
        }
    }

    const fn names(self, names: NameRule) -> Self {
        Behaviour { names, ..self }
    }

    const fn any_finalizer(self) -> Self {
        Behaviour { qualified_finalizers: false, ..self }
    }

    const fn generation(self, generation: Generation) -> Self {
        Behaviour { generation, ..self }
    }

    const fn spec(self) -> Self {
        self.generation(SPEC)
    }

    const fn status(self) -> Self {
        Behaviour { status: true, ..self }
    }

    const fn status_on_create(self) -> Self {
        Behaviour { status_on_create: true, ..self }
    }

    const fn status_metadata(self, status_metadata: StatusMetadata) -> Self {
        Behaviour { status_metadata, ..self }
    }

    const fn create_on_update(self) -> Self {
        Behaviour { create_on_update: true, ..self }
    }

    const fn conditional(self) -> Self {
        Behaviour { unconditional_update: false, ..self }
    }

    const fn dependents(self, garbage_collection: GarbageCollection) -> Self {
        Behaviour { garbage_collection, ..self }
    }

    const fn returned(self) -> Self {
        Behaviour { returns_deleted: true, ..self }
    }

    const fn fields(self, fields: &'static [FieldLabel]) -> Self {
        Behaviour { fields: FieldLabels::Listed(fields), ..self }
    }

    const fn indexed(self, path: &'static [&'static str]) -> Self {
        Behaviour { index: Some(path), ..self }
    }

    /// The row of a stored resource; one with the defaults where the table has none.
    pub fn of(group: &str, plural: &str) -> &'static Behaviour {
        static DEFAULT: Behaviour = Behaviour::new("", "");
        TABLE.iter().find(|b| b.group == group && b.plural == plural).unwrap_or(&DEFAULT)
    }
}

const SPEC: Generation = Generation::Rises { from_one: true, members: &["spec"] };

const fn text(label: &'static str, path: &'static [&'static str]) -> FieldLabel {
    FieldLabel { label, source: FieldSource::Text(path) }
}

const NODE_NAME: &[&str] = &["spec", "nodeName"];

const POD_FIELDS: &[FieldLabel] = &[
    text("spec.nodeName", NODE_NAME),
    text("spec.host", NODE_NAME),
    text("spec.restartPolicy", &["spec", "restartPolicy"]),
    text("spec.schedulerName", &["spec", "schedulerName"]),
    text("spec.serviceAccountName", &["spec", "serviceAccountName"]),
    FieldLabel { label: "spec.hostNetwork", source: FieldSource::Flag(&["spec", "hostNetwork"]) },
    text("status.phase", &["status", "phase"]),
    text("status.podIP", &["status", "podIP"]),
    FieldLabel { label: "status.podIPs", source: FieldSource::Nothing },
    text("status.nominatedNodeName", &["status", "nominatedNodeName"]),
];

const EVENT_FIELDS: &[FieldLabel] = &[
    text("involvedObject.kind", &["involvedObject", "kind"]),
    text("involvedObject.namespace", &["involvedObject", "namespace"]),
    text("involvedObject.name", &["involvedObject", "name"]),
    text("involvedObject.uid", &["involvedObject", "uid"]),
    text("involvedObject.apiVersion", &["involvedObject", "apiVersion"]),
    text("involvedObject.resourceVersion", &["involvedObject", "resourceVersion"]),
    text("involvedObject.fieldPath", &["involvedObject", "fieldPath"]),
    text("reason", &["reason"]),
    text("reportingComponent", &["reportingComponent"]),
    FieldLabel {
        label: "source",
        source: FieldSource::FirstText(&[&["source", "component"], &["reportingComponent"]]),
    },
    text("type", &["type"]),
];

/// What events.k8s.io calls the fields of [`EVENT_FIELDS`].
pub const NEW_EVENT_FIELDS: &[FieldLabel] = &[
    text("reason", &["reason"]),
    text("regarding.kind", &["involvedObject", "kind"]),
    text("regarding.namespace", &["involvedObject", "namespace"]),
    text("regarding.name", &["involvedObject", "name"]),
    text("regarding.uid", &["involvedObject", "uid"]),
    text("regarding.apiVersion", &["involvedObject", "apiVersion"]),
    text("regarding.resourceVersion", &["involvedObject", "resourceVersion"]),
    text("regarding.fieldPath", &["involvedObject", "fieldPath"]),
    text("reportingController", &["reportingComponent"]),
    text("type", &["type"]),
];

use GarbageCollection::{OrphanDependents, Unsupported};
use StatusMetadata::{Keep, KeepAll, KeepLabels};

const APIEXTENSIONS: &str = "apiextensions.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const FLOWCONTROL: &str = "flowcontrol.apiserver.k8s.io";
const WEBHOOKS: Generation = Generation::Rises { from_one: true, members: &["webhooks"] };

const fn row(group: &'static str, plural: &'static str) -> Behaviour {
    Behaviour::new(group, plural)
}

/// All resources that are not as [`Behaviour::new`] has them.
static TABLE: &[Behaviour] = &[
    row("", "endpoints").create_on_update(),
    row("", "events")
        .names(NameRule::PathSegment)
        .any_finalizer()
        .create_on_update()
        .dependents(Unsupported)
        .fields(EVENT_FIELDS),
    row("", "limitranges").create_on_update(),
    row("", "namespaces")
        .names(NameRule::Label)
        .status()
        .returned()
        .fields(&[text("status.phase", &["status", "phase"])]),
    row("", "nodes").status().status_on_create().fields(&[FieldLabel {
        label: "spec.unschedulable",
        source: FieldSource::Flag(&["spec", "unschedulable"]),
    }]),
    row("", "persistentvolumeclaims").status().returned(),
    row("", "persistentvolumes").status().returned(),
    row("", "pods").spec().status().returned().fields(POD_FIELDS).indexed(NODE_NAME),
    row("", "podtemplates")
        .generation(Generation::Rises { from_one: true, members: &["template"] })
        .returned(),
    row("", "replicationcontrollers").spec().status().dependents(OrphanDependents).fields(&[FieldLabel {
        label: "status.replicas",
        source: FieldSource::Number(&["status", "replicas"]),
    }]),
    row("", "resourcequotas").status().returned(),
    row("", "secrets").fields(&[text("type", &["type"])]),
    row("", "serviceaccounts").returned(),
    row("", "services")
        .names(NameRule::Label)
        .status()
        .returned()
        .create_on_update()
        .fields(&[text("spec.clusterIP", &["spec", "clusterIP"]), text("spec.type", &["spec", "type"])]),
    row("apiregistration.k8s.io", "apiservices")
        .names(NameRule::PathSegment)
        .any_finalizer()
        .status()
        .status_metadata(KeepAll)
        .conditional(),
    row(APIEXTENSIONS, "customresourcedefinitions").any_finalizer().spec().status().conditional(),
    row("apps", "daemonsets").spec().status(),
    row("apps", "deployments")
        .generation(Generation::SpecAndAnnotations)
        .status()
        .status_metadata(KeepLabels),
    row("apps", "replicasets").spec().status(),
    row("apps", "statefulsets").names(NameRule::Label).spec().status(),
    row("autoscaling", "horizontalpodautoscalers").status(),
    row("batch", "cronjobs").spec().status(),
    row("batch", "jobs").spec().status().dependents(OrphanDependents).fields(&[FieldLabel {
        label: "status.successful",
        source: FieldSource::Number(&["status", "succeeded"]),
    }]),
    row("certificates.k8s.io", "certificatesigningrequests")
        .names(NameRule::PathSegment)
        .status()
        .fields(&[text("spec.signerName", &["spec", "signerName"])]),
    row("coordination.k8s.io", "leases").any_finalizer().create_on_update().conditional(),
    row("discovery.k8s.io", "endpointslices").generation(Generation::AllButMetadata),
    row(FLOWCONTROL, "flowschemas").spec().status().status_metadata(Keep),
    row(FLOWCONTROL, "prioritylevelconfigurations").spec().status().status_metadata(Keep),
    row("networking.k8s.io", "ingressclasses").spec(),
    row("networking.k8s.io", "ingresses").spec().status(),
    row("networking.k8s.io", "ipaddresses").names(NameRule::PathSegment),
    row("networking.k8s.io", "networkpolicies").spec(),
    row("networking.k8s.io", "servicecidrs").status().status_metadata(KeepAll),
    row("node.k8s.io", "runtimeclasses").any_finalizer().create_on_update().conditional(),
    row("policy", "poddisruptionbudgets")
        .names(NameRule::PathSegment)
        .any_finalizer()
        .spec()
        .status()
        .conditional(),
    row(RBAC, "clusterrolebindings").names(NameRule::PathSegment).create_on_update(),
    row(RBAC, "clusterroles").names(NameRule::PathSegment).create_on_update(),
    row(RBAC, "rolebindings").names(NameRule::PathSegment).create_on_update(),
    row(RBAC, "roles").names(NameRule::PathSegment).create_on_update(),
    row("resource.k8s.io", "deviceclasses").spec().returned(),
    row("resource.k8s.io", "resourceclaims").status().status_metadata(KeepAll).returned(),
    row("resource.k8s.io", "resourceclaimtemplates").returned(),
    row("resource.k8s.io", "resourceslices")
        .spec()
        .returned()
        .fields(&[text("spec.nodeName", NODE_NAME), text("spec.driver", &["spec", "driver"])])
        .indexed(NODE_NAME),
    row("scheduling.k8s.io", "priorityclasses").generation(Generation::Fixed),
    row("storage.k8s.io", "csidrivers")
        .generation(Generation::Rises { from_one: false, members: &["spec"] })
        .conditional()
        .returned(),
    row("storage.k8s.io", "csinodes").conditional().returned(),
    row("storage.k8s.io", "csistoragecapacities").conditional(),
    row("storage.k8s.io", "storageclasses").returned(),
    row("storage.k8s.io", "volumeattachments").status().status_metadata(KeepAll).conditional().returned(),
    row("storage.k8s.io", "volumeattributesclasses").returned(),
    row(ADMISSION, "mutatingadmissionpolicies").any_finalizer().spec().conditional(),
    row(ADMISSION, "mutatingadmissionpolicybindings").any_finalizer().spec().conditional(),
    row(ADMISSION, "mutatingwebhookconfigurations").any_finalizer().generation(WEBHOOKS).conditional(),
    row(ADMISSION, "validatingadmissionpolicies")
        .any_finalizer()
        .spec()
        .status()
        .status_metadata(KeepAll)
        .conditional(),
    row(ADMISSION, "validatingadmissionpolicybindings").any_finalizer().spec().conditional(),
    row(ADMISSION, "validatingwebhookconfigurations").any_finalizer().generation(WEBHOOKS).conditional(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_name_resources_that_exist_once() {
        for (i, row) in TABLE.iter().enumerate() {
            let known =
                keelson_api::resources().iter().find(|r| r.group == row.group && r.plural == row.plural);
            let resource = known.unwrap_or_else(|| panic!("{}/{} is no resource", row.group, row.plural));
            assert!(
                !TABLE[..i].iter().any(|r| (r.group, r.plural) == (row.group, row.plural)),
                "{row:?} twice"
            );
            let status = resource.subresources.iter().any(|s| s.name == "status");
            assert_eq!(status, row.status, "{}/{}: status", row.group, row.plural);
        }
        for resource in keelson_api::resources() {
            let row = Behaviour::of(&resource.storage_version.0, &resource.plural);
            let status = resource.subresources.iter().any(|s| s.name == "status");
            assert_eq!(status, row.status, "{}/{}: status", resource.group, resource.plural);
        }
    }
}
