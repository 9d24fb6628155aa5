//! The group `resource.k8s.io`.

use super::Printer;
use super::column::{AGE, NAME, field, string, text};
use super::row::Row;

const GROUP: &str = "resource.k8s.io";

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: GROUP,
        kind: "DeviceClass",
        columns: &[NAME, AGE],
        cells: |row| vec![row.name().into(), row.age().into()],
    },
    Printer {
        group: GROUP,
        kind: "ResourceClaim",
        columns: &[
            NAME,
            string("State", text("A summary of the current state (allocated, pending, reserved, etc.).")),
            AGE,
        ],
        cells: |row| vec![row.name().into(), claim_state(row).into(), row.age().into()],
    },
    Printer {
        group: GROUP,
        kind: "ResourceClaimTemplate",
        columns: &[NAME, AGE],
        cells: |row| vec![row.name().into(), row.age().into()],
    },
    Printer {
        group: GROUP,
        kind: "ResourceSlice",
        columns: &[
            NAME,
            string("Node", field("resource.v1.ResourceSliceSpec", "nodeName")),
            string("Driver", field("resource.v1.ResourceSliceSpec", "driver")),
            string("Pool", field("resource.v1.ResourcePool", "name")),
            AGE,
        ],
        cells: |row| {
            vec![
                row.name().into(),
                row.str(&["spec", "nodeName"]).into(),
                row.str(&["spec", "driver"]).into(),
                row.str(&["spec", "pool", "name"]).into(),
                row.age().into(),
            ]
        },
    },
];

fn claim_state(row: &Row<'_>) -> &'static str {
    let allocated = row.at(&["status", "allocation"]).is_some();
    let reserved = !row.list(&["status", "reservedFor"]).is_empty();
    match (row.is_deleted(), allocated, reserved) {
        (false, false, _) => "pending",
        (false, true, false) => "allocated",
        (false, true, true) => "allocated,reserved",
        (true, false, _) => "deleted",
        (true, true, false) => "deleted,allocated",
        (true, true, true) => "deleted,allocated,reserved",
    }
}
