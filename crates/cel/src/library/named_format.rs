//! Formats by name: `format.named('dns1123Label').value().validate('a-b')`, `format.dns1123Label()`.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use keelson_apimachinery::content::names::{self, NameRule};

use super::extension::Extension;
use super::url::Url;
use super::{Row, time};
use crate::meter::{Meter, Outcome};
use crate::value::{Val, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("format.named", "format-named", "(string) -> optional(kubernetes.NamedFormat)", named),
    ("validate", "format-validate", "kubernetes.NamedFormat.(string) -> optional(list(string))", validate),
    ("format.dns1123Label", "format.dns1123Label", "() -> kubernetes.NamedFormat", |_, _| constant(0)),
    ("format.dns1123Subdomain", "format.dns1123Subdomain", "() -> kubernetes.NamedFormat", |_, _| {
        constant(1)
    }),
    ("format.dns1035Label", "format.dns1035Label", "() -> kubernetes.NamedFormat", |_, _| constant(2)),
    ("format.qualifiedName", "format.qualifiedName", "() -> kubernetes.NamedFormat", |_, _| constant(3)),
    ("format.dns1123LabelPrefix", "format.dns1123LabelPrefix", "() -> kubernetes.NamedFormat", |_, _| {
        constant(4)
    }),
    (
        "format.dns1123SubdomainPrefix",
        "format.dns1123SubdomainPrefix",
        "() -> kubernetes.NamedFormat",
        |_, _| constant(5),
    ),
    ("format.dns1035LabelPrefix", "format.dns1035LabelPrefix", "() -> kubernetes.NamedFormat", |_, _| {
        constant(6)
    }),
    ("format.labelValue", "format.labelValue", "() -> kubernetes.NamedFormat", |_, _| constant(7)),
    ("format.uri", "format.uri", "() -> kubernetes.NamedFormat", |_, _| constant(8)),
    ("format.uuid", "format.uuid", "() -> kubernetes.NamedFormat", |_, _| constant(9)),
    ("format.byte", "format.byte", "() -> kubernetes.NamedFormat", |_, _| constant(10)),
    ("format.date", "format.date", "() -> kubernetes.NamedFormat", |_, _| constant(11)),
    ("format.datetime", "format.datetime", "() -> kubernetes.NamedFormat", |_, _| constant(12)),
];

/// A format.
#[derive(Debug)]
pub(crate) struct Format {
    /// As `format.named` knows it.
    name: &'static str,
    /// As its values print.
    pub(crate) shown: &'static str,
    /// The length of a pattern that says the same, for costs.
    pub(crate) pattern: u64,
    /// What is wrong with a text.
    check: fn(&str) -> Vec<String>,
}

const FORMATS: [Format; 13] = [
    Format {
        name: "dns1123Label",
        shown: "DNS1123Label",
        pattern: 30,
        check: |text| NameRule::Label.check(text, false),
    },
    Format {
        name: "dns1123Subdomain",
        shown: "DNS1123Subdomain",
        pattern: 60,
        check: |text| NameRule::Subdomain.check(text, false),
    },
    Format { name: "dns1035Label", shown: "DNS1035Label", pattern: 30, check: names::dns_1035_label },
    Format { name: "qualifiedName", shown: "QualifiedName", pattern: 60, check: names::qualified_name },
    Format {
        name: "dns1123LabelPrefix",
        shown: "DNS1123LabelPrefix",
        pattern: 30,
        check: |text| NameRule::Label.check(text, true),
    },
    Format {
        name: "dns1123SubdomainPrefix",
        shown: "DNS1123SubdomainPrefix",
        pattern: 60,
        check: |text| NameRule::Subdomain.check(text, true),
    },
    Format { name: "dns1035LabelPrefix", shown: "DNS1035LabelPrefix", pattern: 30, check: dns_1035_prefix },
    Format { name: "labelValue", shown: "LabelValue", pattern: 40, check: names::label_value },
    Format {
        name: "uri",
        shown: "URI",
        pattern: 1_103,
        check: |text| Url::parse(text).err().into_iter().collect(),
    },
    Format {
        name: "uuid",
        shown: "uuid",
        pattern: 70,
        check: |text| problem(is_uuid(text), "does not match the UUID format"),
    },
    Format {
        name: "byte",
        shown: "byte",
        pattern: 84,
        check: |text| problem(is_base64(text), "invalid base64"),
    },
    Format {
        name: "date",
        shown: "date",
        pattern: 71,
        check: |text| problem(time::is_date(text), "invalid date"),
    },
    Format {
        name: "datetime",
        shown: "datetime",
        pattern: 71,
        check: |text| problem(is_date_time(text), "invalid datetime"),
    },
];

