//! Numbers: ranges and percentages.

use super::names::regex_text;

/// What an integer that may not be negative is told.
pub const NEGATIVE: &str = "must be greater than or equal to 0";

/// What a number outside of a range is told.
pub fn out_of_range(min: i64, max: i64) -> String {
    format!("must be between {min} and {max}, inclusive")
}

/// What is wrong with a number that must lie between two others, both included.
pub fn in_range(number: i64, min: i64, max: i64) -> Option<String> {
    (!(min..=max).contains(&number)).then(|| out_of_range(min, max))
}

/// What is wrong with the id of a Linux user or group.
pub fn user_or_group_id(id: i64) -> Option<String> {
    in_range(id, 0, i64::from(i32::MAX))
}

/// The number of a percentage such as `25%`; `None` where the text is none. Numbers past what an integer holds
/// count as its limit.
pub fn percent(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('%').filter(|d| !d.is_empty() && d.bytes().all(|c| c.is_ascii_digit()))?;
    Some(digits.parse().unwrap_or(i64::MAX))
}

/// What a text that is no percentage is told.
pub fn not_percent() -> String {
    let what = "a valid percent string must be a numeric string followed by an ending '%'";
    regex_text(what, "[0-9]+%", &["1%", "93%"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_31_bits() {
        assert!(user_or_group_id(-1).is_some() && user_or_group_id(1 << 31).is_some());
        assert_eq!(user_or_group_id((1 << 31) - 1), None);
    }

    #[test]
    fn percentages_are_digits_and_a_sign() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(percent(text), expected, "{text:?}");
        check("25%", Some(25));
        check("99999999999999999999%", Some(i64::MAX));
        check("%", None);
        check("-1%", None);
        check("1.5%", None);
        check("5", None);
    }
}
