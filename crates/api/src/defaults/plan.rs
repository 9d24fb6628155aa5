//! Where defaults apply: for each type that has any, or leads to one that has, what to do with its members.
//!
//! Worked out once from the schema. An inlined struct's rules are its owner's. A rule applies wherever its type
//! stands, but for values of maps, which upstream's defaulting does not visit either.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::LazyLock;

use keelson_apimachinery::codec::json;
use keelson_apimachinery::schema::{Field, Kind};
use keelson_apimachinery::{Map, Schema, Text, TypeId, Value};

use super::constants::{self, Constant};
use super::{quantities, rules};

/// A computed default: changes the members of its type.
pub(super) type Rule = fn(&mut Map);

/// What applies to a type.
#[derive(Default)]
pub(super) struct Plan {
    constants: Vec<Default>,
    rules: Vec<Rule>,
    /// By name.
    children: Vec<Child>,
}

/// A constant default.
struct Default {
    /// The embedded structs that lead to the field.
    owners: Vec<Text>,
    field: Text,
    value: Value,
    /// The value that counts as absent besides `null`, where the field is no pointer.
    zero: Option<Value>,
}

/// A member in which something applies.
struct Child {
    name: Text,
    below: Below,
    /// What stands there where the member is absent, if that has defaults: a struct that is no pointer.
    embedded: Option<Value>,
}

enum Below {
    Struct(TypeId),
    List(TypeId),
    /// A `ResourceList`.
    Quantities,
}

static PLANS: LazyLock<Vec<Option<Box<Plan>>>> = LazyLock::new(|| build(crate::schema()));

/// The plan of a type; `None` where nothing applies.
pub(super) fn of(ty: TypeId) -> Option<&'static Plan> {
    PLANS.get(ty.0 as usize)?.as_deref()
}

impl Plan {
    /// Sets the defaults: a struct's own ones before those of what it holds.
    pub(super) fn apply(&self, map: &mut Map) {
        for default in &self.constants {
            default.apply(map);
        }
        for rule in &self.rules {
            rule(map);
        }
        if self.children.is_empty() {
            return;
        }
        if self.descend(map) {
            self.embed(map);
        }
    }

    /// Sets the defaults of what the members hold; says whether an embedded struct is absent.
    fn descend(&self, map: &mut Map) -> bool {
        let mut lacking = false;
        let mut members = map.iter_mut();
        let mut member = members.next();
        // Both are sorted.
        'children: for child in &self.children {
            while let Some((name, value)) = member.take() {
                match name.cmp(child.name.as_str()) {
                    Ordering::Less => member = members.next(),
                    Ordering::Equal => {
                        lacking |= child.embedded.is_some() && value.is_null();
                        child.apply(value);
                        member = members.next();
                        continue 'children;
                    }
                    Ordering::Greater => {
                        member = Some((name, value));
                        break;
                    }
                }
            }
            lacking |= child.embedded.is_some();
        }
        lacking
    }

    /// Makes the embedded structs that are absent, where something in them has a default.
    fn embed(&self, map: &mut Map) {
        for child in &self.children {
            let Some(zero) = child.embedded.as_ref() else { continue };
            if map.get(&child.name).is_none_or(Value::is_null) {
                let mut value = zero.clone();
                child.apply(&mut value);
                if value != *zero {
                    map.insert(child.name.clone(), value);
                }
            }
        }
    }
}

impl Default {
    fn apply(&self, map: &mut Map) {
        let mut map = map;
        for owner in &self.owners {
            let value = map.entry(owner.clone(), || Value::Object(Map::new()));
            let Value::Object(members) = value else { return };
            map = members;
        }
        let value = map.entry(self.field.clone(), || self.value.clone());
        if value.is_null() || self.zero.as_ref() == Some(value) {
            *value = self.value.clone();
        }
    }
}

impl Child {
    fn apply(&self, value: &mut Value) {
        match (&self.below, value) {
            (Below::Struct(ty), Value::Object(members)) => {
                if let Some(plan) = of(*ty) {
                    plan.apply(members);
                }
            }
            (Below::List(ty), Value::Array(items)) => {
                let Some(plan) = of(*ty) else { return };
                for item in items {
                    if let Value::Object(members) = item {
                        plan.apply(members);
                    }
                }
            }
            (Below::Quantities, Value::Object(members)) => quantities::round(members),
            _ => {}
        }
    }
}

