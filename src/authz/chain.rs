//! The authorizers that are configured, in their order.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use keelson_base::metrics::IntCounterVec;
use prometheus::IntCounter;

use super::metrics::AuthorizationMetrics;
use super::webhook::{self, WebhookAuthorizer};
use super::{
    AlwaysAllow, AlwaysDeny, Attributes, Authorizer, Decision, MASTERS, Mode, PrivilegedGroup, PublicInfo,
    Rules, Union, Verdict,
};
use crate::request::UserInfo;

/// What the command line says of authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The authorizers. Default: RBAC.
    pub authorizers: Source,
    /// The file of ABAC's policies. Default: none.
    pub policy_file: Option<PathBuf>,
}

/// Where it stands which authorizers there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In flags.
    Flags(Vec<Configured>),
    /// In an `AuthorizationConfiguration`, which is followed.
    File(PathBuf),
}

/// One authorizer of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// What it is.
    pub mode: Mode,
    /// What it is called in metrics.
    pub name: String,
    /// How it is asked; for webhooks only, and always.
    pub webhook: Option<webhook::Settings>,
}

impl Configured {
    /// An authorizer of this mode under its usual name: the mode's in lower case.
    pub fn usual(mode: Mode) -> Self {
        Configured { mode, name: mode.as_str().to_lowercase(), webhook: None }
    }

    /// A webhook.
    pub fn webhook(name: &str, settings: webhook::Settings) -> Self {
        Configured { mode: Mode::Webhook, name: name.to_owned(), webhook: Some(settings) }
    }
}

impl From<Vec<Mode>> for Config {
    fn from(modes: Vec<Mode>) -> Self {
        let authorizers = Source::Flags(modes.into_iter().map(Configured::usual).collect());
        Config { authorizers, policy_file: None }
    }
}

/// The authorizers that outlast a new configuration: those with a state.
#[derive(Clone, Default)]
pub struct Lasting {
    /// RBAC's.
    pub rbac: Option<Arc<dyn Authorizer>>,
    /// Node's.
    pub node: Option<Arc<dyn Authorizer>>,
    /// ABAC's.
    pub abac: Option<Arc<dyn Authorizer>>,
}

/// The authorizers in their order, behind that of `system:masters`, as one.
///
/// # Errors
/// A webhook that can't be asked; a mode whose authorizer is not among those that last.
pub fn build(
    configured: &[Configured],
    lasting: &Lasting,
    metrics: &AuthorizationMetrics,
) -> Result<Union, String> {
    let mut all: Vec<Box<dyn Authorizer>> = vec![Box::new(PrivilegedGroup(MASTERS))];
    for Configured { mode, name, webhook } in configured {
        let had = |authorizer: &Option<Arc<dyn Authorizer>>| -> Result<Box<dyn Authorizer>, String> {
            let kind = mode.as_str();
            let why = || {
                format!(
                    "authorizer type {kind} is not allowed if it was not enabled at initial server startup"
                )
            };
            Ok(Box::new(authorizer.clone().ok_or_else(why)?))
        };
        let inner: Box<dyn Authorizer> = match mode {
            Mode::PrivilegedOnly => Box::new(PublicInfo),
            Mode::AlwaysAllow => Box::new(AlwaysAllow),
            Mode::AlwaysDeny => Box::new(AlwaysDeny),
            Mode::Rbac => had(&lasting.rbac)?,
            Mode::Node => had(&lasting.node)?,
            Mode::Abac => had(&lasting.abac)?,
            Mode::Webhook => {
                let settings =
                    webhook.clone().ok_or_else(|| format!("webhook {name}: it is not configured"))?;
                Box::new(WebhookAuthorizer::new(name, settings, metrics.clone())?)
            }
        };
        all.push(Box::new(Counted {
            inner,
            labels: (mode.as_str(), name.clone()),
            decisions: metrics.decisions.clone(),
            allowed: OnceLock::new(),
            denied: OnceLock::new(),
        }));
    }
    Ok(Union::new(all))
}

/// Counts the decisions of an authorizer.
struct Counted {
    inner: Box<dyn Authorizer>,
    /// Its type and name.
    labels: (&'static str, String),
    decisions: IntCounterVec,
    /// There from the first decision on.
    allowed: OnceLock<IntCounter>,
    denied: OnceLock<IntCounter>,
}

impl Counted {
    fn count(&self, counter: &OnceLock<IntCounter>, decision: &str) {
        let (kind, name) = &self.labels;
        counter.get_or_init(|| self.decisions.with_label_values(&[*kind, name.as_str(), decision])).inc();
    }
}

#[async_trait]
impl Authorizer for Counted {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let verdict = self.inner.authorize(attributes).await;
        match verdict.decision {
            Decision::Allow => self.count(&self.allowed, "allowed"),
            Decision::Deny => self.count(&self.denied, "denied"),
            Decision::NoOpinion => {}
        }
        verdict
    }

    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        self.inner.rules_for(user, namespace).await
    }
}

/// A chain that may be exchanged at any time; a decision is made by one chain from its begin to its end.
pub struct Exchangeable(ArcSwap<Union>);

impl Exchangeable {
    /// Asks this chain.
    pub fn new(chain: Union) -> Self {
        Exchangeable(ArcSwap::from_pointee(chain))
    }

    /// Asks this chain from now on.
    pub fn exchange(&self, chain: Union) {
        self.0.store(Arc::new(chain));
    }
}

#[async_trait]
impl Authorizer for Exchangeable {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        self.0.load_full().authorize(attributes).await
    }

    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        self.0.load_full().rules_for(user, namespace).await
    }
}
