//! What makes a schema structural: every value has one type, said outside of `allOf`, `anyOf`, `oneOf` and `not`.
//!
//! Source: "Specifying a structural schema" in "Extend the Kubernetes API with CustomResourceDefinitions".

use super::super::{Errors, Node};

/// Where a schema stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Whether a schema has members that no structural one can have, which are refused elsewhere.
pub(super) fn is_unsupported(root: &Node<'_>) -> bool {
    let here =
        ["id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions"]
            .iter()
            .any(|name| !root.child(name).is_empty());
    let items = root.child("items");
    here || !items.is_empty() && items.object().is_none()
        || (items.is_set() && is_unsupported(&items))
        || root.child("properties").entries().any(|(_, property)| is_unsupported(&property))
        || root.child("additionalProperties").object().is_some()
            && is_unsupported(&root.child("additionalProperties"))
}

/// What keeps a schema from being structural, sorted by text.
pub(super) fn check(root: &Node<'_>) -> Errors {
    let mut errors = Vec::new();
    invariants(root, Level::Root, &mut errors);
    completeness(root, Some(root), root, &mut errors);
    errors.sort_by_key(ToString::to_string);
    errors
}

fn is_flag(schema: &Node<'_>, name: &str) -> bool {
    schema.child(name).is_true()
}

fn invariants(schema: &Node<'_>, level: Level, errors: &mut Errors) {
    let (kind, items) = (schema.child("type"), schema.child("items"));
    if kind.text() == "array" && !items.is_set() {
        errors.push(items.required("must be specified"));
    }
    if items.is_set() {
        invariants(&items, Level::Item, errors);
    }
    let properties = schema.child("properties");
    for (_, property) in properties.entries() {
        invariants(&property, Level::Field, errors);
    }
    let additional = schema.child("additionalProperties");
    if additional.is_set() && level == Level::Root {
        errors.push(additional.forbidden("must not be used at the root"));
    }
    if additional.object().is_some() {
        invariants(&additional, Level::Field, errors);
    }
    extensions(schema, errors);
    values(schema, Skip::of(schema), level, errors);

    let embedded = is_flag(schema, "x-kubernetes-embedded-resource");
    let preserved = is_flag(schema, "x-kubernetes-preserve-unknown-fields");
    let wrong_embedded = "must be object if x-kubernetes-embedded-resource is true";
    match kind.text() {
        "object" => {}
        "" if embedded => errors.push(kind.required(wrong_embedded)),
        _ if embedded => errors.push(kind.invalid(wrong_embedded)),
        "" if !is_flag(schema, "x-kubernetes-int-or-string") && !preserved => {
            errors.push(kind.required(match level {
                Level::Root => "must not be empty at the root",
                Level::Item => "must not be empty for specified array items",
                Level::Field => "must not be empty for specified object fields",
            }));
        }
        _ => {}
    }
    if embedded && additional.is_set() {
        errors.push(additional.forbidden("must not be used if x-kubernetes-embedded-resource is set"));
    }
    if level == Level::Root && !kind.text().is_empty() && kind.text() != "object" {
        errors.push(kind.invalid("must be object at the root"));
    }
    metadata(schema, level, embedded || level == Level::Root, errors);
    if embedded && !preserved && properties.is_empty() {
        errors.push(properties.required(
            "must not be empty if x-kubernetes-embedded-resource is true without \
             x-kubernetes-preserve-unknown-fields",
        ));
    }
}

fn extensions(schema: &Node<'_>, errors: &mut Errors) {
    if is_flag(schema, "x-kubernetes-int-or-string") {
        for name in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
            let node = schema.child(name);
            if node.is_true() {
                errors.push(node.invalid("must be false if x-kubernetes-int-or-string is true"));
            }
        }
    }
}

/// The rules for `kind`, `apiVersion` and `metadata` of whole objects.
fn metadata(schema: &Node<'_>, level: Level, whole: bool, errors: &mut Errors) {
    let properties = schema.child("properties");
    for name in ["kind", "apiVersion"] {
        let property = properties.key(name);
        let kind = property.child("type");
        if whole && property.is_set() && kind.text() != "string" {
            errors.push(kind.invalid_text(kind.text(), "must be string"));
        }
    }
    let metadata = properties.key("metadata");
    if !metadata.is_set() {
        return;
    }
    let kind = metadata.child("type");
    if whole && kind.text() != "object" {
        errors.push(kind.invalid_text(kind.text(), "must be object"));
    }
    let known = |(name, value): (&str, Node<'_>)| match name {
        "type" | "default" => true,
        "properties" => value.entries().all(|(name, _)| matches!(name, "name" | "generateName")),
        _ => value.is_empty(),
    };
    if level == Level::Root && !metadata.entries().all(known) {
        errors.push(metadata.forbidden(
            "must not specify anything other than name and generateName, but metadata is implicitly specified",
        ));
    }
}

