//! The syntax of label keys and values, with upstream's texts for what is wrong with them.

/// A pattern, what it means in words, and examples of it.
struct Rule {
    says: &'static str,
    examples: &'static [&'static str],
    pattern: &'static str,
}

const LABEL_NAME: Rule = Rule {
    says: "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    examples: &["MyName", "my.name", "123-abc"],
    pattern: "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
};

const LABEL_VALUE: Rule = Rule {
    says: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    examples: &["MyValue", "my_value", "12345"],
    pattern: "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
};

const SUBDOMAIN: Rule = Rule {
    says: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    examples: &["example.com"],
    pattern: "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
};

impl Rule {
    fn broken(&self) -> String {
        let examples: Vec<_> = self.examples.iter().map(|e| format!("'{e}', ")).collect();
        format!(
            "{} (e.g. {}regex used for validation is '{}')",
            self.says,
            examples.join(" or "),
            self.pattern
        )
    }
}

const MAX_LABEL: usize = 63;
const MAX_SUBDOMAIN: usize = 253;

fn too_long(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

fn is_label_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(|label| {
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = label.as_bytes();
        bytes.first().is_some_and(plain)
            && bytes.last().is_some_and(plain)
            && bytes.iter().all(|b| plain(b) || *b == b'-')
    })
}

/// What is wrong with a DNS-1123 subdomain; empty for a good one.
pub fn subdomain_errors(name: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if name.len() > MAX_SUBDOMAIN {
        errors.push(too_long(MAX_SUBDOMAIN));
    }
    if !is_subdomain(name) {
        errors.push(SUBDOMAIN.broken());
    }
    errors
}

/// What is wrong with a label key (a qualified name: annotation keys and others follow it too); empty for a
/// good one.
pub fn label_key_errors(key: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let name = match key.split_once('/') {
        None => key,
        Some((_, name)) if name.contains('/') => {
            let rule = LABEL_NAME.broken();
            let optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {rule} {optional}")];
        }
        Some(("", name)) => {
            errors.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            errors.extend(subdomain_errors(prefix).into_iter().map(|e| format!("prefix part {e}")));
            name
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > MAX_LABEL {
        errors.push(format!("name part {}", too_long(MAX_LABEL)));
    }
    if !is_label_name(name) {
        errors.push(format!("name part {}", LABEL_NAME.broken()));
    }
    errors
}

/// What is wrong with a label value; empty for a good one.
pub fn label_value_errors(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > MAX_LABEL {
        errors.push(too_long(MAX_LABEL));
    }
    if !value.is_empty() && !is_label_name(value) {
        errors.push(LABEL_VALUE.broken());
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_keys() {
        let check = |key: &str, wrong: &[&str]| {
            let errors = label_key_errors(key);
            assert_eq!(errors.len(), wrong.len(), "{key}: {errors:?}");
            for (error, part) in errors.iter().zip(wrong) {
                assert!(error.contains(part), "{key}: {error}");
            }
        };
        check("a", &[]);
        check("example.com/a_b.C-9", &[]);
        check("", &["name part must be non-empty", "name part must consist"]);
        check("/a", &["prefix part must be non-empty"]);
        check("a.b/", &["name part must be non-empty", "name part must consist"]);
        check("Ex.com/a", &["prefix part a lowercase RFC 1123 subdomain"]);
        check("a..b/a", &["prefix part a lowercase"]);
        check("a/b/c", &["a valid label key must consist"]);
        check(&"a".repeat(63), &[]);
        check(&"a".repeat(64), &["name part must be no more than 63 bytes"]);
        check(&format!("{}/x", "a".repeat(254)), &["prefix part must be no more than 253 bytes"]);
        check(
            "-a",
            &["(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9]"],
        );
    }

    #[test]
    fn label_values() {
        let check = |value: &str, wrong: usize| assert_eq!(label_value_errors(value).len(), wrong, "{value}");
        check("", 0);
        check("a", 0);
        check("a.b_c-d", 0);
        check("a ", 1);
        check("é", 1);
        check("_", 1);
        check(&"a".repeat(64), 1);
        check(&"-".repeat(64), 2);
    }
}
