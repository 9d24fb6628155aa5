//! Sets up authorization, and follows its configuration file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock;
use keelson_base::shutdown::Signal;
use keelson_base::task::blocking;

use super::follow::Following;
use super::{StartError, node, rbac};
use crate::authz::config::{Follower, Held};
use crate::authz::rbac::Escalation;
use crate::authz::{self, AuthorizationMetrics, Authorizer, Configured, Lasting, Mode, Source, abac};
use crate::bootstrap;
use crate::outbound::kubeconfig;
use crate::registry::Registry;
use crate::telemetry::Metrics;

const MODE: &str = "--authorization-mode";
const CONFIG: &str = "--authorization-config";
const POLICY: &str = "--authorization-policy-file";
const WEBHOOK: &str = "--authorization-webhook-config-file";

/// How often the configuration file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What the files of authorization say.
pub(super) struct Prepared {
    /// The configuration's file, with what it held and what it configures.
    followed: Option<(PathBuf, Held)>,
    configured: Vec<Configured>,
    policies: Option<abac::Policies>,
}

/// Reads the files of authorization.
///
/// # Errors
/// Those that can't be used.
pub(super) async fn prepare(config: &authz::Config) -> Result<Prepared, StartError> {
    let config = config.clone();
    blocking(move || prepare_now(&config)).await
}

fn prepare_now(config: &authz::Config) -> Result<Prepared, StartError> {
    let (followed, configured) = match &config.authorizers {
        Source::Flags(configured) => (None, configured.clone()),
        Source::File(path) => {
            let read = Follower::read(path).map_err(|why| failed(CONFIG, why))?;
            let configured = read.1.clone();
            (Some((path.clone(), read)), configured)
        }
    };
    let flag = if followed.is_some() { CONFIG } else { WEBHOOK };
    for settings in configured.iter().filter_map(|c| c.webhook.as_ref()) {
        kubeconfig::read(&settings.kubeconfig).map_err(|error| failed(flag, error.to_string()))?;
    }
    let policies = match (configured.iter().any(|c| c.mode == Mode::Abac), &config.policy_file) {
        (false, _) => None,
        (true, Some(path)) => Some(abac::Policies::read(path).map_err(|why| failed(POLICY, why))?),
        (true, None) => {
            let why = "authorization-mode ABAC's authorization policy file not passed";
            return Err(failed(POLICY, why.to_owned()));
        }
    };
    Ok(Prepared { followed, configured, policies })
}

/// The authorizers that are configured, as one, and who keeps rights from being given by who doesn't have them.
/// Those with a policy have it when this returns.
///
/// # Errors
/// What the registry says of a policy's first reading; a chain that can't be built.
pub(super) async fn authorizer(
    prepared: Prepared,
    registry: &Arc<Registry>,
    metrics: &Metrics,
    following: &Following<'_>,
) -> Result<(Arc<dyn Authorizer>, Arc<Escalation>), StartError> {
    let Prepared { followed, configured, policies } = prepared;
    let modes: Vec<Mode> = configured.iter().map(|c| c.mode).collect();
    // Whatever decides, who writes RBAC's objects may not give more rights than RBAC gave.
    let rbac = rbac::begin(registry, following).await.map_err(StartError::Policy)?;
    let mut lasting = Lasting::default();
    if modes.contains(&Mode::Rbac) {
        lasting.rbac = Some(Arc::new(rbac.clone()));
    }
    if modes.contains(&Mode::Node) {
        lasting.node = Some(Arc::new(node::begin(registry, metrics, following)?));
    }
    if let Some(policies) = policies {
        lasting.abac = Some(Arc::new(policies));
    }
    let own = AuthorizationMetrics::new(metrics.registry())?;
    let authorizer: Arc<dyn Authorizer> = match followed {
        None => {
            let chain = blocking(move || authz::build(&configured, &lasting, &own)).await;
            Arc::new(chain.map_err(|why| failed(MODE, why))?)
        }
        Some((path, read)) => {
            let (shared, server) = (metrics.registry().clone(), bootstrap::server_name());
            let follower = blocking(move || Follower::new(path, read, lasting, own, &shared, &server)).await;
            let follower = follower.map_err(|why| failed(CONFIG, why))?;
            let authorizer = follower.authorizer();
            following.tasks.spawn("authorization-config", follow(follower, following.end.clone()));
            authorizer
        }
    };
    Ok((authorizer.clone(), rbac::escalation(authorizer, rbac, registry)))
}

fn failed(flag: &'static str, reason: String) -> StartError {
    StartError::Authorization { flag, reason }
}

/// Looks at the configuration file until the signal comes.
async fn follow(mut follower: Follower, end: Signal) {
    while end.unless_begun(clock::sleep(LOOK_EVERY)).await.is_some() {
        follower = blocking(move || {
            follower.look();
            follower
        })
        .await;
    }
}
