//! StatefulSet.

use keelson_apimachinery::{Map, Value};

use super::super::shared::int_or_percent::{at_most_all, number, positive};
use super::super::shared::numbers::{non_negative, non_negative_members};
use super::super::shared::render::{Shape, render};
use super::super::shared::selector;
use super::super::shared::workload::{
    collisions_grow, counts_within, generation_rose, required_selector, runs_forever, selects_template,
};
use super::super::shared::{claim_template, names, template};
use super::super::{Errors, Node, Rules};
use super::replica_set::warn_of_template;

pub(super) const RULES: Rules = Rules::new("apps", "statefulsets", create, update)
    .subresources(&[("status", update_status)])
    .warnings(warn);

const ROLLING_UPDATE: Shape = Shape::Struct(&[
    ("partition", "Partition", Shape::Int),
    ("maxUnavailable", "MaxUnavailable", Shape::Json),
]);

const STRATEGY: Shape = Shape::Struct(&[
    ("type", "Type", Shape::Text),
    ("rollingUpdate", "RollingUpdate", Shape::Pointer(&ROLLING_UPDATE)),
]);

/// The members of a spec that may change.
const MUTABLE: &[&str] = &[
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "ordinals",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
];

/// What is let pass on updates, as it can't be changed any more.
#[derive(Clone, Copy, Default)]
struct Leniency {
    update: bool,
    template: bool,
}

