//! Keys of config maps and secrets.

/// The longest key, in bytes.
const MAX_KEY: usize = 253;

/// What is wrong with the key of a config map's or secret's entry.
pub fn config_map_key(key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if key.len() > MAX_KEY {
        wrong.push("must be no more than 253 characters".to_owned());
    }
    let known = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    if key.is_empty() || !key.bytes().all(known) {
        let what = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  \
                    or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
        wrong.push(what.to_owned());
    }
    wrong.extend(directory_prefix(key));
    wrong
}

/// What is wrong with a name that would lead out of a directory.
pub(super) fn directory_prefix(name: &str) -> Option<String> {
    let what = match name {
        "." => "must not be '.'",
        ".." => "must not be '..'",
        _ if name.starts_with("..") => "must not start with '..'",
        _ => return None,
    };
    Some(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_of_files() {
        assert!(config_map_key("a_B-1.txt").is_empty());
        assert_eq!(config_map_key("."), ["must not be '.'"]);
        assert_eq!(config_map_key("..a"), ["must not start with '..'"]);
        assert!(config_map_key("a b")[0].starts_with("a valid config key must consist of"));
        assert_eq!(config_map_key(&"a".repeat(254)), ["must be no more than 253 characters"]);
    }
}
