//! What configuration files may look like, and what is said of those that don't.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Zoo {
    api_version: String,
    keeper: Option<Keeper>,
    animals: Vec<Animal>,
    fees: BTreeMap<String, i64>,
    open: bool,
    height: f64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Keeper {
    name: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Animal {
    kind: String,
    size: u8,
    diet: Diet,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
enum Diet {
    #[default]
    Plants,
    Meat,
}

const VERSIONS: [&str; 2] = ["zoo.example.com/v1", "zoo.example.com/v1beta1"];

fn zoo(text: &str) -> Result<Zoo, String> {
    parse(text.as_bytes(), "Zoo", &VERSIONS)
}

#[test]
fn yaml_and_json_say_the_same() {
    let wanted = Zoo {
        api_version: VERSIONS[1].to_owned(),
        keeper: Some(Keeper { name: "jo".to_owned() }),
        animals: vec![
            Animal { kind: "lion".to_owned(), size: 3, diet: Diet::Meat },
            Animal { kind: "hare".to_owned(), ..Animal::default() },
        ],
        fees: BTreeMap::from([("child".to_owned(), 2)]),
        open: true,
        height: 2.5,
    };
    let yaml = "apiVersion: zoo.example.com/v1beta1\nkind: Zoo\nkeeper: {name: jo}\nopen: true\nheight: 2.5\n\
                animals:\n- {kind: lion, size: 3, diet: Meat}\n- kind: hare\n  diet: null\nfees: {child: 2}\n";
    let json = r#"{"apiVersion": "zoo.example.com/v1beta1", "kind": "Zoo", "keeper": {"name": "jo"}, "open": true,
        "height": 2.5, "animals": [{"kind": "lion", "size": 3, "diet": "Meat"}, {"kind": "hare"}],
        "fees": {"child": 2}}"#;
    assert_eq!(zoo(yaml).as_ref(), Ok(&wanted));
    assert_eq!(zoo(json).as_ref(), Ok(&wanted));
}

#[test]
fn null_is_absent() {
    let given = zoo("apiVersion: zoo.example.com/v1\nkind: Zoo\nkeeper: null\nanimals: null\nopen: null\n");
    assert_eq!(given, Ok(Zoo { api_version: VERSIONS[0].to_owned(), ..Zoo::default() }));
}

#[test]
fn what_is_wrong_is_told_with_its_path() {
    let check = |text: &str, wanted: &str| {
        let head = "apiVersion: zoo.example.com/v1\nkind: Zoo\n";
        let failure = zoo(&format!("{head}{text}")).expect_err(text);
        assert_eq!(failure, wanted, "{text}");
    };
    check("opened: true", "strict decoding error: unknown field \"opened\"");
    check(
        "animals: [{}, {legs: 4, tail: {}}]\nopened: 1",
        "strict decoding error: unknown field \"animals[1].legs\", unknown field \"animals[1].tail\", \
         unknown field \"opened\"",
    );
    check("open: \"yes\"", "open: invalid type: string \"yes\", expected a boolean");
    check("animals: [{size: 256}]", "animals[0].size: invalid value: integer `256`, expected u8");
    check("animals: [3]", "animals[0]: invalid type: integer `3`, expected an object");
    check("animals: {}", "animals: invalid type: map, expected a sequence");
    check("animals: [{diet: All}]", "animals[0].diet: unknown variant `All`, expected `Plants` or `Meat`");
    check("fees: {a: {}}", "fees.a: invalid type: map, expected i64");
    check("keeper: {}", "keeper: missing field `name`");
    check(
        "open: true\nopen: false",
        "strict decoding error: yaml: unmarshal errors:\n  line 4: key \"open\" already set in map",
    );
}

#[test]
fn other_kinds_are_refused() {
    let check = |text: &str, wanted: &str| {
        assert!(zoo(text).expect_err(text).contains(wanted), "{text}: {:?}", zoo(text));
    };
    check("", "must be an object");
    check("[]", "must be an object");
    check("a: 1", "Object 'Kind' is missing");
    check("kind: Zoo", "Object 'apiVersion' is missing");
    check(
        "kind: Park\napiVersion: zoo.example.com/v1",
        "no kind \"Park\" is registered for version \"zoo.example.com/v1\"",
    );
    check(
        "kind: Zoo\napiVersion: zoo.example.com/v2",
        "no kind \"Zoo\" is registered for version \"zoo.example.com/v2\"",
    );
    check("kind: [", "yaml: ");
}

#[test]
fn errors_name_the_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("zoo.yaml");
    let failure = |path: &Path| read::<Zoo>(path, "Zoo", &VERSIONS).expect_err("wrong").to_string();
    assert!(failure(&path).starts_with(&format!("{}: No such file", path.display())));
    std::fs::write(&path, "kind: Zoo\napiVersion: zoo.example.com/v1\nx: 1").expect("written");
    assert_eq!(failure(&path), format!("{}: strict decoding error: unknown field \"x\"", path.display()));
}

#[test]
fn lenient_reading_overlooks_what_is_unknown() {
    let check = |text: &str, open: Option<bool>| {
        let read = parse_leniently::<Zoo>(text.as_bytes(), "Zoo", &VERSIONS);
        assert_eq!(read.ok().map(|zoo| zoo.open), open, "{text}");
    };
    check("open: true\nlegs: 4", Some(true));
    check("kind: Zoo\napiVersion: zoo.example.com/v1\nopen: false\nopen: true", Some(true));
    check("kind: Park\napiVersion: zoo.example.com/v1", None);
    check("open: 3", None);
}
