//! The facts of the built-in kinds, against what a server of the same release answers.
//!
//! Reference data stands beside the workspace, in `../shared/reference`; where it is absent those tests print
//! a line and pass.

mod openapi;
mod schema;
mod served;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// A file or directory of the reference data.
fn reference(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference").join(name);
    if !path.exists() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

fn reference_json(name: &str) -> Option<Value> {
    let text = fs::read(reference(name)?).expect("the file can be read");
    Some(serde_json::from_slice(&text).expect("the file is JSON"))
}
