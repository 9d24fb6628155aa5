//! Lists of indexes of an indexed job: `1,3-5,7`, ascending.

use keelson_apimachinery::field::quote;

/// How many indexes a list has.
///
/// # Errors
/// What is wrong with it first; `completions` bounds the indexes.
pub(super) fn count(list: &str, completions: i64) -> Result<i64, String> {
    let mut total: i64 = 0;
    let mut last = None;
    for interval in list.split(',').filter(|_| !list.is_empty()) {
        let (first, end) = parse_interval(interval, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total = total.saturating_add(end.saturating_sub(first).saturating_add(1));
        last = Some(end);
    }
    Ok(total)
}

fn parse_interval(interval: &str, completions: i64) -> Result<(i64, i64), String> {
    let mut parts = interval.split('-');
    let first = parts.next().unwrap_or("");
    let (end, more) = (parts.next(), parts.next().is_some());
    if more {
        return Err(format!(
            "the fragment {} violates the requirement that an index interval can have at most two parts \
             separated by '-'",
            quote(interval)
        ));
    }
    let index = |text: &str| match text.parse::<i64>() {
        Err(_) => Err(format!("cannot convert string to integer for index: {}", quote(text))),
        Ok(index) if index >= completions => Err(format!("too large index: {}", quote(text))),
        Ok(index) => Ok(index),
    };
    let first = index(first)?;
    match end.map(index).transpose()? {
        Some(end) if first >= end => Err(format!("non-increasing order, previous: {first}, current: {end}")),
        end => Ok((first, end.unwrap_or(first))),
    }
}

/// The first index that is in both of two lists. Malformed intervals count for nothing.
pub(super) fn overlap(one: &str, other: &str, completions: i64) -> Option<i64> {
    let parsed = |list: &str| -> Vec<(i64, i64)> {
        let intervals = list.split(',').filter(|_| !list.is_empty());
        intervals.filter_map(|interval| parse_interval(interval, completions).ok()).collect()
    };
    let (ones, others) = (parsed(one), parsed(other));
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (ones.get(i), others.get(j)) {
        if a.0 <= b.1 && b.0 <= a.1 {
            return Some(a.0.max(b.0));
        }
        if a.0 <= b.0 {
            i += 1;
        } else {
            j += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted_or_refused() {
        let check = |list: &str, expected: Result<i64, &str>| {
            assert_eq!(count(list, 10), expected.map_err(str::to_owned), "{list:?}");
        };
        check("", Ok(0));
        check("1,3-5,9", Ok(5));
        check("3,1", Err("non-increasing order, previous: 3, current: 1"));
        check("5-3", Err("non-increasing order, previous: 5, current: 3"));
        check("10", Err("too large index: \"10\""));
        check("a", Err("cannot convert string to integer for index: \"a\""));
        check("1-", Err("cannot convert string to integer for index: \"\""));
    }

    #[test]
    fn overlaps_are_found_across_malformed_intervals() {
        let check =
            |a: &str, b: &str, expected: Option<i64>| assert_eq!(overlap(a, b, 10), expected, "{a} {b}");
        check("1-3", "4,5", None);
        check("1-3", "x,3-4", Some(3));
        check("", "1", None);
    }
}
