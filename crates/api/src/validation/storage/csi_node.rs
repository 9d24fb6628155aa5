//! CSINode.

use keelson_apimachinery::Value;
use keelson_apimachinery::content::names::{NameRule, qualified_name};

use super::driver_name;
use crate::validation::metadata::validate_again;
use crate::validation::shared::immutable::IMMUTABLE;
use crate::validation::shared::numbers::non_negative;
use crate::validation::shared::render::{Shape, render};
use crate::validation::{Errors, Node, Rules, same};

pub(super) const RULES: Rules =
    Rules::new("storage.k8s.io", "csinodes", create, update).lenient_metadata(&[""]);

/// The longest name that a driver has for a node, in bytes.
const MAX_NODE_ID: usize = 256;

/// A driver without its volume limits, which may change: that is what errors show.
const DRIVER: Shape = Shape::Struct(&[
    ("name", "Name", Shape::Text),
    ("nodeID", "NodeID", Shape::Text),
    ("topologyKeys", "TopologyKeys", Shape::Json),
    ("", "Allocatable", Shape::Json),
]);

fn create(object: &Node<'_>, errors: &mut Errors) {
    let spec = object.child("spec");
    let drivers = spec.child("drivers");
    for (i, driver) in drivers.items().enumerate() {
        let (name, id) = (driver.child("name"), driver.child("nodeID"));
        driver_name(&name, errors);
        if id.text().is_empty() {
            errors.push(id.required(""));
        }
        if id.text().len() > MAX_NODE_ID {
            errors.push(id.invalid(format!("must be {MAX_NODE_ID} characters or less")));
        }
        non_negative(&driver.child("allocatable").child("count"), errors);
        if drivers.array()[..i].iter().any(|other| other.str_at(&["name"]) == name.text()) {
            errors.push(name.duplicate_text(name.text()));
        }
        topology_keys(&driver, errors);
    }
}

fn topology_keys(driver: &Node<'_>, errors: &mut Errors) {
    let keys = driver.array_at(&["topologyKeys"]);
    for (i, key) in keys.iter().filter_map(Value::as_str).enumerate() {
        if key.is_empty() {
            errors.push(driver.required(""));
        }
        if keys[..i].iter().any(|other| other.as_str() == Some(key)) {
            errors.push(driver.duplicate_text(key));
        }
        errors.extend(qualified_name(key).into_iter().map(|text| driver.invalid_text(key, text)));
    }
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    validate_again(object, false, NameRule::Subdomain, errors);
    create(object, errors);
    let spec = object.child("spec");
    let drivers = spec.child("drivers");
    for before in old.array_at(&["spec", "drivers"]) {
        for driver in drivers.items() {
            let equal = |member: &str| same(before.get(member), driver.at(&[member]));
            if equal("name") && !(equal("nodeID") && equal("topologyKeys")) {
                errors.push(render(&drivers.with(driver.value()), &DRIVER).invalid(IMMUTABLE));
            }
        }
    }
}
