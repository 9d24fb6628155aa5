//! The group `node.k8s.io`.

use super::Printer;
use super::column::{AGE, NAME, string, text};

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "node.k8s.io",
    kind: "RuntimeClass",
    // The handler's column has no description upstream.
    columns: &[NAME, string("Handler", text("")), AGE],
    cells: |row| vec![row.name().into(), row.str(&["handler"]).into(), row.age().into()],
}];
