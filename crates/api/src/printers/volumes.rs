//! Persistent volumes and claims.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, field, string, text};
use super::row::Row;
use super::text::access_modes;

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: "",
        kind: "PersistentVolume",
        columns: &[
            NAME,
            string("Capacity", field("core.v1.PersistentVolumeSpec", "capacity")),
            string("Access Modes", field("core.v1.PersistentVolumeSpec", "accessModes")),
            string("Reclaim Policy", field("core.v1.PersistentVolumeSpec", "persistentVolumeReclaimPolicy")),
            string("Status", field("core.v1.PersistentVolumeStatus", "phase")),
            string("Claim", field("core.v1.PersistentVolumeSpec", "claimRef")),
            string("StorageClass", text("StorageClass of the pv")),
            string("VolumeAttributesClass", text("VolumeAttributesClass of the pv")),
            string("Reason", field("core.v1.PersistentVolumeStatus", "reason")),
            AGE,
            string("VolumeMode", field("core.v1.PersistentVolumeSpec", "volumeMode")).wide(),
        ],
        cells: volume,
    },
    Printer {
        group: "",
        kind: "PersistentVolumeClaim",
        columns: &[
            NAME,
            string("Status", field("core.v1.PersistentVolumeClaimStatus", "phase")),
            string("Volume", field("core.v1.PersistentVolumeClaimSpec", "volumeName")),
            string("Capacity", field("core.v1.PersistentVolumeClaimStatus", "capacity")),
            string("Access Modes", field("core.v1.PersistentVolumeClaimStatus", "accessModes")),
            string("StorageClass", text("StorageClass of the pvc")),
            string("VolumeAttributesClass", text("VolumeAttributesClass of the pvc")),
            AGE,
            string("VolumeMode", field("core.v1.PersistentVolumeClaimSpec", "volumeMode")).wide(),
        ],
        cells: claim,
    },
];

fn phase<'a>(row: &Row<'a>) -> &'a str {
    if row.is_deleted() { "Terminating" } else { row.str(&["status", "phase"]) }
}

/// The storage class, which an old annotation may override.
fn class<'a>(row: &Row<'a>) -> &'a str {
    row.annotation("volume.beta.kubernetes.io/storage-class")
        .unwrap_or(row.str(&["spec", "storageClassName"]))
}

fn volume(row: &Row<'_>) -> Vec<Value> {
    let claim = row.at(&["spec", "claimRef"]);
    let claim = claim.map(|c| format!("{}/{}", c.str_at(&["namespace"]), c.str_at(&["name"])));
    vec![
        row.name().into(),
        row.str_or(&["spec", "capacity", "storage"], "0").into(),
        access_modes(row.list(&["spec", "accessModes"])).into(),
        row.str(&["spec", "persistentVolumeReclaimPolicy"]).into(),
        phase(row).into(),
        claim.unwrap_or_default().into(),
        class(row).into(),
        row.str_or(&["spec", "volumeAttributesClassName"], "<unset>").into(),
        row.str(&["status", "reason"]).into(),
        row.age().into(),
        row.str_or(&["spec", "volumeMode"], "<unset>").into(),
    ]
}

/// Capacity and access modes show once the claim has a volume.
fn claim(row: &Row<'_>) -> Vec<Value> {
    let volume = row.str(&["spec", "volumeName"]);
    let (capacity, modes) = match volume {
        "" => ("", String::new()),
        _ => (
            row.str_or(&["status", "capacity", "storage"], "0"),
            access_modes(row.list(&["status", "accessModes"])),
        ),
    };
    vec![
        row.name().into(),
        phase(row).into(),
        volume.into(),
        capacity.into(),
        modes.into(),
        class(row).into(),
        row.str_or(&["spec", "volumeAttributesClassName"], "<unset>").into(),
        row.age().into(),
        row.str_or(&["spec", "volumeMode"], "<unset>").into(),
    ]
}
