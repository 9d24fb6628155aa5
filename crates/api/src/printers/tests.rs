mod durations;
mod kinds;
mod pods;
mod recordings;

use keelson_apimachinery::codec::json;

use super::*;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600 * 1_000_000;

fn parse(text: &str) -> Value {
    json::decode_untyped(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}")).value
}

/// Checks the cells of an object, whose `metadata` is `name: x` and an age of five hours where it has none.
fn check(group: &str, kind: &str, object: &str, want: &str) {
    let mut object = parse(object);
    let metadata =
        object.as_object_mut().expect("an object").entry("metadata", || Value::Object(Default::default()));
    let metadata = metadata.as_object_mut().expect("metadata");
    metadata.entry("name", || "x".into());
    metadata.entry("creationTimestamp", || "2025-12-31T19:00:00Z".into());
    let cells = cells(group, kind, &object, NOW);
    assert_eq!(Value::from(cells.clone()), parse(want), "{kind}");
    // Upstream gives addresses a cell without a column.
    let extra = usize::from(kind == "IPAddress");
    assert_eq!(cells.len(), columns(group, kind).len() + extra, "{kind}");
}

#[test]
fn every_kind_with_columns_has_a_test() {
    let tests = include_str!("tests/kinds.rs");
    for (printer, _) in TABLES.printers.iter().filter(|(p, _)| p.kind != "Pod") {
        assert!(tests.contains(&format!("\"{}\"", printer.kind)), "{}", printer.kind);
    }
}

#[test]
fn kinds_without_columns_of_their_own_show_when_they_were_made() {
    assert!(!has_own_columns("", "LimitRange"));
    let headings: Vec<_> = columns("", "LimitRange").iter().map(|c| (c.name, c.ty, c.format)).collect();
    assert_eq!(headings, [("Name", "string", "name"), ("Created At", "date", "")]);
    check("", "LimitRange", "{}", r#"["x","2025-12-31T19:00:00Z"]"#);
}

#[test]
fn columns_are_complete_and_unique() {
    for (i, (printer, columns)) in TABLES.printers.iter().enumerate() {
        assert!(
            i == 0
                || (TABLES.printers[i - 1].0.group, TABLES.printers[i - 1].0.kind)
                    < (printer.group, printer.kind)
        );
        for column in columns {
            let undescribed =
                matches!((printer.kind, column.name), ("RuntimeClass", "Handler") | ("Status", "Message"));
            assert_eq!(column.description.is_empty(), undescribed, "{} {}", printer.kind, column.name);
        }
    }
}
