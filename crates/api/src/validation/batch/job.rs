//! Job, and the rules for a job's spec that CronJob has, too.

use keelson_apimachinery::content::names::dns_label;
use keelson_apimachinery::{Map, Value};

use super::super::shared::immutable::{IMMUTABLE, immutable};
use super::super::shared::numbers::{int, non_negative_members};
use super::super::shared::render::{Shape, render};
use super::super::shared::selector::{self, Leniency, SELECTOR};
use super::super::shared::workload::{
    generation_rose, immutable_selector, pod_name_warning, selects_template,
};
use super::super::shared::{names, template};
use super::super::{Errors, Node, Rules, same};
use super::{job_status, pod_failure_policy, success_policy};

pub(super) const RULES: Rules = Rules::new("batch", "jobs", create, update)
    .subresources(&[("status", job_status::update)])
    .warnings(warn);

/// How many pods of an indexed job may run at once, how many indexes may fail.
const MAX_INDEXED: i64 = 100_000;

/// The same, for jobs of more completions than [`MAX_INDEXED`] with a backoff limit per index.
const MAX_INDEXED_MANY: i64 = 10_000;

const MAX_MANAGED_BY: usize = 63;

const LEGACY_UID: &str = "controller-uid";
const LEGACY_NAME: &str = "job-name";
const UID: &str = "batch.kubernetes.io/controller-uid";
const NAME: &str = "batch.kubernetes.io/job-name";

