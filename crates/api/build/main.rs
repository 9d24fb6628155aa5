//! Turns the fact tables in `schema/`, and descriptions from the crate `k8s-openapi`, into the binary forms
//! that the crate embeds.

mod descriptions;
mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    println!("cargo::rerun-if-changed=schema");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/facts/wire.rs");
    let tables = read(&root.join("schema"));
    let mut types = BTreeMap::new();
    for table in tables.values() {
        let Some(package) = table["package"].as_str() else { continue };
        for (name, t) in table["types"].as_object().expect("types") {
            types.insert(format!("{package}.{name}"), (package, t));
        }
    }
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let mut texts = descriptions::read();
    for (name, (package, t)) in &types {
        let kind = name.strip_prefix(package).and_then(|n| n.strip_prefix('.')?.strip_suffix("List"));
        if let Some(kind) = kind
            && t["fields"].as_array().is_some_and(|fields| fields.iter().any(|f| f["name"] == "items"))
        {
            descriptions::add_list(&mut texts, name, kind);
        }
    }
    fs::write(out.join("descriptions.bin"), descriptions::encode(&texts)).expect("OUT_DIR can be written");
    let source = tables::Source { types, resources: &tables["resources.json"] };
    fs::write(out.join("facts.bin"), source.encode()).expect("OUT_DIR can be written");
}

/// The tables by file name.
fn read(dir: &Path) -> BTreeMap<String, Value> {
    let mut tables = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("the schema directory") {
        let path = entry.expect("the schema directory").path();
        if path.extension().is_some_and(|e| e == "json") {
            let text = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let table = serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            tables.insert(name, table);
        }
    }
    tables
}
