//! Expressions over claims and users, in CEL.

use std::sync::LazyLock;

use super::claims::Claims;
use crate::request::UserInfo;
use keelson_apimachinery::{Map, Value};
use keelson_cel::{CompileError, Environment, Program, Type};

/// The variable of expressions over claims.
const CLAIMS: &str = "claims";
/// The variable of expressions over users.
const USER: &str = "user";
/// What the evaluation of one expression may cost, in Kubernetes' units: about a tenth of a second.
const BUDGET: u64 = 1_000_000;
/// How deep claims may be nested for expressions to see them.
const MAX_DEPTH: usize = 100;

static OVER_CLAIMS: LazyLock<Environment> = LazyLock::new(|| {
    Environment::new().variable(CLAIMS, Type::Map(Box::new(Type::String), Box::new(Type::Dyn)))
});

static OVER_USER: LazyLock<Environment> = LazyLock::new(|| {
    let strings = || Type::List(Box::new(Type::String));
    let fields = [
        ("username", Type::String),
        ("uid", Type::String),
        ("groups", strings()),
        ("extra", Type::Map(Box::new(Type::String), Box::new(strings()))),
    ];
    Environment::new().variable(USER, Type::object("kubernetes.UserInfo", fields))
});

/// A checked expression.
#[derive(Debug)]
pub(super) struct Expression {
    text: String,
    program: Program,
}

/// Why there is no expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Useless {
    /// It is wrong.
    Invalid(String),
    /// It is well-formed, but can never be evaluated.
    Internal(String),
}

