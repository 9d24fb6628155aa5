//! Field selectors: `metadata.name=x,status.phase!=y`.
//!
//! Values escape `\`, `,` and `=` with a backslash. Which fields a kind knows is not decided here: see
//! [`Selector::transform`].

use std::fmt;

use super::within_bounds;
use crate::Text;

/// How a field and a value relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=` and `==`.
    Equals,
    /// `!=`.
    NotEquals,
}

/// One term of a [`Selector`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The field's label, such as `metadata.name`.
    pub field: Text,
    /// The relation.
    pub operator: Operator,
    /// The value, not escaped.
    pub value: Text,
}

/// All of some requirements; without any it selects everything.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// Parses a field selector. Terms come out sorted by their text, as upstream sorts them before it looks at
/// any.
///
/// # Errors
/// Upstream's text for a term without an operator and for bad escapes.
pub fn parse(text: &str) -> Result<Selector, String> {
    within_bounds(text)?;
    let mut terms = split_terms(text);
    terms.sort_unstable();
    let mut requirements = Vec::with_capacity(terms.len());
    for term in terms.into_iter().filter(|t| !t.is_empty()) {
        let (field, operator, value) = split_term(term)
            .ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{term}'"))?;
        requirements.push(Requirement { field: field.into(), operator, value: unescape(value)? });
    }
    Ok(Selector { requirements })
}

impl Selector {
    /// The selector that selects everything.
    pub const fn everything() -> Self {
        Selector { requirements: Vec::new() }
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The terms.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether an object matches, whose fields `value_of` gives; a field without a value is `""`.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> &'a str) -> bool {
        self.requirements.iter().all(|r| {
            let same = value_of(&r.field) == r.value;
            same == (r.operator == Operator::Equals)
        })
    }

    /// The value that the selector demands of `field`, where it demands one.
    pub fn required_value(&self, field: &str) -> Option<&str> {
        let mut terms = self.requirements.iter();
        let term = terms.find(|r| r.operator == Operator::Equals && r.field == field)?;
        Some(&term.value)
    }

    /// Adds the demand that `field` is `value`.
    pub fn require(&mut self, field: impl Into<Text>, value: impl Into<Text>) {
        self.requirements.push(Requirement {
            field: field.into(),
            operator: Operator::Equals,
            value: value.into(),
        });
    }

    /// The selector whose terms `convert` made of this one's (field, value) pairs: how a kind's version maps
    /// its field labels and refuses those that it does not know. A term that becomes `("", "")` is dropped.
    ///
    /// # Errors
    /// The first that `convert` gives.
    pub fn transform<E>(
        self,
        mut convert: impl FnMut(Text, Text) -> Result<(Text, Text), E>,
    ) -> Result<Self, E> {
        let mut requirements = Vec::with_capacity(self.requirements.len());
        for r in self.requirements {
            let (field, value) = convert(r.field, r.value)?;
            if !(field.is_empty() && value.is_empty()) {
                requirements.push(Requirement { field, operator: r.operator, value });
            }
        }
        Ok(Selector { requirements })
    }
}

/// The canonical text, which parses to the same terms.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, r) in self.requirements.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let operator = if r.operator == Operator::Equals { "=" } else { "!=" };
            write!(f, "{comma}{}{operator}{}", r.field, escape(&r.value))?;
        }
        Ok(())
    }
}

/// A value with `\`, `,` and `=` escaped, to stand in a selector.
pub fn escape(value: &str) -> Text {
    let mut out = Text::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '\\' | ',' | '=') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn unescape(value: &str) -> Result<Text, String> {
    if !value.contains(['\\', ',', '=']) {
        return Ok(value.into());
    }
    let mut out = Text::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                other => {
                    let other = other.map(String::from).unwrap_or_default();
                    return Err(format!("invalid field selector: invalid escape sequence: \\{other}"));
                }
            },
            ',' | '=' => {
                // Clients see the character's number here.
                return Err(format!("invalid field selector: unescaped character in value: {}", c as u32));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

/// The terms between commas that no backslash escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (i, b) in text.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => {
                terms.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

/// Splits at the first operator; fields know no escapes.
fn split_term(term: &str) -> Option<(&str, Operator, &str)> {
    let equals = term.find('=')?;
    let (field, value) = (&term[..equals], &term[equals + 1..]);
    if let Some(field) = field.strip_suffix('!') {
        return Some((field, Operator::NotEquals, value));
    }
    Some((field, Operator::Equals, value.strip_prefix('=').unwrap_or(value)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parse_and_print() {
        let check = |text: &str, want: Result<&str, &str>| {
            let got = parse(text).map(|s| s.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
        };
        check("", Ok(""));
        check(",,", Ok(""));
        check("b=2,a=1", Ok("a=1,b=2"));
        check("a==1", Ok("a=1"));
        check("a!=1", Ok("a!=1"));
        check("a=", Ok("a="));
        check("=x", Ok("=x"));
        check(r"a=x\,y\=z\\", Ok(r"a=x\,y\=z\\"));
        check("metadata.name", Err("invalid selector: 'metadata.name'; can't understand 'metadata.name'"));
        check("a=b,z>1", Err("invalid selector: 'a=b,z>1'; can't understand 'z>1'"));
        check("a===b", Err("invalid field selector: unescaped character in value: 61"));
        check(r"a=\b", Err(r"invalid field selector: invalid escape sequence: \b"));
        check(r"a=b\", Err(r"invalid field selector: invalid escape sequence: \"));
    }

    #[test]
    fn matching() {
        let check = |text: &str, want: bool| {
            let fields = |f: &str| match f {
                "metadata.name" => "x",
                "status.phase" => "Running",
                _ => "",
            };
            assert_eq!(parse(text).unwrap().matches(fields), want, "{text}");
        };
        check("", true);
        check("metadata.name=x", true);
        check("metadata.name=x,status.phase!=Running", false);
        check("metadata.name!=y,status.phase=Running", true);
        check("spec.none=", true);
        check("spec.none!=", false);
        assert_eq!(parse("a!=1,a=2").unwrap().required_value("a"), Some("2"));
    }

    #[test]
    fn transform_maps_drops_and_refuses() {
        let convert = |field: Text, value: Text| match field.as_str() {
            "name" => Ok(("metadata.name".into(), value)),
            "drop" => Ok(("".into(), "".into())),
            _ => Err(format!("field label not supported: {field}")),
        };
        let selector = parse("name!=x,drop=1").unwrap().transform(convert).unwrap();
        assert_eq!(selector.to_string(), "metadata.name!=x");
        assert_eq!(
            parse("nope=x").unwrap().transform(convert).unwrap_err(),
            "field label not supported: nope"
        );
    }

    #[test]
    fn input_is_bounded() {
        assert!(parse(&"a=b,".repeat(super::super::MAX_BYTES / 4 + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_value_survives_escaping(value in ".*") {
            let selector = parse(&format!("f={}", escape(&value))).unwrap();
            prop_assert_eq!(selector.required_value("f"), Some(value.as_str()));
        }

        #[test]
        fn canonical_text_parses_to_the_same(text in r"[a-c=!,\\ é]{0,20}") {
            if let Ok(selector) = parse(&text) {
                let sorted = |s: Selector| {
                    let mut texts: Vec<_> = s.requirements.iter().map(|r| format!("{r:?}")).collect();
                    texts.sort();
                    texts
                };
                let again = parse(&selector.to_string()).unwrap();
                prop_assert_eq!(sorted(again), sorted(selector));
            }
        }
    }
}
