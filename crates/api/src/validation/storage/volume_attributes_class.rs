//! VolumeAttributesClass.

use keelson_apimachinery::content::names::NameRule;

use super::storage_class::{parameters, provisioner};
use crate::validation::metadata::validate_again;
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("storage.k8s.io", "volumeattributesclasses", create, update);

fn create(object: &Node<'_>, errors: &mut Errors) {
    provisioner(&object.child("driverName"), errors);
    parameters(&object.child("parameters"), false, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    for member in ["driverName", "parameters"] {
        let now = object.child(member);
        if !now.same(&old.child(member)) {
            errors.push(now.forbidden(format!("updates to {member} are forbidden.")));
        }
    }
    validate_again(object, false, NameRule::Subdomain, errors);
    create(object, errors);
}