/// What expressions see.
pub(super) struct Input([(&'static str, Value); 1]);

impl Expression {
    /// An expression over claims, of any type.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn over_claims(text: &str) -> Result<Self, Useless> {
        Self::compile(&OVER_CLAIMS, text)
    }

    /// A condition for claims.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn claims_condition(text: &str) -> Result<Self, Useless> {
        Self::compile(&OVER_CLAIMS, text)?.condition()
    }

    /// A condition for a user.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn user_condition(text: &str) -> Result<Self, Useless> {
        Self::compile(&OVER_USER, text)?.condition()
    }

    fn compile(environment: &Environment, text: &str) -> Result<Self, Useless> {
        match environment.compile(text) {
            Ok(program) => Ok(Expression { text: text.to_owned(), program }),
            Err(why @ CompileError::Invalid { .. }) => {
                Err(Useless::Invalid(format!("compilation failed: {why}")))
            }
            Err(CompileError::Program(why)) => {
                Err(Useless::Internal(format!("program instantiation failed: {why}")))
            }
        }
    }

    fn condition(self) -> Result<Self, Useless> {
        match self.program.output_type() {
            Type::Bool => Ok(self),
            _ => Err(Useless::Invalid("must evaluate to bool".to_owned())),
        }
    }

    /// Whether its values may be strings and lists of them. Values of other types, such as times, are written as
    /// strings; they are none.
    fn is_text(&self) -> bool {
        fn is_text(of: &Type) -> bool {
            match of {
                Type::Dyn | Type::Any | Type::Null | Type::String => true,
                Type::List(elements) => is_text(elements),
                _ => false,
            }
        }
        is_text(self.program.output_type())
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the expression selects this claim by its name, as in `claims.email`.
    pub(super) fn selects_claim(&self, claim: &str) -> bool {
        self.program.selects(CLAIMS, claim)
    }

    /// Whether names in the expression may be escaped, as in `claims.example__dot__com`.
    pub(super) fn may_escape(&self) -> bool {
        self.text.contains("__")
    }

    /// The expression's value.
    ///
    /// # Errors
    /// What went wrong, with the expression.
    fn evaluate(&self, input: &Input) -> Result<Value, String> {
        let value = self.program.evaluate(&input.0, BUDGET);
        value.map_err(|why| format!("expression '{}' resulted in error: {why}", self.text))
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// What went wrong, with the expression.
    pub(super) fn holds(&self, input: &Input) -> Result<bool, String> {
        let value = self.evaluate(input)?;
        value.as_bool().ok_or_else(|| "validation expression must return a boolean".to_owned())
    }

    /// The expression's value, where it is a string.
    ///
    /// # Errors
    /// What went wrong, with the expression.
    pub(super) fn string(&self, input: &Input) -> Result<Option<String>, String> {
        let value = self.evaluate(input)?;
        Ok(value.as_str().filter(|_| self.is_text()).map(str::to_owned))
    }

    /// The expression's value as a list: a string is a list of one, `null` and empty strings are nothing.
    ///
    /// # Errors
    /// What went wrong, and where it is something else.
    pub(super) fn strings(&self, input: &Input) -> Result<Vec<String>, String> {
        let other = || "expression must return a string or a list of strings".to_owned();
        let listed = match self.evaluate(input)? {
            _ if !self.is_text() => return Err(other()),
            Value::Null => Vec::new(),
            Value::Array(values) => values,
            value @ Value::String(_) => vec![value],
            _ => return Err(other()),
        };
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(other);
        let texts = listed.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }
}

impl Input {
    /// For where there is no expression.
    pub(super) fn nothing() -> Self {
        Input([(CLAIMS, Value::Object(Map::new()))])
    }

    /// Claims. Numbers are doubles, as JSON knows no others. Where names are `escaped`, members can be had by
    /// their escaped names, too.
    ///
    /// # Errors
    /// Where the claims are nested too deeply.
    pub(super) fn claims(claims: &Claims, escaped: bool) -> Result<Self, String> {
        let claims = members(claims.members(), escaped, MAX_DEPTH).map_err(|why| format!("oidc: {why}"))?;
        Ok(Input([(CLAIMS, Value::Object(claims))]))
    }

    /// A user, with all of its fields.
    pub(super) fn user(user: &UserInfo, escaped: bool) -> Self {
        let list = |texts: &[String]| Value::Array(texts.iter().map(|text| text.as_str().into()).collect());
        let extra = user.extra.iter().flat_map(|(key, values)| {
            let alias = Some(escape(key)).flatten().filter(|_| escaped);
            [Some(key.clone()), alias].into_iter().flatten().map(move |key| (key, list(values)))
        });
        let extra: Map = extra.map(|(key, values)| (key.into(), values)).collect();
        let fields = [
            ("username", user.name.as_str().into()),
            ("uid", user.uid.as_str().into()),
            ("groups", list(&user.groups)),
            ("extra", extra.into()),
        ];
        let fields: Map = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Input([(USER, fields.into())])
    }
}

fn members(map: &Map, escaped: bool, depth: usize) -> Result<Map, String> {
    let depth = depth.checked_sub(1).ok_or("claims are nested too deeply")?;
    let mut seen = Vec::with_capacity(map.len());
    for (name, value) in map.iter() {
        let value = seen_by_cel(value, escaped, depth)?;
        if let Some(alias) = escape(name).filter(|alias| escaped && !map.contains_key(alias)) {
            seen.push((alias.into(), value.clone()));
        }
        seen.push((name.into(), value));
    }
    Ok(seen.into_iter().collect())
}

fn seen_by_cel(value: &Value, escaped: bool, depth: usize) -> Result<Value, String> {
    Ok(match value {
        // What is beyond the precision of a double is rounded, as upstream rounds it.
        #[allow(clippy::cast_precision_loss)]
        Value::Int(number) => Value::Float(*number as f64),
        Value::Object(map) => Value::Object(members(map, escaped, depth)?),
        Value::Array(values) => {
            let depth = depth.checked_sub(1).ok_or("claims are nested too deeply")?;
            let values = values.iter().map(|value| seen_by_cel(value, escaped, depth));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

/// Words that are no names in CEL.
const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// The name that a member has in expressions, where it is another one.
///
/// Source: "Common Expression Language in Kubernetes", on escaping.
fn escape(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let first = name.chars().next()?;
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    if first.is_ascii_digit() || !name.chars().all(known) {
        return None;
    }
    let escaped = name
        .replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__");
    (escaped != name).then_some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_kubernetes_escapes_them() {
        let check = |name: &str, wanted: Option<&str>| assert_eq!(escape(name).as_deref(), wanted, "{name}");
        check("email", None);
        check("example.com/a-b", Some("example__dot__com__slash__a__dash__b"));
        check("a__b", Some("a__underscores__b"));
        check("in", Some("__in__"));
        check("1a.b", None);
        check("a b", None);
        check("", None);
    }
}
