//! Names of resources (`cpu`, `example.com/gpu`) and amounts of them.
//!
//! Source: "Resource management for pods and containers" in the Kubernetes documentation; upstream's
//! `core/helper` and `core/validation`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use keelson_apimachinery::content::names;
use keelson_apimachinery::field::{ErrorType, FieldError, quote};
use keelson_apimachinery::scalar::Quantity;

use super::names::label;
use super::seen::Seen;
use crate::validation::{Errors, Node};

/// What names of huge pages begin with; their size follows.
pub(crate) const HUGE_PAGES: &str = "hugepages-";

const REQUESTS: &str = "requests.";
const REQUESTS_HUGE_PAGES: &str = "requests.hugepages-";

/// Whether Kubernetes itself defines a resource.
pub(crate) fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether others define a resource, which is counted in whole numbers.
pub(crate) fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with(REQUESTS)
        && names::qualified_name(&format!("{REQUESTS}{name}")).is_empty()
}

/// Whether a resource is one of the kinds of huge pages.
pub(crate) fn is_huge_pages(name: &str) -> bool {
    name.starts_with(HUGE_PAGES)
}

/// Whether limits may be above requests.
pub(crate) fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_pages(name)
}

/// Whether a name without a domain is one that resources may have somewhere.
pub(crate) fn is_standard(name: &str) -> bool {
    is_huge_pages(name)
        || name.starts_with(REQUESTS_HUGE_PAGES)
        || matches!(name, "storage" | "requests.storage")
        || is_compute(name)
        || is_counted(name)
}

fn is_compute(name: &str) -> bool {
    let name = name.strip_prefix(REQUESTS).or_else(|| name.strip_prefix("limits.")).unwrap_or(name);
    matches!(name, "cpu" | "memory" | "ephemeral-storage")
}

fn is_counted(name: &str) -> bool {
    matches!(
        name,
        "pods"
            | "resourcequotas"
            | "services"
            | "replicationcontrollers"
            | "secrets"
            | "configmaps"
            | "persistentvolumeclaims"
            | "services.nodeports"
            | "services.loadbalancers"
    )
}

/// Whether containers may ask for a resource without a domain.
pub(crate) fn is_standard_of_containers(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge_pages(name)
}

/// The amount that stands at a place; 0 where there is none.
pub(crate) fn quantity(at: &Node<'_>) -> Quantity {
    Quantity::parse(at.text()).unwrap_or_default()
}

/// A resource's name, which stands as a key at `at`. Says whether it is fine.
pub(crate) fn resource_name(name: &str, at: &Node<'_>, errors: &mut Errors) -> bool {
    let before = errors.len();
    errors.extend(names::qualified_name(name).into_iter().map(|text| at.invalid_text(name, text)));
    if errors.len() == before && !name.contains('/') && !is_standard(name) {
        errors.push(at.invalid_text(name, "must be a standard resource type or fully qualified"));
    }
    errors.len() == before
}

/// The name of a resource that a container asks for.
pub(crate) fn container_resource_name(name: &str, at: &Node<'_>, errors: &mut Errors) {
    if matches!(name, "cpu" | "memory" | "ephemeral-storage") {
        return;
    }
    resource_name(name, at, errors);
    if !name.contains('/') {
        if !is_standard_of_containers(name) {
            errors.push(at.invalid_text(name, "must be a standard resource for containers"));
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.push(at.invalid_text(name, "doesn't follow extended resource name standard"));
    }
}

/// The name of a resource that a pod asks for as a whole.
pub(crate) fn pod_resource_name(name: &str, at: &Node<'_>, errors: &mut Errors) {
    if matches!(name, "cpu" | "memory") || !resource_name(name, at, errors) || is_huge_pages(name) {
        return;
    }
    errors.push(FieldError::not_supported(at, name, &["cpu", HUGE_PAGES, "memory"]));
}

/// An amount of a resource: not negative, and whole where the resource is counted.
pub(crate) fn resource_quantity(name: &str, at: &Node<'_>, errors: &mut Errors) {
    if at.text().starts_with('-') && quantity(at).is_negative() {
        errors.push(at.invalid("must be greater than or equal to 0"));
    }
    let counted = is_counted(name) || (name.contains('/') && is_extended(name));
    if counted && quantity(at).milli_value() % 1000 != 0 {
        errors.push(at.invalid("must be an integer"));
    }
}

/// Whether an amount of huge pages is a multiple of their size.
pub(crate) fn is_divisible(name: &str, amount: &Quantity) -> bool {
    let size = name.strip_prefix(HUGE_PAGES).and_then(|size| Quantity::parse(size).ok());
    let Some(size) = size.filter(|s| !s.is_zero() && !s.is_negative() && s.milli_value() % 1000 == 0) else {
        return false;
    };
    amount.value().checked_rem(size.value()) == Some(0)
}

/// What the rules for requests and limits depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequirementOptions<'a> {
    /// Amounts of huge pages that are no multiple of their size are tolerated.
    pub(crate) indivisible_huge_pages: bool,
    /// The names of the pod's `resourceClaims`, where it has some.
    pub(in crate::validation) pod_claims: Option<&'a Seen<'a>>,
}

