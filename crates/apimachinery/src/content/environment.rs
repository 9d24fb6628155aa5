//! Names of environment variables.

use super::keys::directory_prefix;

/// What is wrong with the name of an environment variable by the strict rule that came first.
pub fn env_var_name(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let known = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.bytes().all(known) {
        let what = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or \
                    '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', \
                    regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')";
        wrong.push(what.to_owned());
    }
    wrong.extend(directory_prefix(name));
    wrong
}

/// What is wrong with the name of an environment variable by the relaxed rule: printable ASCII but `=`.
pub fn relaxed_env_var_name(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.is_empty() {
        wrong.push("environment variable name must be non-empty".to_owned());
    }
    if !name.bytes().all(|c| (b' '..=b'~').contains(&c) && c != b'=') {
        let what = "a valid environment variable name must consist only of printable ASCII characters other than \
                    '='";
        wrong.push(what.to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_may_have_any_printable_name_but_an_equals_sign() {
        assert!(relaxed_env_var_name("a b:$").is_empty());
        for name in ["a=b", "a\n", "é"] {
            assert_eq!(relaxed_env_var_name(name).len(), 1, "{name:?}");
        }
        assert_eq!(relaxed_env_var_name(""), ["environment variable name must be non-empty"]);
        assert!(env_var_name("MY_ENV.name-1").is_empty());
        assert_eq!(env_var_name("1a").len(), 1);
        assert_eq!(env_var_name("..a"), ["must not start with '..'"]);
    }
}
