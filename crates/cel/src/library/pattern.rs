//! Regular expressions: `matches`, `find`, `findAll`.
//!
//! Patterns are RE2's. The `regex` crate knows nearly the same syntax; where it differs, patterns are translated:
//! `\d`, `\w`, `\s` and `\b` mean ASCII, braces that are no repetition stand for themselves, and in brackets `[`,
//! `&&`, `--` and `~~` do, too.

use regex::{Regex, RegexBuilder};

use super::Row;
use crate::meter::{Meter, Outcome};
use crate::value::{Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("matches", "matches", "(string, string) -> bool", matches),
    ("matches", "matches_string", "string.(string) -> bool", matches),
    ("find", "string_find_string", "string.(string) -> string", find),
    ("findAll", "string_find_all_string", "string.(string) -> list(string)", find_all),
    ("findAll", "string_find_all_string_int", "string.(string, int) -> list(string)", find_all),
];

/// The size that a compiled pattern may have, in bytes.
const LARGEST: usize = 4 << 20;

/// The longest repetition, as in RE2.
const LONGEST_REPETITION: u32 = 1_000;

/// Whether a function's second operand is a pattern, which is compiled beforehand where it is a constant.
pub(crate) fn has_pattern(function: &str) -> bool {
    matches!(function, "matches" | "find" | "findAll")
}

/// Compiles a pattern.
///
/// # Errors
/// What is wrong with it, in the words of Go's `regexp` as far as they begin.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern).map_err(|why| format!("error parsing regexp: {why}"))?;
    RegexBuilder::new(&translated)
        .size_limit(LARGEST)
        .dfa_size_limit(LARGEST)
        .nest_limit(1_000)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("error parsing regexp: {why}: `{pattern}`")
        })
}

/// RE2's syntax in that of the `regex` crate.
fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut class = false;
    while let Some(c) = rest.chars().next() {
        if c == '\\' {
            rest = escape(rest, class, &mut out)?;
            continue;
        }
        let tail = &rest[c.len_utf8()..];
        if class {
            if let Some(end) = rest.strip_prefix("[:").and_then(|tail| tail.find(":]")) {
                let (named, after) = rest.split_at(end + 4);
                out.push_str(named);
                rest = after;
                continue;
            }
            match c {
                ']' => class = false,
                '[' => out.push('\\'),
                '&' | '~' if tail.starts_with(c) => out.push('\\'),
                '-' if tail.starts_with('-') => out.push('\\'),
                _ => {}
            }
            out.push(c);
            rest = tail;
            continue;
        }
        match c {
            '[' => {
                class = true;
                out.push('[');
                rest = tail;
                if let Some(after) = rest.strip_prefix('^') {
                    out.push('^');
                    rest = after;
                }
                // A bracket that comes first is one of the characters.
                if let Some(after) = rest.strip_prefix(']') {
                    out.push_str("\\]");
                    rest = after;
                }
                continue;
            }
            '{' => match repetition(rest) {
                Some(length) => {
                    let text = &rest[..length];
                    let too_long = text.split(|c: char| !c.is_ascii_digit()).any(|number| {
                        !number.is_empty() && number.parse().map_or(true, |n: u32| n > LONGEST_REPETITION)
                    });
                    if too_long {
                        return Err(format!("invalid repeat count: `{text}`"));
                    }
                    out.push_str(text);
                    rest = &rest[length..];
                    continue;
                }
                None => out.push_str("\\{"),
            },
            '}' => out.push_str("\\}"),
            c => out.push(c),
        }
        rest = tail;
    }
    Ok(out)
}

