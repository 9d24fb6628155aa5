//! What must hold beyond types: durations, timestamps, patterns and formats that are written as literals are read
//! when an expression is compiled, and lists and maps that are written out have elements of one type.

use crate::ast::{Expr, Kind, Literal};
use crate::library::{format, pattern, time};
use crate::source::{Issues, Offset};
use crate::types::Type;

/// Tells what doesn't hold. `types` are by `id`, and have no open types.
pub(super) fn validate(root: &Expr, places: &[Offset], types: &[Type], issues: &mut Issues) {
    Validator { places, types, issues }.expr(root, false);
}

struct Validator<'v> {
    places: &'v [Offset],
    types: &'v [Type],
    issues: &'v mut Issues,
}

impl Validator<'_> {
    fn report(&mut self, at: &Expr, message: String) {
        self.issues.at(self.places.get(at.id as usize).copied().unwrap_or(0), message);
    }

    fn type_of(&self, expr: &Expr) -> &Type {
        self.types.get(expr.id as usize).unwrap_or(&Type::Dyn)
    }

    /// Looks at an expression and what is in it; `mixed` says that lists and maps may have elements of any types.
    /// (The depth of recursion is that of the tree, which is bounded.)
    fn expr(&mut self, expr: &Expr, mixed: bool) {
        let mut mixed = mixed;
        match &expr.kind {
            Kind::Call { target, function, args } => {
                mixed |= function == "format";
                self.literal(target.is_some(), function, args);
                self.format(expr, target.as_deref(), function, args);
            }
            Kind::List { elements, optional } if !mixed => self.list(elements, optional),
            Kind::Map(_) if !mixed => self.map(expr),
            _ => {}
        }
        expr.kind.children(&mut |child| self.expr(child, mixed));
    }

    fn literal(&mut self, member: bool, function: &str, args: &[Expr]) {
        let Some(last @ Expr { kind: Kind::Literal(Literal::String(text)), .. }) = args.last() else {
            return;
        };
        let valid = match (function, member, args.len()) {
            ("duration", false, 1) => time::parse_duration(text).is_some(),
            ("timestamp", false, 1) => time::parse_timestamp(text).is_ok(),
            ("matches", true, 1) | ("matches", false, 2) => pattern::compile(text).is_ok(),
            _ => true,
        };
        if !valid {
            self.report(last, format!("invalid {function} argument"));
        }
    }

    fn format(&mut self, call: &Expr, target: Option<&Expr>, function: &str, args: &[Expr]) {
        let Some(Expr { kind: Kind::Literal(Literal::String(text)), .. }) = target else {
            return;
        };
        let ("format", [Expr { kind: Kind::List { elements, .. }, .. }]) = (function, args) else {
            return;
        };
        let types: Vec<&Type> = elements.iter().map(|element| self.type_of(element)).collect();
        if let Err((index, why)) = format::check(text, &types) {
            let at = index.and_then(|index| elements.get(index)).unwrap_or(call);
            self.report(at, why);
        }
    }

    fn mismatch(&mut self, at: &Expr, expected: &Type, found: &Type) {
        self.report(at, format!("expected type '{expected}' but found '{found}'"));
    }

    fn list(&mut self, elements: &[Expr], optional: &[usize]) {
        let mut first: Option<&Type> = None;
        for (i, element) in elements.iter().enumerate() {
            let types = self.types;
            let type_ = types.get(element.id as usize).unwrap_or(&Type::Dyn);
            let type_ = unwrapped(type_, optional.contains(&i));
            match first {
                None => first = Some(type_),
                Some(expected) if expected != type_ => {
                    self.mismatch(element, expected, type_);
                    break;
                }
                Some(_) => {}
            }
        }
    }

    fn map(&mut self, expr: &Expr) {
        let Kind::Map(entries) = &expr.kind else {
            return;
        };
        let types = self.types;
        let type_of = |expr: &Expr| types.get(expr.id as usize).unwrap_or(&Type::Dyn);
        let mut first: Option<(&Type, &Type)> = None;
        for entry in entries {
            let key = type_of(&entry.key);
            let value = unwrapped(type_of(&entry.value), entry.optional);
            let Some((keys, values)) = first else {
                first = Some((key, value));
                continue;
            };
            if keys != key {
                self.mismatch(&entry.key, keys, key);
            }
            if values != value {
                self.mismatch(&entry.value, values, value);
            }
        }
    }
}

fn unwrapped(type_: &Type, optional: bool) -> &Type {
    match type_ {
        Type::Optional(value) if optional => value,
        other => other,
    }
}
