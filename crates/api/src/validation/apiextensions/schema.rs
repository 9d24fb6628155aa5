//! Schemas of custom resources: what OpenAPI has and Kubernetes doesn't, and Kubernetes' own extensions.
//! Values of defaults, patterns and rules are checked by what evaluates them.

use super::super::shared::render::render;
use super::super::{Errors, Node};
use super::shapes::{MEMBERS, SCHEMA};
use super::{paths, structural};

const TYPES: &[&str] = &["array", "boolean", "integer", "number", "object", "string"];

const REASONS: &[&str] =
    &["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// The members that the root of a schema may have where the status is a subresource.
const AT_ROOT: &[&str] = &[
    "Description",
    "Type",
    "Format",
    "Title",
    "Maximum",
    "ExclusiveMaximum",
    "Minimum",
    "ExclusiveMinimum",
    "MaxLength",
    "MinLength",
    "Pattern",
    "MaxItems",
    "MinItems",
    "UniqueItems",
    "MultipleOf",
    "Required",
    "Items",
    "Properties",
    "ExternalDocs",
    "Example",
    "XPreserveUnknownFields",
    "XValidations",
];

/// What is let pass as the old definition has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lenient {
    pub(super) types: bool,
    pub(super) structure: bool,
    pub(super) set_items: bool,
    pub(super) list_keys: bool,
}

/// Calls `visit` with a schema and all below it.
pub(super) fn each(schema: &Node<'_>, visit: &mut dyn FnMut(&Node<'_>)) {
    if !schema.is_set() {
        return;
    }
    visit(schema);
    let items = schema.child("items");
    if items.object().is_some() {
        each(&items, visit);
    }
    items.items().for_each(|item| each(&item, visit));
    for name in ["allOf", "anyOf", "oneOf"] {
        schema.child(name).items().for_each(|one| each(&one, visit));
    }
    each(&schema.child("not"), visit);
    for name in ["properties", "patternProperties", "definitions", "dependencies"] {
        let map = schema.child(name);
        map.entries().filter(|(_, one)| one.object().is_some()).for_each(|(_, one)| each(&one, visit));
    }
    for name in ["additionalProperties", "additionalItems"] {
        let one = schema.child(name);
        if one.object().is_some() {
            each(&one, visit);
        }
    }
}

/// Whether a schema, or one below it, is such that.
pub(super) fn any(schema: &Node<'_>, predicate: fn(&Node<'_>) -> bool) -> bool {
    let mut found = false;
    each(schema, &mut |schema| found |= predicate(schema));
    found
}

/// Whether a schema has a type that OpenAPI doesn't know.
pub(super) fn has_bad_type(schema: &Node<'_>) -> bool {
    let kind = schema.child("type");
    !kind.text().is_empty() && !TYPES.contains(&kind.text())
}

/// Whether items of a set are such that two of them can be partly equal.
pub(super) fn has_bad_set_items(schema: &Node<'_>) -> bool {
    schema.child("x-kubernetes-list-type").text() == "set" && bad_set_items(schema).is_some()
}

/// The member that keeps items of a set from being atomic.
fn bad_set_items(schema: &Node<'_>) -> Option<&'static str> {
    let items = schema.child("items");
    let (list, map) = (items.child("x-kubernetes-list-type"), items.child("x-kubernetes-map-type"));
    match items.child("type").text() {
        "array" if list.is_set() && list.text() != "atomic" => Some("x-kubernetes-list-type"),
        "object" if map.text() != "atomic" => Some("x-kubernetes-map-type"),
        _ => None,
    }
}

/// Whether keys of a list are such that an item may lack them.
pub(super) fn has_bad_list_keys(schema: &Node<'_>) -> bool {
    let mut errors = Vec::new();
    list_keys(schema, &mut errors);
    !errors.is_empty()
}

/// Checks `validation` of a definition or `schema` of a version.
pub(super) fn check(validation: &Node<'_>, status: bool, lenient: Lenient, errors: &mut Errors) {
    let schema = validation.child("openAPIV3Schema");
    if !schema.is_set() {
        return;
    }
    if status {
        at_root(&schema, errors);
    }
    let nullable = schema.child("nullable");
    if nullable.is_true() {
        errors.push(nullable.forbidden("nullable cannot be true at the root"));
    }
    if !lenient.structure && !structural::is_unsupported(&schema) {
        errors.extend(structural::check(&schema));
    }
    let context = Context { lenient, no_default: None, metadata: false };
    walk(&schema, true, context, errors);
}

/// Refuses members that the root can't have where the status is a subresource; the first says so.
fn at_root(schema: &Node<'_>, errors: &mut Errors) {
    for (name, go, _) in MEMBERS.iter().filter(|(name, ..)| !schema.child(name).is_empty()) {
        if *name == "type" {
            let kind = schema.child(name);
            if kind.text() != "object" {
                errors.push(kind.invalid(
                    "only \"object\" is allowed as the type at the root of the schema if the status \
                     subresource is enabled",
                ));
                return;
            }
        } else if !AT_ROOT.contains(go) {
            let allowed = AT_ROOT.join(" ");
            errors.push(render(schema, &SCHEMA).invalid(format!(
                "only [{allowed}] fields are allowed at the root of the schema if the status subresource is enabled"
            )));
            return;
        }
    }
}

/// What the place of a schema means for it.
#[derive(Clone, Copy)]
struct Context<'a> {
    lenient: Lenient,
    /// Where defaults can't be: behind `must not be set`.
    no_default: Option<&'a str>,
    /// Inside of an object's metadata.
    metadata: bool,
}

