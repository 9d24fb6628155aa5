//! Every kind's fully filled object, as kube-apiserver's own codecs write it, through ours.
//!
//! The objects are found next to the workspace, and are no part of it: where they are absent, the tests say
//! so and pass.

use std::fs;
use std::path::{Path, PathBuf};

use keelson_api::{facts, schema};
use keelson_apimachinery::codec::json;
use keelson_apimachinery::{TypeId, Value};

struct Fixture {
    /// `group.version.Kind`; the group is `core` for the core group.
    name: String,
    group: String,
    version: String,
    kind: String,
    path: PathBuf,
}

impl Fixture {
    fn type_id(&self) -> Option<TypeId> {
        facts::kind(&self.group, &self.version, &self.kind)
    }

    /// The JSON as it travels: without the space that makes it pretty.
    fn json(&self) -> Vec<u8> {
        let text = fs::read_to_string(&self.path).unwrap();
        let mut out = String::with_capacity(text.len());
        let mut in_string = false;
        let mut escaped = false;
        for c in text.chars() {
            if in_string {
                (in_string, escaped) = (escaped || c != '"', !escaped && c == '\\');
            } else if c.is_ascii_whitespace() {
                continue;
            } else {
                in_string = c == '"';
            }
            out.push(c);
        }
        out.into_bytes()
    }
}

/// All fixtures, but for kinds that the facts do not have.
fn fixtures() -> Vec<(Fixture, TypeId)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/testdata");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("skipped: there is no {}", folder.display());
        return Vec::new();
    };
    let mut all = Vec::new();
    let mut unserved = 0;
    for file in files {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // These show what a later release makes of the object: they have other fields.
        if name.ends_with(".after_roundtrip") {
            continue;
        }
        let (group_version, kind) = name.rsplit_once('.').unwrap();
        let (group, version) = group_version.rsplit_once('.').unwrap();
        let group = if group == "core" { "" } else { group };
        let (group, version, kind) = (group.to_owned(), version.to_owned(), kind.to_owned());
        let fixture = Fixture { name: name.clone(), group, version, kind, path };
        match fixture.type_id() {
            Some(id) => all.push((fixture, id)),
            None => unserved += 1,
        }
    }
    all.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    println!("{} fixtures, and {unserved} of kinds that are not served", all.len());
    all
}

/// Where two texts differ, with what stands around it.
fn difference(ours: &[u8], theirs: &[u8]) -> String {
    let at = ours.iter().zip(theirs).position(|(a, b)| a != b).unwrap_or(ours.len().min(theirs.len()));
    let around = |text: &[u8]| {
        String::from_utf8_lossy(&text[at.saturating_sub(60)..text.len().min(at + 60)]).into_owned()
    };
    format!("at byte {at}:\n  ours   {}\n  theirs {}", around(ours), around(theirs))
}

#[test]
fn json_fixtures_come_back_byte_for_byte() {
    let mut wrong = Vec::new();
    for (fixture, id) in fixtures() {
        let json = fixture.json();
        let decoded = match json::decode(schema(), id, &json) {
            Ok(decoded) => decoded,
            Err(error) => {
                wrong.push(format!("{}: {error}", fixture.name));
                continue;
            }
        };
        for strict in &decoded.strict {
            wrong.push(format!("{}: {strict}", fixture.name));
        }
        let mut sent = Vec::new();
        json::encode(schema(), id, &decoded.value, &mut sent);
        if sent != json {
            wrong.push(format!("{}: {}", fixture.name, difference(&sent, &json)));
        }
        // The tree itself is canonical: with keys sorted it says the same.
        let mut untyped = Vec::new();
        json::encode_untyped(&decoded.value, &mut untyped);
        let again = json::decode(schema(), id, &untyped).unwrap();
        if again.value != decoded.value || !again.strict.is_empty() {
            wrong.push(format!("{}: the canonical tree is no fixed point", fixture.name));
        }
        let (ours, theirs): (serde_json::Value, serde_json::Value) =
            (serde_json::from_slice(&untyped).unwrap(), serde_json::from_slice(&json).unwrap());
        if ours != theirs {
            wrong.push(format!("{}: the canonical tree has other members", fixture.name));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn canonicalizing_a_tree_is_decoding_its_text() {
    for (fixture, id) in fixtures() {
        let json = fixture.json();
        let tree: Value = json::decode_untyped(&json).unwrap().value;
        let canonical = json::canonicalize(schema(), id, tree).unwrap().value;
        assert_eq!(canonical, json::decode(schema(), id, &json).unwrap().value, "{}", fixture.name);
    }
}
