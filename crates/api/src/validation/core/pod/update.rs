//! What an update of a pod may change: little, and that only in some directions.

use keelson_apimachinery::content::names::NameRule;
use keelson_apimachinery::content::numbers;
use keelson_apimachinery::field::FieldError;
use keelson_apimachinery::{Map, Text, Value};

use super::internal::{self, pod_spec_for_show};
use super::{PodOptions, annotations, scheduling, whole};
use crate::validation::metadata::validate_again;
use crate::validation::shared::diff::json_diff;
use crate::validation::shared::render::{json, render};
use crate::validation::{Errors, Node, same};

const UPDATABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
    `spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What all updates of pods and of their subresources but the status check.
pub(super) fn as_new(pod: &Node<'_>, old: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    validate_again(pod, true, NameRule::Subdomain, errors);
    whole(pod, options, errors);
    changed_annotations(pod, old, options, errors);
}

/// Annotations that may not change, and those of the new pod once more.
pub(super) fn changed_annotations(pod: &Node<'_>, old: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    let metadata = pod.child("metadata");
    let notes = metadata.child("annotations");
    annotations::updated(&notes, &old.child("metadata").child("annotations"), errors);
    annotations::of_pod(&notes, &pod.child("spec"), options, errors);
}

pub(super) fn update(pod: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let options = PodOptions::pod(Some(old));
    as_new(pod, old, &options, errors);
    let (spec, old_spec) = (pod.child("spec"), old.child("spec"));
    for list in ["containers", "initContainers"] {
        if !images(&spec.child(list), &old_spec.child(list), errors) {
            return;
        }
    }
    if !deadline(&spec, &old_spec, errors) {
        return;
    }
    let (tolerations, before) = (spec.child("tolerations"), old_spec.child("tolerations"));
    scheduling::added_tolerations(&tolerations, &before, &options, errors);
    scheduling::deleted_gates(&spec.child("schedulingGates"), &old_spec.child("schedulingGates"), errors);
    if !spec.same(&old_spec) {
        rest(&spec, &old_spec, errors);
    }
}

/// Says whether there are as many containers as before.
fn images(list: &Node<'_>, old: &Node<'_>, errors: &mut Errors) -> bool {
    if list.array().len() != old.array().len() {
        errors.push(list.forbidden("pod updates may not add or remove containers"));
        return false;
    }
    for container in list.items() {
        let image = container.child("image");
        if image.text().is_empty() {
            errors.push(image.required(""));
        }
        super::containers::image_spaces(&container, errors);
    }
    true
}

/// The deadline may come, and come nearer. Says whether to look further.
fn deadline(spec: &Node<'_>, old: &Node<'_>, errors: &mut Errors) -> bool {
    let (now, before) = (spec.child("activeDeadlineSeconds"), old.child("activeDeadlineSeconds"));
    match (now.int(), before.int()) {
        (Some(seconds), before) => {
            let max = i64::from(i32::MAX);
            let why = numbers::in_range(seconds, 0, max).or_else(|| {
                let why = "must be less than or equal to previous value";
                before.is_some_and(|before| before < seconds).then(|| why.to_owned())
            });
            errors.extend(why.iter().map(|why| now.invalid(why)));
            why.is_none()
        }
        (None, Some(_)) => {
            errors.push(now.invalid("must not update from a positive integer to nil value"));
            true
        }
        (None, None) => true,
    }
}

/// Refuses all other changes.
fn rest(spec: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (Some(new_members), Some(old_members)) = (spec.object(), old.object()) else { return };
    let mut munged = new_members.clone();
    for list in ["containers", "initContainers"] {
        let before = old.array_at(&[list]);
        let Some(Value::Array(containers)) = munged.get_mut(list) else { continue };
        for (container, before) in containers.iter_mut().zip(before) {
            if let Value::Object(container) = container {
                take(container, "image", before.get("image"));
            }
        }
    }
    for member in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        take(&mut munged, member, old_members.get(member));
    }
    let grace = old.child("terminationGracePeriodSeconds");
    let one = spec.child("terminationGracePeriodSeconds").int() == Some(1);
    if one && grace.int().is_some_and(|seconds| seconds < 0) {
        take(&mut munged, "terminationGracePeriodSeconds", grace.value());
    }
    if !old.child("schedulingGates").array().is_empty() {
        node_selector(spec, old, &mut munged, errors);
        node_affinity(spec, old, &mut munged, errors);
    }
    let munged = Value::Object(munged);
    if !same(Some(&munged), old.value()) {
        let text = json_diff(
            &pod_spec_for_show(Some(&Value::Object(old_members.clone()))),
            &pod_spec_for_show(Some(&munged)),
        );
        errors.push(spec.forbidden(format!("{UPDATABLE}\n{text}")));
    }
}

/// Sets a member as another object has it.
pub(super) fn take(map: &mut Map, member: &'static str, value: Option<&Value>) {
    match value {
        Some(value) => map.insert(Text::const_new(member), value.clone()),
        None => map.remove(member),
    };
}

/// The selector of a pod that waits may grow.
fn node_selector(spec: &Node<'_>, old: &Node<'_>, munged: &mut Map, errors: &mut Errors) {
    let (now, before) = (spec.child("nodeSelector"), old.child("nodeSelector"));
    if now.same(&before) {
        return;
    }
    if !before.entries().all(|(key, value)| now.key(key).opt_text() == Some(value.text())) {
        let why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        errors.push(now.invalid(why));
    }
    take(munged, "nodeSelector", before.value());
}

/// The required affinity of a pod that waits may get narrower, and its preferences may change.
fn node_affinity(spec: &Node<'_>, old: &Node<'_>, munged: &mut Map, errors: &mut Errors) {
    let (now, before) = (spec.child("affinity"), old.child("affinity"));
    let (of_nodes, old_of_nodes) = (now.child("nodeAffinity"), before.child("nodeAffinity"));
    if of_nodes.same(&old_of_nodes) {
        return;
    }
    narrower(&of_nodes, &old_of_nodes, errors);
    let others = now.child("podAffinity").is_set() || now.child("podAntiAffinity").is_set();
    if !now.is_set() && !old_of_nodes.is_set() {
        return;
    }
    if now.is_set() && !before.is_set() && !others {
        munged.remove("affinity");
        return;
    }
    let mut affinity = now.object().cloned().unwrap_or_default();
    take(&mut affinity, "nodeAffinity", old_of_nodes.value());
    munged.insert("affinity", affinity);
}

fn narrower(now: &Node<'_>, before: &Node<'_>, errors: &mut Errors) {
    let required = now.child(scheduling::REQUIRED);
    let terms = required.child("nodeSelectorTerms");
    let old_terms = before.array_at(&[scheduling::REQUIRED, "nodeSelectorTerms"]);
    if before.at(&[scheduling::REQUIRED]).is_none() || old_terms.is_empty() {
        return;
    }
    if old_terms.len() != terms.array().len() {
        let why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        errors.push(render(&terms, &internal::NODE_SELECTOR_TERMS).invalid(why));
        return;
    }
    for (term, old_term) in terms.items().zip(old_terms) {
        if !only_added(&term, &Node::root(old_term)) {
            let why = "only additions are allowed (no mutations or deletions)";
            errors.push(render(&term, &internal::NODE_SELECTOR_TERM).invalid(why));
        }
    }
}

fn only_added(term: &Node<'_>, old: &Node<'_>) -> bool {
    let lists = ["matchExpressions", "matchFields"];
    let empty = |of: &Node<'_>| lists.iter().all(|list| of.array_at(&[list]).is_empty());
    if empty(old) {
        return empty(term);
    }
    lists.iter().all(|list| {
        let (now, before) = (term.array_at(&[list]), old.array_at(&[list]));
        now.len() >= before.len() && now.iter().zip(before).all(|(a, b)| same(Some(a), Some(b)))
    })
}

/// Ephemeral containers may only be added.
pub(super) fn ephemeral_containers(pod: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let start = errors.len();
    as_new(pod, old, &PodOptions::pod(Some(old)), errors);
    if is_mirror(old) {
        errors.truncate(start);
        refuse_whole("static pods do not support ephemeral containers", errors);
        return;
    }
    let spec = pod.child("spec");
    let list = spec.child("ephemeralContainers");
    for before in old.array_at(&["spec", "ephemeralContainers"]) {
        let name = before.str_at(&["name"]);
        match list.array().iter().rfind(|now| now.str_at(&["name"]) == name) {
            None => {
                let why = format!("existing ephemeral containers {name:?} may not be removed\n");
                errors.push(list.forbidden(why));
            }
            Some(now) if !same(Some(now), Some(before)) => {
                let shown = |value| json(Some(value), &internal::EPHEMERAL_CONTAINER);
                let text = json_diff(&shown(before), &shown(now));
                let why = format!("existing ephemeral containers {name:?} may not be changed\n{text}");
                errors.push(list.forbidden(why));
            }
            Some(_) => {}
        }
    }
}

/// Whether a pod is the copy of one that a kubelet runs from a file.
pub(super) fn is_mirror(pod: &Node<'_>) -> bool {
    pod.at(&["metadata", "annotations", annotations::MIRROR]).is_some()
}

/// How errors call the object itself.
pub(super) const WHOLE: &str = "[]";

/// Refuses the object, and none of its fields.
pub(super) fn refuse_whole(why: &str, errors: &mut Errors) {
    errors.push(FieldError::forbidden(WHOLE, why));
}
