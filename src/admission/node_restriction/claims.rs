//! Claims: a kubelet says how large a volume became.

use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use super::super::{Operation, pod};
use super::{Request, same};

/// What of a claim's status kubelets write.
const WRITTEN: [&str; 4] = ["capacity", "conditions", "allocatedResourceStatuses", "allocatedResources"];

/// The status of a claim of one of the node's pods.
pub(super) fn status(request: Request<'_>) -> Result<(), Status> {
    let (Operation::Update, Some(new), Some(old)) =
        (request.attributes.operation, request.object, request.attributes.old)
    else {
        return request.refuse(request.operation());
    };
    let bare = |claim: &Object| {
        let mut claim = claim.clone();
        claim.set_resource_version("");
        claim.set_managed_fields(Vec::new());
        let status = pod::member_mut(claim.members_mut(), "status");
        WRITTEN.iter().for_each(|key| drop(status.remove(key)));
        claim
    };
    let (new, old) = (bare(new), bare(old));
    let keys = new.members().keys().chain(old.members().keys().filter(|key| new.get(key).is_none()));
    let changed: Vec<&str> = keys.filter(|key| !same(new.get(key), old.get(key))).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let node = request.node;
    request.refuse(format!(
        "node {node:?} is not allowed to update fields other than status.quantity and status.conditions: {}",
        changed.join(", ")
    ))
}
