//! CustomResourceDefinition.

use std::collections::HashSet;

use keelson_apimachinery::Value;
use keelson_apimachinery::content::names::{dns_1035_label, dns_subdomain};
use keelson_apimachinery::content::url::Url;
use keelson_apimachinery::meta::Object;

use crate::conversion::custom_resource_definition::to_v1beta1;

use super::super::shared::immutable::immutable_text;
use super::super::shared::render::render;
use super::super::{Errors, Node, Rules};
use super::conversion::{self, conversion};
use super::names::{names, required_label};
use super::paths::{MAX_SELECTABLE, column, required_one_of, selectable_fields, subresources};
use super::schema::{self, any, check as check_schema};
use super::shapes::VERSIONS;
use super::{formats, structural};

pub(super) const RULES: Rules = Rules::new(
    "apiextensions.k8s.io",
    "customresourcedefinitions",
    |object, errors| {
        let object = said_once(object);
        check(&Node::root(&object), None, errors);
    },
    |object, old, errors| {
        let (object, old) = (said_once(object), said_once(old));
        check(&Node::root(&object), Some(&Node::root(&old)), errors);
    },
)
.subresources(&[("status", |object, _, errors| {
    names(&object.child("status").child("acceptedNames"), errors);
})])
.warnings(warn);

/// Who may define resources in Kubernetes' own groups says so here.
const APPROVAL: &str = "api-approved.kubernetes.io";

/// What is let pass as the old definition has it.
#[derive(Clone, Copy)]
struct Lenient<'a> {
    schema: schema::Lenient,
    /// Versions without a schema.
    no_schema: bool,
    conversion: conversion::Lenient,
    old: Option<&'a Node<'a>>,
}

impl Lenient<'static> {
    fn new() -> Self {
        Lenient {
            schema: schema::Lenient::default(),
            no_schema: false,
            conversion: conversion::Lenient { review_versions: false, bundle: true },
            old: None,
        }
    }
}

impl<'a> Lenient<'a> {
    fn to(spec: &'a Node<'a>, established: bool) -> Self {
        let has = |predicate: fn(&Node<'_>) -> bool| {
            let mut found = false;
            each_schema(spec, &mut |schema| found |= any(schema, predicate));
            found
        };
        let mut structure = false;
        each_schema(spec, &mut |schema| {
            structure |= structural::is_unsupported(schema) || !structural::check(schema).is_empty();
        });
        let old = spec.child("conversion");
        Lenient {
            schema: schema::Lenient {
                types: has(schema::has_bad_type),
                structure,
                set_items: has(schema::has_bad_set_items),
                list_keys: has(schema::has_bad_list_keys),
            },
            no_schema: !spec.child("validation").child("openAPIV3Schema").is_set()
                && spec
                    .child("versions")
                    .items()
                    .any(|v| !v.child("schema").child("openAPIV3Schema").is_set()),
            conversion: conversion::Lenient {
                review_versions: old.is_set()
                    && !conversion::has_known_version(&old.child("conversionReviewVersions")),
                bundle: !established || conversion::has_bad_bundle(&old.child("webhookClientConfig")),
            },
            old: Some(spec),
        }
    }

    /// Whether the version `name` (or all, where it is `""`) has as many selectable fields as it had.
    fn any_number_of_fields(&self, name: &str, fields: &Node<'_>) -> bool {
        let Some(old) = self.old else { return false };
        let kept = |of: &Node<'_>| {
            let before = of.child("selectableFields");
            before.len() > MAX_SELECTABLE && before.same(fields)
        };
        if name.is_empty() {
            return kept(old);
        }
        old.child("versions").items().any(|version| version.child("name").text() == name && kept(&version))
    }
}

/// Calls `visit` with the schemas of a definition.
fn each_schema(spec: &Node<'_>, visit: &mut dyn FnMut(&Node<'_>)) {
    let validation = spec.child("validation");
    let top = validation.child("openAPIV3Schema");
    if top.is_set() {
        visit(&top);
    }
    for version in spec.child("versions").items() {
        let validation = version.child("schema");
        let schema = validation.child("openAPIV3Schema");
        if schema.is_set() {
            visit(&schema);
        }
    }
}

