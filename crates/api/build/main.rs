//! Turns the fact tables in `schema/` into the binary form that the crate embeds.

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
