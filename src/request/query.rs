//! The query of a URL.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The parameters of a query, in their order. Pairs that can't be read (a bad `%` escape, a `;`) are left
/// out, as Go's `url.Query` does.
#[derive(Clone, Debug, Default)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// The parameters of `text`, a URL's part behind the question mark.
    pub fn parse(text: Option<&'a str>) -> Self {
        let text = text.unwrap_or("");
        let pairs = text.split('&').filter(|p| !p.is_empty() && !p.contains(';')).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(name)?, unescape(value)?))
        });
        Query { pairs: pairs.collect() }
    }

    /// The first value of this parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_ref())
    }

    /// All values of this parameter.
    pub fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_ref())
    }

    /// A flag as the API reads it: absent, `0` and `false` are false, everything else is true.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|v| v != "0" && !v.eq_ignore_ascii_case("false"))
    }

    /// An integer; absent is `None`.
    ///
    /// # Errors
    /// Go's text for what is no 64-bit decimal integer.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, String> {
        self.get(name).map(parse_int).transpose()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

fn parse_int(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let why = if number { "value out of range" } else { "invalid syntax" };
        format!("strconv.ParseInt: parsing {}: {why}", keelson_apimachinery::field::quote(text))
    })
}

fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_decoded(&spaced).map(|t| Cow::Owned(t.into_owned()))
}

/// The text behind percent escapes; `None` where an escape is broken. Bytes that are no UTF-8 become U+FFFD.
pub(super) fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let whole = |i: usize| bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if bytes.iter().enumerate().any(|(i, b)| *b == b'%' && !whole(i)) {
        return None;
    }
    Some(percent_decode(bytes).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_broken_ones_left_out() {
        let query = Query::parse(Some("a=1&a=2&b=x%20y+z&c&%zz=1&d=1;e=2&f=%4"));
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.get("b"), Some("x y z"));
        assert_eq!(query.get("c"), Some(""));
        assert_eq!((query.get("d"), query.get("f"), query.get("%zz")), (None, None, None));
    }

    #[test]
    fn flags_are_true_unless_they_say_no() {
        for (text, flag) in [
            ("w", Some(true)),
            ("w=", Some(true)),
            ("w=0", Some(false)),
            ("w=False", Some(false)),
            ("x=1", None),
        ] {
            assert_eq!(Query::parse(Some(text)).flag("w"), flag, "{text}");
        }
    }

    #[test]
    fn integers_fail_with_gos_texts() {
        let check = |text: &str, why: &str| {
            let pairs = format!("limit={text}");
            let error = Query::parse(Some(&pairs)).integer("limit").unwrap_err();
            assert_eq!(error, format!("strconv.ParseInt: parsing \"{text}\": {why}"));
        };
        check("99999999999999999999", "value out of range");
        check("1.5", "invalid syntax");
        check("", "invalid syntax");
        assert_eq!(Query::parse(Some("limit=-1")).integer("limit"), Ok(Some(-1)));
        assert_eq!(Query::parse(None).integer("limit"), Ok(None));
    }
}
