//! The `Authorization` header.
//!
//! Source: RFC 6750, read as leniently as kube-apiserver does: a header that is no bearer token counts as no
//! credentials at all.

/// What the client is warned of, whose token was not looked at.
pub(super) const EXTRA_SPACE_WARNING: &str =
    "the provided Authorization header contains extra space before the bearer token, and is ignored";

/// What an `Authorization` header holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    /// A token, never empty.
    Token(&'a str),
    /// A token behind more than one space.
    ExtraSpace,
    /// Nothing that is a bearer token.
    None,
}

/// Reads the header's value.
pub(super) fn parse(header: &str) -> Bearer<'_> {
    let mut parts = header.trim().splitn(3, ' ');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(scheme), _, _) if !scheme.eq_ignore_ascii_case("bearer") => Bearer::None,
        (_, Some(""), Some(_)) => Bearer::ExtraSpace,
        (_, None | Some(""), _) => Bearer::None,
        (_, Some(token), _) => Bearer::Token(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_tokens_are_credentials() {
        let check = |header: &str, wanted: Bearer<'_>| assert_eq!(parse(header), wanted, "{header:?}");
        check("Bearer abc", Bearer::Token("abc"));
        check("bearer abc", Bearer::Token("abc"));
        check(" BEARER abc ", Bearer::Token("abc"));
        check("Bearer abc def", Bearer::Token("abc"));
        check("Bearer  abc", Bearer::ExtraSpace);
        for none in ["", "Bearer", "Bearer ", "Basic YWRtaW4=", "abc", "Bearerabc"] {
            check(none, Bearer::None);
        }
    }
}
