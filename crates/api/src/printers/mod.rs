//! Printer columns: the tables that `kubectl get` shows.
//!
//! A client that asks for `as=Table` gets, for each kind, the columns and cells of kube-apiserver. Each group's
//! file holds its kinds' columns as data, and one small function a kind that makes a row's cells. The objects
//! are canonical trees of the storage version, whatever version the client speaks.
//!
//! Descriptions that are a field's documentation come from [`descriptions`], so that they stay those
//! of the release.
//!
//! Cells for the columns of `-o wide` (priority 1) are always there: the client leaves them out.

mod admissionregistration;
mod apiregistration;
mod apps;
mod autoscaling;
mod batch;
mod certificates;
mod column;
mod coordination;
mod core;
mod discovery;
mod events;
mod flowcontrol;
mod meta;
mod networking;
mod node;
mod nodes;
mod pod;
mod policy;
mod rbac;
mod resource;
mod row;
mod scheduling;
mod services;
mod storage;
#[cfg(test)]
mod tests;
mod text;
mod volumes;

use std::cmp::Ordering;
use std::sync::LazyLock;

use keelson_apimachinery::Value;

use self::column::{AGE_DESCRIPTION, NAME, Spec, date};
use self::row::Row;
pub use self::text::human_duration;
use crate::facts::descriptions;

/// A column of a table, as `columnDefinitions` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The heading.
    pub name: &'static str,
    /// The OpenAPI type, such as `string`.
    pub ty: &'static str,
    /// The OpenAPI format, such as `name`; may be empty.
    pub format: &'static str,
    /// What the column shows; may be empty.
    pub description: Box<str>,
    /// 0, or 1 for a column that only wide output shows.
    pub priority: i32,
}

/// How a kind prints.
struct Printer {
    group: &'static str,
    kind: &'static str,
    columns: &'static [Spec],
    cells: fn(&Row<'_>) -> Vec<Value>,
}

const GROUPS: &[&[Printer]] = &[
    admissionregistration::PRINTERS,
    apiregistration::PRINTERS,
    apps::PRINTERS,
    autoscaling::PRINTERS,
    batch::PRINTERS,
    certificates::PRINTERS,
    coordination::PRINTERS,
    core::PRINTERS,
    discovery::PRINTERS,
    events::PRINTERS,
    flowcontrol::PRINTERS,
    meta::PRINTERS,
    networking::PRINTERS,
    node::PRINTERS,
    nodes::PRINTERS,
    pod::PRINTERS,
    policy::PRINTERS,
    rbac::PRINTERS,
    resource::PRINTERS,
    scheduling::PRINTERS,
    services::PRINTERS,
    storage::PRINTERS,
    volumes::PRINTERS,
];

/// A printer with its columns' descriptions looked up.
type Entry = (&'static Printer, Vec<Column>);

/// All printers, worked out once.
struct Tables {
    /// Sorted by group and kind.
    printers: Vec<Entry>,
    /// The columns of kinds that have none of their own.
    default: Vec<Column>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let texts = descriptions();
    let columns = |specs: &[Spec]| specs.iter().map(|spec| spec.column(&texts)).collect();
    let printers = GROUPS.iter().flat_map(|group| group.iter());
    let mut printers: Vec<Entry> = printers.map(|p| (p, columns(p.columns))).collect();
    printers.sort_unstable_by_key(|(p, _)| (p.group, p.kind));
    Tables { printers, default: columns(&[NAME, date("Created At", AGE_DESCRIPTION)]) }
});

fn printer(group: &str, kind: &str) -> Option<&'static Entry> {
    let printers = &TABLES.printers;
    let at = printers.binary_search_by(|(p, _)| (p.group, p.kind).cmp(&(group, kind))).ok()?;
    printers.get(at)
}

/// Whether a kind has columns of its own. Where it has none, its tables have the columns `Name` and
/// `Created At`, and a table without objects has `rows: null` instead of an empty list.
pub fn has_own_columns(group: &str, kind: &str) -> bool {
    printer(group, kind).is_some()
}

/// A kind's columns.
pub fn columns(group: &str, kind: &str) -> &'static [Column] {
    printer(group, kind).map_or(&TABLES.default, |(_, columns)| columns)
}

/// An object's cells in a table of its kind; `now` is in microseconds since 1970-01-01T00:00:00Z.
///
/// There are as many as columns, but for IPAddress, whose age has no column.
pub fn cells(group: &str, kind: &str, object: &Value, now: i64) -> Vec<Value> {
    let row = Row::new(object, now);
    match printer(group, kind) {
        Some((printer, _)) => (printer.cells)(&row),
        None => {
            let created = row.str(&["metadata", "creationTimestamp"]);
            // What Go makes of the zero time.
            let created = if created.is_empty() { "0001-01-01T00:00:00Z" } else { created };
            vec![row.name().into(), created.into()]
        }
    }
}

/// The `conditions` of an object's row: set for pods that have ended.
pub fn conditions(group: &str, kind: &str, object: &Value) -> Option<Value> {
    if (group, kind) == ("", "Pod") { pod::conditions(object) } else { None }
}

/// The order of a table's rows where it is not that of the list: flow schemas stand in the order in which
/// they are tried.
pub fn order(group: &str, kind: &str) -> Option<fn(&Value, &Value) -> Ordering> {
    ((group, kind) == ("flowcontrol.apiserver.k8s.io", "FlowSchema")).then_some(flowcontrol::precedence)
}