/// Which alternatives are the usual way to say integer or string, and not looked into.
#[derive(Clone, Copy, Default)]
struct Skip {
    any_of: bool,
    first_of_all: bool,
}

impl Skip {
    fn of(schema: &Node<'_>) -> Self {
        let pattern = |schema: &Node<'_>| {
            let any = schema.child("anyOf");
            let says = |i: usize, kind: &str| {
                let one = any.index(i);
                one.child("type").text() == kind && one.len() == 1
            };
            any.len() == 2 && says(0, "integer") && says(1, "string")
        };
        let all = schema.child("allOf");
        Skip { any_of: pattern(schema), first_of_all: !all.is_empty() && pattern(&all.index(0)) }
    }
}

fn values(schema: &Node<'_>, skip: Skip, level: Level, errors: &mut Errors) {
    if !skip.any_of {
        for one in schema.child("anyOf").items() {
            nested(&one, Skip::default(), level, errors);
        }
    }
    for (i, one) in schema.child("allOf").items().enumerate() {
        let skip = Skip { any_of: skip.first_of_all && i == 0, first_of_all: false };
        nested(&one, skip, level, errors);
    }
    for one in schema.child("oneOf").items() {
        nested(&one, Skip::default(), level, errors);
    }
    let not = schema.child("not");
    if not.is_set() {
        nested(&not, Skip::default(), level, errors);
    }
}

/// A schema below `allOf`, `anyOf`, `oneOf` or `not` may only look at values.
fn nested(schema: &Node<'_>, skip: Skip, level: Level, errors: &mut Errors) {
    values(schema, skip, level, errors);
    let items = schema.child("items");
    if items.is_set() {
        nested(&items, Skip::default(), level, errors);
    }
    let properties = schema.child("properties");
    for (_, property) in properties.entries() {
        nested(&property, Skip::default(), Level::Field, errors);
    }
    const EMPTY: &str = "must be empty to be structural";
    const UNDEFINED: &str = "must be undefined to be structural";
    const FALSE: &str = "must be false to be structural";
    let forbidden = [
        ("type", EMPTY),
        ("additionalProperties", UNDEFINED),
        ("default", UNDEFINED),
        ("title", EMPTY),
        ("description", EMPTY),
        ("nullable", FALSE),
        ("x-kubernetes-preserve-unknown-fields", FALSE),
        ("x-kubernetes-embedded-resource", FALSE),
        ("x-kubernetes-int-or-string", FALSE),
        ("x-kubernetes-list-map-keys", EMPTY),
        ("x-kubernetes-list-type", UNDEFINED),
        ("x-kubernetes-map-type", UNDEFINED),
        ("x-kubernetes-validations", EMPTY),
    ];
    for (name, why) in forbidden {
        let node = schema.child(name);
        let there = if why == UNDEFINED { node.is_set() } else { !node.is_empty() };
        if there {
            errors.push(node.forbidden(why));
        }
    }
    let metadata = properties.key("metadata");
    if metadata.is_set() {
        errors.push(metadata.forbidden("must not be specified in a nested context"));
    }
}

/// What is looked at below `allOf` and so on must be said outside, too. `path` is where `schema` stands (or
/// would).
fn completeness(values: &Node<'_>, schema: Option<&Node<'_>>, path: &Node<'_>, errors: &mut Errors) {
    let not = values.child("not");
    if not.is_set() {
        nested_completeness(&not, schema, path, errors);
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        for one in values.child(name).items() {
            nested_completeness(&one, schema, path, errors);
        }
    }
}

fn nested_completeness(values: &Node<'_>, schema: Option<&Node<'_>>, path: &Node<'_>, errors: &mut Errors) {
    let Some(schema) = schema else {
        errors.push(path.required(format!("because it is defined in {values}")));
        return;
    };
    completeness(values, Some(schema), path, errors);
    let (items, own) = (values.child("items"), schema.child("items"));
    if items.is_set() {
        nested_completeness(&items, Some(&own).filter(|own| own.is_set()), &own, errors);
    }
    let properties = schema.child("properties");
    for (name, property) in values.child("properties").entries() {
        let own = properties.key(name);
        if own.is_set() {
            nested_completeness(&property, Some(&own), &own, errors);
        } else {
            errors.push(own.required(format!("because it is defined in {property}")));
        }
    }
}
