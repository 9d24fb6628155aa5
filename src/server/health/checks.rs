//! What can be checked.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use keelson_base::clock::{self, Instant};
use keelson_base::shutdown::Signal;
use keelson_base::task::TaskGroup;
use keelson_storage::Storage;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Check;
use crate::bootstrap::Milestone;
use crate::server::follow::Followers;

/// How long an answer of storage holds, so that checks don't become a load.
const FRESH: Duration = Duration::from_millis(500);

/// Always well, as long as the server answers at all. Log lines are written before a request goes on, so a
/// log that is stuck is a server that does not answer: `log` is well like `ping` is.
pub struct Ping(pub &'static str);

#[async_trait]
impl Check for Ping {
    fn name(&self) -> &str {
        self.0
    }

    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Well until the server is asked to end.
pub struct NotEnding(pub Signal);

#[async_trait]
impl Check for NotEnding {
    fn name(&self) -> &'static str {
        "shutdown"
    }

    async fn check(&self) -> Result<(), String> {
        if self.0.has_begun() { Err("process is shutting down".to_owned()) } else { Ok(()) }
    }
}

/// Well when something has succeeded that is done at the start.
pub struct Hook {
    name: String,
    milestone: Milestone,
}

impl Hook {
    /// Well when `milestone` is passed.
    pub fn new(milestone: Milestone) -> Self {
        Hook { name: format!("poststarthook/{}", milestone.name()), milestone }
    }
}

#[async_trait]
impl Check for Hook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Result<(), String> {
        if self.milestone.is_passed() { Ok(()) } else { Err("not finished".to_owned()) }
    }
}

/// Well when what the server keeps in memory of resources was read.
pub(in crate::server) struct InformerSync(pub(in crate::server) Followers);

#[async_trait]
impl Check for InformerSync {
    fn name(&self) -> &'static str {
        "informer-sync"
    }

    async fn check(&self) -> Result<(), String> {
        let behind = self.0.behind();
        if behind.is_empty() {
            return Ok(());
        }
        Err(format!("{} informers not started yet: [{}]", behind.len(), behind.join(" ")))
    }
}

/// Well while storage answers. However many ask, storage is asked once at a time, and not again while its answer
/// holds; all who ask meanwhile get that answer.
pub struct StorageAnswers {
    name: &'static str,
    timeout: Duration,
    shared: Arc<Shared>,
    tasks: TaskGroup,
}

type Outcome = Result<(), String>;

/// Asks storage whether it is there, for as long as that takes.
type Probe = dyn Fn() -> BoxFuture<'static, Result<(), keelson_storage::Error>> + Send + Sync;

struct Shared {
    probe: Box<Probe>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<(Instant, Outcome)>,
    /// What those wait for who ask while storage is being asked.
    asking: Option<watch::Receiver<Option<Outcome>>>,
}

impl StorageAnswers {
    /// A check of `storage` under this name, which asks in `tasks` and waits for `timeout`.
    pub fn new(name: &'static str, storage: Arc<dyn Storage>, timeout: Duration, tasks: TaskGroup) -> Self {
        let probe = move || {
            let storage = storage.clone();
            async move { storage.probe().await }.boxed()
        };
        StorageAnswers::with(name, probe, timeout, tasks)
    }

    pub(super) fn with(
        name: &'static str,
        probe: impl Fn() -> BoxFuture<'static, Result<(), keelson_storage::Error>> + Send + Sync + 'static,
        timeout: Duration,
        tasks: TaskGroup,
    ) -> Self {
        let shared = Arc::new(Shared { probe: Box::new(probe), state: Mutex::default() });
        StorageAnswers { name, timeout, shared, tasks }
    }

    /// The answer that is being waited for, which this begins where nobody waits for any.
    fn ask(&self, state: &mut State) -> watch::Receiver<Option<Outcome>> {
        if let Some(asking) = &state.asking
            && asking.has_changed().is_ok()
        {
            return asking.clone();
        }
        let (sender, asking) = watch::channel(None);
        state.asking = Some(asking.clone());
        let (shared, timeout) = (self.shared.clone(), self.timeout);
        self.tasks.spawn("health-check", async move {
            let outcome = match tokio::time::timeout(timeout, (shared.probe)()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(format!("error getting data from etcd: {error}")),
                Err(_) => Err(format!("error getting data from etcd: no answer within {timeout:?}")),
            };
            {
                let mut state = shared.state.lock();
                state.last = Some((clock::monotonic(), outcome.clone()));
                state.asking = None;
            }
            sender.send_replace(Some(outcome));
        });
        asking
    }
}

#[async_trait]
impl Check for StorageAnswers {
    fn name(&self) -> &str {
        self.name
    }

    async fn check(&self) -> Outcome {
        let mut asking = {
            let mut state = self.shared.state.lock();
            if let Some((at, outcome)) = &state.last
                && clock::monotonic().duration_since(*at) < FRESH
            {
                return outcome.clone();
            }
            self.ask(&mut state)
        };
        match asking.wait_for(Option::is_some).await {
            Ok(answered) => answered.clone().unwrap_or(Ok(())),
            Err(_) => Err("the check was given up".to_owned()),
        }
    }
}
