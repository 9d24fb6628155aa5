//! The owners of a workload's replicas, seen through its `scale` subresource.

use super::entries::{Identity, Managers, Operation, Owned};
use super::set::Set;
use crate::Value;
use crate::managed_fields::entries;

/// The version of `Scale`.
const SCALE: &str = "autoscaling/v1";

/// The field of replicas, in a workload and in its scale.
fn replicas() -> Set {
    Set::of_fields(&[&["spec", "replicas"]])
}

/// The entries of a `Scale`: those of its workload that own the replicas.
///
/// # Errors
/// A text for entries that can't be read.
pub fn to_scale(parent: &[Value]) -> Result<Vec<Value>, String> {
    let replicas = replicas();
    let managers: Managers = entries::decode(parent)?
        .into_iter()
        .filter(|(_, owned)| !owned.set.intersection(&replicas).is_empty())
        .map(|(identity, owned)| {
            (identity, Owned { set: replicas.clone(), api_version: SCALE.into(), ..owned })
        })
        .collect();
    Ok(entries::encode(&managers))
}

/// The entries of a workload in version `api_version` after a write of its scale left `scale`.
///
/// # Errors
/// A text for entries that can't be read.
pub fn from_scale(parent: &[Value], scale: &[Value], api_version: &str) -> Result<Vec<Value>, String> {
    let replicas = replicas();
    let mut of_scale = entries::decode(scale)?;
    let parent = entries::decode(parent)?;
    let mut managers = Managers::new();
    for (identity, owned) in &parent {
        let mut owned = owned.clone();
        if !owned.set.intersection(&replicas).is_empty()
            && of_scale.remove(&scale_identity(identity)).is_none()
        {
            owned.set = owned.set.difference(&replicas);
        }
        if !owned.set.is_empty() {
            managers.insert(identity.clone(), owned);
        }
    }
    for (identity, owned) in of_scale {
        if owned.set.intersection(&replicas).is_empty() {
            continue;
        }
        let identity = match identity.operation {
            Operation::Apply => identity,
            Operation::Update => Identity { api_version: api_version.into(), ..identity },
        };
        // Only who was there before has a time: the scale's own is not that of the workload.
        let time = parent.get(&identity).and_then(|before| before.time.clone());
        let owned = Owned { set: replicas.clone(), api_version: api_version.into(), time };
        managers.insert(identity, owned);
    }
    Ok(entries::encode(&managers))
}

/// What [`to_scale`] calls a manager: its version became that of the scale.
fn scale_identity(identity: &Identity) -> Identity {
    match identity.operation {
        Operation::Apply => identity.clone(),
        Operation::Update => Identity { api_version: SCALE.into(), ..identity.clone() },
    }
}
