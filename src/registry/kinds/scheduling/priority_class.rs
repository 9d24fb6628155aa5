//! PriorityClass.

use keelson_apimachinery::Status;

use crate::registry::Hooks;

/// The system's classes can't be deleted.
pub(in crate::registry) struct PriorityClasses;

impl Hooks for PriorityClasses {
    fn check_deletion(&self, name: &str) -> Result<(), Status> {
        if !matches!(name, "system-cluster-critical" | "system-node-critical") {
            return Ok(());
        }
        let why = "this is a system priority class and cannot be deleted";
        Err(Status::forbidden("scheduling.k8s.io", "priorityclasses", name, why))
    }
}