/// The length of `{2}`, `{2,}` or `{2,3}`, where `text` begins with one.
fn repetition(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('{')?;
    let end = inner.find('}')?;
    let (least, most) = inner[..end].split_once(',').unwrap_or((&inner[..end], ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (!least.is_empty() && digits(least) && digits(most)).then_some(end + 2)
}

/// Translates the escape that `rest` begins with, and returns what follows.
fn escape<'p>(rest: &'p str, class: bool, out: &mut String) -> Result<&'p str, String> {
    let Some(c) = rest[1..].chars().next() else {
        return Err("trailing backslash at end of expression: ``".to_owned());
    };
    let after = &rest[1 + c.len_utf8()..];
    let translated = match (c, class) {
        ('d', false) => "[0-9]",
        ('D', _) => "[^0-9]",
        ('w', false) => "[0-9A-Za-z_]",
        ('W', _) => "[^0-9A-Za-z_]",
        ('s', false) => "[\\t\\n\\x0C\\r ]",
        ('S', _) => "[^\\t\\n\\x0C\\r ]",
        ('d', true) => "0-9",
        ('w', true) => "0-9A-Za-z_",
        ('s', true) => "\\t\\n\\x0C\\r ",
        ('b', false) => "(?-u:\\b)",
        ('Q', false) => {
            let (literal, after) = after.split_once("\\E").unwrap_or((after, ""));
            out.push_str(&regex::escape(literal));
            return Ok(after);
        }
        _ => {
            out.push('\\');
            out.push(c);
            // What stands in braces after these is no repetition.
            if matches!(c, 'x' | 'p' | 'P')
                && after.starts_with('{')
                && let Some(end) = after.find('}')
            {
                out.push_str(&after[..=end]);
                return Ok(&after[end + 1..]);
            }
            return Ok(after);
        }
    };
    out.push_str(translated);
    Ok(after)
}

fn compiled(pattern: &str) -> Outcome<Regex> {
    compile(pattern).or_else(error)
}

fn matches<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(_), Val::String(pattern)] => run("matches", &compiled(pattern)?, args),
        _ => no_overload(),
    }
}

fn find<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(_), Val::String(pattern)] => run("find", &compiled(pattern)?, args),
        _ => no_overload(),
    }
}

fn find_all<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(_), Val::String(pattern), ..] => run("findAll", &compiled(pattern)?, args),
        _ => no_overload(),
    }
}

/// Runs one of the functions with a compiled pattern.
pub(crate) fn run<'a>(function: &str, pattern: &Regex, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::String(text), ..] = args else {
        return no_overload();
    };
    match (function, args) {
        ("matches", _) => Ok(Val::Bool(pattern.is_match(text))),
        ("find", _) => Ok(Val::from(pattern.find(text).map_or("", |found| found.as_str()).to_owned())),
        (_, [_, _]) => Ok(all(pattern, text, usize::MAX)),
        (_, [_, _, Val::Int(limit)]) => Ok(all(pattern, text, usize::try_from(*limit).unwrap_or(usize::MAX))),
        _ => no_overload(),
    }
}

fn all<'a>(pattern: &Regex, text: &str, limit: usize) -> Val<'a> {
    Val::from(
        pattern.find_iter(text).take(limit).map(|found| found.as_str().to_owned().into()).collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_re2() {
        for (pattern, text, expected) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^\w$", "é", false),
            (r"^[\w-]+$", "a-b", true),
            (r"^[^\s]+$", "ab", true),
            (r"a{", "a{", true),
            (r"^a{2}$", "aa", true),
            (r"^{x}$", "{x}", true),
            (r"^[[]$", "[", true),
            (r"^[]a]+$", "a]", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[[:alpha:]]+$", "ab", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\x{41}\pL$", "AB", true),
            (r"(?i)^ABC$", "abc", true),
            (r"\bfoo\b", "a foo b", true),
        ] {
            let compiled = compile(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
            assert_eq!(compiled.is_match(text), expected, "{pattern} on {text}");
        }
        for pattern in ["(", "a{1001}", "[", r"\", "(?=a)", "*"] {
            let why = compile(pattern).expect_err(pattern);
            assert!(why.starts_with("error parsing regexp: "), "{why}");
        }
    }
}
