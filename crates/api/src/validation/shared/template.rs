//! Pod templates, as the kinds that make pods check them.

use super::super::{Errors, Node};
use super::names;
use crate::validation::core::{PodOptions, template, warnings};

/// Checks a template; `old` is the one that it replaces, whose faults are tolerated.
pub(crate) fn check(at: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    template(at, &PodOptions::template(old), errors);
}

/// Warns of what is in a template.
pub(crate) fn warn(template: &Node<'_>, _: Option<&Node<'_>>, list: &mut Vec<String>) {
    warnings(template, true, list);
}

/// Checks labels and annotations of a template, at the paths that they have without `metadata`.
pub(crate) fn metadata(template: &Node<'_>, errors: &mut Errors) {
    let metadata = template.child("metadata");
    names::labels(&template.child("labels").with(metadata.child("labels").value()), errors);
    names::annotations(&template.child("annotations").with(metadata.child("annotations").value()), errors);
}