fn problem(fine: bool, problem: &str) -> Vec<String> {
    if fine { Vec::new() } else { vec![problem.to_owned()] }
}

/// A prefix may end in a dash, which a name that follows it goes on from.
fn dns_1035_prefix(text: &str) -> Vec<String> {
    match text.strip_suffix('-') {
        Some(before) if !before.is_empty() => {
            let mut masked: String = before.chars().take(before.chars().count() - 1).collect();
            masked.push('a');
            names::dns_1035_label(&masked)
        }
        _ => names::dns_1035_label(text),
    }
}

fn is_uuid(text: &str) -> bool {
    let mut rest = text;
    for (i, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if i > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        match rest.get(..length) {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => rest = &rest[length..],
            _ => return false,
        }
    }
    rest.is_empty()
}

fn is_base64(text: &str) -> bool {
    const ENGINE: GeneralPurpose =
        GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    !text.is_empty() && ENGINE.decode(text).is_ok()
}

/// A date, `t`, a time, and `z` or an offset; letters of either case.
fn is_date_time(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let Some((date, clock)) = text.split_once('t') else {
        return false;
    };
    let parts: Vec<&str> = clock.splitn(3, ':').collect();
    let [hour, minute, rest] = parts.as_slice() else {
        return false;
    };
    let within =
        |text: &str, most: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) && text <= most;
    let Some((second, rest)) = rest.split_at_checked(2) else {
        return false;
    };
    let mut chars = rest.chars();
    // A fraction begins with any character.
    let fraction = match chars.next() {
        Some(_)
            if chars.as_str().starts_with(|c: char| c.is_ascii_digit()) && !rest.starts_with(['+', '-']) =>
        {
            chars.as_str().trim_start_matches(|c: char| c.is_ascii_digit())
        }
        _ => rest,
    };
    let zone = fraction == "z"
        || fraction
            .strip_prefix(['+', '-'])
            .and_then(|zone| zone.split_once(':'))
            .is_some_and(|(hour, minute)| within(hour, "99") && within(minute, "99"));
    time::is_date(date) && within(hour, "23") && within(minute, "59") && within(second, "59") && zone
}

fn constant<'a>(index: usize) -> Outcome<Val<'a>> {
    Ok(Val::extension(Extension::Format(&FORMATS[index])))
}

fn named<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(name)] => {
            let found = FORMATS.iter().position(|format| format.name == &**name);
            Ok(Val::optional(found.map(constant).transpose()?))
        }
        _ => no_overload(),
    }
}

fn validate<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::Extension(extension), Val::String(text)] = args else {
        return no_overload();
    };
    let Extension::Format(format) = **extension else {
        return no_overload();
    };
    let problems = (format.check)(text);
    let values = problems.into_iter().map(Val::from).collect::<Vec<_>>();
    Ok(Val::optional((!values.is_empty()).then(|| Val::from(values))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_tell_what_is_wrong() {
        for (name, right, wrong) in [
            ("dns1123Label", "a-b", "a.b"),
            ("dns1123Subdomain", "a.b", "a..b"),
            ("dns1035Label", "a1", "1a"),
            ("qualifiedName", "example.com/Name", "/x"),
            ("dns1123LabelPrefix", "a-", "-a"),
            ("dns1123SubdomainPrefix", "a.b-", ".a"),
            ("dns1035LabelPrefix", "ab-", "1a-"),
            ("labelValue", "A.b", "-a"),
            ("uri", "https://example.com/", "example"),
            ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567"),
            ("byte", "YWJj", "YW"),
            ("date", "2024-02-29", "2023-02-29"),
            ("datetime", "2024-02-29T12:00:00.5Z", "2024-02-29T24:00:00Z"),
        ] {
            let format = FORMATS.iter().find(|format| format.name == name).expect("it is there");
            assert_eq!((format.check)(right), Vec::<String>::new(), "{name}: {right}");
            assert!(!(format.check)(wrong).is_empty(), "{name}: {wrong}");
        }
    }
}
