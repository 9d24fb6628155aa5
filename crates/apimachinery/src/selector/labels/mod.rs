//! Label selectors: `env in (prod,test),!canary,tier!=db,replicas>2`.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

pub use parse::parse;

use super::syntax::{label_key_errors, label_value_errors};
use crate::field::{FieldError, Path, quote};
use crate::{Text, Value};

/// How a label and values relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`.
    Equals,
    /// `==`: means the same, and prints as it was written.
    DoubleEquals,
    /// `!=`: also true of an object without the label.
    NotEquals,
    /// `in`.
    In,
    /// `notin`: also true of an object without the label.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
    /// `>`: both are integers.
    GreaterThan,
    /// `<`: both are integers.
    LessThan,
}

/// One demand of a [`Selector`]. Always valid: see [`Requirement::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: Text,
    operator: Operator,
    values: Vec<Text>,
}

impl Requirement {
    /// A requirement of this key, operator and values: `In` and `NotIn` need values, `Exists` and
    /// `DoesNotExist` none, the others one, which is an integer for `GreaterThan` and `LessThan`.
    ///
    /// # Errors
    /// Upstream's text of all that is wrong, with the fields `key` and `values`.
    pub fn new(key: Text, operator: Operator, values: Vec<Text>) -> Result<Self, String> {
        let mut errors = Vec::new();
        let (key_path, values_path) = (Path::new("key"), Path::new("values"));
        let wrong_key = label_key_errors(&key);
        if !wrong_key.is_empty() {
            errors.push(FieldError::invalid(&key_path, &key, wrong_key.join("; ")));
        }
        let wrong_count = match operator {
            Operator::In | Operator::NotIn => {
                values.is_empty().then_some("for 'in', 'notin' operators, values set can't be empty")
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals => {
                (values.len() != 1).then_some("exact-match compatibility requires one single value")
            }
            Operator::Exists | Operator::DoesNotExist => {
                (!values.is_empty()).then_some("values set must be empty for exists and does not exist")
            }
            Operator::GreaterThan | Operator::LessThan => {
                (values.len() != 1).then_some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
        };
        if let Some(detail) = wrong_count {
            let shown = Some(shown_list(&values));
            errors.push(FieldError::new(crate::field::ErrorType::Invalid, &values_path, shown, detail));
        }
        if matches!(operator, Operator::GreaterThan | Operator::LessThan) {
            for (i, value) in values.iter().enumerate().filter(|(_, v)| v.parse::<i64>().is_err()) {
                let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
                errors.push(FieldError::invalid(&values_path.index(i), value, detail));
            }
        }
        for (i, value) in values.iter().enumerate() {
            let wrong = label_value_errors(value);
            if !wrong.is_empty() {
                let path = values_path.index(i).key(&key);
                errors.push(FieldError::invalid(&path, value, wrong.join("; ")));
            }
        }
        if errors.is_empty() { Ok(Requirement { key, operator, values }) } else { Err(aggregate(&errors)) }
    }

    /// The requirement that a `LabelSelectorRequirement` describes.
    ///
    /// # Errors
    /// Upstream's text for an operator that this kind doesn't have, and for what [`Requirement::new`] refuses.
    pub fn read(expression: &Value) -> Result<Self, String> {
        let operator = match expression.str_at(&["operator"]) {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => return Err(format!("{} is not a valid label selector operator", quote(other))),
        };
        let values = expression.get("values").and_then(Value::as_array).unwrap_or_default();
        let values = values.iter().map(|v| v.as_str().unwrap_or_default().into()).collect();
        Requirement::new(expression.str_at(&["key"]).into(), operator, values)
    }

    /// The label's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The relation.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values.
    pub fn values(&self) -> &[Text] {
        &self.values
    }

    /// Whether an object matches that has this value for the label (`None`: hasn't the label).
    pub fn matches(&self, label: Option<&str>) -> bool {
        let listed = |label: &str| self.values.iter().any(|v| v == label);
        match (self.operator, label) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, label) => label.is_some_and(listed),
            (Operator::NotEquals | Operator::NotIn, label) => !label.is_some_and(listed),
            (Operator::Exists, label) => label.is_some(),
            (Operator::DoesNotExist, label) => label.is_none(),
            (Operator::GreaterThan | Operator::LessThan, None) => false,
            (Operator::GreaterThan | Operator::LessThan, Some(label)) => {
                let bound = self.values.first().and_then(|v| v.parse::<i64>().ok());
                match (label.parse::<i64>(), bound) {
                    (Ok(label), Some(bound)) if self.operator == Operator::GreaterThan => label > bound,
                    (Ok(label), Some(bound)) => label < bound,
                    _ => false,
                }
            }
        }
    }
}

