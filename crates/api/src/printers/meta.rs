//! `Status`, which answers a deletion.

use super::Printer;
use super::column::{field, string, text};

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "",
    kind: "Status",
    columns: &[
        string("Status", field("meta.v1.Status", "status")),
        string("Reason", field("meta.v1.Status", "reason")),
        // The message's column has no description upstream.
        string("Message", text("")),
    ],
    cells: |row| ["status", "reason", "message"].map(|key| row.str(&[key]).into()).to_vec(),
}];
