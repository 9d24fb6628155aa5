//! URLs, as far as rules look into them.
//!
//! Source: RFC 3986; the texts are those of Go's `net/url`.

use crate::field::quote;

/// The parts of a URL that rules ask for. Absent ones are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// In lower case.
    pub scheme: String,
    /// With the port.
    pub host: String,
    /// What stands before `@`; `None` where there is no `@`.
    pub user: Option<String>,
    /// Behind `?`.
    pub query: String,
    /// Behind `#`.
    pub fragment: String,
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it first.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fail = |why: &str| Err(format!("parse {}: {why}", quote(text)));
        if text.bytes().any(|c| c < 0x20 || c == 0x7f) {
            return fail("net/url: invalid control character in URL");
        }
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut url = Url { fragment: fragment.to_owned(), ..Url::default() };
        if rest.is_empty() {
            return Ok(url);
        }
        let mut rest = rest;
        match scheme(rest) {
            Scheme::Missing => return fail("missing protocol scheme"),
            Scheme::None => {}
            Scheme::Some(scheme, behind) => {
                url.scheme = scheme.to_ascii_lowercase();
                rest = behind;
            }
        }
        if let Some((before, query)) = rest.split_once('?') {
            url.query = query.to_owned();
            rest = before;
        }
        if !rest.starts_with('/') {
            if url.scheme.is_empty() && rest.split('/').next().is_some_and(|first| first.contains(':')) {
                return fail("first path segment in URL cannot contain colon");
            }
            return Ok(url);
        }
        let authority =
            rest.strip_prefix("//").filter(|rest| !url.scheme.is_empty() || !rest.starts_with('/'));
        let mut path = rest;
        if let Some(behind) = authority {
            let end = behind.find('/').unwrap_or(behind.len());
            path = &behind[end..];
            let (user, host) = match behind[..end].rsplit_once('@') {
                Some((user, host)) => (Some(user), host),
                None => (None, &behind[..end]),
            };
            if let Some(bad) = bad_port(host) {
                return fail(&format!("invalid port {} after host", quote(bad)));
            }
            if let Some(c) =
                host.chars().find(|c| matches!(c, ' ' | '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}' | '\\'))
            {
                return fail(&format!("invalid character {} in host name", quote(&c.to_string())));
            }
            url.user = user.map(str::to_owned);
            url.host = host.to_owned();
        }
        for part in [path, &url.host, url.user.as_deref().unwrap_or("")] {
            if let Some(bad) = bad_escape(part) {
                return fail(&format!("invalid URL escape {}", quote(bad)));
            }
        }
        Ok(url)
    }
}

enum Scheme<'a> {
    None,
    Missing,
    Some(&'a str, &'a str),
}

fn scheme(text: &str) -> Scheme<'_> {
    for (i, c) in text.bytes().enumerate() {
        match c {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if i > 0 => {}
            b':' if i == 0 => return Scheme::Missing,
            b':' => return Scheme::Some(&text[..i], &text[i + 1..]),
            _ => return Scheme::None,
        }
    }
    Scheme::None
}

/// The port with its colon, where it is no number.
fn bad_port(host: &str) -> Option<&str> {
    let behind = host.rfind(']').map_or(0, |end| end + 1);
    let colon = host[behind..].find(':')? + behind;
    let port = &host[colon..];
    (!port[1..].bytes().all(|c| c.is_ascii_digit())).then_some(port)
}

fn bad_escape(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let start = bytes.iter().enumerate().find(|(i, c)| {
        **c == b'%' && !bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    start.map(|(i, _)| text.get(i..(i + 3).min(text.len())).unwrap_or("%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_in_parts() {
        let check =
            |text: &str, scheme: &str, host: &str, user: Option<&str>, query: &str, fragment: &str| {
                let url = Url::parse(text).expect(text);
                let parts = (url.scheme.as_str(), url.host.as_str(), url.user.as_deref());
                assert_eq!(parts, (scheme, host, user), "{text}");
                assert_eq!((url.query.as_str(), url.fragment.as_str()), (query, fragment), "{text}");
            };
        check("https://u:p@example.com:8443/p?a=b#c", "https", "example.com:8443", Some("u:p"), "a=b", "c");
        check("HTTP://[::1]:80", "http", "[::1]:80", None, "", "");
        check("https:///p", "https", "", None, "", "");
        check("example.com/p", "", "", None, "", "");
        check("", "", "", None, "", "");
    }

    #[test]
    fn malformed_urls_are_refused() {
        let check = |text: &str, expected: &str| assert_eq!(Url::parse(text).unwrap_err(), expected);
        check(":x", "parse \":x\": missing protocol scheme");
        check("https://a:b", "parse \"https://a:b\": invalid port \":b\" after host");
        check("https://a/%zz", "parse \"https://a/%zz\": invalid URL escape \"%zz\"");
        check("a\nb", "parse \"a\\nb\": net/url: invalid control character in URL");
    }
}
