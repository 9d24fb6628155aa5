//! What the head of a request over HTTP/1.x must say beyond its grammar, which its parser knows. Source: RFC 9112,
//! and Go's net/http for the answers.

use http::header::{CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Version};

use crate::request::{Response, full};

/// Why a request is refused before anybody looks at it; its connection ends with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    code: StatusCode,
    text: &'static str,
}

impl Fault {
    const fn bad(text: &'static str) -> Self {
        Fault { code: StatusCode::BAD_REQUEST, text }
    }

    /// The answer.
    pub(super) fn answer(self) -> Response {
        let mut response = Response::new(full(self.text));
        *response.status_mut() = self.code;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}

/// What is wrong with a request over HTTP/1.x, if anything.
pub(super) fn fault<B>(request: &Request<B>) -> Option<Fault> {
    let (headers, uri) = (request.headers(), request.uri());
    if uri.scheme().is_none() && uri.authority().is_some() && request.method() != Method::CONNECT {
        return Some(Fault::bad("400 Bad Request"));
    }
    host_fault(headers, request.version() == Version::HTTP_11 && request.method() != Method::CONNECT)
        .or_else(|| expectation_fault(headers))
}

fn host_fault(headers: &HeaderMap, needed: bool) -> Option<Fault> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if needed => Some(Fault::bad("400 Bad Request: missing required Host header")),
        (Some(_), Some(_)) => Some(Fault::bad("400 Bad Request: too many Host headers")),
        (Some(host), None) if !is_host(host.as_bytes()) => {
            Some(Fault::bad("400 Bad Request: malformed Host header"))
        }
        _ => None,
    }
}

/// Whether all bytes may be part of an authority: RFC 3986's letters for names, addresses and ports.
fn is_host(host: &[u8]) -> bool {
    host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=[]_~".contains(byte))
}

fn expectation_fault(headers: &HeaderMap) -> Option<Fault> {
    let met = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    let text = "";
    let unmet = headers.get(EXPECT).is_some_and(|value| !value.is_empty() && !met(value));
    unmet.then_some(Fault { code: StatusCode::EXPECTATION_FAILED, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_judged_as_go_does() {
        let check = |version, method: &str, headers: &[(&str, &str)], wanted: Option<(u16, &str)>| {
            let mut request = Request::builder().version(version).method(method);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let found = fault(&request.body(()).expect("a request")).map(|f| (f.code.as_u16(), f.text));
            assert_eq!(found, wanted, "{version:?} {method} {headers:?}");
        };
        let (one, zero) = (Version::HTTP_11, Version::HTTP_10);
        for host in ["a", "a.b:443", "[::1]:6443", "10.0.0.1", "a_b", ""] {
            check(one, "GET", &[("host", host)], None);
        }
        check(zero, "GET", &[], None);
        check(one, "CONNECT", &[], None);
        let missing = Some((400, "400 Bad Request: missing required Host header"));
        check(one, "GET", &[], missing);
        let many = Some((400, "400 Bad Request: too many Host headers"));
        check(one, "GET", &[("host", "a"), ("host", "a")], many);
        check(zero, "GET", &[("host", "a"), ("host", "b")], many);
        let malformed = Some((400, "400 Bad Request: malformed Host header"));
        for host in ["a b", "a/b", "a@b", "a\\b", "a?b", "a#b", "a\"b", "<a>"] {
            check(one, "GET", &[("host", host)], malformed);
        }
        let mut authority =
            Request::builder().uri("version").header("host", "a").body(()).expect("a request");
        assert_eq!(fault(&authority), Some(Fault::bad("400 Bad Request")));
        *authority.method_mut() = Method::CONNECT;
        assert_eq!(fault(&authority), None);
        check(one, "GET", &[("host", "a"), ("expect", "100-Continue")], None);
        check(one, "GET", &[("host", "a"), ("expect", "200-ok")], Some((417, "")));
    }
}
