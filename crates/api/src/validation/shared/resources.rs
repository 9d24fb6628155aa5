//! Names of resources (`cpu`, `example.com/gpu`) and amounts of them.
//!
//! Source: "Resource management for pods and containers" in the Kubernetes documentation; upstream's
//! `core/helper` and `core/validation`.

use keelson_apimachinery::content::names;
use keelson_apimachinery::scalar::Quantity;

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
