//! The resource claims of a pod.

use keelson_apimachinery::field::FieldError;

use super::annotations::MIRROR;
use super::internal;
use super::update::WHOLE;
use crate::validation::shared::names::{label, subdomain};
use crate::validation::shared::render::render;
use crate::validation::shared::seen::Seen;
use crate::validation::{Errors, Node};

/// `spec.resourceClaims`: by name or by template, each under a name of its own.
pub(super) fn claims(list: &Node<'_>, metadata: Option<&Node<'_>>, errors: &mut Errors) {
    let mirror = metadata.is_some_and(|m| m.at(&["annotations", MIRROR]).is_some());
    let mut names = Seen::default();
    for (claim, value) in list.items().zip(list.array()) {
        if mirror {
            errors.push(FieldError::forbidden(WHOLE, "static pods do not support resource claims"));
            continue;
        }
        let (at, name) = (claim.child("name"), value.str_at(&["name"]));
        if name.is_empty() {
            errors.push(at.required(""));
        } else if !names.insert(name) {
            errors.push(at.duplicate_text(name));
        } else {
            label(&at, errors);
        }
        let (by_name, by_template) =
            (claim.child("resourceClaimName"), claim.child("resourceClaimTemplateName"));
        let why = match (by_name.is_set(), by_template.is_set()) {
            (true, true) => {
                Some("at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
            }
            (false, false) => Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
            _ => None,
        };
        errors.extend(why.map(|why| render(&claim, &internal::POD_RESOURCE_CLAIM).invalid(why)));
        for at in [by_name, by_template].iter().filter(|at| at.is_set()) {
            subdomain(at, errors);
        }
    }
}
