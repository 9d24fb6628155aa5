//! The template of the claim that is made for an ephemeral volume.

use crate::validation::core::{ClaimLeniency, claim_spec};
use crate::validation::shared::names;
use crate::validation::{Errors, Node};

/// Members of metadata, in the order of Go's struct, and whether templates may have them.
const METADATA: &[(&str, bool)] = &[
    ("name", false),
    ("generateName", false),
    ("namespace", false),
    ("selfLink", false),
    ("uid", false),
    ("resourceVersion", false),
    ("generation", false),
    ("creationTimestamp", false),
    ("deletionTimestamp", false),
    ("deletionGracePeriodSeconds", false),
    ("labels", true),
    ("annotations", true),
    ("ownerReferences", false),
    ("finalizers", false),
    ("managedFields", false),
];

pub(super) fn claim_template(template: &Node<'_>, errors: &mut Errors) {
    let metadata = template.child("metadata");
    names::annotations(&metadata.child("annotations"), errors);
    names::labels(&metadata.child("labels"), errors);
    for (member, _) in METADATA.iter().filter(|(_, allowed)| !allowed) {
        let at = metadata.child(member);
        if !at.is_empty() {
            let at = if *member == "uid" { metadata.child("uID") } else { at };
            errors.push(at.forbidden("cannot be set"));
        }
    }
    claim_spec(&template.child("spec"), ClaimLeniency::default(), errors);
}
