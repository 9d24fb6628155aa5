//! The reference fixtures: `GROUP.VERSION.KIND.json` and `.pb` of one object each, all fields set.

use std::fs;
use std::path::{Path, PathBuf};

use keelson_api::{facts, schema};
use keelson_apimachinery::codec::transcode::{self, Overlay};
use keelson_apimachinery::codec::{envelope, json, protobuf};
use keelson_apimachinery::{TypeId, Value};

struct Fixture {
    name: String,
    ty: TypeId,
    json: Vec<u8>,
    sealed: Vec<u8>,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/testdata")
}

/// All fixtures whose kind the facts have.
fn fixtures() -> Vec<Fixture> {
    let Ok(entries) = fs::read_dir(directory()) else {
        println!("skipped: {} is absent", directory().display());
        return Vec::new();
    };
    let mut fixtures = Vec::new();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "pb")) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // Second fixtures of some objects: what is left of them after a decoder of another release.
        if name.ends_with(".after_roundtrip") {
            continue;
        }
        let (rest, kind) = name.rsplit_once('.').unwrap();
        let (group, version) = rest.rsplit_once('.').unwrap();
        let group = if group == "core" { "" } else { group };
        match facts::kind(group, version, kind) {
            Some(ty) => {
                let (json, sealed) = (path.with_extension("json"), fs::read(path).unwrap());
                fixtures.push(Fixture { name, ty, json: fs::read(json).unwrap(), sealed });
            }
            None => println!("skipped: {name}: no such kind in the facts"),
        }
    }
    assert!(fixtures.len() > 100, "only {} fixtures", fixtures.len());
    fixtures
}

/// Runs `check` on all fixtures, and fails with all failures at the end.
fn check(check: impl Fn(&Fixture) -> Result<(), String>) {
    let fixtures = fixtures();
    let failures: Vec<_> =
        fixtures.iter().filter_map(|f| check(f).err().map(|e| format!("{}: {e}", f.name))).collect();
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), fixtures.len(), failures.join("\n"));
}

/// Where two texts begin to differ.
fn same(got: &[u8], want: &[u8]) -> Result<(), String> {
    if got == want {
        return Ok(());
    }
    let at = got.iter().zip(want).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let (from, to) = (at.saturating_sub(60).min(bytes.len()), (at + 60).min(bytes.len()));
        String::from_utf8_lossy(&bytes[from..to]).into_owned()
    };
    Err(format!(
        "differ at byte {at} of {}/{}\n  got  {:?}\n  want {:?}",
        got.len(),
        want.len(),
        around(got),
        around(want)
    ))
}

fn compact(json: &[u8]) -> Vec<u8> {
    // Fixtures are indented, and otherwise as Go writes them.
    let mut out = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in json {
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
    out
}

/// What the envelope says, where the type has members for it (`WatchEvent` has none).
fn with_type_meta(ty: TypeId, mut tree: Value, envelope: &envelope::Envelope<'_>) -> Value {
    for (key, text) in [("apiVersion", envelope.api_version), ("kind", envelope.kind)] {
        if schema().json_field(ty, key).is_some() {
            tree.as_object_mut().unwrap().insert(key, text);
        }
    }
    tree
}

#[test]
fn protobuf_becomes_the_json() {
    check(|fixture| {
        let envelope = envelope::open(&fixture.sealed).map_err(|e| e.to_string())?;
        let tree = protobuf::decode(schema(), fixture.ty, envelope.raw).map_err(|e| e.to_string())?;
        let tree = with_type_meta(fixture.ty, tree, &envelope);
        let mut out = Vec::new();
        json::encode(schema(), fixture.ty, &tree, &mut out);
        same(&out, &compact(&fixture.json))?;
        let from_json = json::decode(schema(), fixture.ty, &fixture.json).map_err(|e| e.to_string())?;
        if from_json.value != tree {
            return Err("the tree differs from that of the JSON".into());
        }
        Ok(())
    });
}

#[test]
fn json_becomes_the_protobuf() {
    check(|fixture| {
        let envelope = envelope::open(&fixture.sealed).map_err(|e| e.to_string())?;
        let tree = json::decode(schema(), fixture.ty, &fixture.json).map_err(|e| e.to_string())?;
        if !tree.strict.is_empty() {
            return Err(format!("{:?}", tree.strict));
        }
        let raw = protobuf::encode(schema(), fixture.ty, &tree.value).map_err(|e| e.to_string())?;
        same(&raw, envelope.raw)?;
        same(&envelope::seal(envelope.api_version, envelope.kind, &raw), &fixture.sealed)?;
        let mut direct = Vec::new();
        transcode::json_to_protobuf(schema(), fixture.ty, &fixture.json, &mut direct)
            .map_err(|e| e.to_string())?;
        same(&direct, envelope.raw)
    });
}

#[test]
fn protobuf_is_transcoded_to_the_json() {
    check(|fixture| {
        let envelope = envelope::open(&fixture.sealed).map_err(|e| e.to_string())?;
        let overlay =
            Overlay { api_version: envelope.api_version, kind: envelope.kind, resource_version: "" };
        let mut out = Vec::new();
        transcode::protobuf_to_json(schema(), fixture.ty, envelope.raw, &overlay, &mut out)
            .map_err(|e| e.to_string())?;
        same(&out, &compact(&fixture.json))
    });
}

#[test]
fn another_resource_version_changes_nothing_else() {
    check(|fixture| {
        let envelope = envelope::open(&fixture.sealed).map_err(|e| e.to_string())?;
        let mut tree = protobuf::decode(schema(), fixture.ty, envelope.raw).map_err(|e| e.to_string())?;
        let Some(metadata) = tree.as_object_mut().and_then(|tree| tree.get_mut("metadata")) else {
            return Ok(());
        };
        metadata.as_object_mut().unwrap().insert("resourceVersion", "987654");
        let want = protobuf::encode(schema(), fixture.ty, &tree).map_err(|e| e.to_string())?;
        let mut got = Vec::new();
        transcode::with_resource_version(schema(), fixture.ty, envelope.raw, "987654", &mut got)
            .map_err(|e| e.to_string())?;
        same(&got, &want)?;
        let tree = with_type_meta(fixture.ty, tree, &envelope);
        let (mut direct, mut want) = (Vec::new(), Vec::new());
        let overlay =
            Overlay { api_version: envelope.api_version, kind: envelope.kind, resource_version: "987654" };
        transcode::protobuf_to_json(schema(), fixture.ty, envelope.raw, &overlay, &mut direct)
            .map_err(|e| e.to_string())?;
        json::encode(schema(), fixture.ty, &tree, &mut want);
        same(&direct, &want)
    });
}
