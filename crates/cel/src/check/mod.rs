//! The type checker: finds out what names mean, which overloads calls may run, and the type of each expression.

mod construct;
mod unify;
mod validate;

use std::collections::BTreeMap;

use unify::{Substitution, instantiate, most_general};

use crate::ast::{Comprehension, Expr, Kind, Literal, Tree};
use crate::library::{Function, Overload};
use crate::source::Issues;
use crate::types::Type;

/// Types that are made of more than this are refused: they double with each level of `{x: x}`.
const LARGEST_TYPE: usize = 2_000;

/// All types of an expression together may be made of as many.
const LARGEST_TYPES: usize = 2_000_000;

/// What the name or call of an expression means.
#[derive(Clone, Debug, Default)]
pub(crate) enum Meaning {
    /// Nothing that needs to be said.
    #[default]
    Plain,
    /// The variable of this name.
    Variable(String),
    /// A type, as a value.
    Type(&'static str),
    /// A call of one of these overloads. `namespaced`: what looks like its target is part of its name.
    Call { function: &'static Function, overloads: Vec<&'static Overload>, namespaced: bool },
}

/// A checked expression.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) tree: Tree,
    /// By `id` of the expression.
    pub(crate) meanings: Vec<Meaning>,
    pub(crate) output: Type,
}

/// Types that can be named in expressions.
const TYPE_NAMES: [(&str, Type); 15] = [
    ("bool", Type::Bool),
    ("bytes", Type::Bytes),
    ("double", Type::Double),
    ("google.protobuf.Duration", Type::Duration),
    ("google.protobuf.Timestamp", Type::Timestamp),
    ("int", Type::Int),
    ("list", Type::Error),
    ("map", Type::Error),
    ("null_type", Type::Null),
    ("optional_type", Type::Error),
    ("string", Type::String),
    ("type", Type::Type(None)),
    ("uint", Type::Uint),
    ("net.IP", Type::Opaque("net.IP")),
    ("net.CIDR", Type::Opaque("net.CIDR")),
];

/// Checks an expression. `None` where it has errors: `issues` say which.
pub(crate) fn check(
    tree: Tree,
    variables: &BTreeMap<String, Type>,
    patches: bool,
    issues: &mut Issues,
) -> Option<Checked> {
    let count = tree.places.len();
    let Tree { root, places } = tree;
    let mut checker = Checker {
        variables,
        patches,
        places: &places,
        issues,
        types: vec![Type::Error; count],
        meanings: vec![Meaning::Plain; count],
        scopes: Vec::new(),
        substitution: Substitution::default(),
        left: LARGEST_TYPES,
    };
    checker.expr(&root);
    let Checker { substitution, mut types, meanings, issues, .. } = checker;
    if !issues.is_empty() {
        return None;
    }
    for type_ in &mut types {
        *type_ = substitution.apply(type_, true);
    }
    validate::validate(&root, &places, &types, issues);
    if !issues.is_empty() {
        return None;
    }
    let output = types.get(root.id as usize).cloned().unwrap_or(Type::Dyn);
    Some(Checked { tree: Tree { root, places }, meanings, output })
}

struct Checker<'e> {
    variables: &'e BTreeMap<String, Type>,
    /// Whether patches may be constructed.
    patches: bool,
    places: &'e [u32],
    issues: &'e mut Issues,
    /// By `id` of the expression.
    types: Vec<Type>,
    meanings: Vec<Meaning>,
    /// The variables of loops, the innermost last.
    scopes: Vec<(String, Type)>,
    substitution: Substitution,
    /// How much larger types may still grow together.
    left: usize,
}