fn walk(schema: &Node<'_>, root: bool, context: Context<'_>, errors: &mut Errors) {
    standard(schema, context, errors);
    let unique = schema.child("uniqueItems");
    if unique.is_true() {
        let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(unique.forbidden(why));
    }
    let (properties, additional) = (schema.child("properties"), schema.child("additionalProperties"));
    if additional.is_set() && !properties.is_empty() && !additional.is_true() {
        errors.push(additional.forbidden("additionalProperties and properties are mutual exclusive"));
    }
    if additional.object().is_some() {
        let mut below = context;
        if context.metadata {
            below.no_default = Some(" inside additionalProperties applying to object metadata");
        }
        walk(&additional, false, below, errors);
    }
    let embedded = schema.child("x-kubernetes-embedded-resource").is_true();
    for (name, property) in properties.entries() {
        let mut below = context;
        let reason = format!(" in top-level {name}");
        if (root || embedded) && matches!(name, "metadata" | "kind" | "apiVersion") {
            below.metadata = true;
            if root {
                below.no_default = Some(&reason);
            }
        }
        walk(&property, false, below, errors);
    }
    let not = schema.child("not");
    if not.is_set() {
        walk(&not, false, context, errors);
    }
    for name in ["allOf", "oneOf", "anyOf"] {
        schema.child(name).items().for_each(|one| walk(&one, false, context, errors));
    }
    schema.child("definitions").entries().for_each(|(_, one)| walk(&one, false, context, errors));
    let items = schema.child("items");
    if items.object().is_some() {
        walk(&items, false, context, errors);
    }
    items.items().for_each(|item| walk(&item, false, context, errors));
    let dependencies = schema.child("dependencies");
    for (_, one) in dependencies.entries().filter(|(_, one)| one.object().is_some()) {
        walk(&one, false, context, errors);
    }
    extensions(schema, context.lenient, errors);
    for rule in schema.child("x-kubernetes-validations").items() {
        check_rule(schema, &rule, errors);
    }
}

/// What OpenAPI has and Kubernetes doesn't.
fn standard(schema: &Node<'_>, context: Context<'_>, errors: &mut Errors) {
    let kind = schema.child("type");
    if !context.lenient.types && has_bad_type(schema) {
        errors.push(kind.not_supported(TYPES));
    }
    let default = schema.child("default");
    if let Some(reason) = context.no_default
        && default.is_set()
    {
        errors.push(default.forbidden(format!("must not be set{reason}")));
    }
    for name in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
        let node = schema.child(name);
        let there = if matches!(name, "additionalItems" | "$ref") { node.is_set() } else { !node.is_empty() };
        if there {
            errors.push(node.forbidden(format!("{name} is not supported")));
        }
    }
    if kind.text() == "null" {
        errors.push(kind.forbidden("type cannot be set to null, use nullable as an alternative"));
    }
    let items = schema.child("items");
    if items.object().is_none() && !items.is_empty() {
        errors.push(items.forbidden("items must be a schema object and not an array"));
    }
    let embedded = schema.child("x-kubernetes-embedded-resource");
    if context.metadata && embedded.is_true() {
        errors.push(embedded.forbidden("must not be used inside of resource meta"));
    }
}

fn extensions(schema: &Node<'_>, lenient: Lenient, errors: &mut Errors) {
    let preserve = schema.child("x-kubernetes-preserve-unknown-fields");
    if preserve.flag() == Some(false) {
        errors.push(preserve.invalid("must be true or undefined"));
    }
    let (kind, map) = (schema.child("type"), schema.child("x-kubernetes-map-type"));
    let list = schema.child("x-kubernetes-list-type");
    let typed = |wanted: &str, extension: &str, errors: &mut Errors| {
        let why = format!("must be {wanted} if {extension} is specified");
        if kind.text().is_empty() {
            errors.push(kind.required(why));
        } else if kind.text() != wanted {
            errors.push(kind.invalid(why));
        }
    };
    if map.is_set() {
        typed("object", "x-kubernetes-map-type", errors);
        if !matches!(map.text(), "atomic" | "granular") {
            errors.push(map.not_supported(&["atomic", "granular"]));
        }
    }
    if list.is_set() {
        typed("array", "x-kubernetes-list-type", errors);
        let items = schema.child("items");
        if kind.text() == "array"
            && !lenient.set_items
            && list.text() == "set"
            && let Some(member) = bad_set_items(schema)
        {
            let shown = items.child(member).with(items.child("x-kubernetes-list-type").value());
            errors.push(shown.invalid("must be atomic as item of a list with x-kubernetes-list-type=set"));
        }
        if !matches!(list.text(), "atomic" | "set" | "map") {
            errors.push(list.not_supported(&["atomic", "set", "map"]));
        }
    }
    map_list(schema, &list, errors);
    if !lenient.list_keys {
        list_keys(schema, errors);
    }
}

