//! Fields that an apply would take from others.

use std::collections::BTreeMap;

use super::entries::{Identity, Operation};
use super::set::{Path, Set, show};
use crate::Status;
use crate::field::quote;
use crate::status::{Cause, Details};

/// The fields of each manager that an apply would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conflicts(pub(super) BTreeMap<Identity, (Set, crate::Text)>);

impl Conflicts {
    /// The same without the fields of a set.
    pub(super) fn without(&self, allowed: &Set) -> Conflicts {
        let left = self
            .0
            .iter()
            .map(|(identity, (set, version))| (identity.clone(), (set.difference(allowed), version.clone())));
        Conflicts(left.filter(|(_, (set, _))| !set.is_empty()).collect())
    }

    /// 409, with a cause a field.
    pub(super) fn status(&self) -> Status {
        let of_managers: Vec<(String, Vec<Path>)> = self
            .0
            .iter()
            .map(|(identity, (set, version))| (describe(identity, version), set.paths()))
            .collect();
        let fields = || of_managers.iter().flat_map(|(who, paths)| paths.iter().map(move |path| (who, path)));
        let causes: Vec<Cause> = fields()
            .map(|(who, path)| Cause {
                reason: "FieldManagerConflict".into(),
                message: format!("conflict with {who}"),
                field: show(path),
            })
            .collect();
        let message = match causes.as_slice() {
            [only] => format!("Apply failed with 1 conflict: {}: {}", only.message, only.field),
            many => {
                let mut lines = Vec::with_capacity(many.len() + of_managers.len());
                for (who, paths) in &of_managers {
                    lines.push(format!("conflicts with {who}:"));
                    lines.extend(paths.iter().map(|path| format!("- {}", show(path))));
                }
                format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
            }
        };
        Status::new(409, "Conflict", message).with_details(Details { causes, ..Details::default() })
    }
}

fn describe(identity: &Identity, api_version: &str) -> String {
    let mut text = quote(&identity.manager);
    if !identity.subresource.is_empty() {
        text += &format!(" with subresource {}", quote(&identity.subresource));
    }
    if identity.operation == Operation::Update {
        text += &format!(" using {api_version}");
    }
    text
}