impl Checker<'_> {
    fn report(&mut self, at: &Expr, message: String) {
        self.issues.at(self.places.get(at.id as usize).copied().unwrap_or(0), message);
    }

    fn type_of(&self, expr: &Expr) -> &Type {
        self.types.get(expr.id as usize).unwrap_or(&Type::Error)
    }

    fn set(&mut self, expr: &Expr, type_: Type) {
        let type_ = match type_.size_up_to(LARGEST_TYPE.min(self.left)) {
            Some(size) => {
                self.left -= size;
                type_
            }
            None => {
                self.report(expr, "the type of this expression is too large".to_owned());
                Type::Error
            }
        };
        if let Some(slot) = self.types.get_mut(expr.id as usize) {
            *slot = type_;
        }
    }

    fn mean(&mut self, expr: &Expr, meaning: Meaning) {
        if let Some(slot) = self.meanings.get_mut(expr.id as usize) {
            *slot = meaning;
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            Kind::Literal(literal) => self.set(expr, literal_type(literal)),
            Kind::Ident(name) => self.ident(expr, name),
            Kind::Select { operand, field, test } => self.select(expr, operand, field, *test),
            Kind::Call { target, function, args } => self.call(expr, target.as_deref(), function, args),
            Kind::List { elements, optional } => self.list(expr, elements, optional),
            Kind::Map(_) => self.map(expr),
            Kind::Struct { name, fields } => self.construct(expr, name, fields),
            Kind::Comprehension(comprehension) => self.comprehension(expr, comprehension),
        }
    }

    fn undeclared(&mut self, expr: &Expr, name: &str) {
        self.set(expr, Type::Error);
        self.report(expr, format!("undeclared reference to '{name}' (in container '')"));
    }

    /// The type of a variable or type of this name, and what it means.
    fn resolve(&self, name: &str) -> Option<(Type, Meaning)> {
        let name = name.strip_prefix('.').unwrap_or(name);
        let local = self.scopes.iter().rev().find(|(local, _)| local == name).map(|(_, type_)| type_);
        if let Some(type_) = local.or_else(|| self.variables.get(name)) {
            return Some((type_.clone(), Meaning::Variable(name.to_owned())));
        }
        let (name, type_) = TYPE_NAMES.iter().find(|(known, _)| *known == name)?;
        let of = match *name {
            "list" => Type::list(Type::Dyn),
            "map" => Type::map(Type::Dyn, Type::Dyn),
            "optional_type" => Type::optional(Type::Dyn),
            _ => type_.clone(),
        };
        Some((Type::Type(Some(Box::new(of))), Meaning::Type(name)))
    }

    fn ident(&mut self, expr: &Expr, name: &str) {
        match self.resolve(name) {
            Some((type_, meaning)) => {
                self.set(expr, type_);
                self.mean(expr, meaning);
            }
            None => self.undeclared(expr, name),
        }
    }

    fn select(&mut self, expr: &Expr, operand: &Expr, field: &str, test: bool) {
        if !test
            && let Some(name) = qualified_name(expr)
            && let Some((type_, meaning)) = self.resolve(&name)
        {
            self.set(expr, type_);
            self.mean(expr, meaning);
            return;
        }
        let type_ = self.field(expr, operand, field, false);
        self.set(expr, if test { Type::Bool } else { type_ });
    }

    /// The type of a field of `operand`, which is checked here.
    fn field(&mut self, expr: &Expr, operand: &Expr, field: &str, optional: bool) -> Type {
        self.expr(operand);
        let mut of = self.substitution.apply(self.type_of(operand), false);
        let mut optional = optional;
        if let Type::Optional(value) = of {
            of = *value;
            optional = true;
        }
        let type_ = match &of {
            Type::Map(_, value) => (**value).clone(),
            Type::Object(object) => match object.field(field) {
                Some(type_) => type_.clone(),
                None => {
                    self.report(expr, format!("undefined field '{field}'"));
                    Type::Error
                }
            },
            Type::Parameter(_) => {
                self.substitution.assignable(&Type::Dyn, &of);
                Type::Dyn
            }
            other => {
                if !other.is_dyn_or_error() {
                    self.report(expr, format!("type '{other}' does not support field selection"));
                }
                Type::Dyn
            }
        };
        let type_ = self.substitution.apply(&type_, false);
        if optional { Type::optional(type_) } else { type_ }
    }

    fn call(&mut self, expr: &Expr, target: Option<&Expr>, name: &str, args: &[Expr]) {
        if name == "_?._" && target.is_none() {
            self.optional_field(expr, args);
            return;
        }
        for arg in args {
            self.expr(arg);
        }
        let Some(target) = target else {
            match self.function(name.strip_prefix('.').unwrap_or(name)) {
                Some(function) => self.overloads(expr, function, None, args, false),
                None => self.undeclared(expr, name),
            }
            return;
        };
        // `a.b.c()` is a function of that name, or the function `c` of what `a.b` is.
        if let Some(prefix) = qualified_name(target)
            && let Some(function) = self.function(&format!("{prefix}.{name}"))
        {
            self.overloads(expr, function, None, args, true);
            return;
        }
        self.expr(target);
        match self.function(name) {
            Some(function) => self.overloads(expr, function, Some(target), args, false),
            None => self.undeclared(expr, name),
        }
    }

    fn optional_field(&mut self, expr: &Expr, args: &[Expr]) {
        let [operand, field] = args else {
            let message = format!(
                "unsupported optional field selection: incorrect signature. argument count: {}",
                args.len()
            );
            self.report(expr, message);
            return;
        };
        let Kind::Literal(Literal::String(name)) = &field.kind else {
            self.report(field, "unsupported optional field selection".to_owned());
            return;
        };
        let type_ = self.field(expr, operand, name, true);
        self.set(expr, type_);
    }

    fn overloads(
        &mut self,
        expr: &Expr,
        function: &'static Function,
        target: Option<&Expr>,
        args: &[Expr],
        namespaced: bool,
    ) {
        let given: Vec<Type> = target.into_iter().chain(args).map(|arg| self.type_of(arg).clone()).collect();
        if matches!(function.name, "_&&_" | "_||_") && !self.all_bool(args, &given) {
            self.set(expr, Type::Error);
            return;
        }
        let mut found = Vec::new();
        let mut result: Option<Type> = None;
        for overload in &function.overloads {
            if overload.member != target.is_some() || overload.parameters.len() != given.len() {
                continue;
            }
            let first = self.substitution.open_many(overload.open);
            let wanted: Vec<Type> =
                overload.parameters.iter().map(|type_| instantiate(type_, first)).collect();
            if !self.substitution.all_assignable(&given, &wanted) {
                continue;
            }
            found.push(overload);
            let type_ = self.substitution.apply(&instantiate(&overload.result, first), false);
            result = Some(match result {
                None => type_,
                Some(before) if before.is_dyn() || before == type_ => before,
                Some(_) => Type::Dyn,
            });
        }
        match result {
            Some(type_) => {
                self.set(expr, type_);
                self.mean(expr, Meaning::Call { function, overloads: found, namespaced });
            }
            None => {
                self.set(expr, Type::Error);
                let mut shown = given.iter().map(|type_| self.substitution.apply(type_, true).to_string());
                let receiver = target.and_then(|_| shown.next()).map(|type_| type_ + ".").unwrap_or_default();
                let args = shown.collect::<Vec<_>>().join(", ");
                self.report(
                    expr,
                    format!(
                        "found no matching overload for '{}' applied to '{receiver}({args})'",
                        function.name
                    ),
                );
            }
        }
    }

    /// Whether all terms of `&&` or `||` are booleans; tells those that aren't.
    fn all_bool(&mut self, args: &[Expr], given: &[Type]) -> bool {
        let mut all = true;
        for (arg, type_) in args.iter().zip(given) {
            if !self.substitution.assignable(type_, &Type::Bool) {
                let type_ = self.substitution.apply(type_, false);
                self.report(arg, format!("expected type 'bool' but found '{type_}'"));
                all = false;
            }
        }
        all
    }

    fn list(&mut self, expr: &Expr, elements: &[Expr], optional: &[usize]) {
        let mut joined = None;
        for (i, element) in elements.iter().enumerate() {
            self.expr(element);
            let mut type_ = self.type_of(element).clone();
            if optional.contains(&i) {
                type_ = self.unwrapped(element, type_);
            }
            joined = Some(self.join(joined, type_));
        }
        let element = joined.unwrap_or_else(|| self.substitution.open());
        self.set(expr, Type::list(element));
    }

    fn map(&mut self, expr: &Expr) {
        let Kind::Map(entries) = &expr.kind else {
            return;
        };
        let (mut keys, mut values) = (None, None);
        for entry in entries {
            self.expr(&entry.key);
            keys = Some(self.join(keys, self.type_of(&entry.key).clone()));
            self.expr(&entry.value);
            let mut type_ = self.type_of(&entry.value).clone();
            if entry.optional {
                type_ = self.unwrapped(&entry.value, type_);
            }
            values = Some(self.join(values, type_));
        }
        let key = keys.unwrap_or_else(|| self.substitution.open());
        let value = values.unwrap_or_else(|| self.substitution.open());
        self.set(expr, Type::map(key, value));
    }

    /// The type of the value of an optional element or entry.
    fn unwrapped(&mut self, expr: &Expr, type_: Type) -> Type {
        match type_ {
            Type::Optional(value) => *value,
            other => {
                if !other.is_dyn() {
                    let message = format!("expected type 'optional_type({other})' but found '{other}'");
                    self.report(expr, message);
                }
                other
            }
        }
    }

    /// The type of elements of both types. (That they are of one is seen to when all types are known.)
    fn join(&mut self, before: Option<Type>, now: Type) -> Type {
        match before {
            None => now,
            Some(before) if self.substitution.assignable(&before, &now) => {
                most_general(&before, &now).clone()
            }
            Some(_) => Type::Dyn,
        }
    }

    fn comprehension(&mut self, expr: &Expr, c: &Comprehension) {
        self.expr(&c.range);
        self.expr(&c.start);
        let range = self.substitution.apply(self.type_of(&c.range), false);
        let start = self.type_of(&c.start).clone();
        let depth = self.scopes.len();
        self.scopes.push((c.accumulator.clone(), start.clone()));
        let (one, two) = match &range {
            Type::List(element) => match c.second {
                Some(_) => (Type::Int, (**element).clone()),
                None => ((**element).clone(), Type::Dyn),
            },
            Type::Map(key, value) => ((**key).clone(), (**value).clone()),
            Type::Dyn | Type::Any | Type::Error | Type::Parameter(_) => {
                self.substitution.assignable(&Type::Dyn, &range);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.report(&c.range, message);
                (Type::Error, Type::Error)
            }
        };
        self.scopes.push((c.variable.clone(), one));
        if let Some(second) = &c.second {
            self.scopes.push((second.clone(), two));
        }
        self.expr(&c.condition);
        self.assert(&c.condition, &Type::Bool);
        self.expr(&c.step);
        self.assert(&c.step, &start);
        self.scopes.truncate(depth + 1);
        self.expr(&c.result);
        self.scopes.truncate(depth);
        let type_ = self.substitution.apply(self.type_of(&c.result), false);
        self.set(expr, type_);
    }

    fn assert(&mut self, expr: &Expr, expected: &Type) {
        let found = self.type_of(expr).clone();
        if !self.substitution.assignable(expected, &found) {
            let expected = self.substitution.apply(expected, false);
            let found = self.substitution.apply(&found, false);
            self.report(expr, format!("expected type '{expected}' but found '{found}'"));
        }
    }
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::String(_) => Type::String,
        Literal::Bytes(_) => Type::Bytes,
    }
}

/// `a.b.c`, where the expression is a chain of names.
fn qualified_name(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Ident(name) => Some(name.clone()),
        Kind::Select { operand, field, test: false } => {
            let mut name = qualified_name(operand)?;
            name.push('.');
            name.push_str(field);
            Some(name)
        }
        _ => None,
    }
}
