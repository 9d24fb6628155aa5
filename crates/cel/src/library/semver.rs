//! Versions: `semver('1.2.3')`; `semver('v1.2', true)` reads what is nearly one, too.

use std::cmp::Ordering;
use std::fmt;

use super::Row;
use super::extension::Extension;
use crate::meter::{Meter, Outcome};
use crate::value::{Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("semver", "string_to_semver", "(string) -> kubernetes.Semver", semver),
    ("semver", "string_bool_to_semver", "(string, bool) -> kubernetes.Semver", semver),
    ("isSemver", "is_semver_string", "(string) -> bool", is_semver),
    ("isSemver", "is_semver_string_bool", "(string, bool) -> bool", is_semver),
    ("isGreaterThan", "semver_is_greater_than", "kubernetes.Semver.(kubernetes.Semver) -> bool", is_greater),
    ("isLessThan", "semver_is_less_than", "kubernetes.Semver.(kubernetes.Semver) -> bool", is_less),
    ("compareTo", "semver_compare_to", "kubernetes.Semver.(kubernetes.Semver) -> int", compare_to),
    ("major", "semver_major", "kubernetes.Semver.() -> int", major),
    ("minor", "semver_minor", "kubernetes.Semver.() -> int", minor),
    ("patch", "semver_patch", "kubernetes.Semver.() -> int", patch),
];

/// A version, by the rules of Semantic Versioning 2.0.
#[derive(Clone, Debug)]
pub(crate) struct Semver {
    numbers: [u64; 3],
    /// What stands behind `-`.
    pre: Vec<Identifier>,
    text: String,
}

/// A part of a pre-release. Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl fmt::Display for Semver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn number(text: &str, what: &str) -> Result<u64, String> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("Invalid character(s) found in {what} number {text:?}"));
    }
    if text.len() > 1 && text.starts_with('0') {
        let what = what[..1].to_ascii_uppercase() + &what[1..];
        return Err(format!("{what} number must not contain leading zeroes {text:?}"));
    }
    text.parse().map_err(|_| format!("strconv.ParseUint: parsing {text:?}: value out of range"))
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

impl Semver {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("Version string empty".to_owned());
        }
        let parts: Vec<&str> = text.splitn(3, '.').collect();
        let [major, minor, rest] = parts.as_slice() else {
            return Err("No Major.Minor.Patch elements found".to_owned());
        };
        let (rest, build) = rest.split_once('+').map_or((*rest, None), |(rest, build)| (rest, Some(build)));
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        let numbers = [number(major, "major")?, number(minor, "minor")?, number(patch, "patch")?];
        let pre = pre.into_iter().flat_map(|pre| pre.split('.')).map(identifier).collect::<Result<_, _>>()?;
        for part in build.into_iter().flat_map(|build| build.split('.')) {
            if part.is_empty() {
                return Err("Build meta data is empty".to_owned());
            }
            if !is_word(part) {
                return Err(format!("Invalid character(s) found in build meta data {part:?}"));
            }
        }
        Ok(Semver { numbers, pre, text: text.to_owned() })
    }

    /// Reads a version that may begin with `v`, be short, and have leading zeros.
    fn parse_tolerant(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text.splitn(3, '.').map(without_zeros).collect();
        if parts.len() < 3 {
            if parts.last().is_some_and(|last| last.contains(['+', '-'])) {
                return Err("short version cannot contain PreRelease/Build meta data".to_owned());
            }
            parts.resize(3, "0".to_owned());
        }
        Self::parse(&parts.join("."))
    }

    /// What is built differently is the same version.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        })
    }
}

fn without_zeros(part: &str) -> String {
    if part.len() < 2 {
        return part.to_owned();
    }
    let trimmed = part.trim_start_matches('0');
    if trimmed.starts_with(|c: char| c.is_ascii_digit()) { trimmed.to_owned() } else { format!("0{trimmed}") }
}

fn identifier(text: &str) -> Result<Identifier, String> {
    if text.is_empty() {
        return Err("Prerelease is empty".to_owned());
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        if text.len() > 1 && text.starts_with('0') {
            return Err(format!("Numeric PreRelease version must not contain leading zeroes {text:?}"));
        }
        let out_of_range = |_| format!("strconv.ParseUint: parsing {text:?}: value out of range");
        return text.parse().map(Identifier::Number).map_err(out_of_range);
    }
    if is_word(text) {
        Ok(Identifier::Word(text.to_owned()))
    } else {
        Err(format!("Invalid character(s) found in prerelease {text:?}"))
    }
}

fn parsed(args: &[Val<'_>]) -> Outcome<Result<Semver, String>> {
    match args {
        [Val::String(text)] | [Val::String(text), Val::Bool(false)] => Ok(Semver::parse(text)),
        [Val::String(text), Val::Bool(true)] => Ok(Semver::parse_tolerant(text)),
        _ => no_overload(),
    }
}

fn semver<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    parsed(args)?.map_or_else(error, |version| Ok(Val::extension(Extension::Semver(version))))
}

fn is_semver<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Bool(parsed(args)?.is_ok()))
}

fn read<'v>(value: Option<&'v Val<'_>>) -> Outcome<&'v Semver> {
    match value {
        Some(Val::Extension(extension)) => match &**extension {
            Extension::Semver(version) => Ok(version),
            _ => no_overload(),
        },
        _ => no_overload(),
    }
}

fn order(args: &[Val<'_>]) -> Outcome<Ordering> {
    Ok(read(args.first())?.order(read(args.get(1))?))
}

fn is_greater<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Bool(order(args)?.is_gt()))
}

fn is_less<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Bool(order(args)?.is_lt()))
}

fn compare_to<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Int(order(args)? as i64))
}

fn component<'a>(args: &[Val<'a>], index: usize) -> Outcome<Val<'a>> {
    Ok(Val::Int(read(args.first())?.numbers[index] as i64))
}

fn major<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    component(args, 0)
}

fn minor<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    component(args, 1)
}

fn patch<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    component(args, 2)
}
