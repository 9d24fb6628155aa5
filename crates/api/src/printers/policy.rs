//! The group `policy`.

use super::Printer;
use super::column::{AGE, NAME, integer, string, text};
use super::text::int_or_string;

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "policy",
    kind: "PodDisruptionBudget",
    columns: &[
        NAME,
        string("Min Available", text("The minimum number of pods that must be available.")),
        string("Max Unavailable", text("The maximum number of pods that may be unavailable.")),
        integer("Allowed Disruptions", text("Calculated number of pods that may be disrupted at this time.")),
        AGE,
    ],
    cells: |row| {
        vec![
            row.name().into(),
            int_or_string(row.at(&["spec", "minAvailable"]), "N/A").into(),
            int_or_string(row.at(&["spec", "maxUnavailable"]), "N/A").into(),
            row.int(&["status", "disruptionsAllowed"]).into(),
            row.age().into(),
        ]
    },
}];
