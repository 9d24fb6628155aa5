//! Reads `generated.proto`: which fields each message has.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Error;

/// Messages by full name, such as `k8s.io.api.core.v1.Pod`; fields by number.
pub(super) type Messages = BTreeMap<String, BTreeMap<u32, ProtoField>>;

/// A message's field.
#[derive(Debug)]
pub(super) struct ProtoField {
    pub name: String,
    pub repeated: bool,
    /// A scalar's name, a message's full name, or `map<string, T>`.
    pub proto_type: String,
}

/// Adds the messages of a file.
pub(super) fn read(path: &Path, messages: &mut Messages) -> Result<(), Error> {
    let text = fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
    parse(&text, messages).map_err(|line| Error::Proto { path: path.into(), line })
}

/// Adds the messages of a file's text; the error is the line that can't be read.
pub(super) fn parse(text: &str, messages: &mut Messages) -> Result<(), String> {
    let mut package = "";
    let mut message: Option<(String, BTreeMap<u32, ProtoField>)> = None;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or(line).trim();
        if let Some(rest) = line.strip_prefix("package ") {
            package = rest.trim_end_matches(';');
        } else if let Some(rest) = line.strip_prefix("message ") {
            message = Some((format!("{package}.{}", rest.trim_end_matches('{').trim()), BTreeMap::new()));
        } else if line == "}" {
            messages.extend(message.take());
        } else if let (Some((_, fields)), false) = (&mut message, line.is_empty()) {
            let (number, field) = field(line, package).ok_or(line)?;
            fields.insert(number, field);
        }
    }
    Ok(())
}

fn field(line: &str, package: &str) -> Option<(u32, ProtoField)> {
    let (left, right) = line.strip_suffix(';')?.split_once('=')?;
    let number = right.split('[').next()?.trim().parse().ok()?;
    let (left, name) = left.trim().rsplit_once(' ')?;
    if let Some(map) = left.strip_prefix("map<").and_then(|l| l.strip_suffix('>')) {
        let (key, value) = map.split_once(',')?;
        let proto_type = format!("map<{key}, {}>", full_name(value.trim(), package));
        return Some((number, ProtoField { name: name.into(), repeated: false, proto_type }));
    }
    let (label, proto_type) = left.split_once(' ')?;
    let repeated = match label {
        "optional" => false,
        "repeated" => true,
        _ => return None,
    };
    Some((number, ProtoField { name: name.into(), repeated, proto_type: full_name(proto_type, package) }))
}

fn full_name(name: &str, package: &str) -> String {
    match name {
        "bool" | "int32" | "int64" | "double" | "string" | "bytes" => name.into(),
        _ if name.starts_with('.') => name[1..].into(),
        _ => format!("{package}.{name}"),
    }
}
