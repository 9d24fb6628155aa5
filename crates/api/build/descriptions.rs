//! Descriptions of types and fields, read from the source of the crate `k8s-openapi`.
//!
//! The crate is a dependency that is never compiled: cargo keeps its version and fetches it, and this reads
//! the literals that its schema functions give to each property. Compiling it would cost half a minute.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// A definition's own description, and those of its properties.
#[derive(Default)]
pub(super) struct Texts {
    own: String,
    properties: BTreeMap<String, String>,
}

/// By the definition's name.
pub(super) type Descriptions = BTreeMap<String, Texts>;

/// The directory in the crate's source that has the types of the release whose facts these are.
const RELEASE: &str = "src/v1_36";

/// Reads all descriptions.
pub(super) fn read() -> Descriptions {
    let root = crate_directory().join(RELEASE);
    println!("cargo::rerun-if-changed={}", root.join("mod.rs").display());
    let mut found = Descriptions::new();
    read_directory(&root, &mut found);
    let pod = found.get("io.k8s.api.core.v1.Pod").is_some_and(|t| t.properties.contains_key("spec"));
    assert!(pod, "{}: no descriptions found: has the crate a new layout?", root.display());
    found
}

/// Adds texts for lists, which the crate has as one generic type.
pub(super) fn add_list(found: &mut Descriptions, name: &str, kind: &str) {
    let of_list = |property: &str| {
        let texts = found.get("io.k8s.apimachinery.pkg.apis.meta.v1.Status");
        texts.and_then(|t| t.properties.get(property)).cloned().unwrap_or_default()
    };
    let mut texts = Texts { own: format!("{kind}List is a list of {kind} objects."), ..Texts::default() };
    for property in ["apiVersion", "kind", "metadata"] {
        texts.properties.insert(property.into(), of_list(property));
    }
    texts.properties.insert("items".into(), format!("items are the {kind} objects of the list."));
    found.entry(name.into()).or_insert(texts);
}

/// The bytes that `facts::descriptions` reads: postcard, compressed.
pub(super) fn encode(found: &Descriptions) -> Vec<u8> {
    type Line<'a> = (&'a str, &'a str, Vec<(&'a String, &'a String)>);
    let lines: Vec<Line<'_>> = found
        .iter()
        .map(|(name, texts)| (name.as_str(), texts.own.as_str(), texts.properties.iter().collect()))
        .collect();
    let plain = postcard::to_allocvec(&lines).expect("plain data");
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &plain).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// Asks cargo where the source of `k8s-openapi` is.
fn crate_directory() -> PathBuf {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("Cargo.toml");
    let cargo = env::var_os("CARGO").expect("set by cargo");
    let ask = |offline: bool| {
        let mut command = Command::new(&cargo);
        command.args(["metadata", "--format-version", "1", "--locked", "--features", "descriptions"]);
        command.arg("--filter-platform").arg(env::var_os("TARGET").expect("set by cargo"));
        command.arg("--manifest-path").arg(&manifest);
        if offline {
            command.arg("--offline");
        }
        command.output().unwrap_or_else(|e| panic!("{}: {e}", cargo.display()))
    };
    // What has been fetched needs no network; only a first build with an empty cache does.
    let mut output = ask(true);
    if !output.status.success() {
        output = ask(false);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the source of k8s-openapi is needed; run `cargo fetch --locked`:\n{complaint}"
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON");
    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    let package = packages.iter().find(|p| p["name"] == "k8s-openapi").expect("a dependency of this package");
    let manifest = Path::new(package["manifest_path"].as_str().expect("packages have manifests"));
    manifest.parent().expect("a manifest stands in a directory").to_owned()
}

fn read_directory(dir: &Path, found: &mut Descriptions) {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|e| panic!("{}: {e}", dir.display())).path();
        if path.is_dir() {
            read_directory(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            read_file(&text, found);
        }
    }
}

/// A file holds one definition, named in its first line. Its schema function is laid out by generator:
/// the definition's members at twelve spaces, its properties at sixteen, their members at twenty.
fn read_file(text: &str, found: &mut Descriptions) {
    let Some(name) = text.lines().next().and_then(|l| l.strip_prefix("// Generated from definition ")) else {
        return;
    };
    let Some((_, function)) = text.split_once("JsonSchema for ") else { return };
    let mut texts = Texts::default();
    let mut property = String::new();
    for line in function.lines() {
        let member = line.trim_start();
        match line.len() - member.len() {
            12 => {
                if let Some(description) = described(member) {
                    texts.own = description;
                }
            }
            16 => {
                if let Some(name) = literal(member) {
                    property = name;
                }
            }
            20 => {
                if let Some(description) = described(member) {
                    texts.properties.insert(property.clone(), description);
                }
            }
            _ => {}
        }
    }
    found.insert(name.to_owned(), texts);
}

/// The text of `"description": "…"` or of `….insert("description".into(), "…".into())`.
fn described(member: &str) -> Option<String> {
    let insert = "schema_obj.ensure_object().insert(\"description\".into(), ";
    literal(member.strip_prefix("\"description\": ").or_else(|| member.strip_prefix(insert))?)
}

/// The string literal that a text begins with.
fn literal(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                plain @ ('"' | '\\' | '\'') => value.push(plain),
                other => panic!("the escape \\{other} is not provided for"),
            },
            plain => value.push(plain),
        }
    }
}
