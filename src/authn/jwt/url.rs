//! URLs, read as upstream reads them: which are refused, and what is said then, is what users know.
//!
//! Source: RFC 3986; the documentation of Go's package `net/url`.

/// The parts of a URL that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Url {
    /// In lower case.
    pub(super) scheme: String,
    pub(super) has_user: bool,
    pub(super) has_query: bool,
    pub(super) has_fragment: bool,
}

/// Takes a URL apart.
///
/// # Errors
/// Why it is none, with the URL in front.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    use keelson_apimachinery::field::quote;
    parts(text).map_err(|why| format!("parse {}: {why}", quote(text)))
}

fn parts(text: &str) -> Result<Url, String> {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    if rest.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let mut url = Url { has_fragment: !fragment.is_empty(), ..Url::default() };
    let (scheme, rest) = scheme(rest)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    url.has_query = !query.is_empty();
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            // What stands behind `mailto:`, say.
            return Ok(url);
        }
        if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let mut path = rest;
    if let Some(behind) = rest.strip_prefix("//").filter(|_| !scheme.is_empty() || !rest.starts_with("///")) {
        let end = behind.find('/').unwrap_or(behind.len());
        let (authority, after) = behind.split_at(end);
        path = after;
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        check_host(host)?;
        if let Some(user) = user {
            url.has_user = true;
            check_user(user)?;
        }
    }
    check_escapes(path)?;
    check_escapes(fragment)?;
    Ok(url)
}

/// The scheme, and what stands behind its colon.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn check_user(user: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if user.chars().all(allowed) { check_escapes(user) } else { Err("net/url: invalid userinfo".to_owned()) }
}

fn check_host(host: &str) -> Result<(), String> {
    let port = if host.starts_with('[') {
        let end = host.rfind(']').ok_or("missing ']' in host")?;
        &host[end + 1..]
    } else {
        host.rfind(':').map_or("", |at| &host[at..])
    };
    let valid = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    if !valid {
        return Err(format!("invalid port {port:?} after host"));
    }
    // Only bytes beyond ASCII, and the `%` of a zone, may be escaped in a host.
    for (at, _) in host.match_indices('%') {
        let escape = host.get(at..at + 3).unwrap_or(&host[at..]);
        let high = escape
            .as_bytes()
            .get(1)
            .is_some_and(|byte| matches!(byte, b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F'));
        if !(is_escape(escape) && (high || escape == "%25")) {
            return Err(format!("invalid URL escape {escape:?}"));
        }
    }
    let allowed =
        |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(c);
    match host.chars().find(|c| !allowed(*c)) {
        Some(c) => Err(format!("invalid character {:?} in host name", c.to_string())),
        None => Ok(()),
    }
}

fn check_escapes(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('%') {
        let escape = text.get(at..at + 3).unwrap_or(&text[at..]);
        if !is_escape(escape) {
            return Err(format!("invalid URL escape {escape:?}"));
        }
    }
    Ok(())
}

fn is_escape(text: &str) -> bool {
    text.len() == 3 && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let check = |text: &str, scheme: &str, [user, query, fragment]: [bool; 3]| {
            let wanted =
                Url { scheme: scheme.to_owned(), has_user: user, has_query: query, has_fragment: fragment };
            assert_eq!(parse(text), Ok(wanted), "{text}");
        };
        check("https://issuer.example.com/path", "https", [false; 3]);
        check("HTTPS://issuer:8443", "https", [false; 3]);
        check("https://[::1]:8443/a%20b", "https", [false; 3]);
        check("https://user:pass@issuer", "https", [true, false, false]);
        check("https://issuer?a=b", "https", [false, true, false]);
        check("https://issuer?", "https", [false; 3]);
        check("https://issuer#part", "https", [false, false, true]);
        check("issuer.example.com", "", [false; 3]);
        check("mailto:a b", "mailto", [false; 3]);
        check("", "", [false; 3]);
    }

    #[test]
    fn what_is_no_url_is_refused_with_upstreams_text() {
        let check = |text: &str, why: &str| {
            let quoted = keelson_apimachinery::field::quote(text);
            assert_eq!(parse(text), Err(format!("parse {quoted}: {why}")));
        };
        check("https:// issuer", r#"invalid character " " in host name"#);
        check("https://issuer:port", r#"invalid port ":port" after host"#);
        check("https://[::1", "missing ']' in host");
        check("https://a\nb", "net/url: invalid control character in URL");
        check("https://issuer/%zz", r#"invalid URL escape "%zz""#);
        check("https://iss%20uer/", r#"invalid URL escape "%20""#);
        check("https://a b@issuer/", "net/url: invalid userinfo");
        check(":issuer", "missing protocol scheme");
        check("1ssuer:a", "first path segment in URL cannot contain colon");
    }

    proptest! {
        #[test]
        fn whatever_is_given_is_parsed_or_refused(text in ".*", authority in "[a-z%@:\\[\\]ä ]*") {
            let _ = parse(&text);
            let _ = parse(&format!("https://{authority}"));
        }
    }
}
