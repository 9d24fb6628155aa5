//! What a fresh cluster holds: namespaces, priority classes, the service range, roles, flow schemas and the
//! like ([`policy`]), and the service `kubernetes` with the addresses of the servers behind it. What of it
//! needs care while the server runs is in [`maintain`].
//!
//! Everything is created where it is absent; only the policy is brought up to date where it is not. So servers
//! may start at the same time, and start again.

mod identity;
mod kubernetes_service;
mod milestones;
mod objects;
mod policy;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::future::{try_join_all, try_join3};
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use keelson_base::clock;

pub use identity::server_name;
pub use kubernetes_service::{Endpoint, KubernetesService, Reconciler};
pub use milestones::{Milestone, Milestones};

/// The rules of the role `system:node`: what every node may do, as far as it can be told without its pods.
pub fn node_rules() -> Vec<keelson_api::rbac::Rule> {
    policy::node_rules()
}

use crate::registry::{NoAdmission, Registry, ServerWriter, ServiceRepair, Store, note_server};

/// How long storage may fail before a start does.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a cluster can't be set up.
#[derive(Debug, thiserror::Error)]
#[error("can't create {what}: {status}")]
pub struct BootstrapError {
    /// The object, as `resource/name`.
    pub what: String,
    /// What the registry said.
    pub status: Status,
}

/// Creates what is absent, and passes milestones on the way; where storage fails, tries again for half a minute. The
/// service `kubernetes` has no addresses yet: [`KubernetesService`] adds them when the server is ready.
///
/// # Errors
/// The first object that can't be created.
pub async fn create_missing(
    registry: &Registry,
    endpoint: &Endpoint,
    milestones: &Milestones,
) -> Result<(), BootstrapError> {
    let deadline = clock::monotonic() + PATIENCE;
    loop {
        match Box::pin(create_all(registry, endpoint, milestones)).await {
            Err(error) if error.status.code() >= 500 && clock::monotonic() < deadline => {
                tracing::warn!(%error, "the cluster can't be set up yet");
                clock::sleep(Duration::from_secs(1)).await;
            }
            done => return done,
        }
    }
}

async fn create_all(
    registry: &Registry,
    endpoint: &Endpoint,
    milestones: &Milestones,
) -> Result<(), BootstrapError> {
    let all = |new: Vec<New>| try_join_all(new.into_iter().map(|new| create(registry, new)));
    // Objects in namespaces come after those.
    try_join3(
        milestones.namespaces.after(all(objects::namespaces(registry).collect())),
        milestones.priority_classes.after(all(objects::priority_classes(registry).collect())),
        create(registry, objects::service_range(registry)),
    )
    .await?;
    let service = async {
        // It takes its address out of the range.
        milestones.service_range.after(objects::mark_service_range_ready(registry)).await?;
        let service = create(registry, objects::kubernetes_service(registry, endpoint));
        milestones.kubernetes_service.after(service).await
    };
    let tracking = create(registry, objects::legacy_token_tracking(registry));
    let tracking = milestones.legacy_token_tracking.after(tracking);
    try_join3(service, tracking, Box::pin(policy::ensure(registry, milestones))).await.map(|_| ())
}

/// Looks after what changes or may be changed while the server runs: its identity lease, flow control's
/// objects, and what services hold. Ends when it is dropped.
pub async fn maintain(registry: &Registry, milestones: &Milestones) {
    let repair = async {
        match ServiceRepair::new(registry) {
            Some(repair) => repair.run(|| milestones.service_repair.pass()).await,
            None => milestones.service_repair.pass(),
        }
    };
    let identity = identity::run(registry, milestones);
    futures::future::join3(identity, policy::maintain_flow_control(registry), repair).await;
}

/// An object that is to be there.
struct New {
    group: &'static str,
    plural: &'static str,
    namespace: Option<&'static str>,
    object: Object,
}

async fn create(registry: &Registry, new: New) -> Result<(), BootstrapError> {
    let what = || format!("{}/{}", new.plural, new.object.name());
    let failed = |status| BootstrapError { what: what(), status };
    let store = store(registry, new.group, new.plural).map_err(failed)?;
    match store.get(new.namespace, new.object.name()).await {
        Ok(_) => return Ok(()),
        Err(status) if status.code() == 404 => {}
        Err(status) => return Err(failed(status)),
    }
    let server = ServerWriter::new();
    let context = server.context(new.namespace);
    let mut object = new.object.clone();
    note_server(store.resource(), "", None, &mut object);
    match store.create(&context, object, &NoAdmission).await {
        Err(status) if status.reason() != "AlreadyExists" => Err(failed(status)),
        _ => Ok(()),
    }
}

fn store<'a>(registry: &'a Registry, group: &str, plural: &str) -> Result<&'a std::sync::Arc<Store>, Status> {
    registry.store(group, plural).ok_or_else(|| Status::internal(format!("there are no {plural}")))
}
