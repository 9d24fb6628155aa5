//! LimitRanger: containers get the default amounts of their namespace, and pods and claims keep within its
//! bounds.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::scalar::Quantity;
use keelson_apimachinery::{Map, Status, Text, Value};

use super::attributes::aggregate;
use super::objects::LIMIT_RANGES;
use super::pod::{self, Amounts};
use super::{Attributes, Objects, Operation, Phase, Plugin};

/// Says which amounts were defaults.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// Past this, thousandths don't fit 64 bits.
const MAX_MILLI: i64 = i64::MAX / 1000;

pub(super) struct LimitRanger {
    pub(super) objects: Arc<dyn Objects>,
}

impl LimitRanger {
    /// The limit ranges that count for this write: none for an object that is being deleted.
    async fn limit_ranges(&self, attributes: &Attributes<'_>) -> Result<Vec<Arc<Object>>, Status> {
        if attributes.old.is_some_and(|old| old.deletion_timestamp().is_some()) {
            return Ok(Vec::new());
        }
        self.objects.list(LIMIT_RANGES, attributes.namespace).await
    }
}

#[async_trait]
impl Plugin for LimitRanger {
    fn concerns(&self, phase: Phase, attributes: &Attributes<'_>) -> bool {
        if attributes.is_any("", "pods") {
            return match attributes.subresource {
                // Containers change in their resources alone, and not but by `resize`.
                "" => attributes.operation == Operation::Create,
                "resize" => attributes.operation == Operation::Update,
                _ => false,
            };
        }
        phase == Phase::Validate && attributes.writes() && attributes.is("", "persistentvolumeclaims")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut Object>) -> Result<(), Status> {
        let Some(pod) = object else { return Ok(()) };
        for range in self.limit_ranges(attributes).await? {
            set_defaults(pod, &range);
        }
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let Some(object) = object else { return Ok(()) };
        for range in self.limit_ranges(attributes).await? {
            let mut wrong = Vec::new();
            for limit in pod::spec_list(&range, "limits") {
                match attributes.resource {
                    "pods" => check_pod(object, limit, &mut wrong),
                    _ => check_claim(object, limit, &mut wrong),
                }
            }
            if !wrong.is_empty() {
                return Err(attributes.forbidden(Some(object), aggregate(&wrong)));
            }
        }
        Ok(())
    }
}

/// Gives containers the default requests and limits of a range, and notes which.
fn set_defaults(pod: &mut Object, range: &Object) {
    let (mut requests, mut limits) = (Map::new(), Map::new());
    let of_containers =
        pod::spec_list(range, "limits").iter().filter(|limit| limit.str_at(&["type"]) == "Container");
    for limit in of_containers {
        for (key, into) in [("defaultRequest", &mut requests), ("default", &mut limits)] {
            for (name, amount) in limit.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter) {
                into.insert(name, amount.clone());
            }
        }
    }
    if requests.is_empty() && limits.is_empty() {
        return;
    }
    let mut notes = Vec::new();
    for (list, what) in [("containers", "container"), ("initContainers", "init container")] {
        for container in pod::containers_mut(pod::spec_mut(pod), list) {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let resources = pod::member_mut(container, "resources");
            for (key, defaults, word) in [("requests", &requests, "request"), ("limits", &limits, "limit")] {
                let set = fill(resources, key, defaults);
                if !set.is_empty() {
                    notes.push(format!("{} {word} for {what} {name}", set.join(", ")));
                }
            }
        }
    }
    if !notes.is_empty() {
        let text = format!("LimitRanger plugin set: {}", notes.join("; "));
        pod.set_annotation(ANNOTATION, Some(&text));
    }
}

/// Sets those defaults that a map lacks; returns their names.
fn fill(resources: &mut Map, key: &'static str, defaults: &Map) -> Vec<String> {
    let given = resources.get(key).and_then(Value::as_object);
    let missing = |name: &str| given.is_none_or(|given| !given.contains_key(name));
    let missing: Vec<(Text, Value)> = defaults
        .iter()
        .filter(|(name, _)| missing(name))
        .map(|(name, amount)| (name.into(), amount.clone()))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let names = missing.iter().map(|(name, _)| name.to_string()).collect();
    let amounts = pod::member_mut(resources, key);
    for (name, amount) in missing {
        amounts.insert(name, amount);
    }
    names
}

