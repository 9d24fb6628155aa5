//! Validation: what is wrong with an object that is to be written, in upstream's order, with its texts.
//!
//! Every kind has its rules in a file of its group's folder ([`Rules`]); [`rules`] finds them. They see the
//! object in the version that is stored, with its defaults, behind the checks of [`metadata`] that the
//! registry makes for every kind; they report all errors at once, change nothing, and need nothing but the
//! object (and the old one). What depends on other objects is admission's or the registry's.
//!
//! Source: upstream's `pkg/apis/*/validation` and the strategies' `Validate`, `ValidateUpdate` and
//! `WarningsOnCreate`; "Field validation" in the API concepts.

mod admissionregistration;
mod apiextensions;
mod apiregistration;
mod apps;
mod autoscaling;
mod batch;
mod certificates;
mod coordination;
mod core;
mod discovery;
mod events;
mod flowcontrol;
pub mod metadata;
mod networking;
mod node;
mod nodes;
mod policy;
mod rbac;
mod resource;
mod scheduling;
mod shared;
mod storage;

use keelson_apimachinery::field::FieldError;

pub use self::core::{allow_privileged, qos_class, service_addresses};
pub use node::{Node, same, shown};

/// Where rules put what they find.
pub type Errors = Vec<FieldError>;

/// What is wrong with a new object.
pub type Create = fn(object: &Node<'_>, errors: &mut Errors);

/// What is wrong with an update from `old`.
pub type Update = fn(object: &Node<'_>, old: &Node<'_>, errors: &mut Errors);

/// What whoever writes the object should know; `old` is absent for creations. Texts without a prefix.
pub type Warn = fn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>);

/// The rules of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The group of the resource; empty for the core group.
    pub group: &'static str,
    /// Its plural name.
    pub plural: &'static str,
    create: Create,
    update: Update,
    subresources: &'static [(&'static str, Update)],
    warn: Option<Warn>,
    status_warn: Option<Warn>,
    lenient: &'static [&'static str],
}

impl Rules {
    /// Rules for creations and updates of the objects themselves.
    pub const fn new(group: &'static str, plural: &'static str, create: Create, update: Update) -> Self {
        Rules {
            group,
            plural,
            create,
            update,
            subresources: &[],
            warn: None,
            status_warn: None,
            lenient: &[],
        }
    }

    /// With rules for updates through subresources, by name. Those that are not named have none, but for
    /// `scale`, whose result is checked as an update of the object.
    pub const fn subresources(self, subresources: &'static [(&'static str, Update)]) -> Self {
        Rules { subresources, ..self }
    }

    /// With warnings for updates through `status`.
    pub const fn status_warnings(self, warn: Warn) -> Self {
        Rules { status_warn: Some(warn), ..self }
    }

    /// With warnings for creations and for updates of the objects themselves.
    pub const fn warnings(self, warn: Warn) -> Self {
        Rules { warn: Some(warn), ..self }
    }

    /// Without the second check of what updates change in the metadata, through these subresources (empty for
    /// the object itself): most kinds repeat what is checked for all, some don't.
    pub const fn lenient_metadata(self, lenient: &'static [&'static str]) -> Self {
        Rules { lenient, ..self }
    }

    /// Whether an update through `subresource` repeats the check of what it changes in the metadata.
    pub fn repeats_metadata(&self, subresource: &str) -> bool {
        !self.lenient.contains(&subresource)
    }

    /// What is wrong with a new object.
    pub fn create(&self, object: &Node<'_>, errors: &mut Errors) {
        (self.create)(object, errors);
    }

    /// What is wrong with an update through `subresource`; empty for the object itself.
    pub fn update(&self, subresource: &str, object: &Node<'_>, old: &Node<'_>, errors: &mut Errors) {
        match subresource {
            "" | "scale" => (self.update)(object, old, errors),
            name => {
                if let Some((_, update)) = self.subresources.iter().find(|(of, _)| *of == name) {
                    update(object, old, errors);
                }
            }
        }
    }

    /// What whoever writes the object through `subresource` (empty for the object itself) should know.
    pub fn warn(&self, subresource: &str, object: &Node<'_>, old: Option<&Node<'_>>) -> Vec<String> {
        let mut warnings = Vec::new();
        let warn = match subresource {
            "" | "scale" => self.warn,
            "status" => self.status_warn,
            _ => None,
        };
        if let Some(warn) = warn {
            warn(object, old, &mut warnings);
        }
        warnings
    }
}

/// The groups' rules.
const GROUPS: &[&[Rules]] = &[
    admissionregistration::RULES,
    apiextensions::RULES,
    apiregistration::RULES,
    apps::RULES,
    autoscaling::RULES,
    batch::RULES,
    certificates::RULES,
    coordination::RULES,
    core::RULES,
    discovery::RULES,
    events::RULES,
    flowcontrol::RULES,
    networking::RULES,
    nodes::RULES,
    policy::RULES,
    rbac::RULES,
    resource::RULES,
    scheduling::RULES,
    storage::RULES,
];

/// The rules of a resource; `None` where there are none but those of its metadata.
pub fn rules(group: &str, plural: &str) -> Option<&'static Rules> {
    GROUPS.iter().copied().flatten().find(|rules| rules.group == group && rules.plural == plural)
}

#[cfg(test)]
mod tests;
