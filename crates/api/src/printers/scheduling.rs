//! The group `scheduling.k8s.io`.

use super::Printer;
use super::column::{AGE, NAME, boolean, field, integer, string};

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "scheduling.k8s.io",
    kind: "PriorityClass",
    columns: &[
        NAME,
        integer("Value", field("scheduling.v1.PriorityClass", "value")),
        boolean("Global-Default", field("scheduling.v1.PriorityClass", "globalDefault")),
        AGE,
        string("PreemptionPolicy", field("scheduling.v1.PriorityClass", "preemptionPolicy")),
    ],
    cells: |row| {
        vec![
            row.name().into(),
            row.int(&["value"]).into(),
            row.bool(&["globalDefault"]).into(),
            row.age().into(),
            row.str(&["preemptionPolicy"]).into(),
        ]
    },
}];
