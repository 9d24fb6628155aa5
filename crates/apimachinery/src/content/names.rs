//! Rules for names, labels and keys. Each returns the texts of what is wrong; none where all is well.
//!
//! Source: "Object names and IDs" and "Labels and selectors" in the Kubernetes documentation; the texts are
//! those of apimachinery's `util/validation` and `api/validate/content`.

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// What a resource's names must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// Anything that can stand between the slashes of a path.
    PathSegment,
    /// An RFC 1123 subdomain: labels with dots between them, 253 bytes at most.
    Subdomain,
    /// An RFC 1123 label of 63 bytes at most.
    Label,
}

impl NameRule {
    /// What is wrong with a name, or with the beginning of one that a suffix will follow (`prefix`).
    pub fn check(self, name: &str, prefix: bool) -> Vec<String> {
        let masked;
        let name = match self {
            NameRule::PathSegment => return path_segment(name, prefix),
            // A name may not end in a dash, the beginning of one may.
            _ if prefix && name.len() > 1 && name.ends_with('-') => {
                masked = mask_last_two(name);
                masked.as_str()
            }
            _ => name,
        };
        match self {
            NameRule::Label => dns_label(name),
            _ => dns_subdomain(name),
        }
    }
}

/// Replaces a dash at the end and the letter before it by one `a`, as upstream does before it checks.
fn mask_last_two(name: &str) -> String {
    let mut kept: Vec<char> = name.chars().collect();
    kept.truncate(kept.len().saturating_sub(2));
    kept.push('a');
    kept.into_iter().collect()
}

/// Whether `c` is one of `a-z0-9`.
fn lower(c: u8) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(&a), Some(&z)) if lower(a) && lower(z))
        && bytes.iter().all(|&c| lower(c) || c == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// What is wrong, with the pattern that says so and, where there are some, examples.
pub(super) fn regex_text(what: &str, regex: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{what} (regex used for validation is '{regex}')");
    }
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!("{what} (e.g. {}regex used for validation is '{regex}')", examples.join(" or "))
}

/// An RFC 1123 label.
pub fn dns_label(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 63 {
        wrong.push("must be no more than 63 characters".to_owned());
    }
    if !is_label(text) {
        wrong.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            let what = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
                        and must start and end with an alphanumeric character";
            regex_text(what, LABEL, &["my-name", "123-abc"])
        });
    }
    wrong
}

/// An RFC 1123 subdomain.
pub fn dns_subdomain(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 253 {
        wrong.push("must be no more than 253 characters".to_owned());
    }
    if !is_subdomain(text) {
        let what = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
                    '.', and must start and end with an alphanumeric character";
        wrong.push(regex_text(what, &format!("{LABEL}(\\.{LABEL})*"), &["example.com"]));
    }
    wrong
}

/// A subdomain whose labels may have underscores, too, as search domains of DNS have them.
pub fn dns_subdomain_with_underscore(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 253 {
        wrong.push("must be no more than 253 characters".to_owned());
    }
    if !text.split('.').all(is_label_with_underscore) {
        let what = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or \
                    '.', and must start and end with an alphanumeric character";
        let label = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
        wrong.push(regex_text(what, &format!("{label}(\\.{label})*"), &["example.com"]));
    }
    wrong
}

fn is_label_with_underscore(text: &str) -> bool {
    let bytes = text.strip_prefix('_').unwrap_or(text).as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(&a), Some(&z)) if lower(a) && lower(z))
        && bytes.iter().all(|&c| lower(c) || matches!(c, b'-' | b'_'))
}

/// A DNS-1035 label: as an RFC 1123 one, but it starts with a letter.
pub fn dns_1035_label(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 63 {
        wrong.push("must be no more than 63 characters".to_owned());
    }
    if !is_label(text) || text.as_bytes()[0].is_ascii_digit() {
        let what = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                    alphabetic character, and end with an alphanumeric character";
        wrong.push(regex_text(what, "[a-z]([-a-z0-9]*[a-z0-9])?", &["my-name", "abc-123"]));
    }
    wrong
}

/// A subdomain whose first label is `*`.
pub fn wildcard_subdomain(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 253 {
        wrong.push("must be no more than 253 characters".to_owned());
    }
    if !text.strip_prefix("*.").is_some_and(is_subdomain) {
        let what = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which \
                    must consist of lower case alphanumeric characters, '-' or '.' and end with an \
                    alphanumeric character";
        wrong.push(regex_text(what, &format!("\\*\\.{LABEL}(\\.{LABEL})*"), &["*.example.com"]));
    }
    wrong
}

