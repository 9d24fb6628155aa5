//! What the sources say of secrets. A name tells what holds one.

use std::path::{Path, PathBuf};

use regex::Regex;

/// Names of variables and fields that hold a secret's text.
const NAMES: &str = "(?:bearer_token|token_secret|token|password|private_key|client_key|secret_text)";

/// The sources of the product without comments and tests: paths and code.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = vec![root.join("src")];
    // The codecs' tokens are those of JSON.
    folders.extend(["base", "storage"].map(|package| root.join("crates").join(package).join("src")));
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
                found.push((path.display().to_string(), lines.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    assert!(found.len() > 100, "the sources are where they are looked for");
    found
}

/// Comparisons that stop at the first byte that differs.
fn comparisons(code: &str) -> Vec<&str> {
    let left = Regex::new(&format!(r"\b{NAMES}(?:\(\)|\.as_str\(\)|\.as_bytes\(\))?\s*[!=]=\s*[^=]"))
        .expect("a pattern");
    let right = Regex::new(&format!(
        r"[!=]=\s*[&*]*(?:\w+\.)*{NAMES}(?:\.as_str\(\)|\.as_bytes\(\))?\s*(?:[);&|,{{?]|$)"
    ))
    .expect("a pattern");
    let empty = |line: &str| line.contains("== \"\"") || line.contains("!= \"\"");
    code.lines().filter(|line| (left.is_match(line) || right.is_match(line)) && !empty(line)).collect()
}

/// Types that show a secret to whoever prints them: those with derived `Debug` and a field of that name and plain
/// text or bytes.
fn shown(code: &str) -> Vec<String> {
    let item = Regex::new(r"(?s)#\[derive\(([^)]*)\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))? )?(?:struct|enum) (\w+)[^{;]*\{(.*?)\n\}")
        .expect("a pattern");
    let field = Regex::new(&format!(
        r"\b{NAMES}:\s*(?:Option<)?(?:&'?\w* ?)?(?:String\b|str\b|Box<str>|Arc<str>|Vec<u8>|Bytes\b|Text\b)"
    ))
    .expect("a pattern");
    let items = item.captures_iter(code).filter(|item| item[1].contains("Debug") && field.is_match(&item[3]));
    items.map(|item| item[2].to_owned()).collect()
}

#[test]
fn secrets_are_compared_in_constant_time() {
    let wrong: Vec<String> = sources()
        .iter()
        .flat_map(|(path, code)| {
            comparisons(code).into_iter().map(move |line| format!("{path}: {}", line.trim()))
        })
        .collect();
    assert!(wrong.is_empty(), "use keelson_base::secret:\n{}", wrong.join("\n"));
}

#[test]
fn types_that_hold_secrets_hide_them() {
    let wrong: Vec<String> = sources()
        .iter()
        .flat_map(|(path, code)| shown(code).into_iter().map(move |name| format!("{path}: {name}")))
        .collect();
    assert!(
        wrong.is_empty(),
        "use keelson_base::secret::Secret, or write Debug by hand:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn what_is_looked_for_is_found() {
    for line in [
        "if token == known {",
        "a.password != b",
        "x == self.token_secret)",
        "guess.as_bytes() == token.as_bytes() {",
    ] {
        assert_eq!(comparisons(line), [line]);
    }
    for line in [
        "token.is_empty()",
        "let token = x;",
        "tokens == 3",
        "kind == token_kind)",
        "Some(token) => x",
        "token == \"\"",
    ] {
        assert!(comparisons(line).is_empty(), "{line}");
    }
    let holder =
        |derive: &str, field: &str| format!("#[derive({derive})]\npub struct A<'a> {{\n    {field},\n}}\n");
    for field in
        ["token: String", "pub(super) password: Option<String>", "token: &'a str", "private_key: Vec<u8>"]
    {
        assert_eq!(shown(&holder("Clone, Debug", field)), ["A"], "{field}");
        assert!(shown(&holder("Clone", field)).is_empty());
    }
    for field in ["token: Secret", "tokens: usize", "token_file: Option<PathBuf>"] {
        assert!(shown(&holder("Debug", field)).is_empty(), "{field}");
    }
}
