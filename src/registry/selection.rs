//! Label and field selectors on stored bytes.
//!
//! Names and namespaces are read from keys, labels and other fields from the encoded message; a tree is built
//! only for values in JSON or another version.

use std::borrow::Cow;

use keelson_api::Resource;
use keelson_apimachinery::codec::scan;
use keelson_apimachinery::field::quote;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::selector::{fields, labels};
use keelson_apimachinery::{Status, Value};

use super::stored::{Stored, unreadable};
use super::strategy::{FieldLabels, FieldSource};

/// What a list or watch selects.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    labels: labels::Selector,
    fields: fields::Selector,
    known: FieldLabels,
    /// What is stored.
    resource: &'static Resource,
}

/// How a resource's field selectors are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldRules<'a> {
    /// The fields that it knows.
    pub(crate) known: FieldLabels,
    /// The kind's group, version and name, for texts.
    pub(crate) kind: (&'a str, &'a str, &'a str),
    /// Whether its objects have namespaces.
    pub(crate) namespaced: bool,
}

impl FieldRules<'_> {
    /// The text for a field that the resource doesn't know.
    fn unknown(&self, label: &str) -> String {
        match (self.known, self.kind) {
            (FieldLabels::Metadata, _) => format!(
                "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                quote(label)
            ),
            (_, ("batch", _, kind)) => format!("field label {} not supported for {kind}", quote(label)),
            (_, (group @ "resource.k8s.io", version, kind)) => {
                format!("field label not supported for {group}/{version}, Kind={kind}: {label}")
            }
            _ => format!("field label not supported: {label}"),
        }
    }

    fn knows(&self, label: &str) -> bool {
        match (label, self.known) {
            ("metadata.name", _) => true,
            ("metadata.namespace", FieldLabels::Metadata) => true,
            ("metadata.namespace", FieldLabels::Listed(_)) => self.namespaced,
            (_, FieldLabels::Metadata) => false,
            (label, FieldLabels::Listed(list)) => list.iter().any(|f| f.label == label),
        }
    }
}

impl Selection {
    /// Reads the selectors of a query.
    ///
    /// # Errors
    /// 400 for selectors that can't be read or name fields that the resource doesn't know.
    pub(crate) fn parse(
        label: &str,
        field: &str,
        rules: FieldRules<'_>,
        resource: &'static Resource,
    ) -> Result<Self, Status> {
        let labels = labels::parse(label).map_err(Status::bad_request)?;
        let fields = fields::parse(field).map_err(Status::bad_request)?;
        for requirement in fields.requirements() {
            if !rules.knows(&requirement.field) {
                return Err(Status::bad_request(rules.unknown(&requirement.field)));
            }
        }
        Ok(Selection { labels, fields, known: rules.known, resource })
    }

    /// Whether it selects everything.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The one name that it can select, where it demands one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields.required_value("metadata.name")
    }

    /// The one namespace that it can select, where it demands one.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.fields.required_value("metadata.namespace")
    }

    /// The one value of the string at `path` that it can select, where it demands one.
    pub(crate) fn value_at(&self, path: &[&str]) -> Option<&str> {
        let mut terms = self.fields.requirements().iter();
        let demands = |field: &str| {
            self.source(field)
                .is_some_and(|source| matches!(source, FieldSource::Text(other) if other == path))
        };
        let term = terms.find(|r| r.operator == fields::Operator::Equals && demands(r.field.as_str()))?;
        Some(&term.value)
    }

    /// Whether it selects a value of this namespace and name.
    pub(crate) fn matches(&self, namespace: &str, name: &str, stored: &Stored) -> Result<bool, Status> {
        if self.is_everything() {
            return Ok(true);
        }
        // What the key says needs no look at the value.
        for requirement in self.fields.requirements() {
            let value = match requirement.field.as_str() {
                "metadata.name" => name,
                "metadata.namespace" => namespace,
                _ => continue,
            };
            if (value == requirement.value) != (requirement.operator == fields::Operator::Equals) {
                return Ok(false);
            }
        }
        match stored.message(self.resource)? {
            Some(message) => self.matches_message(message),
            None => self.matches_tree(&stored.decode(self.resource.type_id)?),
        }
    }

    fn matches_message(&self, message: &[u8]) -> Result<bool, Status> {
        let schema = keelson_api::schema();
        if !self.labels.is_empty() {
            let metadata = scan::metadata(schema, self.resource.type_id, message).map_err(unreadable)?;
            if !self.labels.matches(|key| metadata.label(key)) {
                return Ok(false);
            }
        }
        for requirement in self.fields.requirements() {
            let Some(source) = self.source(&requirement.field) else { continue };
            let text = |path: &[&str]| {
                let found =
                    scan::text_at(schema, self.resource.type_id, message, path).map_err(unreadable)?;
                Ok::<_, Status>(found.unwrap_or_default())
            };
            let or = |text: Cow<'_, str>, zero: &'static str| -> bool {
                (if text.is_empty() { zero } else { &*text }) == requirement.value
            };
            let same = match source {
                FieldSource::Text(path) => or(text(path)?, ""),
                FieldSource::Number(path) => or(text(path)?, "0"),
                FieldSource::Flag(path) => or(text(path)?, "false"),
                FieldSource::FirstText(paths) => {
                    let mut value = Cow::Borrowed("");
                    for path in paths {
                        value = text(path)?;
                        if !value.is_empty() {
                            break;
                        }
                    }
                    or(value, "")
                }
                FieldSource::Nothing => requirement.value.is_empty(),
            };
            if same != (requirement.operator == fields::Operator::Equals) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn matches_tree(&self, object: &Object) -> Result<bool, Status> {
        let fields = self.fields.requirements().iter().all(|requirement| {
            let Some(source) = self.source(&requirement.field) else { return true };
            let same = tree_value(object, source) == requirement.value.as_str();
            same == (requirement.operator == fields::Operator::Equals)
        });
        Ok(fields && self.labels.matches(|key| object.label(key)))
    }

    /// Where a field's value comes from; `None` for those that keys tell.
    fn source(&self, label: &str) -> Option<FieldSource> {
        match self.known {
            FieldLabels::Metadata => None,
            FieldLabels::Listed(list) => list.iter().find(|f| f.label == label).map(|f| f.source),
        }
    }
}

fn tree_value(object: &Object, source: FieldSource) -> String {
    match source {
        FieldSource::Text(path) => object.str_at(path).to_owned(),
        FieldSource::FirstText(paths) => {
            let mut texts = paths.iter().map(|path| object.str_at(path));
            texts.find(|text| !text.is_empty()).unwrap_or("").to_owned()
        }
        FieldSource::Number(path) => object.at(path).and_then(Value::as_i64).unwrap_or(0).to_string(),
        FieldSource::Flag(path) => object.at(path).and_then(Value::as_bool).unwrap_or(false).to_string(),
        FieldSource::Nothing => String::new(),
    }
}
