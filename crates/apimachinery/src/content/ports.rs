//! Ports: their numbers and names.

use super::numbers::out_of_range;

/// What is wrong with a port's number.
pub fn port_number(number: i64) -> Option<String> {
    (!(1..=65535).contains(&number)).then(|| out_of_range(1, 65535))
}

/// What is wrong with a port's name: an IANA service name of 15 bytes at most.
pub fn port_name(name: &str) -> Vec<String> {
    let bytes = name.as_bytes();
    let mut wrong = Vec::new();
    if bytes.len() > 15 {
        wrong.push("must be no more than 15 characters".to_owned());
    }
    let allowed = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'-';
    if bytes.is_empty() || !bytes.iter().all(allowed) {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !bytes.iter().any(u8::is_ascii_lowercase) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if name.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_refused_with_upstreams_texts() {
        assert_eq!(port_number(0).as_deref(), Some("must be between 1 and 65535, inclusive"));
        assert_eq!(port_number(65535), None);
        assert!(port_name("http-2").is_empty());
        assert_eq!(
            port_name("BAD NAME"),
            [
                "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                "must contain at least one letter (a-z)"
            ]
        );
        assert_eq!(port_name("-a--b").len(), 2);
    }
}
