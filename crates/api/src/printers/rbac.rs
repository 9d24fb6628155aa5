//! The group `rbac.authorization.k8s.io`: bindings. Roles have no columns of their own.

use keelson_apimachinery::Value;

use super::Printer;
use super::column::{AGE, NAME, field_without, string, text};
use super::row::Row;

const GROUP: &str = "rbac.authorization.k8s.io";

/// What the version of the type that upstream documents the column with does not say yet.
const LATER: &str = " This field is immutable.";

pub(super) const PRINTERS: &[Printer] = &[
    Printer {
        group: GROUP,
        kind: "ClusterRoleBinding",
        columns: &[
            NAME,
            string("Role", field_without("rbac.v1.ClusterRoleBinding", "roleRef", LATER)),
            AGE,
            string("Users", text("Users in the clusterRoleBinding")).wide(),
            string("Groups", text("Groups in the clusterRoleBinding")).wide(),
            string("ServiceAccounts", text("ServiceAccounts in the clusterRoleBinding")).wide(),
        ],
        cells: binding,
    },
    Printer {
        group: GROUP,
        kind: "RoleBinding",
        columns: &[
            NAME,
            string("Role", field_without("rbac.v1.RoleBinding", "roleRef", LATER)),
            AGE,
            string("Users", text("Users in the roleBinding")).wide(),
            string("Groups", text("Groups in the roleBinding")).wide(),
            string("ServiceAccounts", text("ServiceAccounts in the roleBinding")).wide(),
        ],
        cells: binding,
    },
];

fn binding(row: &Row<'_>) -> Vec<Value> {
    let subjects = |kind: &str| {
        let subjects = row.list(&["subjects"]).iter().filter(|s| s.str_at(&["kind"]) == kind);
        let name = |subject: &Value| match kind {
            "ServiceAccount" => format!("{}/{}", subject.str_at(&["namespace"]), subject.str_at(&["name"])),
            _ => subject.str_at(&["name"]).to_owned(),
        };
        Value::from(subjects.map(name).collect::<Vec<_>>().join(", "))
    };
    vec![
        row.name().into(),
        format!("{}/{}", row.str(&["roleRef", "kind"]), row.str(&["roleRef", "name"])).into(),
        row.age().into(),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}