fn check(object: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    let (metadata, spec, status) = (object.child("metadata"), object.child("spec"), object.child("status"));
    let old_spec = old.map(|old| old.child("spec"));
    if old.is_none() {
        let name = metadata.child("name");
        let required =
            format!("{}.{}", spec.child("names").child("plural").text(), spec.child("group").text());
        if !name.text().is_empty() && name.text() != required {
            errors.push(name.invalid("must be spec.names.plural+\".\"+spec.group"));
        }
    }
    let lenient = match &old_spec {
        None => Lenient::new(),
        Some(spec) => Lenient::to(spec, old.is_some_and(is_established)),
    };
    check_spec(&spec, lenient, errors);
    if let (Some(old), Some(before)) = (old, &old_spec) {
        let (now, then) = (spec.child("names"), before.child("names"));
        if is_established(old) {
            immutable_text(&spec.child("scope"), &before.child("scope"), errors);
            immutable_text(&now.child("kind"), &then.child("kind"), errors);
        }
        immutable_text(&spec.child("group"), &before.child("group"), errors);
        immutable_text(&now.child("plural"), &then.child("plural"), errors);
    }
    names(&status.child("acceptedNames"), errors);
    stored_versions(&status.child("storedVersions"), &spec.child("versions"), errors);
    let annotations = metadata.child("annotations");
    let old_metadata = old.map(|old| old.child("metadata"));
    let old_annotations = old_metadata.as_ref().map(|metadata| metadata.child("annotations"));
    approval(spec.child("group").text(), &annotations, old_annotations.as_ref(), errors);
    let preserve = spec.child("preserveUnknownFields");
    if preserve.is_true() && !old_spec.is_some_and(|old| old.child("preserveUnknownFields").is_true()) {
        errors.push(preserve.invalid(
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
        ));
    }
}

/// A definition in the form of v1beta1.
fn said_once(object: &Node<'_>) -> Value {
    let mut object = Object::from(object.object().cloned().unwrap_or_default());
    to_v1beta1(&mut object);
    object.as_value().clone()
}

fn is_established(object: &Node<'_>) -> bool {
    let status = object.child("status");
    status
        .child("conditions")
        .items()
        .any(|c| c.child("type").text() == "Established" && c.child("status").text() == "True")
}

fn check_spec(spec: &Node<'_>, lenient: Lenient<'_>, errors: &mut Errors) {
    let group = spec.child("group");
    let wrong = dns_subdomain(group.text());
    if group.text().is_empty() {
        errors.push(group.required(""));
    } else if !wrong.is_empty() {
        errors.push(group.invalid(wrong.join(",")));
    } else if !group.text().contains('.') {
        errors.push(group.invalid("should be a domain with at least one dot"));
    }
    required_one_of(&spec.child("scope"), &["Cluster", "Namespaced"], errors);
    let mut lenient = lenient;
    // Absent, the field means true.
    let preserve = spec.child("preserveUnknownFields").flag().unwrap_or(true);
    if !preserve {
        lenient.schema.structure = false;
    }
    schemas_are_there(spec, lenient, preserve, errors);
    let has = |predicate: fn(&Node<'_>) -> bool| {
        let mut found = false;
        each_schema(spec, &mut |schema| found |= any(schema, predicate));
        found
    };
    if has(|schema| schema.child("default").is_set()) {
        lenient.schema.structure = false;
        if preserve {
            let node = spec.child("preserveUnknownFields").with(Some(&Value::Bool(true)));
            errors.push(node.invalid("must be false in order to use defaults in the schema"));
        }
    }
    let extended = |schema: &Node<'_>| {
        let flag = |name: &str| schema.child(name).is_true();
        flag("x-kubernetes-embedded-resource")
            || flag("x-kubernetes-int-or-string")
            || ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type"]
                .iter()
                .any(|name| schema.child(name).is_set())
            || ["x-kubernetes-list-map-keys", "x-kubernetes-validations"]
                .iter()
                .any(|name| !schema.child(name).is_empty())
    };
    if has(extended) {
        lenient.schema.structure = false;
    }
    check_versions(spec, lenient, errors);
    let own = spec.child("names");
    for name in ["plural", "singular", "kind", "listKind"] {
        let node = own.child(name);
        if node.text().is_empty() {
            errors.push(node.required(""));
        }
    }
    names(&own, errors);
    let status = has_status(&spec.child("subresources"))
        || spec.child("versions").items().any(|version| has_status(&version.child("subresources")));
    let validation = spec.child("validation");
    check_schema(&validation, status, lenient.schema, errors);
    subresources(&spec.child("subresources"), errors);
    for node in spec.child("additionalPrinterColumns").items() {
        column(&node, errors);
    }
    let fields = spec.child("selectableFields");
    if !fields.is_empty() {
        if validation.is_set() {
            let any_number = lenient.any_number_of_fields("", &fields);
            selectable_fields(&fields, &validation.child("openAPIV3Schema"), any_number, errors);
        } else {
            errors.push(fields.invalid_text("", "may only be set when validations.schema is included"));
        }
    }
    let converts = spec.child("conversion");
    let strategy = converts.child("strategy");
    if converts.is_set() && strategy.text() != "None" && preserve {
        let why = "must be None if spec.preserveUnknownFields is true";
        errors.push(strategy.invalid_text(strategy.text(), why));
    }
    conversion(&converts, lenient.conversion, errors);
}

