//! Numbers: ranges and percentages.

use super::names::regex_text;

/// What an integer that may not be negative is told.
pub const NEGATIVE: &str = "must be greater than or equal to 0";

/// What a number outside of a range is told.
pub fn out_of_range(min: i64, max: i64) -> String {
    format!("must be between {min} and {max}, inclusive")
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
