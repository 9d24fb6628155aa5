//! Text: what the language has, and version 2 of cel-go's extension. Positions count code points.

use super::Row;
use super::format::format;
use crate::meter::{Meter, Outcome};
use crate::value::{Text, Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("contains", "contains_string", "string.(string) -> bool", contains),
    ("endsWith", "ends_with_string", "string.(string) -> bool", ends_with),
    ("startsWith", "starts_with_string", "string.(string) -> bool", starts_with),
    ("charAt", "string_char_at_int", "string.(int) -> string", char_at),
    ("indexOf", "string_index_of_string", "string.(string) -> int", index_of),
    ("indexOf", "string_index_of_string_int", "string.(string, int) -> int", index_of),
    ("lastIndexOf", "string_last_index_of_string", "string.(string) -> int", last_index_of),
    ("lastIndexOf", "string_last_index_of_string_int", "string.(string, int) -> int", last_index_of),
    ("lowerAscii", "string_lower_ascii", "string.() -> string", lower_ascii),
    ("upperAscii", "string_upper_ascii", "string.() -> string", upper_ascii),
    ("replace", "string_replace_string_string", "string.(string, string) -> string", replace),
    ("replace", "string_replace_string_string_int", "string.(string, string, int) -> string", replace),
    ("split", "string_split_string", "string.(string) -> list(string)", split),
    ("split", "string_split_string_int", "string.(string, int) -> list(string)", split),
    ("substring", "string_substring_int", "string.(int) -> string", substring),
    ("substring", "string_substring_int_int", "string.(int, int) -> string", substring),
    ("trim", "string_trim", "string.() -> string", trim),
    ("join", "list_join", "list(string).() -> string", join),
    ("join", "list_join_string", "list(string).(string) -> string", join),
    ("format", "string_format", "string.(list(dyn)) -> string", format_string),
    ("strings.quote", "strings_quote", "(string) -> string", quote),
];

fn contains<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text), Val::String(part)] => Ok(Val::Bool(text.contains(&**part))),
        _ => no_overload(),
    }
}

fn ends_with<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text), Val::String(part)] => Ok(Val::Bool(text.ends_with(&**part))),
        _ => no_overload(),
    }
}

fn starts_with<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text), Val::String(part)] => Ok(Val::Bool(text.starts_with(&**part))),
        _ => no_overload(),
    }
}

/// The place in bytes of a place in code points, up to the end.
fn byte_at(text: &str, position: i64) -> Option<usize> {
    let position = usize::try_from(position).ok()?;
    match text.char_indices().nth(position) {
        Some((at, _)) => Some(at),
        None => (text.chars().count() == position).then_some(text.len()),
    }
}

fn out_of_range<'a>(position: i64) -> Outcome<Val<'a>> {
    error(format!("index out of range: {position}"))
}

/// A part of a text, without a copy where the text isn't one itself.
fn part<'a>(meter: &mut Meter, text: &Text<'a>, range: std::ops::Range<usize>) -> Outcome<Val<'a>> {
    match text {
        Text::Borrowed(text) => Ok(Val::from(&text[range])),
        Text::Shared(text) => {
            meter.allocate(range.len())?;
            Ok(Val::String(Text::Shared(text[range].into())))
        }
    }
}

fn char_at<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::String(text), Val::Int(position)] = args else {
        return no_overload();
    };
    match byte_at(text, *position) {
        Some(at) => {
            let length = text[at..].chars().next().map_or(0, char::len_utf8);
            part(meter, text, at..at + length)
        }
        None => out_of_range(*position),
    }
}

fn chars_before(text: &str, at: usize) -> i64 {
    i64::try_from(text[..at].chars().count()).unwrap_or(i64::MAX)
}

fn index_of<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let (text, wanted, from) = match args {
        [Val::String(text), Val::String(wanted)] => (text, wanted, 0),
        [Val::String(text), Val::String(wanted), Val::Int(from)] => (text, wanted, *from),
        _ => return no_overload(),
    };
    if wanted.is_empty() {
        return Ok(Val::Int(from));
    }
    if from < 0 {
        return out_of_range(from);
    }
    let found = byte_at(text, from).and_then(|from| text[from..].find(&**wanted).map(|at| from + at));
    Ok(Val::Int(found.map_or(-1, |at| chars_before(text, at))))
}