fn schemas_are_there(spec: &Node<'_>, lenient: Lenient<'_>, preserve: bool, errors: &mut Errors) {
    if spec.child("validation").child("openAPIV3Schema").is_set() || (lenient.no_schema && preserve) {
        return;
    }
    for version in spec.child("versions").items() {
        let validation = version.child("schema");
        let schema = validation.child("openAPIV3Schema");
        if schema.is_set() {
            continue;
        }
        if !lenient.no_schema {
            errors.push(schema.required(""));
        } else if version.child("served").is_true() {
            errors.push(schema.required("because otherwise all fields are pruned"));
        }
    }
}

fn has_status(subresources: &Node<'_>) -> bool {
    subresources.child("status").is_set()
}

fn check_versions(spec: &Node<'_>, lenient: Lenient<'_>, errors: &mut Errors) {
    let versions = spec.child("versions");
    let own_subresources = versions.items().any(|version| version.child("subresources").is_set());
    let (mut stored, mut unique) = (0, true);
    for (i, version) in versions.items().enumerate() {
        let name = version.child("name");
        stored += usize::from(version.child("storage").is_true());
        unique &= !versions.items().take(i).any(|before| before.child("name").text() == name.text());
        required_label(&name, errors);
        // What counts is what the first version of this name says.
        let same = versions.items().find(|other| other.child("name").text() == name.text());
        let status = match (own_subresources, same) {
            (true, Some(same)) => has_status(&same.child("subresources")),
            _ => has_status(&spec.child("subresources")),
        };
        check_version(&version, status, lenient, errors);
    }
    exclusive(spec, &versions, errors);
    let shown = || render(&versions, &VERSIONS);
    for (name, what, top) in [
        ("schema", "schemas", "validation"),
        ("subresources", "subresources", "subresources"),
        ("additionalPrinterColumns", "additionalPrinterColumns", "additionalPrinterColumns"),
    ] {
        let first = versions.index(0);
        let first = first.child(name);
        let same = |version: Node<'_>| version.child(name).is_set() && version.child(name).same(&first);
        if !versions.is_empty() && versions.items().all(same) {
            errors.push(shown().invalid(format!(
                "per-version {what} may not all be set to identical values (top-level {top} should be used instead)"
            )));
        }
    }
    if !unique {
        errors.push(shown().invalid("must contain unique version names"));
    }
    if stored != 1 {
        errors.push(shown().invalid("must have exactly one version marked as storage version"));
    }
    let version = spec.child("version");
    if !version.text().is_empty() {
        let wrong = dns_1035_label(version.text());
        let first = versions.index(0);
        if !wrong.is_empty() {
            errors.push(version.invalid(wrong.join(",")));
        }
        if !versions.is_empty() && first.child("name").text() != version.text() {
            errors.push(version.invalid("must match the first version in spec.versions"));
        }
    }
}

/// What is said once can't be said by versions, too.
fn exclusive(spec: &Node<'_>, versions: &Node<'_>, errors: &mut Errors) {
    for (top, own, what) in [
        ("validation", "schema", "schemas"),
        ("subresources", "subresources", "subresources"),
        ("additionalPrinterColumns", "additionalPrinterColumns", "additionalPrinterColumns"),
    ] {
        let node = spec.child(top);
        if node.is_set() && versions.items().any(|version| version.child(own).is_set()) {
            errors.push(node.forbidden(format!("top-level and per-version {what} are mutually exclusive")));
        }
    }
}