/// `ResourceRequirements`. `name` checks the resources' names.
pub(crate) fn requirements(
    of: &Node<'_>,
    name: fn(&str, &Node<'_>, &mut Errors),
    options: RequirementOptions<'_>,
    errors: &mut Errors,
) {
    if !of.is_set() {
        return;
    }
    let (limits, requests) = (of.child("limits"), of.child("requests"));
    let (mut compute, mut huge) = (false, false);
    let mut amount = |resource: &str, at: &Node<'_>, errors: &mut Errors| {
        compute |= matches!(resource, "cpu" | "memory");
        huge |= is_huge_pages(resource);
        name(resource, at, errors);
        resource_quantity(resource, at, errors);
    };
    for (resource, at) in limits.entries() {
        amount(resource, &at, errors);
        huge_pages(resource, &at, options, errors);
    }
    for (resource, at) in requests.entries() {
        amount(resource, &at, errors);
        within_limit(resource, &at, &requests, &limits, errors);
        huge_pages(resource, &at, options, errors);
    }
    if huge && !compute {
        errors.push(of.forbidden("HugePages require cpu or memory"));
    }
    claims(&of.child("claims"), options.pod_claims, errors);
}

fn huge_pages(resource: &str, at: &Node<'_>, options: RequirementOptions<'_>, errors: &mut Errors) {
    if is_huge_pages(resource) && !options.indivisible_huge_pages && !is_divisible(resource, &quantity(at)) {
        errors.push(at.invalid(format!("{} is not positive integer multiple of {resource}", at.text())));
    }
}

fn within_limit(
    resource: &str,
    request: &Node<'_>,
    requests: &Node<'_>,
    limits: &Node<'_>,
    errors: &mut Errors,
) {
    let limit = limits.key(resource);
    if !limit.is_set() {
        if !may_overcommit(resource) {
            errors.push(limits.required("Limit must be set for non overcommitable resources"));
        }
        return;
    }
    if request.text() == limit.text() {
        return;
    }
    let order = quantity(request).cmp(&quantity(&limit));
    let relation = match order {
        Ordering::Equal => return,
        _ if !may_overcommit(resource) => "equal to",
        Ordering::Greater => "less than or equal to",
        Ordering::Less => return,
    };
    let why = format!("must be {relation} {resource} limit of {}", limit.text());
    errors.push(requests.invalid_text(request.text(), why));
}

/// The claims that a container uses: each, or each request of it, once, and all claims of the pod.
fn claims(claims: &Node<'_>, of_pod: Option<&Seen<'_>>, errors: &mut Errors) {
    let keys: Vec<(&str, &str, String)> = claims
        .array()
        .iter()
        .map(|claim| {
            let (name, request) = (claim.str_at(&["name"]), claim.str_at(&["request"]));
            (name, request, if request.is_empty() { name.to_owned() } else { format!("{name}/{request}") })
        })
        .collect();
    let mut seen = Seen::default();
    let mut parts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (claim, (name, request, key)) in claims.items().zip(&keys) {
        if name.is_empty() {
            errors.push(claim.required(""));
            continue;
        }
        if seen.contains(name) {
            errors.push(claim.duplicate_text(name));
        } else {
            if !request.is_empty() {
                label(&claim.child("request"), errors);
            }
            if seen.contains(key) {
                errors.push(claim.duplicate_text(key));
            } else if request.is_empty() {
                let overlaps = parts.get(name).map_or(0, BTreeSet::len);
                errors.extend((0..overlaps).map(|_| claim.duplicate_text(name)));
            } else {
                parts.entry(name).or_default().insert(request);
            }
            seen.insert(key);
        }
        if !of_pod.is_some_and(|names| names.contains(name)) {
            errors.push(unknown_claim(&claim, name, of_pod));
        }
    }
}

fn unknown_claim(claim: &Node<'_>, name: &str, of_pod: Option<&Seen<'_>>) -> FieldError {
    let known: Vec<&str> = of_pod.map(Seen::sorted).unwrap_or_default();
    let end = if known.is_empty() { " which is empty".to_owned() } else { format!(": {}", known.join(", ")) };
    let why = format!("must be one of the names in pod.spec.resourceClaims{end}");
    FieldError::new(ErrorType::NotFound, claim, Some(quote(name)), why)
}
