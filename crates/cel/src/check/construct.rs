//! The construction of objects: what mutating policies make.

use super::Checker;
use crate::ast::{Expr, Initialiser};
use crate::library::{self, Function, json_patch};
use crate::types::Type;

/// The type that changes of an object are of, and what the types of its parts begin with.
const OBJECT: &str = "Object";
/// The type of an operation of a JSON patch.
const JSON_PATCH: &str = "JSONPatch";

impl Checker<'_> {
    /// The function of this name, if the environment has it.
    pub(super) fn function(&self, name: &str) -> Option<&'static Function> {
        library::function(name).filter(|_| self.patches || !json_patch::is_of_patches(name))
    }

    pub(super) fn construct(&mut self, expr: &Expr, name: &str, fields: &[Initialiser]) {
        let Some(type_) = self.constructible(name) else {
            self.undeclared(expr, name);
            return;
        };
        for field in fields {
            self.expr(&field.value);
            let mut given = self.type_of(&field.value).clone();
            if field.optional {
                given = self.unwrapped(&field.value, given);
            }
            let wanted = match &type_ {
                Type::Object(object) => object.field(&field.name),
                _ => None,
            };
            let Some(wanted) = wanted else {
                self.issues.at(field.at, format!("undefined field '{}'", field.name));
                continue;
            };
            if !self.substitution.assignable(wanted, &given) {
                let given = self.substitution.apply(&given, false);
                let message = format!(
                    "expected type of field '{}' is '{wanted}' but provided type is '{given}'",
                    field.name
                );
                self.issues.at(field.at, message);
            }
        }
        self.set(expr, type_);
    }

    /// The type of this name, if objects of it can be constructed.
    fn constructible(&self, name: &str) -> Option<Type> {
        if !self.patches {
            return None;
        }
        let name = name.strip_prefix('.').unwrap_or(name);
        if name == JSON_PATCH {
            let texts = ["op", "path", "from"].map(|name| (name, Type::String));
            return Some(Type::object(JSON_PATCH, texts.into_iter().chain([("value", Type::Dyn)])));
        }
        let is_part = name == OBJECT || name.strip_prefix(OBJECT).is_some_and(|rest| rest.starts_with('.'));
        is_part.then(|| Type::open_object(name))
    }
}
