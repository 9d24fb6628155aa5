//! storage.k8s.io.

mod csi_driver;
mod csi_node;
mod csi_storage_capacity;
mod storage_class;

mod volume_attachment;
mod volume_attributes_class;

use keelson_apimachinery::content::names::dns_subdomain;

use super::shared::names::refuse;
use super::{Errors, Node, Rules};

pub(super) const RULES: &[Rules] = &[
    csi_driver::RULES,
    csi_node::RULES,
    csi_storage_capacity::RULES,
    storage_class::RULES,
    volume_attachment::RULES,
    volume_attributes_class::RULES,
];

/// The longest name of a driver, in bytes.
const MAX_DRIVER: usize = 63;

/// The name of a CSI driver: a subdomain, in capitals or not.
pub(super) fn driver_name(at: &Node<'_>, errors: &mut Errors) {
    let name = at.text();
    if name.is_empty() {
        errors.push(at.required(""));
        return;
    }
    if name.len() > MAX_DRIVER {
        errors.push(at.too_long(MAX_DRIVER));
    }
    let lower = name.bytes().any(|c| c.is_ascii_uppercase()).then(|| name.to_lowercase());
    refuse(at, dns_subdomain(lower.as_deref().unwrap_or(name)), errors);
}

#[cfg(test)]
mod tests;
