//! PersistentVolume, and the spec of one that stands inside of a VolumeAttachment.
//!
//! Source: "Persistent volumes" in the Kubernetes documentation; upstream's `core/validation`.

mod shape;
mod sources;

use keelson_apimachinery::Value;
use keelson_apimachinery::content::names::{NameRule, dns_subdomain};
use keelson_apimachinery::field::{ErrorType, FieldError};

use super::persistent_volume_claim::{CLASS_ANNOTATION, VOLUME_MODES, access_modes, not_negative, positive};
use crate::validation::metadata::validate_again;
use crate::validation::shared::diff::json_diff;
use crate::validation::shared::immutable::IMMUTABLE;
use crate::validation::shared::names::{one_of, refuse};
use crate::validation::shared::node_labels::warn_of_expressions;
use crate::validation::shared::node_selector::node_selector;
use crate::validation::shared::render::{json, render};
use crate::validation::{Errors, Node, Rules, same};

pub(in crate::validation) use shape::SPEC as VOLUME_SPEC;

pub(super) const RULES: Rules =
    Rules::new("", "persistentvolumes", create, update).lenient_metadata(&[""]).warnings(warn);

const MOUNT_OPTIONS_ANNOTATION: &str = "volume.beta.kubernetes.io/mount-options";

const INLINE: &str = "may not be specified in the context of inline volumes";

/// The types of volumes that take mount options from an annotation.
const MOUNTED_WITH_OPTIONS: [&str; 13] = [
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "nfs",
    "rbd",
    "quobyte",
    "iscsi",
    "cinder",
    "cephfs",
    "azureFile",
    "vsphereVolume",
    "azureDisk",
    "photonPersistentDisk",
];

/// Where a spec stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::validation) struct Context<'a> {
    /// Whether it is that of an attachment, not of an object of its own.
    pub(in crate::validation) inline: bool,
    /// The object's name; empty for inline ones.
    pub(in crate::validation) name: &'a str,
    /// Whether values of node affinity that no label can have are let pass, as they were before.
    pub(in crate::validation) any_label_value: bool,
}

fn create(object: &Node<'_>, errors: &mut Errors) {
    whole(object, false, errors);
    mount_options(object, errors);
}

fn whole(object: &Node<'_>, any_label_value: bool, errors: &mut Errors) {
    let name = object.text_at(&["metadata", "name"]);
    volume_spec(&object.child("spec"), Context { inline: false, name, any_label_value }, errors);
}

fn mount_options(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    if MOUNTED_WITH_OPTIONS.iter().any(|source| spec.at(&[source]).is_some()) {
        return;
    }
    if object.at(&["metadata", "annotations", MOUNT_OPTIONS_ANNOTATION]).is_some() {
        let metadata = object.child("metadata");
        let annotations = metadata.child("annotations");
        let why = "may not specify mount options for this volume type";
        errors.push(annotations.child(MOUNT_OPTIONS_ANNOTATION).forbidden(why));
    }
}

/// What the spec of a volume must keep to.
pub(in crate::validation) fn volume_spec(spec: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    let modes = spec.child("accessModes");
    if context.inline {
        for member in ["claimRef", "capacity"] {
            let at = spec.child(member);
            let given = if member == "capacity" { !at.is_empty() } else { at.is_set() };
            if given {
                errors.push(at.forbidden(INLINE));
            }
        }
        let csi = spec.child("csi");
        if !csi.is_set() {
            errors.push(csi.required("has to be specified in the context of inline volumes"));
        }
    }
    if modes.array().is_empty() {
        errors.push(modes.required(""));
    }
    access_modes(&modes, errors);
    if !context.inline {
        capacity(&spec.child("capacity"), errors);
    }
    let policy = spec.child("persistentVolumeReclaimPolicy");
    if context.inline && !matches!(policy.text(), "" | "Retain") {
        errors.push(policy.forbidden("may only be Retain in the context of inline volumes"));
    } else if !context.inline && !policy.text().is_empty() {
        one_of(&policy, &["Delete", "Recycle", "Retain"], errors);
    }
    let affinity = spec.child("nodeAffinity");
    if affinity.is_set() {
        node_affinity(&affinity, context, errors);
    }
    sources::one(spec, context, errors);
    let root = spec.at(&["hostPath"]).is_some() && is_root(spec.child("hostPath").text_at(&["path"]));
    if root && policy.text() == "Recycle" {
        errors.push(policy.forbidden("may not be 'recycle' for a hostPath mount of '/'"));
    }
    classes(spec, context, errors);
}

fn capacity(capacity: &Node<'_>, errors: &mut Errors) {
    if capacity.is_empty() {
        errors.push(capacity.required(""));
    }
    if !capacity.key("storage").is_set() || capacity.len() > 1 {
        let why = "supported values: \"storage\"";
        errors.push(FieldError::new(ErrorType::NotSupported, capacity, Some(capacity.shown()), why));
    }
    for (_, amount) in capacity.entries() {
        not_negative(&amount, errors);
        positive(&amount, errors);
    }
}

fn node_affinity(affinity: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    let required = affinity.child("required");
    if context.inline {
        errors.push(affinity.forbidden(INLINE));
    } else if required.is_set() {
        node_selector(&required, context.any_label_value, errors);
    } else {
        errors.push(required.required("must specify required node constraints"));
    }
}