fn create(object: &Node<'_>, errors: &mut Errors) {
    check_job(object, None, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    check_job(object, Some(old), errors);
    let (spec, before) = (object.child("spec"), old.child("spec"));
    check_spec(&spec, Some(&before), errors);
    completions(&spec, &before, errors);
    immutable_selector(&spec.child("selector"), &before.child("selector"), errors);
    template_update(&spec, old, errors);
    let fixed = [
        ("completionMode", &Shape::Json),
        ("podFailurePolicy", &Shape::Pointer(&pod_failure_policy::SHAPE)),
        ("backoffLimitPerIndex", &Shape::Json),
        ("managedBy", &Shape::Json),
        ("successPolicy", &Shape::Pointer(&success_policy::SHAPE)),
    ];
    for (name, shape) in fixed {
        let node = spec.child(name);
        if !node.same(&before.child(name)) {
            errors.push(render(&node, shape).invalid(IMMUTABLE));
        }
    }
}

fn check_job(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let spec = object.child("spec");
    let before = old.map(|old| old.child("spec"));
    generated_selector(object, before.as_ref(), errors);
    check_spec(&spec, before.as_ref(), errors);
    let completions = int(&spec.child("completions"));
    if spec.child("completionMode").text() == "Indexed" && completions > 0 {
        let metadata = object.child("metadata");
        let name = metadata.child("name");
        let host = format!("{}-{}", name.text(), completions - 1);
        if !dns_label(&host).is_empty() {
            let why = format!("will not able to create pod with invalid DNS label: {host}");
            errors.push(name.invalid_text(name.text(), why));
        }
    }
}

/// Where the server made the selector, labels and selector must be those that it makes.
fn generated_selector(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let (spec, metadata) = (object.child("spec"), object.child("metadata"));
    let node = spec.child("selector");
    if spec.child("manualSelector").is_true() || !node.is_set() {
        return;
    }
    let (uid, name) = (metadata.child("uid").text(), metadata.child("name").text());
    if uid.is_empty() {
        errors.push(metadata.child("uid").required(""));
    }
    let prefixed = old.is_none_or(|old| {
        let template = old.child("template");
        let metadata = template.child("metadata");
        let labels = metadata.child("labels");
        labels.key(NAME).is_set() && labels.key(UID).is_set()
    });
    let template = spec.child("template");
    let template_metadata = template.child("metadata");
    let labels = template_metadata.child("labels");
    let expected = [(LEGACY_UID, uid), (LEGACY_NAME, name), (UID, uid), (NAME, name)];
    let expected = &expected[..if prefixed { 4 } else { 2 }];
    for (key, value) in expected {
        let label = labels.key(key);
        match label.opt_text() {
            None => errors.push(label.required(format!("must be '{value}'"))),
            Some(text) if text != *value => {
                errors.push(label.with(labels.value()).invalid(format!("must be '{value}'")));
            }
            Some(_) => {}
        }
    }
    let label = |key: &str| expected.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    if selector::is_valid(&node) && !selector::matches(&node, label) {
        errors.push(selector::invalid(&node, "`selector` not auto-generated"));
    }
}

fn check_spec(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    check_template_spec(spec, old, errors);
    let node = spec.child("selector");
    if node.is_set() {
        let invalid_values = old.is_some_and(|old| selector::has_invalid_values(&old.child("selector")));
        selector::label_selector(&node, Leniency { invalid_values }, errors);
    } else {
        errors.push(node.required(""));
    }
    if selector::is_valid(&node) {
        selects_template(&node, &spec.child("template"), errors);
    }
}

/// Checks all of a job's spec but its selector: what a job template has, too.
pub(super) fn check_template_spec(spec: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    non_negative_members(spec, &counts, errors);
    let limit = spec.child("backoffLimitPerIndex");
    if spec.child("maxFailedIndexes").is_set() && !limit.is_set() {
        errors.push(limit.required("when maxFailedIndexes is specified"));
    }
    let managed_by = spec.child("managedBy");
    if managed_by.is_set() {
        names::domain_prefixed_path(&managed_by, errors);
        if managed_by.text().len() > MAX_MANAGED_BY {
            errors.push(managed_by.too_long(MAX_MANAGED_BY));
        }
    }
    completion_mode(spec, errors);
    let policy = spec.child("podFailurePolicy");
    if policy.is_set() {
        pod_failure_policy::check(&policy, spec, errors);
    }
    let success = spec.child("successPolicy");
    if success.is_set() {
        if spec.child("completionMode").text() == "Indexed" {
            success_policy::check(&success, spec, errors);
        } else {
            errors.push(render(&success, &success_policy::SHAPE).invalid("requires indexed completion mode"));
        }
    }
    let replacement = spec.child("podReplacementPolicy");
    if replacement.is_set() {
        let supported: &[&str] =
            if policy.is_set() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
        names::one_of(&replacement, supported, errors);
    }
    let template = spec.child("template");
    let before = old.map(|old| old.child("template"));
    template::check(&template, before.as_ref(), errors);
    restart_policy(&template, policy.is_set(), errors);
}

fn restart_policy(template: &Node<'_>, failure_policy: bool, errors: &mut Errors) {
    let pod = template.child("spec");
    let node = pod.child("restartPolicy");
    match node.text() {
        "Always" | "" => errors.push(node.required("valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if failure_policy => {
            errors.push(node.invalid("only \"Never\" is supported when podFailurePolicy is specified"));
        }
        "OnFailure" | "Never" => {}
        _ => errors.push(node.not_supported(&["OnFailure", "Never"])),
    }
}

fn completion_mode(spec: &Node<'_>, errors: &mut Errors) {
    let mode = spec.child("completionMode");
    let (limit, failed) = (spec.child("backoffLimitPerIndex"), spec.child("maxFailedIndexes"));
    match mode.opt_text() {
        None | Some("NonIndexed") => {
            for node in [limit, failed].into_iter().filter(Node::is_set) {
                errors.push(node.invalid("requires indexed completion mode"));
            }
        }
        Some("Indexed") => indexed(spec, errors),
        Some(_) => errors.push(mode.not_supported(&["NonIndexed", "Indexed"])),
    }
}

fn indexed(spec: &Node<'_>, errors: &mut Errors) {
    let completions = spec.child("completions");
    let (parallelism, failed) = (spec.child("parallelism"), spec.child("maxFailedIndexes"));
    if !completions.is_set() {
        errors.push(completions.required("when completion mode is Indexed"));
    }
    let over = |node: &Node<'_>, limit: i64| node.int().is_some_and(|number| number > limit);
    if over(&parallelism, MAX_INDEXED) {
        errors.push(
            parallelism.invalid(format!(
                "must be less than or equal to {MAX_INDEXED} when completion mode is Indexed"
            )),
        );
    }
    if completions.int().is_some_and(|completions| over(&failed, completions)) {
        errors.push(failed.invalid("must be less than or equal to completions"));
    }
    if over(&failed, MAX_INDEXED) {
        errors.push(failed.invalid(format!("must be less than or equal to {MAX_INDEXED}")));
    }
    if over(&completions, MAX_INDEXED) && spec.child("backoffLimitPerIndex").is_set() {
        if !failed.is_set() {
            errors
                .push(failed.required(format!("must be specified when completions is above {MAX_INDEXED}")));
        }
        for node in [parallelism, failed].iter().filter(|node| over(node, MAX_INDEXED_MANY)) {
            errors.push(node.invalid(format!(
                "must be less than or equal to {MAX_INDEXED_MANY} when completions are above {MAX_INDEXED} and \
                 used with backoff limit per index"
            )));
        }
    }
}

/// Completions of an indexed job may change with its parallelism, those of others can't.
fn completions(spec: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (now, before) = (spec.child("completions"), old.child("completions"));
    if spec.child("completionMode").text() != "Indexed" {
        immutable(&now, &before, errors);
    } else if now.is_set() && !now.same(&before) && now.int() != spec.child("parallelism").int() {
        errors.push(now.invalid("can only be modified in tandem with spec.parallelism"));
    }
}

/// The template can't change but while the job is suspended and has no pods: then what says where pods run,
/// and what their containers need, may.
fn template_update(spec: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (before, status) = (old.child("spec"), old.child("status"));
    let (template, old_template) = (spec.child("template"), before.child("template"));
    let suspended = before.child("suspend").is_true();
    let idle = !status.child("startTime").is_set() || job_status::is_true(&status, "Suspended");
    if !(suspended && idle && int(&status.child("active")) == 0) {
        immutable(&template, &old_template, errors);
        return;
    }
    let new_pod = template.child("spec");
    let allowed = with_changes(&old_template, &template);
    if !same(new_pod.value(), allowed.get("spec")) {
        errors.push(new_pod.invalid(IMMUTABLE));
    }
}

/// The old template with what may change as the new one has it.
fn with_changes(old: &Node<'_>, new: &Node<'_>) -> Value {
    let mut template = old.value().cloned().unwrap_or_else(|| Value::Object(Map::new()));
    let new_pod = new.child("spec");
    let Some(Value::Object(pod)) = template.as_object_mut().and_then(|map| map.get_mut("spec")) else {
        return template;
    };
    for name in ["nodeSelector", "tolerations", "schedulingGates"] {
        copy(pod, name, new_pod.child(name).value());
    }
    let new_affinity = new_pod.child("affinity");
    let mut affinity = pod.remove("affinity").unwrap_or_else(|| Value::Object(Map::new()));
    if let Value::Object(map) = &mut affinity {
        copy(map, "nodeAffinity", new_affinity.child("nodeAffinity").value());
    }
    if new_affinity.is_set() || !affinity.as_object().is_some_and(Map::is_empty) {
        pod.insert("affinity", affinity);
    }
    for name in ["containers", "initContainers"] {
        let new_containers = new_pod.child(name);
        let Some(Value::Array(list)) = pod.get_mut(name) else { continue };
        if list.len() != new_containers.len() {
            continue;
        }
        for (container, new) in list.iter_mut().zip(new_containers.items()) {
            if container.str_at(&["name"]) == new.child("name").text()
                && let Value::Object(container) = container
            {
                copy(container, "resources", new.child("resources").value());
            }
        }
    }
    template
}

fn copy(map: &mut Map, name: &'static str, value: Option<&Value>) {
    match value {
        Some(value) => map.insert(name, value.clone()),
        None => map.remove(name),
    };
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if old.is_none() {
        pod_name_warning(object, warnings);
    }
    if old.is_none_or(|old| generation_rose(object, old)) {
        let before = old.map(|old| old.child("spec"));
        warn_of_spec(&object.child("spec"), before.as_ref(), warnings);
    }
}

/// Warns of what is in a job's spec.
pub(super) fn warn_of_spec(spec: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if spec.child("completionMode").text() == "Indexed"
        && int(&spec.child("completions")) > MAX_INDEXED
        && int(&spec.child("parallelism")) > MAX_INDEXED_MANY
    {
        warnings.push(format!(
            "{spec}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than \
             10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ));
    }
    let before = old.map(|old| old.child("template"));
    template::warn(&spec.child("template"), before.as_ref(), warnings);
}

/// Refuses what a job template can't have: a selector of its own.
pub(super) fn no_selector(spec: &Node<'_>, errors: &mut Errors) {
    let (node, manual) = (spec.child("selector"), spec.child("manualSelector"));
    if node.is_set() {
        errors.push(render(&node, &SELECTOR).invalid("`selector` will be auto-generated"));
    }
    if manual.is_true() {
        errors.push(render(&manual, &Shape::Flag).not_supported(&["nil", "false"]));
    }
}
