//! Events, which are one kind in two groups.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{NAME_DESCRIPTION, Spec, field, string};
use super::row::Row;

const COLUMNS: &[Spec] = &[
    string("Last Seen", field("core.v1.Event", "lastTimestamp")),
    string("Type", field("core.v1.Event", "type")),
    string("Reason", field("core.v1.Event", "reason")),
    string("Object", field("core.v1.Event", "involvedObject")),
    string("Subobject", field("core.v1.ObjectReference", "fieldPath")).wide(),
    string("Source", field("core.v1.Event", "source")).wide(),
    string("Message", field("core.v1.Event", "message")),
    string("First Seen", field("core.v1.Event", "firstTimestamp")).wide(),
    string("Count", field("core.v1.Event", "count")).wide(),
    string("Name", NAME_DESCRIPTION).format("name").wide(),
];

pub(super) const PRINTERS: &[Printer] = &[
    Printer { group: "", kind: "Event", columns: COLUMNS, cells: event },
    Printer { group: "events.k8s.io", kind: "Event", columns: COLUMNS, cells: event },
];

fn event(row: &Row<'_>) -> Vec<Value> {
    let first_of = |paths: [&[&str]; 2]| paths.into_iter().map(|p| row.str(p)).find(|t| !t.is_empty());
    let since = |time: Option<&str>| row.since_text(time.unwrap_or_default());
    let first = since(first_of([&["firstTimestamp"], &["eventTime"]]));
    let mut last = match row.str(&["lastTimestamp"]) {
        "" => first.clone(),
        time => row.since_text(time),
    };
    let mut count = row.int(&["count"]);
    if row.at(&["series"]).is_some() {
        last = row.since(&["series", "lastObservedTime"]);
        count = row.int(&["series", "count"]);
    } else if count == 0 {
        // Events of the new API have no count unless they are a series.
        count = 1;
    }
    let kind = row.str(&["involvedObject", "kind"]).to_lowercase();
    let object = match row.str(&["involvedObject", "name"]) {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let component = first_of([&["source", "component"], &["reportingComponent"]]).unwrap_or_default();
    let source = match first_of([&["source", "host"], &["reportingInstance"]]) {
        None => component.to_owned(),
        Some(instance) => format!("{component}, {instance}"),
    };
    vec![
        last.into(),
        row.str(&["type"]).into(),
        row.str(&["reason"]).into(),
        object.into(),
        row.str(&["involvedObject", "fieldPath"]).into(),
        source.into(),
        row.str(&["message"]).trim().into(),
        first.into(),
        count.into(),
        row.name().into(),
    ]
}