fn last_index_of<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let (text, wanted, to) = match args {
        [Val::String(text), Val::String(wanted)] => (text, wanted, None),
        [Val::String(text), Val::String(wanted), Val::Int(to)] => (text, wanted, Some(*to)),
        _ => return no_overload(),
    };
    let length = chars_before(text, text.len());
    if wanted.is_empty() {
        return Ok(Val::Int(to.unwrap_or(length)));
    }
    let end = match to {
        None => text.len(),
        Some(to) if to < 0 => return out_of_range(to),
        Some(to) if to >= length => return Ok(Val::Int(-1)),
        // It may begin at the position, so that it may end behind it.
        Some(to) => {
            let last = to.saturating_add(chars_before(wanted, wanted.len())).min(length);
            byte_at(text, last).unwrap_or(text.len())
        }
    };
    Ok(Val::Int(text[..end].rfind(&**wanted).map_or(-1, |at| chars_before(text, at))))
}

fn lower_ascii<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => {
            meter.allocate(text.len())?;
            Ok(Val::from(text.to_ascii_lowercase()))
        }
        _ => no_overload(),
    }
}

fn upper_ascii<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => {
            meter.allocate(text.len())?;
            Ok(Val::from(text.to_ascii_uppercase()))
        }
        _ => no_overload(),
    }
}

fn replace<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let (text, old, new, limit) = match args {
        [Val::String(text), Val::String(old), Val::String(new)] => (text, old, new, -1),
        [Val::String(text), Val::String(old), Val::String(new), Val::Int(limit)] => (text, old, new, *limit),
        _ => return no_overload(),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let count = text.matches(&**old).take(limit).count();
    meter.allocate(text.len().saturating_add(new.len().saturating_mul(count)))?;
    Ok(Val::from(text.replacen(&**old, new, limit)))
}

fn split<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let (text, separator, limit) = match args {
        [Val::String(text), Val::String(separator)] => (text, separator, -1),
        [Val::String(text), Val::String(separator), Val::Int(limit)] => (text, separator, *limit),
        _ => return no_overload(),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut ranges = Vec::new();
    let mut start = 0;
    while ranges.len() + 1 < limit {
        // An empty separator stands between any two code points.
        let found = if separator.is_empty() {
            let end = text[start..].chars().next().map_or(0, char::len_utf8);
            (end > 0 && start + end < text.len()).then_some(end)
        } else {
            text[start..].find(&**separator)
        };
        let Some(at) = found else {
            break;
        };
        meter.allocate(size_of::<Val<'_>>())?;
        ranges.push(start..start + at);
        start += at + separator.len();
    }
    if limit > 0 && !(separator.is_empty() && text.is_empty()) {
        ranges.push(start..text.len());
    }
    let parts = ranges.into_iter().map(|range| part(meter, text, range)).collect::<Outcome<Vec<_>>>()?;
    Ok(Val::from(parts))
}

fn substring<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let (text, start, end) = match args {
        [Val::String(text), Val::Int(start)] => (text, *start, None),
        [Val::String(text), Val::Int(start), Val::Int(end)] => (text, *start, Some(*end)),
        _ => return no_overload(),
    };
    if let Some(end) = end
        && start > end
    {
        return error(format!("invalid substring range. start: {start}, end: {end}"));
    }
    let Some(from) = byte_at(text, start) else {
        return out_of_range(start);
    };
    let to = match end {
        None => text.len(),
        Some(end) => match byte_at(text, end) {
            Some(to) => to,
            None => return out_of_range(end),
        },
    };
    part(meter, text, from..to)
}

fn trim<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => {
            let start = text.len() - text.trim_start().len();
            let end = start + text.trim().len();
            part(meter, text, start..end)
        }
        _ => no_overload(),
    }
}

fn join<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let (list, separator) = match args {
        [Val::List(list)] => (list, ""),
        [Val::List(list), Val::String(separator)] => (list, &**separator),
        _ => return no_overload(),
    };
    let mut joined = String::new();
    for (i, element) in list.iter().enumerate() {
        match element? {
            Val::String(text) => {
                meter.allocate(separator.len() + text.len())?;
                if i > 0 {
                    joined.push_str(separator);
                }
                joined.push_str(&text);
            }
            other => return error(format!("join: invalid input: {other}")),
        }
    }
    Ok(Val::from(joined))
}

fn format_string<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text), Val::List(values)] => Ok(Val::from(format(meter, text, values)?)),
        _ => no_overload(),
    }
}

fn quote<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [Val::String(text)] = args else {
        return no_overload();
    };
    meter.allocate(text.len() * 2)?;
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(Val::from(quoted))
}