fn check_version(version: &Node<'_>, status: bool, lenient: Lenient<'_>, errors: &mut Errors) {
    deprecation_warning(version, errors);
    let validation = version.child("schema");
    check_schema(&validation, status, lenient.schema, errors);
    subresources(&version.child("subresources"), errors);
    for node in version.child("additionalPrinterColumns").items() {
        column(&node, errors);
    }
    let fields = version.child("selectableFields");
    if fields.is_empty() {
        return;
    }
    let schema = validation.child("openAPIV3Schema");
    if schema.is_set() {
        let any_number = lenient.any_number_of_fields(version.child("name").text(), &fields);
        selectable_fields(&fields, &schema, any_number, errors);
    } else {
        let why = "may only be set when `version.schema.openAPIV3Schema` is not included";
        errors.push(fields.invalid_text("", why));
    }
}

fn deprecation_warning(version: &Node<'_>, errors: &mut Errors) {
    let warning = version.child("deprecationWarning");
    let Some(text) = warning.opt_text() else { return };
    if !version.child("deprecated").is_true() {
        errors.push(warning.invalid("can only be set for deprecated versions"));
        return;
    }
    if text.len() > 256 {
        errors.push(warning.invalid("must be <= 256 characters long"));
    }
    if text.is_empty() {
        errors.push(warning.invalid("must not be an empty string"));
    }
    let unprintable = |c: char| c.is_control() || (c.is_whitespace() && c != ' ');
    if let Some((i, _)) = text.char_indices().find(|(_, c)| unprintable(*c)) {
        errors.push(warning.invalid(format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {i}"
        )));
    }
}

fn stored_versions(stored: &Node<'_>, versions: &Node<'_>, errors: &mut Errors) {
    if stored.is_empty() {
        errors.push(stored.with(None).invalid("must have at least one stored version"));
        return;
    }
    let known: HashSet<String> = stored.items().map(|known| known.text().to_owned()).collect();
    let mut named = HashSet::new();
    for version in versions.items() {
        let name = version.child("name").text().to_owned();
        // Of versions with one name, the first takes the stored one.
        let is_stored = known.contains(&name) && !named.contains(&name);
        if version.child("storage").is_true() && !is_stored {
            errors.push(stored.invalid(format!("must have the storage version {name}")));
        }
        named.insert(name);
    }
    for known in stored.items() {
        let name = known.text();
        if !named.contains(name) {
            errors.push(known.invalid(format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in \
                 spec.versions until a storage migration ensures no data remains persisted in {name} and removes \
                 {name} from status.storedVersions"
            )));
        }
    }
}

/// What an annotation says about the approval of an API.
#[derive(PartialEq, Eq)]
enum Approval {
    Missing,
    Bypassed,
    Approved,
    Invalid,
}

fn approval_of(annotations: &Node<'_>) -> Approval {
    match annotations.key(APPROVAL).text() {
        "" => Approval::Missing,
        text if text.starts_with("unapproved") => Approval::Bypassed,
        text => match Url::parse(text) {
            Ok(url) if !url.host.is_empty() && !url.scheme.is_empty() => Approval::Approved,
            _ => Approval::Invalid,
        },
    }
}

/// APIs in Kubernetes' own groups need an approval, or a note that there is none.
fn approval(group: &str, annotations: &Node<'_>, old: Option<&Node<'_>>, errors: &mut Errors) {
    const SEE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";
    let protected = ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|own| group.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    let state = approval_of(annotations);
    if !protected || old.is_some_and(|old| approval_of(old) == state) {
        return;
    }
    let node = annotations.key(APPROVAL);
    match state {
        Approval::Missing => errors.push(node.required(format!(
            "protected groups must have approval annotation \"{APPROVAL}\", {SEE}"
        ))),
        Approval::Invalid => errors.push(node.invalid(format!(
            "protected groups must have approval annotation \"{APPROVAL}\" with either a URL or a reason starting \
             with \"unapproved\", {SEE}"
        ))),
        Approval::Bypassed | Approval::Approved => {}
    }
}

fn warn(object: &Node<'_>, old: Option<&Node<'_>>, warnings: &mut Vec<String>) {
    let unknown = |object: &Node<'_>| {
        let mut found = Vec::new();
        each_schema(&object.child("spec"), &mut |schema| found.extend(formats::unknown(schema)));
        found
    };
    let known = old.map(unknown).unwrap_or_default();
    for format in unknown(object).into_iter().filter(|format| !known.contains(format)) {
        warnings.push(format!("unrecognized format \"{format}\""));
    }
}
