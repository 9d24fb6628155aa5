//! The group apiextensions.k8s.io. Definitions are checked in the form of v1beta1, which says once what all
//! versions have in common: the paths of errors are those of that form.

mod conversion;
mod custom_resource_definition;
mod formats;
mod names;
mod paths;
mod schema;
mod shapes;
mod structural;

use super::Rules;

pub(super) const RULES: &[Rules] = &[custom_resource_definition::RULES];

#[cfg(test)]
mod tests;
