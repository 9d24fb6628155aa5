//! Types of expressions, as declared and as inferred.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The type of a variable, a field or an expression.
///
/// Printed as cel-go's checker prints it: `list(string)`, `map(string, dyn)`, `optional_type(int)`.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Of any type, which is known at evaluation only.
    Dyn,
    /// As `Dyn`, but printed as `any`.
    Any,
    /// `true`, `false`.
    Bool,
    /// A signed integer of 64 bits.
    Int,
    /// An unsigned integer of 64 bits.
    Uint,
    /// A floating-point number of 64 bits.
    Double,
    /// Unicode text.
    String,
    /// Bytes. In JSON: base64.
    Bytes,
    /// Only `null`.
    Null,
    /// A point in time, in the years 1 to 9999. In JSON: RFC 3339.
    Timestamp,
    /// A span of time, in nanoseconds. In JSON: as Go prints it (`1h2m`).
    Duration,
    /// A list of elements of one type.
    List(Box<Type>),
    /// Keys of one type with values of one type.
    Map(Box<Type>, Box<Type>),
    /// Named fields, each of its own type.
    Object(Arc<ObjectType>),
    /// A value that may be absent (`optional_type`).
    Optional(Box<Type>),
    /// The type of a type; `None` where it isn't known of which.
    Type(Option<Box<Type>>),
    /// A type of a library, by name: `kubernetes.Quantity`, `net.IP`, ….
    Opaque(&'static str),
    /// A type that is still open while an expression is checked, or a parameter of a declared function. Never in
    /// the type of a compiled expression.
    Parameter(u32),
    /// The type of what has an error. Never in the type of a compiled expression.
    Error,
}

/// The fields of an object type. Names of properties that are no identifiers, or are words of the language, are
/// written in expressions as Kubernetes escapes them (`__dash__`, `__namespace__`); they stand here unescaped.
#[derive(Clone, Debug)]
pub struct ObjectType {
    /// The type's name, as errors show it.
    pub name: String,
    /// The properties and their types.
    pub fields: BTreeMap<String, Type>,
    /// Whether it has any other property, too, of a type that is known at evaluation only.
    pub open: bool,
}

impl PartialEq for ObjectType {
    /// Types are the same when their names are: an environment has no two of one name.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl ObjectType {
    /// The type of the field that an expression calls `name`, and the name of the property.
    pub(crate) fn field(&self, name: &str) -> Option<&Type> {
        let found = match unescape(name) {
            Some(property) => self.fields.get(&property),
            None => self.fields.get(name),
        };
        found.or(self.open.then_some(&Type::Dyn))
    }
}

/// The words that can't be identifiers, and are written with underscores around them as names of fields.
pub(crate) const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Whether expressions may call a variable this.
pub fn is_identifier(name: &str) -> bool {
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.bytes().all(word) && !RESERVED.contains(&name)
}

/// The name of the property that `name` stands for, where `name` is escaped.
///
/// Source: Kubernetes' rules for property names in expressions (`__underscores__`, `__dot__`, `__dash__`,
/// `__slash__`, `__{word}__`).
pub(crate) fn unescape(name: &str) -> Option<String> {
    if !name.contains("__") {
        return None;
    }
    if let Some(word) = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"))
        && RESERVED.contains(&word)
    {
        return Some(word.to_owned());
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("__") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (sign, escape) =
            [("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__")]
                .into_iter()
                .find(|(_, escape)| rest.starts_with(escape))?;
        out.push_str(sign);
        rest = &rest[escape.len()..];
    }
    out.push_str(rest);
    Some(out)
}

impl Type {
    /// A list of `element`.
    pub fn list(element: Type) -> Self {
        Type::List(Box::new(element))
    }

    /// A map from `key` to `value`.
    pub fn map(key: Type, value: Type) -> Self {
        Type::Map(Box::new(key), Box::new(value))
    }

    /// An object with these fields.
    pub fn object<N: Into<String>>(name: &str, fields: impl IntoIterator<Item = (N, Type)>) -> Self {
        let fields = fields.into_iter().map(|(name, type_)| (name.into(), type_)).collect();
        Type::Object(Arc::new(ObjectType { name: name.to_owned(), fields, open: false }))
    }

    /// An object with fields that are not known beforehand.
    pub fn open_object(name: &str) -> Self {
        Type::Object(Arc::new(ObjectType { name: name.to_owned(), fields: BTreeMap::new(), open: true }))
    }

    /// An optional `value`.
    pub fn optional(value: Type) -> Self {
        Type::Optional(Box::new(value))
    }

    pub(crate) fn is_dyn(&self) -> bool {
        matches!(self, Type::Dyn | Type::Any)
    }

