//! The template that workloads make pods of.

use super::{PodOptions, annotations, spec};
use crate::validation::shared::names;
use crate::validation::{Errors, Node};

/// Checks a `PodTemplateSpec`. Errors about its labels and annotations leave `metadata` out.
pub(in crate::validation) fn template(template: &Node<'_>, options: &PodOptions, errors: &mut Errors) {
    let (metadata, of_pod) = (template.child("metadata"), template.child("spec"));
    names::labels(&template.child("labels").with(metadata.at(&["labels"])), errors);
    let notes = template.child("annotations").with(metadata.at(&["annotations"]));
    names::annotations(&notes, errors);
    annotations::of_pod(&notes, &of_pod, options, errors);
    spec::spec(&of_pod, None, options, errors);
    annotations::match_fields(&notes, &of_pod, errors);
    let ephemeral = of_pod.child("ephemeralContainers");
    if !ephemeral.array().is_empty() {
        errors.push(ephemeral.forbidden("ephemeral containers not allowed in pod template"));
    }
}
