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
<<<<<<< HEAD
    names::labels(&template.child("labels").with(metadata.child("labels").value()), errors);
    names::annotations(&template.child("annotations").with(metadata.child("annotations").value()), errors);
=======
    let (labels, annotations) = (template.child("labels"), template.child("annotations"));
    names::labels(&labels.with(metadata.child("labels").value()), errors);
    check_annotations(&annotations.with(metadata.child("annotations").value()), errors);
}

/// Checks labels and annotations of a template's metadata.
pub(crate) fn labels_and_annotations(metadata: &Node<'_>, errors: &mut Errors) {
    names::labels(&metadata.child("labels"), errors);
    check_annotations(&metadata.child("annotations"), errors);
}

fn check_annotations(annotations: &Node<'_>, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in annotations.entries() {
        let wrong = qualified_name(&key.to_ascii_lowercase());
        errors.extend(wrong.into_iter().map(|why| annotations.invalid_text(key, why)));
        size += key.len() + value.text().len();
    }
    if size > MAX_ANNOTATIONS {
        errors.push(annotations.too_long(MAX_ANNOTATIONS));
    }
>>>>>>> eddf844 (Validation of resource.k8s.io; definitions are checked in one form)
}
