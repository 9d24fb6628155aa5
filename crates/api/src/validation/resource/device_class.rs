//! DeviceClass.

use super::super::shared::resources::is_extended;
use super::super::{Errors, Node, Rules};
use super::configuration::{opaque, selectors};
use super::lists::bounded;

pub(super) const RULES: Rules = Rules::new(
    super::GROUP,
    "deviceclasses",
    |object, errors| check(object, None, errors),
    |object, old, errors| check(object, Some(old), errors),
);

/// How many configurations a class or claim may have.
pub(super) const MAX_CONFIGS: usize = 32;

fn check(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let spec = object.child("spec");
    let old = old.map(|old| old.child("spec"));
    selectors(&spec.child("selectors"), errors);
    let configs = spec.child("config");
    let stored = old.is_some_and(|old| old.child("config").same(&configs));
    bounded(&configs, MAX_CONFIGS, errors, |config, errors| opaque(config, stored, errors));
    let name = spec.child("extendedResourceName");
    if name.opt_text().is_some_and(|name| !is_extended(name)) {
        errors.push(name.invalid("must be a valid extended resource name"));
    }
}