/// A name that can stand between the slashes of a path, or (`prefix`) the beginning of one.
pub fn path_segment(text: &str, prefix: bool) -> Vec<String> {
    if !prefix && matches!(text, "." | "..") {
        return vec![format!("may not be '{text}'")];
    }
    let forbidden = ["/", "%"].into_iter().filter(|part| text.contains(part));
    forbidden.map(|part| format!("may not contain '{part}'")).collect()
}

fn is_qualified_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

/// A label's or annotation's key, or a finalizer: a name with an optional prefix that is a subdomain.
pub fn qualified_name(text: &str) -> Vec<String> {
    let what = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                alphanumeric character";
    let shape = || regex_text(what, QUALIFIED, &["MyName", "my.name", "123-abc"]);
    let mut wrong = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => {
            let example = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {} {example}", shape())];
        }
        Some((prefix, name)) => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                wrong.extend(
                    dns_subdomain(prefix).into_iter().map(|w| format!("prefix part {}", in_bytes(w))),
                );
            }
            name
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        wrong.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_qualified_part(name) {
        wrong.push(format!("name part {}", shape()));
    }
    wrong
}

/// Upstream has two packages with the same checks, one of which says `bytes` where the other says
/// `characters`.
fn in_bytes(text: String) -> String {
    match text.strip_prefix("must be no more than ").and_then(|rest| rest.strip_suffix(" characters")) {
        Some(limit) => format!("must be no more than {limit} bytes"),
        None => text,
    }
}

/// A label's value.
pub fn label_value(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 63 {
        wrong.push("must be no more than 63 bytes".to_owned());
    }
    if !text.is_empty() && !is_qualified_part(text) {
        let what = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
                    '.', and must start and end with an alphanumeric character";
        wrong.push(regex_text(what, &format!("({QUALIFIED})?"), &["MyValue", "my_value", "12345"]));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_with_upstreams_texts() {
        let check = |rule: NameRule, name: &str, prefix: bool, expected: &[&str]| {
            assert_eq!(rule.check(name, prefix), expected, "{rule:?} {name:?}");
        };
        let subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
             '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
             validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
        let label = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
             must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for \
             validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
        check(NameRule::Subdomain, "a.b-c.1", false, &[]);
        check(NameRule::Subdomain, "Upper_Case", false, &[subdomain]);
        check(NameRule::Subdomain, "..", false, &[subdomain]);
        check(NameRule::Subdomain, "a-", false, &[subdomain]);
        check(NameRule::Subdomain, "a-", true, &[]);
        check(NameRule::Subdomain, "ab-", true, &[]);
        check(NameRule::Subdomain, &"a".repeat(254), false, &["must be no more than 253 characters"]);
        check(NameRule::Label, "a.b", false, &["must not contain dots"]);
        check(NameRule::Label, "Bad_NS", false, &[label]);
        check(NameRule::Label, &"a".repeat(64), false, &["must be no more than 63 characters"]);
        check(NameRule::PathSegment, "system:node", false, &[]);
        check(NameRule::PathSegment, "..", false, &["may not be '..'"]);
        check(NameRule::PathSegment, "a/b%", false, &["may not contain '/'", "may not contain '%'"]);
    }

    #[test]
    fn keys_and_values_are_refused_with_upstreams_texts() {
        let key = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
             alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
             '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
        assert!(qualified_name("example.com/My.Name_1").is_empty());
        assert_eq!(qualified_name("bad key"), [format!("name part {key}")]);
        assert_eq!(qualified_name(""), ["name part must be non-empty".into(), format!("name part {key}")]);
        assert_eq!(qualified_name("/x"), ["prefix part must be non-empty"]);
        assert_eq!(qualified_name(&"a".repeat(64)), ["name part must be no more than 63 bytes"]);
        assert!(qualified_name("a/b/c")[0].starts_with("a valid label key must consist of"));
        let long = format!("{}/x", "a".repeat(254));
        assert_eq!(qualified_name(&long), ["prefix part must be no more than 253 bytes"]);
        assert!(label_value("").is_empty() && label_value("a_B.1").is_empty());
        assert_eq!(label_value(&"b".repeat(64)), ["must be no more than 63 bytes"]);
        assert!(label_value("bad value!")[0].ends_with("'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"));
    }
}
