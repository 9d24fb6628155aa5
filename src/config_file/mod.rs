//! Configuration files that the server reads: YAML or JSON, with an API version and a kind.
//!
//! A file is read as strictly as upstream reads its own: an unknown or a repeated field is an error. What a file
//! may hold is a type that can be deserialized ([`serde`]); a member that is `null` counts as absent, as Go reads
//! it, so fields that may be absent carry `#[serde(default)]`. A type that wants to know in which version it was
//! written has a field `apiVersion`.
//!
//! Pure but for [`read`]; knows nothing of what the files say.

#[cfg(test)]
mod tests;
mod tree;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::yaml;
use keelson_apimachinery::field::quote;
use serde::de::DeserializeOwned;

/// How large a file may be, in bytes.
const MAXIMAL_SIZE: u64 = 16 << 20;

/// Why a configuration file can't be used. Names the file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// It can't be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not say what it should.
    #[error("{path}: {reason}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl ConfigFileError {
    /// The file `path` is wrong for this reason.
    pub fn wrong(path: &Path, reason: impl Into<String>) -> Self {
        ConfigFileError::Parse { path: path.to_owned(), reason: reason.into() }
    }
}

/// Reads a configuration file of this kind in one of these API versions.
///
/// # Errors
/// Where it can't be read, or is not what [`parse`] takes.
pub fn read<T: DeserializeOwned>(path: &Path, kind: &str, versions: &[&str]) -> Result<T, ConfigFileError> {
    parse(&read_bytes(path)?, kind, versions).map_err(|reason| ConfigFileError::wrong(path, reason))
}

/// Reads a file of at most 16 MiB.
///
/// # Errors
/// Where it can't be read or is larger.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, ConfigFileError> {
    let failed = |source| ConfigFileError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let length = file.take(MAXIMAL_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if length as u64 > MAXIMAL_SIZE {
        return Err(ConfigFileError::wrong(path, format!("is larger than {MAXIMAL_SIZE} bytes")));
    }
    Ok(bytes)
}

/// Reads the bytes of a configuration file of this kind in one of these API versions.
///
/// # Errors
/// Bytes that are no YAML, another kind or version, unknown and repeated fields, values of another type.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], kind: &str, versions: &[&str]) -> Result<T, String> {
    let decoded = yaml::decode_untyped(bytes).map_err(|error| error.to_string())?;
    check_kind(&decoded.value, kind, versions)?;
    let (value, unknown) = tree::deserialize(&decoded.value)?;
    let repeated = decoded.strict.into_iter().map(|error| error.0);
    let wrong: Vec<String> = repeated.chain(unknown.into_iter().map(unknown_field)).collect();
    if wrong.is_empty() { Ok(value) } else { Err(format!("strict decoding error: {}", wrong.join(", "))) }
}

/// Reads bytes as [`parse`] does, but takes them without a kind, and overlooks unknown and repeated fields: files
/// that are not the server's alone, such as kubeconfigs.
///
/// # Errors
/// Bytes that are no YAML, another kind or version, values of another type.
pub fn parse_leniently<T: DeserializeOwned>(
    bytes: &[u8],
    kind: &str,
    versions: &[&str],
) -> Result<T, String> {
    let decoded = yaml::decode_untyped(bytes).map_err(|error| error.to_string())?;
    let has = |key: &str| !decoded.value.str_at(&[key]).is_empty();
    if has("kind") || has("apiVersion") {
        check_kind(&decoded.value, kind, versions)?;
    }
    tree::deserialize(&decoded.value).map(|(value, _)| value)
}

/// Reads a file as it stands, whatever it holds; its kind is for the caller to check ([`check_kind`]).
///
/// # Errors
/// A file that can't be read, is no YAML, or repeats a field.
pub fn read_tree(path: &Path) -> Result<Value, ConfigFileError> {
    let wrong = |reason| ConfigFileError::Parse { path: path.to_owned(), reason };
    let decoded = yaml::decode_untyped(&read_bytes(path)?).map_err(|error| wrong(error.to_string()))?;
    match decoded.strict.into_iter().next() {
        Some(error) => Err(wrong(format!("strict decoding error: {}", error.0))),
        None => Ok(decoded.value),
    }
}

fn unknown_field(path: String) -> String {
    format!("unknown field {}", quote(&path))
}

/// Whether a decoded file is of this kind, in one of these API versions.
///
/// # Errors
/// What it is instead.
pub fn check_kind(tree: &Value, kind: &str, versions: &[&str]) -> Result<(), String> {
    if tree.as_object().is_none() {
        return Err(format!("is no {kind}: must be an object"));
    }
    let (found, version) = (tree.str_at(&["kind"]), tree.str_at(&["apiVersion"]));
    match (found, version) {
        ("", _) => Err("Object 'Kind' is missing".to_owned()),
        (_, "") => Err("Object 'apiVersion' is missing".to_owned()),
        _ if found == kind && versions.contains(&version) => Ok(()),
        _ => Err(format!(
            "no kind {} is registered for version {} (here must be {kind} of {})",
            quote(found),
            quote(version),
            versions.join(", ")
        )),
    }
}
