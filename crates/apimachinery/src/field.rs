//! Field paths and validation errors, with the texts that clients of Kubernetes match on.

use std::fmt;

/// A path to a field: `spec.containers[0].name`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Path(String);

impl Path {
    /// The path of a top-level field; `""` is the object itself.
    pub fn new(name: impl Into<String>) -> Self {
        Path(name.into())
    }

    /// The path of a member of this struct.
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Path(name.to_owned()) } else { Path(format!("{}.{name}", self.0)) }
    }

    /// The path of an element of this list.
    pub fn index(&self, i: usize) -> Self {
        Path(format!("{}[{i}]", self.0))
    }

    /// The path of a value of this map.
    pub fn key(&self, key: &str) -> Self {
        Path(format!("{}[{key}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with a field. [`ErrorType::reason`] is what `details.causes` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// A referenced object is missing.
    NotFound,
    /// A value is missing.
    Required,
    /// A value that must be unique is there twice.
    Duplicate,
    /// A value is malformed.
    Invalid,
    /// A value is not one of the allowed ones.
    NotSupported,
    /// A value is not allowed here.
    Forbidden,
    /// A string is too long.
    TooLong,
    /// A list or map has too many members.
    TooMany,
    /// The server failed while it checked.
    Internal,
    /// A value has the wrong type.
    TypeInvalid,
}

impl ErrorType {
    /// The machine-readable reason of a cause.
    pub fn reason(self) -> &'static str {
        match self {
            ErrorType::NotFound => "FieldValueNotFound",
            ErrorType::Required => "FieldValueRequired",
            ErrorType::Duplicate => "FieldValueDuplicate",
            ErrorType::Invalid => "FieldValueInvalid",
            ErrorType::NotSupported => "FieldValueNotSupported",
            ErrorType::Forbidden => "FieldValueForbidden",
            ErrorType::TooLong => "FieldValueTooLong",
            ErrorType::TooMany => "FieldValueTooMany",
            ErrorType::Internal => "InternalError",
            ErrorType::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    fn text(self) -> &'static str {
        match self {
            ErrorType::NotFound => "Not found",
            ErrorType::Required => "Required value",
            ErrorType::Duplicate => "Duplicate value",
            ErrorType::Invalid => "Invalid value",
            ErrorType::NotSupported => "Unsupported value",
            ErrorType::Forbidden => "Forbidden",
            ErrorType::TooLong => "Too long",
            ErrorType::TooMany => "Too many",
            ErrorType::Internal => "Internal error",
            ErrorType::TypeInvalid => "Invalid value",
        }
    }
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// What kind of error.
    pub kind: ErrorType,
    /// Where: rendered with [`Path`]'s syntax; `<nil>` for the object itself where upstream says so.
    pub field: String,
    /// The bad value as the message shows it (strings quoted, objects as JSON); `None` where the message
    /// shows none (`Required`, `Forbidden`, `TooLong`, `Internal`).
    pub value: Option<String>,
    /// What the user should know; may be empty.
    pub detail: String,
}

impl FieldError {
    /// An error of `kind` at `path` that shows `value` (already rendered).
    pub fn new(
        kind: ErrorType,
        path: &(impl fmt::Display + ?Sized),
        value: Option<String>,
        detail: impl Into<String>,
    ) -> Self {
        FieldError { kind, field: path.to_string(), value, detail: detail.into() }
    }

    /// A malformed string.
    pub fn invalid(path: &(impl fmt::Display + ?Sized), value: &str, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Invalid, path, Some(quote(value)), detail)
    }

    /// A malformed integer.
    pub fn invalid_int(path: &(impl fmt::Display + ?Sized), value: i64, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Invalid, path, Some(value.to_string()), detail)
    }

    /// A missing value.
    pub fn required(path: &(impl fmt::Display + ?Sized), detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Required, path, None, detail)
    }

    /// A value that is there twice.
    pub fn duplicate(path: &(impl fmt::Display + ?Sized), value: &str) -> Self {
        Self::new(ErrorType::Duplicate, path, Some(quote(value)), "")
    }

    /// A value that is not allowed here.
    pub fn forbidden(path: &(impl fmt::Display + ?Sized), detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Forbidden, path, None, detail)
    }

    /// A value outside a list of allowed ones.
    pub fn not_supported(path: &(impl fmt::Display + ?Sized), value: &str, supported: &[&str]) -> Self {
        let list: Vec<_> = supported.iter().map(|s| quote(s)).collect();
        let detail =
            if list.is_empty() { String::new() } else { format!("supported values: {}", list.join(", ")) };
        Self::new(ErrorType::NotSupported, path, Some(quote(value)), detail)
    }

    /// A string longer than `max` bytes.
    pub fn too_long(path: &(impl fmt::Display + ?Sized), max: usize) -> Self {
        Self::new(ErrorType::TooLong, path, None, format!("may not be more than {max} bytes"))
    }

    /// A list or map with `actual` members, of which it may have `max`.
    pub fn too_many(path: &(impl fmt::Display + ?Sized), actual: usize, max: usize) -> Self {
        let detail = format!("must have at most {max} {}", if max == 1 { "item" } else { "items" });
        Self::new(ErrorType::TooMany, path, Some(actual.to_string()), detail)
    }

    /// The message without the field: what a cause carries.
    pub fn body(&self) -> String {
        let mut out = self.kind.text().to_owned();
        if let Some(value) = &self.value {
            out.push_str(": ");
            out.push_str(value);
        }
        if !self.detail.is_empty() {
            out.push_str(": ");
            out.push_str(&self.detail);
        }
        out
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

/// A string as Go's `%q` and `strconv.Quote` write it.
pub fn quote(s: &str) -> String {
    use fmt::Write;
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_upstream() {
        let spec = Path::new("spec");
        let check = |error: FieldError, text: &str| assert_eq!(error.to_string(), text);
        check(FieldError::required(&spec.child("a").index(2), ""), "spec.a[2]: Required value");
        check(FieldError::invalid(&spec.key("k"), "v\"", "no"), r#"spec[k]: Invalid value: "v\"": no"#);
        check(
            FieldError::not_supported(&spec, "x", &["A", "B"]),
            r#"spec: Unsupported value: "x": supported values: "A", "B""#,
        );
        check(FieldError::too_long(&spec, 63), "spec: Too long: may not be more than 63 bytes");
    }
}
