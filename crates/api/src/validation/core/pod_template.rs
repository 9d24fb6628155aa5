//! PodTemplate.

use crate::validation::shared::template;
use crate::validation::{Errors, Node, Rules};

pub(super) const RULES: Rules = Rules::new("", "podtemplates", create, update).warnings(warn);

fn create(object: &Node<'_>, errors: &mut Errors) {
    template::check(&object.child("template"), None, errors);
}

fn update(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
    template::check(&object.child("template"), Some(&old.child("template")), errors);
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    if old.is_none_or(|old| old.at(&["metadata", "generation"]) != object.at(&["metadata", "generation"])) {
        template::warn(&object.child("template"), old, warnings);
    }
}
