//! Stored objects that lack a default, though the release that wrote them knew it: what a strategy or the codec took
//! away after the object was read. Seen in their bytes, so that all others need not be decoded.

use std::sync::LazyLock;

use keelson_apimachinery::TypeId;
use keelson_apimachinery::codec::scan;

/// What a message must have or not have to be complete.
type Probe = fn(&dyn Fn(&[&str]) -> bool) -> bool;

const PROBES: [(&str, Probe); 3] = [
    // Storage keeps no type in claims.
    ("io.k8s.api.apps.v1.StatefulSet", |has| !has(&["spec", "volumeClaimTemplates"])),
    // Labels for its pods come to the template when the job is created, later than defaults.
    ("io.k8s.api.batch.v1.Job", |has| {
        has(&["metadata", "labels"]) || !has(&["spec", "template", "metadata", "labels"])
    }),
    // A new claim's status is emptied.
    ("io.k8s.api.core.v1.PersistentVolumeClaim", |has| has(&["status", "phase"])),
];

static BY_TYPE: LazyLock<Vec<(TypeId, Probe)>> = LazyLock::new(|| {
    PROBES.iter().filter_map(|(name, probe)| Some((crate::schema().id(name)?, *probe))).collect()
});

/// Whether a stored message of type `ty` has the defaults that kube-apiserver itself doesn't store. Those that an
/// older release did not know are not looked for. Costs a search of three types for all but these.
pub fn is_complete(ty: TypeId, message: &[u8]) -> bool {
    match BY_TYPE.iter().find(|(of, _)| *of == ty) {
        Some((_, probe)) => probe(&|path| scan::has(crate::schema(), ty, message, path)),
        None => true,
    }
}