fn create(object: &Node<'_>, errors: &mut Errors) {
    check_spec(&object.child("spec"), None, Leniency::default(), errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let (spec, before) = (object.child("spec"), old.child("spec"));
    let mut leniency = Leniency { update: true, template: false };
    let mut wrong_before = Vec::new();
    check_spec(&before, Some(&before), leniency, &mut wrong_before);
    leniency.template = !wrong_before.is_empty();
    check_spec(&spec, Some(&before), leniency, errors);
    let fixed = |spec: &Node<'_>, other: &Node<'_>| {
        let members = spec.object().into_iter().flat_map(Map::keys);
        members.filter(|name| !MUTABLE.contains(name)).all(|name| spec.child(name).same(&other.child(name)))
    };
    if !fixed(&spec, &before) || !fixed(&before, &spec) {
        errors.push(spec.forbidden(
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
             'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
             'minReadySeconds' are forbidden",
        ));
    }
}

fn check_spec(spec: &Node<'_>, old: Option<&Node<'_>>, leniency: Leniency, errors: &mut Errors) {
    let policy = spec.child("podManagementPolicy");
    match policy.text() {
        "" => errors.push(policy.required("")),
        "OrderedReady" | "Parallel" => {}
        _ => errors.push(policy.invalid("must be 'OrderedReady' or 'Parallel'")),
    }
    strategy(&spec.child("updateStrategy"), errors);
    let retention = spec.child("persistentVolumeClaimRetentionPolicy");
    if retention.is_set() {
        names::one_of(&retention.child("whenDeleted"), &["Retain", "Delete"], errors);
        names::one_of(&retention.child("whenScaled"), &["Retain", "Delete"], errors);
    }
    if !leniency.update {
        for claim in spec.child("volumeClaimTemplates").items() {
            claim_template::check_spec(&claim.child("spec"), errors);
        }
    }
    non_negative_members(spec, &["replicas", "minReadySeconds"], errors);
    non_negative(&spec.child("ordinals").child("start"), errors);
    let service = spec.child("serviceName");
    if !leniency.update && !service.text().is_empty() {
        names::label(&service, errors);
    }
    let node = spec.child("selector");
    required_selector(&node, "empty selector is invalid for statefulset", errors);
    let template = spec.child("template");
    if selector::is_valid(&node) {
        selects_template(&node, &template, errors);
        let before = old.map(|old| old.child("template"));
        check_template(spec, &template, before.as_ref(), leniency, errors);
    } else {
        errors.push(selector::invalid(&node, ""));
    }
    runs_forever(&template, "StatefulSet", errors);
}

/// The template is checked as the controller will use it: with the claims' volumes, without the names that it
/// gives to each pod.
fn check_template(
    spec: &Node<'_>,
    template: &Node<'_>,
    old: Option<&Node<'_>>,
    leniency: Leniency,
    errors: &mut Errors,
) {
    let pod = template.child("spec");
    let claims = spec.child("volumeClaimTemplates");
    let named = |name: &str| !pod.child(name).text().is_empty();
    let changed =
        (!claims.is_empty() || named("subdomain") || named("hostname")).then(|| as_used(template, &claims));
    let template = changed.as_ref().map_or(*template, |value| template.with(Some(value)));
    if !leniency.template {
        template::check(&template, old, errors);
    }
    template::metadata(&template, errors);
}

fn as_used(template: &Node<'_>, claims: &Node<'_>) -> Value {
    let mut template = template.value().cloned().unwrap_or_else(|| Value::Object(Map::new()));
    let Some(Value::Object(pod)) = template.as_object_mut().and_then(|map| map.get_mut("spec")) else {
        return template;
    };
    pod.remove("subdomain");
    pod.remove("hostname");
    if claims.is_empty() {
        return template;
    }
    let name_of = |claim: &Node<'_>| claim.child("metadata").child("name").text().to_owned();
    let mut volumes: Vec<Value> = Vec::new();
    for name in claims.items().map(|claim| name_of(&claim)) {
        if volumes.iter().any(|volume| volume.str_at(&["name"]) == name) {
            continue;
        }
        let mut source = Map::new();
        source.insert("claimName", name.as_str());
        let mut volume = Map::new();
        volume.insert("name", name.as_str());
        volume.insert("persistentVolumeClaim", source);
        volumes.push(Value::Object(volume));
    }
    let claimed = volumes.len();
    if let Some(Value::Array(own)) = pod.remove("volumes") {
        for volume in own {
            if !volumes[..claimed].iter().any(|claim| claim.str_at(&["name"]) == volume.str_at(&["name"])) {
                volumes.push(volume);
            }
        }
    }
    pod.insert("volumes", volumes);
    template
}

fn strategy(strategy: &Node<'_>, errors: &mut Errors) {
    let rolling = strategy.child("rollingUpdate");
    match strategy.child("type").text() {
        "" => errors.push(strategy.required("")),
        "OnDelete" if rolling.is_set() => {
            let why = "only allowed for updateStrategy 'RollingUpdate'";
            errors.push(render(&rolling, &ROLLING_UPDATE).invalid(why));
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            non_negative(&rolling.child("partition"), errors);
            let unavailable = rolling.child("maxUnavailable");
            if unavailable.is_set() {
                positive(&unavailable, errors);
                if number(&unavailable) == 0 {
                    errors.push(unavailable.invalid("cannot be 0"));
                }
                at_most_all(&unavailable, errors);
            }
        }
        _ => errors.push(render(strategy, &STRATEGY).invalid("must be 'RollingUpdate' or 'OnDelete'")),
    }
}

fn update_status(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    let status = object.child("status");
    let counts = [
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ];
    non_negative_members(&status, &counts, errors);
    const WHY: &str = "cannot be greater than status.replicas";
    let limits = [
        ("readyReplicas", "replicas", WHY),
        ("currentReplicas", "replicas", WHY),
        ("updatedReplicas", "replicas", WHY),
        ("availableReplicas", "replicas", WHY),
        ("availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas"),
    ];
    counts_within(&status, &limits, errors);
    collisions_grow(&status, &old.child("status"), errors);
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if old.is_none_or(|old| generation_rose(object, old)) {
        warn_of_template(object, old, warnings);
    }
    let spec = object.child("spec");
    for claim in spec.child("volumeClaimTemplates").items() {
        // The warnings leave out the member `spec`; those of updates have upstream's name for it.
        let named = claim.child("Spec");
        let at = if old.is_none() { claim } else { named };
        claim_template::warn(&at.with(claim.child("spec").value()), warnings);
    }
    if spec.child("revisionHistoryLimit").int().is_some_and(|limit| limit < 0) {
        warnings.push(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is \
             recommended"
                .to_owned(),
        );
    }
}
