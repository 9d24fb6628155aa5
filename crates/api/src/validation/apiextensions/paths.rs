//! Paths into custom resources: of columns, scale, selectable fields and rules.

use super::super::shared::names;
use super::super::{Errors, Node};

const COLUMN_TYPES: &[&str] = &["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: &[&str] =
    &["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

/// How many fields may be selectable.
pub(super) const MAX_SELECTABLE: usize = 8;

/// Checks a path of names with a dot before each; whether it is one.
fn simple_path(node: &Node<'_>, errors: &mut Errors) -> bool {
    let fine = node.text().starts_with('.');
    if !fine {
        errors.push(node.invalid("must be a simple json path starting with ."));
    }
    fine
}

/// Checks a printer column.
pub(super) fn column(column: &Node<'_>, errors: &mut Errors) {
    let (name, kind, format) = (column.child("name"), column.child("type"), column.child("format"));
    if name.text().is_empty() {
        errors.push(name.required(""));
    }
    let types = format!("must be one of {}", COLUMN_TYPES.join(","));
    if kind.text().is_empty() {
        errors.push(kind.required(types));
    } else if !COLUMN_TYPES.contains(&kind.text()) {
        errors.push(kind.invalid(types));
    }
    if !format.text().is_empty() && !COLUMN_FORMATS.contains(&format.text()) {
        errors.push(format.invalid(format!("must be one of {}", COLUMN_FORMATS.join(","))));
    }
    let path = column.child("JSONPath");
    if path.text().is_empty() {
        errors.push(path.required(""));
    } else {
        simple_path(&path, errors);
    }
}

/// Checks subresources.
pub(super) fn subresources(subresources: &Node<'_>, errors: &mut Errors) {
    let scale = subresources.child("scale");
    if !scale.is_set() {
        return;
    }
    let required = [
        ("specReplicasPath", ".spec.", "should be a json path under .spec"),
        ("statusReplicasPath", ".status.", "should be a json path under .status"),
    ];
    for (name, prefix, why) in required {
        let path = scale.child(name);
        if path.text().is_empty() {
            errors.push(path.required(""));
        } else if simple_path(&path, errors) && !path.text().starts_with(prefix) {
            errors.push(path.invalid(why));
        }
    }
    let path = scale.child("labelSelectorPath");
    let text = path.text();
    if !text.is_empty()
        && simple_path(&path, errors)
        && !text.starts_with(".spec.")
        && !text.starts_with(".status.")
    {
        errors.push(path.invalid("should be a json path under either .spec or .status"));
    }
}

/// The type of what a path leads to.
///
/// # Errors
/// Why it leads nowhere.
fn follow(root: &Node<'_>, path: &str, arrays: bool) -> Result<Option<String>, String> {
    const NOWHERE: &str = "does not refer to a valid field";
    let mut at = root.value();
    let mut rest = path;
    while !rest.is_empty() {
        let end = |text: &str| text.find(['.', '[', ']']).map_or(text.len(), |end| end.max(1));
        let (token, behind) = rest.split_at(end(rest));
        let name;
        match token {
            "." => {
                let behind = if behind.is_empty() {
                    return Err("unexpected end of JSON path".to_owned());
                } else {
                    behind
                };
                let (found, behind) = behind.split_at(end(behind));
                name = found.to_owned();
                rest = behind;
            }
            "[" if !arrays => return Err("array notation is not allowed".to_owned()),
            "[" => {
                let Some(quoted) = behind.strip_prefix('\'') else {
                    let token = behind.split_at(end(behind)).0;
                    return Err(if behind.is_empty() {
                        "unexpected end of JSON path".to_owned()
                    } else {
                        format!("expected single quoted string but got {token}")
                    });
                };
                let close = quoted.match_indices('\'').find(|(i, _)| !quoted[..*i].ends_with('\\'));
                let Some((close, _)) = close else {
                    return Err(format!("expected single quoted string but got '{quoted}"));
                };
                name = quoted[..close].replace("\\'", "'").replace("\\\\", "\\");
                rest = match quoted[close + 1..].strip_prefix(']') {
                    Some(behind) => behind,
                    None if quoted[close + 1..].is_empty() => {
                        return Err("unexpected end of JSON path".to_owned());
                    }
                    None => return Err(format!("expected ] but got {}", &quoted[close + 1..])),
                };
            }
            other => return Err(format!("expected [ or . but got: {other}")),
        }
        let member = |key: &str| at.and_then(|schema| schema.get(key)).filter(|value| !value.is_null());
        at = match (member("properties"), member("additionalProperties")) {
            (Some(properties), _) => Some(properties.get(&name).ok_or(NOWHERE)?),
            (None, Some(any)) => Some(any),
            (None, None) => return Err(NOWHERE.to_owned()),
        };
    }
    Ok(at.and_then(|schema| schema.get("type")).and_then(|kind| kind.as_str()).map(str::to_owned))
}

/// Whether a path leads to something in a schema.
pub(super) fn is_valid(schema: &Node<'_>, path: &str) -> bool {
    follow(schema, path, true).is_ok()
}

/// Checks selectable fields of a schema. `any_number` is let pass where it was so before.
pub(super) fn selectable_fields(list: &Node<'_>, schema: &Node<'_>, any_number: bool, errors: &mut Errors) {
    let mut seen: Vec<String> = Vec::new();
    for field in list.items() {
        let path = field.child("jsonPath");
        let text = path.text();
        if text.is_empty() {
            errors.push(path.required(""));
            continue;
        }
        let kind = match follow(schema, text, false) {
            Ok(kind) => kind,
            Err(why) => {
                errors.push(path.invalid(format!("is an invalid path: {why}")));
                continue;
            }
        };
        if text == ".metadata" || text.starts_with(".metadata.") {
            errors.push(path.invalid("must not point to fields in metadata"));
        }
        if !matches!(kind.as_deref(), Some("string" | "boolean" | "integer")) {
            errors.push(path.invalid(
                "must point to a field of type string, boolean or integer. Enum string fields and strings with \
                 formats are allowed.",
            ));
        }
        if seen.iter().any(|before| before == text) {
            errors.push(path.duplicate());
        } else {
            seen.push(text.to_owned());
        }
    }
    if seen.len() > MAX_SELECTABLE && !any_number {
        errors.push(list.too_many(seen.len(), MAX_SELECTABLE));
    }
}

/// A string of a list, which must be there.
pub(super) fn required_one_of(node: &Node<'_>, supported: &[&str], errors: &mut Errors) {
    if node.text().is_empty() {
        errors.push(node.required(""));
    } else {
        names::one_of(node, supported, errors);
    }
}
