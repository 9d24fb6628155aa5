//! Pod templates, as the kinds that make pods check them.

use keelson_apimachinery::content::names::qualified_name;

use super::super::{Errors, Node};
use super::names;

/// What all annotations of a template may take together, keys and values, in bytes.
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Checks a template; `old` is the one that it replaces.
pub(crate) fn check(_template: &Node<'_>, _old: Option<&Node<'_>>, _errors: &mut Errors) {}

/// Warns of what is in a template.
pub(crate) fn warn(_template: &Node<'_>, _old: Option<&Node<'_>>, _warnings: &mut Vec<String>) {}

/// Checks labels and annotations of a template, at the paths that they have without `metadata`.
pub(crate) fn metadata(template: &Node<'_>, errors: &mut Errors) {
    let metadata = template.child("metadata");
    names::labels(&template.child("labels").with(metadata.child("labels").value()), errors);
    let annotations = template.child("annotations").with(metadata.child("annotations").value());
    let mut size = 0;
    for (key, value) in annotations.entries() {
        let wrong = qualified_name(&key.to_ascii_lowercase());
        errors.extend(wrong.into_iter().map(|why| annotations.invalid_text(key, why)));
        size += key.len() + value.text().len();
    }
    if size > MAX_ANNOTATIONS {
        errors.push(annotations.too_long(MAX_ANNOTATIONS));
    }
}
