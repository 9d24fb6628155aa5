//! Sets up authorization, and follows its configuration file.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock;
use keelson_base::shutdown::Signal;
use keelson_base::task::{TaskGroup, blocking};

use super::{StartError, node, rbac};

use crate::authz::config::Follower;
use crate::authz::rbac::Escalation;
use crate::authz::{self, AuthorizationMetrics, Authorizer, Lasting, Mode, Source, abac};
use crate::bootstrap;
use crate::registry::Registry;
use crate::telemetry::Metrics;

/// How often the configuration file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The authorizers that are configured, as one, and who keeps rights from being given by who doesn't have them.
/// Those with a policy have it when this returns.
///
/// # Errors
/// Files that can't be used; what the registry says of a policy's first reading.
pub(super) async fn authorizer(
    config: &authz::Config,
    registry: &Arc<Registry>,
    metrics: &Metrics,
    tasks: &TaskGroup,
    end: &Signal,
) -> Result<(Arc<dyn Authorizer>, Arc<Escalation>), StartError> {
    let flags = |reason: String| StartError::Authorization { flag: "--authorization-mode", reason };
    let file = |reason: String| StartError::Authorization { flag: "--authorization-config", reason };
    let followed = match &config.authorizers {
        Source::Flags(_) => None,
        Source::File(path) => {
            let path = path.clone();
            let read = blocking(move || Follower::read(&path).map(|read| (path, read)));
            Some(read.await.map_err(file)?)
        }
    };
    let configured = match (&config.authorizers, &followed) {
        (_, Some((_, (_, configured)))) | (Source::Flags(configured), None) => configured.clone(),
        (Source::File(_), None) => Vec::new(),
    };
    let modes: Vec<Mode> = configured.iter().map(|c| c.mode).collect();
    let has = |mode: Mode| modes.contains(&mode);
    let mut lasting = Lasting::default();
    // Whatever decides, who writes RBAC's objects may not give more rights than RBAC gave.
    let rbac = rbac::begin(registry, tasks, end).await.map_err(StartError::Policy)?;
    if has(Mode::Rbac) {
        lasting.rbac = Some(Arc::new(rbac.clone()));
    }
    if has(Mode::Node) {
        lasting.node = Some(Arc::new(node::begin(registry, metrics, tasks, end).await?));
    }
    if has(Mode::Abac) {
        let flag = "--authorization-policy-file";
        let wrong = |reason: String| StartError::Authorization { flag, reason };
        let path = config.policy_file.clone();
        let path = path
            .ok_or_else(|| wrong("authorization-mode ABAC's authorization policy file not passed".into()))?;
        let policies = blocking(move || abac::Policies::read(&path)).await.map_err(wrong)?;
        lasting.abac = Some(Arc::new(policies));
    }
    let own = AuthorizationMetrics::new(metrics.registry())?;
    let Some((path, read)) = followed else {
        let chain = blocking(move || authz::build(&configured, &lasting, &own)).await.map_err(flags)?;
        let authorizer: Arc<dyn Authorizer> = Arc::new(chain);
        return Ok((authorizer.clone(), rbac::escalation(authorizer, rbac, registry)));
    };
    let shared = metrics.registry().clone();
    let server = bootstrap::server_name();
    let mut follower =
        blocking(move || Follower::new(path, read, lasting, own, &shared, &server)).await.map_err(file)?;
    let authorizer = follower.authorizer();
    let end = end.clone();
    tasks.spawn("authorization-config", async move {
        while end.unless_begun(clock::sleep(LOOK_EVERY)).await.is_some() {
            follower = blocking(move || {
                follower.look();
                follower
            })
            .await;
        }
    });
    Ok((authorizer.clone(), rbac::escalation(authorizer, rbac, registry)))
}
