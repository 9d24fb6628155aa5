//! The group `coordination.k8s.io`.

use super::Printer;
use super::column::{AGE, NAME, field, string};

pub(super) const PRINTERS: &[Printer] = &[Printer {
    group: "coordination.k8s.io",
    kind: "Lease",
    columns: &[NAME, string("Holder", field("coordination.v1.LeaseSpec", "holderIdentity")), AGE],
    cells: |row| vec![row.name().into(), row.str(&["spec", "holderIdentity"]).into(), row.age().into()],
}];