    pub(crate) fn is_dyn_or_error(&self) -> bool {
        matches!(self, Type::Dyn | Type::Any | Type::Error)
    }

    /// The types that this one is made of.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Type> {
        let (first, second): (Option<&Type>, Option<&Type>) = match self {
            Type::List(t) | Type::Optional(t) | Type::Type(Some(t)) => (Some(t), None),
            Type::Map(k, v) => (Some(k), Some(v)),
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// Of how many types this one is made, where that are no more than `limit`. Looks at no more than that.
    pub(crate) fn size_up_to(&self, limit: usize) -> Option<usize> {
        fn count(type_: &Type, left: &mut usize) -> bool {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            type_.parameters().all(|parameter| count(parameter, left))
        }
        let mut left = limit;
        count(self, &mut left).then(|| limit - left)
    }

    /// The type as cel-go's `Type.String` writes it, which Kubernetes shows where an expression evaluates to what
    /// it may not: other than what the checker prints, `null_type` and `google.protobuf.Timestamp`.
    pub fn name(&self) -> String {
        match self {
            Type::List(element) => format!("list({})", element.name()),
            Type::Map(key, value) => format!("map({}, {})", key.name(), value.name()),
            Type::Optional(value) => format!("optional_type({})", value.name()),
            Type::Type(Some(of)) => format!("type({})", of.name()),
            other => other.runtime_name().to_owned(),
        }
    }

    /// The name that `type(x)` prints for values of this type.
    pub(crate) fn runtime_name(&self) -> &str {
        match self {
            Type::Dyn => "dyn",
            Type::Any => "google.protobuf.Any",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Null => "null_type",
            Type::Timestamp => "google.protobuf.Timestamp",
            Type::Duration => "google.protobuf.Duration",
            Type::List(_) => "list",
            Type::Map(..) => "map",
            Type::Object(object) => &object.name,
            Type::Optional(_) => "optional_type",
            Type::Type(_) => "type",
            Type::Opaque(name) => name,
            Type::Parameter(_) => "dyn",
            Type::Error => "error",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("any"),
            Type::Null => f.write_str("null"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::Duration => f.write_str("duration"),
            Type::List(element) => write!(f, "list({element})"),
            Type::Map(key, value) => write!(f, "map({key}, {value})"),
            Type::Optional(value) => write!(f, "optional_type({value})"),
            Type::Type(Some(of)) => write!(f, "type({of})"),
            Type::Parameter(number) => write!(f, "_var{number}"),
            Type::Error => f.write_str("!error!"),
            other => f.write_str(other.runtime_name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_the_checker_of_cel_go_does() {
        for (type_, text) in [
            (Type::list(Type::map(Type::String, Type::Dyn)), "list(map(string, dyn))"),
            (Type::optional(Type::Timestamp), "optional_type(timestamp)"),
            (Type::object("kubernetes.UserInfo", [("username", Type::String)]), "kubernetes.UserInfo"),
            (Type::Type(Some(Box::new(Type::Null))), "type(null)"),
            (Type::map(Type::String, Type::Any), "map(string, any)"),
        ] {
            assert_eq!(type_.to_string(), text);
        }
    }

    #[test]
    fn words_of_the_language_are_no_identifiers() {
        for (name, is) in
            [("a1_", true), ("_", true), ("", false), ("1a", false), ("a-b", false), ("é", false)]
        {
            assert_eq!(is_identifier(name), is, "{name}");
        }
        assert!(RESERVED.iter().all(|word| !is_identifier(word)));
    }

    #[test]
    fn names_of_types_are_those_of_values() {
        for (type_, name) in [
            (
                Type::list(Type::map(Type::String, Type::Timestamp)),
                "list(map(string, google.protobuf.Timestamp))",
            ),
            (Type::optional(Type::Null), "optional_type(null_type)"),
            (Type::open_object("Object.spec"), "Object.spec"),
        ] {
            assert_eq!(type_.name(), name);
        }
    }

    #[test]
    fn names_of_properties_are_unescaped() {
        for (name, property) in [
            ("__namespace__", Some("namespace")),
            ("a__dash__b", Some("a-b")),
            ("a__dot__b__slash__c", Some("a.b/c")),
            ("__underscores__x", Some("__x")),
            ("a_b", None),
            ("a__b", None),
        ] {
            assert_eq!(unescape(name).as_deref(), property, "{name}");
        }
    }

    #[test]
    fn large_types_are_noticed_without_looking_at_all_of_them() {
        let mut type_ = Type::Int;
        for _ in 0..10 {
            type_ = Type::map(type_.clone(), type_);
        }
        assert_eq!(type_.size_up_to(1000), None);
        assert_eq!(type_.size_up_to(5000), Some(2047));
    }
}