fn check_pod(pod: &Object, limit: &Value, wrong: &mut Vec<String>) {
    match limit.str_at(&["type"]) {
        "Container" => {
            let containers = pod::spec_list(pod, "containers").iter();
            for container in containers.chain(pod::spec_list(pod, "initContainers")) {
                let amounts = |kind| pod::amounts(container.at(&["resources", kind]));
                check_amounts(limit, &amounts("requests"), &amounts("limits"), wrong);
            }
        }
        "Pod" => {
            let total = |kind| pod::total(pod, kind, |name| matches!(name, "cpu" | "memory"));
            check_amounts(limit, &total("requests"), &total("limits"), wrong);
        }
        _ => {}
    }
}

fn check_claim(claim: &Object, limit: &Value, wrong: &mut Vec<String>) {
    if limit.str_at(&["type"]) != "PersistentVolumeClaim" {
        return;
    }
    let requests = pod::amounts(claim.at(&["spec", "resources", "requests"]));
    for (name, bound) in pod::amounts(limit.get("min")) {
        wrong.extend(below(limit, &name, &bound, &requests, &Amounts::new()));
    }
    for (name, bound) in pod::amounts(limit.get("max")) {
        let over = format!("maximum {name} usage per {} is {bound}", limit.str_at(&["type"]));
        match requests.get(&name) {
            None => wrong.push(format!("{over}.  No request is specified")),
            Some(request) if compared(request, &bound).0 > compared(request, &bound).1 => {
                wrong.push(format!("{over}, but request is {request}"));
            }
            Some(_) => {}
        }
    }
}

fn check_amounts(limit: &Value, requests: &Amounts, limits: &Amounts, wrong: &mut Vec<String>) {
    for (name, bound) in pod::amounts(limit.get("min")) {
        wrong.extend(below(limit, &name, &bound, requests, limits));
    }
    for (name, bound) in pod::amounts(limit.get("max")) {
        wrong.extend(above(limit, &name, &bound, requests, limits));
    }
    for (name, bound) in pod::amounts(limit.get("maxLimitRequestRatio")) {
        wrong.extend(ratio(limit, &name, &bound, requests, limits));
    }
}

/// Two amounts as numbers that compare: thousandths, where both fit.
fn compared(amount: &Quantity, bound: &Quantity) -> (i64, i64) {
    let (a, b) = (amount.value(), bound.value());
    if a <= MAX_MILLI && b <= MAX_MILLI { (amount.milli_value(), bound.milli_value()) } else { (a, b) }
}

fn below(
    limit: &Value,
    name: &str,
    bound: &Quantity,
    requests: &Amounts,
    limits: &Amounts,
) -> Option<String> {
    let text = format!("minimum {name} usage per {} is {bound}", limit.str_at(&["type"]));
    let less = |amount: &&Quantity| {
        let (amount, bound) = compared(amount, bound);
        amount < bound
    };
    let Some(request) = requests.get(name) else { return Some(format!("{text}.  No request is specified")) };
    if less(&request) {
        return Some(format!("{text}, but request is {request}"));
    }
    limits.get(name).filter(less).map(|limit| format!("{text}, but limit is {limit}"))
}

fn above(
    limit: &Value,
    name: &str,
    bound: &Quantity,
    requests: &Amounts,
    limits: &Amounts,
) -> Option<String> {
    let text = format!("maximum {name} usage per {} is {bound}", limit.str_at(&["type"]));
    let more = |amount: &&Quantity| {
        let (amount, bound) = compared(amount, bound);
        amount > bound
    };
    let Some(limit) = limits.get(name) else { return Some(format!("{text}.  No limit is specified")) };
    if more(&limit) {
        return Some(format!("{text}, but limit is {limit}"));
    }
    requests.get(name).filter(more).map(|request| format!("{text}, but request is {request}"))
}

fn ratio(
    limit: &Value,
    name: &str,
    bound: &Quantity,
    requests: &Amounts,
    limits: &Amounts,
) -> Option<String> {
    let text = format!("{name} max limit to request ratio per {} is {bound}", limit.str_at(&["type"]));
    let (request, limit) = (requests.get(name), limits.get(name));
    let Some(request) = request.filter(|request| !request.is_zero()) else {
        return Some(format!("{text}, but no request is specified or request is 0"));
    };
    let Some(limit) = limit.filter(|limit| !limit.is_zero()) else {
        return Some(format!("{text}, but no limit is specified or limit is 0"));
    };
    let (limit, request) = compared(limit, request);
    let observed = limit as f64 / request as f64;
    let (compared, most) = match bound.value() {
        whole if whole <= MAX_MILLI => (observed * 1000.0, bound.milli_value() as f64),
        whole => (observed, whole as f64),
    };
    (compared > most).then(|| format!("{text}, but provided ratio is {observed:.6}"))
}