/// The rules for lists whose items have keys.
fn map_list(schema: &Node<'_>, list: &Node<'_>, errors: &mut Errors) {
    let (keys, items) = (schema.child("x-kubernetes-list-map-keys"), schema.child("items"));
    if !keys.is_empty() && list.text() != "map" {
        let why = "must be map if x-kubernetes-list-map-keys is non-empty";
        errors.push(if list.is_set() { list.invalid(why) } else { list.required(why) });
    }
    if list.text() != "map" {
        return;
    }
    if keys.is_empty() {
        errors.push(keys.required("must not be empty if x-kubernetes-list-type is map"));
    }
    if !items.is_set() {
        errors.push(items.required("must have a schema if x-kubernetes-list-type is map"));
        return;
    }
    if items.object().is_none() {
        errors.push(items.invalid("must only have a single schema if x-kubernetes-list-type is map"));
        return;
    }
    let kind = items.child("type");
    if kind.text() != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        errors.push(kind.invalid_text(kind.text(), why));
        return;
    }
    let properties = items.child("properties");
    for (i, key) in keys.items().enumerate() {
        let property = properties.key(key.text());
        if !property.is_set() {
            errors.push(keys.invalid("entries must all be names of item properties"));
        } else if matches!(property.child("type").text(), "array" | "object") {
            // The type that is shown is that of the items.
            let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            errors.push(property.child("type").invalid_text(kind.text(), why));
        }
        if keys.items().take(i).any(|before| before.text() == key.text()) {
            errors.push(keys.invalid("must not contain duplicate entries"));
        }
    }
}

/// Keys must be there in every item.
fn list_keys(schema: &Node<'_>, errors: &mut Errors) {
    let (list, items) = (schema.child("x-kubernetes-list-type"), schema.child("items"));
    if items.object().is_none() || !matches!(list.text(), "set" | "map") {
        return;
    }
    let nullable = items.child("nullable");
    if nullable.is_true() {
        let why = format!("cannot be nullable when x-kubernetes-list-type is {}", list.text());
        errors.push(nullable.forbidden(why));
    }
    if list.text() != "map" {
        return;
    }
    let (properties, required) = (items.child("properties"), items.child("required"));
    for key in schema.child("x-kubernetes-list-map-keys").items() {
        let property = properties.key(key.text());
        if !property.is_set() {
            continue;
        }
        let default = property.child("default");
        if !default.is_set() && !required.items().any(|name| name.text() == key.text()) {
            errors.push(default.required(
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required \
                 property",
            ));
        }
        let nullable = property.child("nullable");
        if nullable.is_true() {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            errors.push(nullable.forbidden(why));
        }
    }
}

fn check_rule(schema: &Node<'_>, entry: &Node<'_>, errors: &mut Errors) {
    let has_newlines = |text: &str| text.contains(['\n', '\r']);
    let (rule, message) = (entry.child("rule"), entry.child("message"));
    let said = message.text().trim();
    if rule.text().trim().is_empty() {
        errors.push(rule.required("rule is not specified"));
    } else if !message.text().is_empty() && said.is_empty() {
        errors.push(message.invalid("must be non-empty if specified"));
    } else if has_newlines(said) {
        errors.push(message.invalid("must not contain line breaks"));
    } else if has_newlines(rule.text().trim()) && said.is_empty() {
        errors.push(message.required("message must be specified if rule contains line breaks"));
    }
    let expression = entry.child("messageExpression");
    if !expression.text().is_empty() && expression.text().trim().is_empty() {
        errors.push(expression.required("messageExpression must be non-empty if specified"));
    }
    let reason = entry.child("reason");
    if reason.is_set() && !REASONS.contains(&reason.text()) {
        errors.push(reason.not_supported(REASONS));
    }
    let path = entry.child("fieldPath");
    if path.text().is_empty() {
        return;
    }
    if path.text().trim().is_empty() {
        errors.push(path.invalid("must be non-empty if specified"));
    }
    if has_newlines(path.text()) {
        errors.push(path.invalid("must not contain line breaks"));
    }
    if !structural::is_unsupported(schema) && !paths::is_valid(schema, path.text()) {
        errors.push(path.invalid("must be a valid path"));
    }
}
