//! Parts of HTTP requests.

/// What is wrong with the name of a header.
pub fn header_name(name: &str) -> Option<String> {
    let known = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    (name.is_empty() || !name.bytes().all(known)).then(|| {
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for \
         validation is '[-A-Za-z0-9]+')"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_letters_digits_and_dashes() {
        assert_eq!(header_name("X-Forwarded-For"), None);
        assert!(header_name("").is_some() && header_name("a b").is_some() && header_name("a:").is_some());
    }
}