/// A type's own constants and rules.
type Own = HashMap<TypeId, (Vec<(&'static str, Constant)>, Vec<Rule>)>;

fn build(schema: &'static Schema) -> Vec<Option<Box<Plan>>> {
    let mut own = Own::new();
    for (package, types) in constants::TABLE {
        for (name, fields) in *types {
            if let Some(ty) = schema.id(&format!("{package}.{name}")) {
                own.entry(ty).or_default().0.extend_from_slice(fields);
            }
        }
    }
    for (name, rule) in rules::TABLE {
        if let Some(ty) = schema.id(name) {
            own.entry(ty).or_default().1.push(*rule);
        }
    }
    let mut plans: Vec<Plan> = Vec::new();
    for (ty, _) in schema.iter() {
        let mut plan = Plan::default();
        collect(schema, &own, ty, &mut plan);
        plan.children.sort_by(|a, b| a.name.cmp(&b.name));
        plans.push(plan);
    }
    let leads = leading(&plans);
    let prune = |(i, mut plan): (usize, Plan)| {
        plan.children.retain(|child| child.target().is_none_or(|ty| leads[ty.0 as usize]));
        leads[i].then(|| Box::new(plan))
    };
    plans.into_iter().enumerate().map(prune).collect()
}

/// Adds what applies to `of`, and to the structs inlined in it, to a plan.
fn collect(schema: &'static Schema, own: &Own, of: TypeId, plan: &mut Plan) {
    if let Some((constants, rules)) = own.get(&of) {
        plan.constants.extend(constants.iter().filter_map(|(path, c)| constant(schema, of, path, value(*c))));
        plan.rules.extend(rules);
    }
    let of = schema.get(of);
    for field in &of.fields {
        if let (Kind::Struct(inner), true) = (&field.kind, field.inline) {
            collect(schema, own, *inner, plan);
            continue;
        }
        if let Some(declared) = &field.default {
            let zero = zero(field);
            // A field that is no pointer has its zero value anyway.
            if zero.as_ref() != Some(declared) {
                let (field, value) = (field.json.clone(), declared.clone());
                plan.constants.push(Default { owners: Vec::new(), field, value, zero });
            }
        }
        let below = match &field.kind {
            Kind::Struct(inner) => Below::Struct(*inner),
            Kind::List(items) => match **items {
                Kind::Struct(inner) => Below::List(inner),
                _ => continue,
            },
            // Overhead of RuntimeClasses is of this type, too, but nothing is defaulted in that group.
            Kind::Map(_)
                if field.go_type == "v1.ResourceList" && of.name.starts_with("io.k8s.api.core.v1.") =>
            {
                Below::Quantities
            }
            _ => continue,
        };
        let embedded = match below {
            Below::Struct(inner) if !field.pointer => Some(zero_struct(schema, inner)),
            _ => None,
        };
        plan.children.push(Child { name: field.json.clone(), below, embedded });
    }
}

/// A row of the table, for the field at a path in `ty`; `None` where there is no such field.
fn constant(schema: &Schema, ty: TypeId, path: &str, value: Value) -> Option<Default> {
    let (mut ty, mut owners) = (ty, Vec::new());
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let (_, field) = schema.json_field(ty, name)?;
        if names.peek().is_none() {
            let (field, zero) = (field.json.clone(), zero(field));
            return Some(Default { owners, field, value, zero });
        }
        let Kind::Struct(inner) = field.kind else { return None };
        owners.push(field.json.clone());
        ty = inner;
    }
    None
}

fn value(constant: Constant) -> Value {
    match constant {
        Constant::Bool(b) => Value::Bool(b),
        Constant::Int(i) => Value::Int(i),
        Constant::Text(text) => Value::String(Text::const_new(text)),
        Constant::Empty => Value::Object(Map::new()),
        Constant::One(text) => Value::Array(vec![Value::String(Text::const_new(text))]),
    }
}

/// What counts as absent in a field, besides `null`.
fn zero(field: &Field) -> Option<Value> {
    if field.pointer {
        return None;
    }
    match field.kind {
        Kind::Bool => Some(Value::Bool(false)),
        Kind::Int32 | Kind::Int64 => Some(Value::Int(0)),
        Kind::String => Some(Value::String(Text::const_new(""))),
        Kind::List(_) | Kind::ListMessage(_) => Some(Value::Array(Vec::new())),
        _ => None,
    }
}

/// The canonical tree of a struct in which nothing is set.
fn zero_struct(schema: &Schema, ty: TypeId) -> Value {
    json::decode(schema, ty, b"{}").map_or_else(|_| Value::Object(Map::new()), |decoded| decoded.value)
}

/// For each type whether anything applies to it or to what it holds.
fn leading(plans: &[Plan]) -> Vec<bool> {
    let mut owners: Vec<Vec<usize>> = vec![Vec::new(); plans.len()];
    let mut leads = vec![false; plans.len()];
    let mut found = Vec::new();
    for (i, plan) in plans.iter().enumerate() {
        for ty in plan.children.iter().filter_map(Child::target) {
            owners[ty.0 as usize].push(i);
        }
        let quantities = plan.children.iter().any(|child| child.target().is_none());
        if quantities || !plan.constants.is_empty() || !plan.rules.is_empty() {
            leads[i] = true;
            found.push(i);
        }
    }
    while let Some(i) = found.pop() {
        for owner in std::mem::take(&mut owners[i]) {
            if !std::mem::replace(&mut leads[owner], true) {
                found.push(owner);
            }
        }
    }
    leads
}

impl Child {
    /// The type of what the member holds, where that is one of structs.
    fn target(&self) -> Option<TypeId> {
        match self.below {
            Below::Struct(ty) | Below::List(ty) => Some(ty),
            Below::Quantities => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_a_type_and_a_field() {
        let schema = crate::schema();
        for (package, types) in constants::TABLE {
            for (name, fields) in *types {
                let full = format!("{package}.{name}");
                let ty = schema.id(&full).unwrap_or_else(|| panic!("no type {full}"));
                for (path, of) in *fields {
                    assert!(constant(schema, ty, path, value(*of)).is_some(), "{full} has no {path}");
                }
            }
        }
        for (name, _) in rules::TABLE {
            assert!(schema.id(name).is_some(), "no type {name}");
        }
    }

    #[test]
    fn types_without_defaults_have_no_plan() {
        let schema = crate::schema();
        let has = |name: &str| of(schema.id(name).unwrap()).is_some();
        for name in [
            "io.k8s.api.coordination.v1.Lease",
            "io.k8s.api.core.v1.Event",
            "io.k8s.api.node.v1.RuntimeClass",
        ] {
            assert!(!has(name), "{name}");
        }
        for name in ["io.k8s.api.core.v1.Pod", "io.k8s.api.batch.v1.CronJob", "io.k8s.api.core.v1.PodList"] {
            assert!(has(name), "{name}");
        }
    }
}