/// What a Go error list prints a list of strings as.
fn shown_list(values: &[Text]) -> String {
    if values.is_empty() {
        return "null".to_owned();
    }
    let quoted: Vec<_> = values.iter().map(|v| quote(v)).collect();
    format!("[{}]", quoted.join(","))
}

fn aggregate(errors: &[FieldError]) -> String {
    let mut texts = Vec::<String>::new();
    for text in errors.iter().map(ToString::to_string) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.len() == 1 { texts.remove(0) } else { format!("[{}]", texts.join(", ")) }
}

/// All of some requirements, or nothing at all.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selector {
    nothing: bool,
    requirements: Vec<Requirement>,
}

impl Selector {
    /// Selects everything.
    pub const fn everything() -> Self {
        Selector { nothing: false, requirements: Vec::new() }
    }

    /// Selects nothing.
    pub const fn nothing() -> Self {
        Selector { nothing: true, requirements: Vec::new() }
    }

    /// Selects what meets all of these.
    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Selector { nothing: false, requirements }
    }

    /// Selects what has all of these labels, unvalidated: the `spec.selector` of services and replication
    /// controllers. A map's null or empty value selects everything, and so does whatever is no map.
    pub fn from_map(labels: &Value) -> Self {
        let equals = |(key, value): (&str, &Value)| Requirement {
            key: key.into(),
            operator: Operator::Equals,
            values: vec![value.as_str().unwrap_or_default().into()],
        };
        Selector::new(labels.as_object().into_iter().flat_map(|map| map.iter().map(equals)).collect())
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether it is the selector that selects nothing.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// The requirements, sorted by key.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether an object matches, whose labels `label` gives.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        !self.nothing && self.requirements.iter().all(|r| r.matches(label(&r.key)))
    }

    /// Whether an object matches that has these labels (a map of strings; `None` or null: no labels).
    pub fn matches_map(&self, labels: Option<&Value>) -> bool {
        self.matches(|key| labels?.get(key)?.as_str())
    }

    /// The one value that the selector demands of the label `key`, where it demands one.
    pub fn required_value(&self, key: &str) -> Option<&str> {
        let requirement = self.requirements.iter().find(|r| r.key == key)?;
        match (requirement.operator, requirement.values.as_slice()) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, [value]) => Some(value),
            _ => None,
        }
    }
}

/// The selector that a `LabelSelector` describes: null (absent) selects nothing, an empty one everything.
///
/// # Errors
/// Upstream's text for an operator that `LabelSelector` doesn't have, and for what
/// [`Requirement::new`] refuses.
pub fn from_label_selector(selector: &Value) -> Result<Selector, String> {
    let Some(selector) = selector.as_object() else {
        return Ok(Selector::nothing());
    };
    let mut requirements = Vec::new();
    for (key, value) in
        selector.get("matchLabels").and_then(Value::as_object).into_iter().flat_map(|m| m.iter())
    {
        let values = vec![value.as_str().unwrap_or_default().into()];
        requirements.push(Requirement::new(key.into(), Operator::Equals, values)?);
    }
    for expression in selector.get("matchExpressions").and_then(Value::as_array).unwrap_or_default() {
        requirements.push(Requirement::read(expression)?);
    }
    Ok(Selector::new(requirements))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let operator = match self.operator {
            Operator::Exists => return f.write_str(key),
            Operator::DoesNotExist => return write!(f, "!{key}"),
            Operator::Equals => "=",
            Operator::DoubleEquals => "==",
            Operator::NotEquals => "!=",
            Operator::GreaterThan => ">",
            Operator::LessThan => "<",
            Operator::In => " in ",
            Operator::NotIn => " notin ",
        };
        let mut values: Vec<&str> = self.values.iter().map(Text::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        match self.operator {
            Operator::In | Operator::NotIn => write!(f, "{key}{operator}({values})"),
            _ => write!(f, "{key}{operator}{values}"),
        }
    }
}

/// The canonical text; empty for the selectors of everything and of nothing.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, requirement) in self.requirements.iter().enumerate() {
            write!(f, "{}{requirement}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}
