//! CSIStorageCapacity.

use keelson_apimachinery::content::names::{NameRule, dns_subdomain};

use crate::validation::metadata::validate_again;
use crate::validation::shared::immutable::{IMMUTABLE, immutable_text};
use crate::validation::shared::names::refuse;
use crate::validation::shared::node_labels::{deprecated, warn_of_expressions};
use crate::validation::shared::resources::quantity;
use crate::validation::shared::selector::{self, Leniency, is_valid, label_selector};
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules =
    Rules::new("storage.k8s.io", "csistoragecapacities", create, update).warnings(warn);

fn create(object: &Node<'_>, errors: &mut Errors) {
    rules(object, Leniency::default(), errors);
}

fn rules(object: &Node<'_>, leniency: Leniency, errors: &mut Errors) {
    label_selector(&object.child("nodeTopology"), leniency, errors);
    let class = object.child("storageClassName");
    refuse(&class, dns_subdomain(class.text()), errors);
    let capacity = object.child("capacity");
    if quantity(&capacity).is_negative() {
        errors.push(capacity.invalid("must be greater than or equal to 0"));
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    validate_again(object, true, NameRule::Subdomain, errors);
    let (topology, before) = (object.child("nodeTopology"), old.child("nodeTopology"));
    rules(object, Leniency { invalid_values: !is_valid(&before) }, errors);
    if !topology.same(&before) {
        errors.push(selector::invalid(&topology, IMMUTABLE));
    }
    immutable_text(&object.child("storageClassName"), &old.child("storageClassName"), errors);
}

fn warn(object: &Node<'_>, _: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let topology = object.child("nodeTopology");
    warn_of_expressions(&topology, warnings);
    for (key, _) in topology.child("matchLabels").entries() {
        warnings.extend(deprecated(key).map(|why| format!("nodeTopology.matchLabels.{key}: {why}")));
    }
}