fn classes(spec: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    let (class, mode) = (spec.child("storageClassName"), spec.child("volumeMode"));
    if context.inline && !class.text().is_empty() {
        errors.push(class.forbidden(INLINE));
    } else if !class.text().is_empty() {
        refuse(&class, dns_subdomain(class.text()), errors);
    }
    if context.inline && mode.is_set() && mode.text() != "Filesystem" {
        let why = "may not specify volumeMode other than Filesystem in the context of inline volumes";
        errors.push(mode.forbidden(why));
    } else if !context.inline && mode.is_set() {
        one_of(&mode, &VOLUME_MODES, errors);
    }
    let attributes = spec.child("volumeAttributesClassName");
    // Attachments know no such classes.
    if context.inline || !attributes.is_set() {
        return;
    }
    if attributes.text().is_empty() {
        errors.push(attributes.required("an empty string is disallowed"));
    } else {
        refuse(&attributes, dns_subdomain(attributes.text()), errors);
    }
    let csi = spec.child("csi");
    if !csi.is_set() {
        errors.push(csi.required("has to be specified when using volumeAttributesClassName"));
    }
}

/// Whether a path leads to the root directory.
fn is_root(path: &str) -> bool {
    let mut depth = 0usize;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => depth = depth.saturating_sub(1),
            _ => depth += 1,
        }
    }
    path.starts_with('/') && depth == 0
}

/// The rules of new volumes come twice: upstream's strategy and its validation both ask for them.
fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let terms = old.array_at(&["spec", "nodeAffinity", "required", "nodeSelectorTerms"]);
    let any_label_value = sources::has_invalid_label_value(terms);
    validate_again(object, false, NameRule::Subdomain, errors);
    whole(object, any_label_value, errors);
    mount_options(object, errors);
    validate_again(object, false, NameRule::Subdomain, errors);
    whole(object, any_label_value, errors);
    let (spec, before) = (object.child("spec"), old.child("spec"));
    unchanged_source(&spec, &before, errors);
    let mode = spec.child("volumeMode");
    if !mode.same(&before.child("volumeMode")) {
        errors.push(Node::named("volumeMode", mode.value()).invalid(IMMUTABLE));
    }
    let (affinity, was) = (spec.child("nodeAffinity"), before.child("nodeAffinity"));
    if was.is_set() && !sources::same_but_for_ga_labels(affinity.value(), was.value()) {
        let place = Node::named("nodeAffinity", affinity.value());
        let why = format!("{IMMUTABLE}, except for updating from beta label to GA");
        errors.push(render(&place, &shape::NODE_AFFINITY).invalid(why));
    }
    let class = spec.child("volumeAttributesClassName");
    if before.at(&["volumeAttributesClassName"]).is_some() && !class.is_set() {
        errors.push(class.forbidden("update from non-nil value to nil is forbidden"));
    }
}

/// The source stays as it is, but for a secret to expand a CSI volume with where there was none.
fn unchanged_source(spec: &Node<'_>, before: &Node<'_>, errors: &mut Errors) {
    const EXPAND: &str = "controllerExpandSecretRef";
    let equal = |member: &str| same(spec.at(&[member]), before.at(&[member]));
    let changed: Vec<&str> = shape::sources().filter(|member| !equal(member)).collect();
    if changed.is_empty() {
        return;
    }
    let gains_secret = before.at(&["csi"]).is_some()
        && before.at(&["csi", EXPAND]).is_none()
        && spec.at(&["csi", EXPAND]).is_some();
    let stripped = spec.value().filter(|_| gains_secret).cloned().map(|mut spec| {
        let csi = spec.as_object_mut().and_then(|spec| spec.get_mut("csi"));
        if let Some(csi) = csi.and_then(Value::as_object_mut) {
            csi.remove(EXPAND);
        }
        spec
    });
    let now = stripped.as_ref().or(spec.value());
    let member = |of: Option<&Value>, name: &str| of.and_then(|value| value.get(name)).cloned();
    let differs = |name: &&str| !same(member(now, name).as_ref(), member(before.value(), name).as_ref());
    if !changed.iter().any(differs) {
        return;
    }
    let (was, is) = (json(before.value(), &shape::SOURCE), json(now, &shape::SOURCE));
    errors.push(FieldError::forbidden(
        "spec.persistentvolumesource",
        format!("spec.persistentvolumesource is immutable after creation\n{}", json_diff(&was, &is)),
    ));
}

fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let deprecated = [
        (CLASS_ANNOTATION, "deprecated since v1.8; use \"storageClassName\" attribute instead"),
        (MOUNT_OPTIONS_ANNOTATION, "deprecated since v1.31; use \"mountOptions\" attribute instead"),
    ];
    for (key, why) in deprecated {
        if object.at(&["metadata", "annotations", key]).is_some() {
            warnings.push(format!("metadata.annotations[{key}]: {why}"));
        }
    }
    let spec = object.child("spec");
    let policy = spec.child("persistentVolumeReclaimPolicy");
    if policy.text() == "Recycle" {
        warnings.push(format!(
            "{policy}: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic \
             provisioning."
        ));
    }
    let affinity = spec.child("nodeAffinity");
    let required = affinity.child("required");
    for term in required.child("nodeSelectorTerms").items() {
        warn_of_expressions(&term, warnings);
    }
    // The place of one of them is not written as its member is.
    let gone = [
        ("cephfs", "cephfs", "v1.28", "v1.31"),
        ("photonPersistentDisk", "photonPersistentDisk", "v1.11", "v1.16"),
        ("scaleIO", "scaleIO", "v1.16", "v1.22"),
        ("storageos", "storageOS", "v1.22", "v1.25"),
        ("glusterfs", "glusterfs", "v1.25", "v1.26"),
        ("rbd", "rbd", "v1.28", "v1.31"),
    ];
    for (member, name, deprecated, removed) in gone {
        if spec.at(&[member]).is_some() {
            warnings.push(format!("spec.{name}: deprecated in {deprecated}, non-functional in {removed}+"));
        }
    }
}
