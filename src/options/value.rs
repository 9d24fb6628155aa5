//! The values of flags, written as Go's flag packages read them.

use std::net::IpAddr;
use std::time::Duration;

use keelson_apimachinery::scalar;

/// `true`, `false` and their short forms.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("invalid value {text:?}: neither true nor false")),
    }
}

/// A whole number: decimal, or with the prefix `0x`, `0o`, `0` or `0b`; underscores may part the digits of a
/// number with a prefix.
pub(super) fn integer(text: &str) -> Result<i64, String> {
    let wrong = || format!("invalid value {text:?}: not a whole number");
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    let digits = if radix == 10 { digits.to_owned() } else { digits.replace('_', "") };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return Err(wrong());
    }
    let signed = if negative { format!("-{digits}") } else { digits };
    i64::from_str_radix(&signed, radix).map_err(|_| wrong())
}

/// A whole number no less than 0 and no more than `most`.
pub(super) fn count(text: &str, most: u32) -> Result<u32, String> {
    let value = integer(text)?;
    if value < 0 {
        return Err(format!("invalid value {text:?}: can not be negative value"));
    }
    u32::try_from(value)
        .ok()
        .filter(|v| *v <= most)
        .ok_or_else(|| format!("invalid value {text:?}: can not be more than {most}"))
}

/// A duration such as `1m30s` or `300ms`, not below 0.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = scalar::Duration::parse(text).map_err(|why| format!("invalid value {text:?}: {why}"))?;
    u64::try_from(parsed.0)
        .map(Duration::from_nanos)
        .map_err(|_| format!("invalid value {text:?}: can not be negative value"))
}

/// An IP address.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.trim().parse().map_err(|_| format!("invalid value {text:?}: not an IP address"))
}

/// A list: the values of every use of the flag, each parted by commas.
pub(super) fn list(values: &[String]) -> Vec<String> {
    values.iter().filter(|v| !v.is_empty()).flat_map(|v| fields(v)).collect()
}

/// The texts that commas part in one value. One that begins with a quotation mark goes to the next, commas and all;
/// two of them stand for one inside.
pub(super) fn fields(text: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_go_reads_them() {
        let check = |text: &str, wanted: Option<i64>| assert_eq!(integer(text).ok(), wanted, "{text}");
        check("6443", Some(6443));
        check("-1", Some(-1));
        check("+1", Some(1));
        check("0", Some(0));
        check("0x1F", Some(31));
        check("017", Some(15));
        check("0b101", Some(5));
        for wrong in ["", "-", "x", "1.5", "1 ", "0x", "--1", "+-1", "99999999999999999999", "1_0"] {
            check(wrong, None);
        }
    }

    #[test]
    fn durations_are_not_below_zero() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(duration(text).ok(), millis.map(Duration::from_millis), "{text}");
        };
        check("0", Some(0));
        check("1m0.5s", Some(60_500));
        check("-0s", Some(0));
        for wrong in ["", "1", "-1s", "1d"] {
            check(wrong, None);
        }
    }

    #[test]
    fn lists_join_every_use_of_the_flag() {
        let check = |values: &[&str], wanted: &[&str]| {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            assert_eq!(list(&values), wanted);
        };
        check(&["a,b", "c"], &["a", "b", "c"]);
        check(&[""], &[]);
        check(&[], &[]);
        check(&[r#""a,b",c"#, r#"d"e"#], &["a,b", "c", r#"d"e"#]);
        check(&[r#""say ""a"", then","",b"#, "c,"], &[r#"say "a", then"#, "", "b", "c", ""]);
    }
}
