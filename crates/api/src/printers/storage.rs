//! The group `storage.k8s.io`. CSIStorageCapacity has no columns of its own.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, boolean, field, integer, string, text};
use super::row::Row;
use super::text::joined;

const GROUP: &str = "storage.k8s.io";

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: GROUP,
        kind: "CSIDriver",
        columns: &[
            NAME,
            boolean("AttachRequired", field("storage.v1.CSIDriverSpec", "attachRequired")),
            boolean("PodInfoOnMount", field("storage.v1.CSIDriverSpec", "podInfoOnMount")),
            boolean("StorageCapacity", field("storage.v1.CSIDriverSpec", "storageCapacity")),
            string("TokenRequests", field("storage.v1.CSIDriverSpec", "tokenRequests")),
            boolean("RequiresRepublish", field("storage.v1.CSIDriverSpec", "requiresRepublish")),
            string("Modes", field("storage.v1.CSIDriverSpec", "volumeLifecycleModes")),
            AGE,
        ],
        cells: csi_driver,
    },
    Printer {
        group: GROUP,
        kind: "CSINode",
        columns: &[
            NAME,
            integer("Drivers", text("Drivers indicates the number of CSI drivers registered on the node")),
            AGE,
        ],
        cells: |row| vec![row.name().into(), row.count(&["spec", "drivers"]).into(), row.age().into()],
    },
    Printer {
        group: GROUP,
        kind: "StorageClass",
        columns: &[
            NAME,
            string("Provisioner", field("storage.v1.StorageClass", "provisioner")),
            string("ReclaimPolicy", field("storage.v1.StorageClass", "reclaimPolicy")),
            string("VolumeBindingMode", field("storage.v1.StorageClass", "volumeBindingMode")),
            string("AllowVolumeExpansion", field("storage.v1.StorageClass", "allowVolumeExpansion")),
            AGE,
        ],
        cells: storage_class,
    },
    Printer {
        group: GROUP,
        kind: "VolumeAttachment",
        columns: &[
            NAME,
            string("Attacher", field("storage.v1.VolumeAttachmentSpec", "attacher")).format("name"),
            string("PV", field("storage.v1.VolumeAttachmentSource", "persistentVolumeName")),
            string("Node", field("storage.v1.VolumeAttachmentSpec", "nodeName")),
            boolean("Attached", field("storage.v1.VolumeAttachmentStatus", "attached")),
            AGE,
        ],
        cells: |row| {
            vec![
                row.name().into(),
                row.str(&["spec", "attacher"]).into(),
                row.str(&["spec", "source", "persistentVolumeName"]).into(),
                row.str(&["spec", "nodeName"]).into(),
                row.bool(&["status", "attached"]).into(),
                row.age().into(),
            ]
        },
    },
    Printer {
        group: GROUP,
        kind: "VolumeAttributesClass",
        columns: &[NAME, string("DriverName", field("storage.v1.VolumeAttributesClass", "driverName")), AGE],
        cells: |row| vec![row.name().into(), row.str(&["driverName"]).into(), row.age().into()],
    },
];

fn csi_driver(row: &Row<'_>) -> Vec<Value> {
    let attach = row.at(&["spec", "attachRequired"]).and_then(Value::as_bool).unwrap_or(true);
    let audience = |request: &'_ Value| request.str_at(&["audience"]).to_owned();
    let tokens = match row.at(&["spec", "tokenRequests"]).and_then(Value::as_array) {
        None => "<unset>".to_owned(),
        Some(requests) => requests.iter().map(audience).collect::<Vec<_>>().join(","),
    };
    let modes = joined(row.list(&["spec", "volumeLifecycleModes"]).iter().filter_map(Value::as_str));
    vec![
        row.name().into(),
        attach.into(),
        row.bool(&["spec", "podInfoOnMount"]).into(),
        row.bool(&["spec", "storageCapacity"]).into(),
        tokens.into(),
        row.bool(&["spec", "requiresRepublish"]).into(),
        (if modes.is_empty() { "<none>".to_owned() } else { modes }).into(),
        row.age().into(),
    ]
}

fn storage_class(row: &Row<'_>) -> Vec<Value> {
    let annotations =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
    let default = annotations.into_iter().any(|a| row.annotation(a) == Some("true"));
    vec![
        format!("{}{}", row.name(), if default { " (default)" } else { "" }).into(),
        row.str(&["provisioner"]).into(),
        row.str_or(&["reclaimPolicy"], "Delete").into(),
        row.str_or(&["volumeBindingMode"], "Immediate").into(),
        row.bool(&["allowVolumeExpansion"]).into(),
        row.age().into(),
    ]
}
