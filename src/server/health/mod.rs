//! Health: `/healthz`, `/livez`, `/readyz` and a path for each of their checks.
//!
//! Source: "Kubernetes API health endpoints" in the Kubernetes documentation. Answers to everyone tell which
//! check failed, never why: that is logged.

mod checks;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use keelson_apimachinery::field::quote;
use keelson_base::clock::{self, Instant};
use keelson_base::metrics::{IntCounterVec, IntGaugeVec, MetricError, Registry, Spec, Stability};
use parking_lot::Mutex;
use tracing::{info, warn};

pub(super) use self::checks::InformerSync;
pub use self::checks::{Hook, NotEnding, Ping, StorageAnswers};
use crate::endpoints::respond;
use crate::request::{Query, Response};

/// How long it takes before a failure is logged again that stays the same.
const LOG_AGAIN: Duration = Duration::from_secs(30);

/// One thing that has to be well.
#[async_trait]
pub trait Check: Send + Sync {
    /// Its name: the last segment of its path.
    fn name(&self) -> &str;

    /// Whether it is well now.
    ///
    /// # Errors
    /// Why it is not, for the log.
    async fn check(&self) -> Result<(), String>;
}

/// What is checked, in the order in which it is shown.
#[derive(Default)]
pub struct Checks {
    /// On every path, first.
    pub always: Vec<Arc<dyn Check>>,
    /// Behind them. `/livez` shows them but passes without them: that a server is started again brings no storage
    /// back, and takes from its clients what it serves from memory.
    pub storage: Vec<Arc<dyn Check>>,
    /// On `/readyz` alone.
    pub ready: Vec<Arc<dyn Check>>,
    /// What has to be done at the start. On every path; `/livez` takes it as done for a while.
    pub hooks: Vec<Arc<dyn Check>>,
    /// For how long from now on.
    pub hooks_live_after: Duration,
    /// On `/readyz` alone, last.
    pub ready_last: Vec<Arc<dyn Check>>,
}

/// How a path takes a check.
#[derive(Clone, Copy, Debug)]
enum Weight {
    /// The path fails with it.
    Required,
    /// The path shows it.
    Shown,
    /// It counts as well until then.
    RequiredFrom(Instant),
}

/// A check on one path.
#[derive(Clone)]
struct Weighed {
    check: Arc<dyn Check>,
    weight: Weight,
}

impl Weighed {
    async fn check(&self) -> Result<(), String> {
        match self.weight {
            Weight::RequiredFrom(from) if clock::monotonic() < from => Ok(()),
            _ => self.check.check().await,
        }
    }
}

/// A path, and what is checked on it.
struct Group {
    name: &'static str,
    checks: Vec<Weighed>,
    /// What failed when that was logged last.
    logged: Mutex<Option<(String, Instant)>>,
}

/// The checks behind each path, and how they went.
pub struct Health {
    groups: [Group; 3],
    outcomes: Outcomes,
}

impl Health {
    /// Health of these.
    ///
    /// # Errors
    /// Where the registry has other families under the names of health metrics.
    pub fn new(checks: Checks, slis: Registry) -> Result<Self, MetricError> {
        let Checks { always, storage, ready, hooks, hooks_live_after, ready_last } = checks;
        let from = clock::monotonic() + hooks_live_after;
        let group = |name, parts: &[(&Vec<Arc<dyn Check>>, Weight)]| {
            let of = |(checks, weight): &(&Vec<Arc<dyn Check>>, Weight)| {
                let weight = *weight;
                checks.iter().map(move |check| Weighed { check: check.clone(), weight }).collect::<Vec<_>>()
            };
            Group { name, checks: parts.iter().flat_map(of).collect(), logged: Mutex::new(None) }
        };
        let required = Weight::Required;
        let groups = [
            group("healthz", &[(&always, required), (&storage, required), (&hooks, required)]),
            group(
                "livez",
                &[(&always, required), (&storage, Weight::Shown), (&hooks, Weight::RequiredFrom(from))],
            ),
            group(
                "readyz",
                &[
                    (&always, required),
                    (&storage, required),
                    (&ready, required),
                    (&hooks, required),
                    (&ready_last, required),
                ],
            ),
        ];
        Ok(Health { groups, outcomes: Outcomes::new(slis)? })
    }

    /// Answers a path below one of the health paths; `None` for other paths.
    pub async fn answer(&self, path: &str, query: Option<&str>) -> Option<Response> {
        let path = path.strip_prefix('/')?;
        let (group, check) = match path.split_once('/') {
            Some((group, check)) => (group, Some(check)),
            None => (path, None),
        };
        let group = self.groups.iter().find(|known| known.name == group)?;
        let Some(name) = check else { return Some(self.all(group, query).await) };
        let Some(check) = group.checks.iter().find(|c| c.check.name() == name) else {
            return Some(respond::page_not_found());
        };
        Some(match check.check().await {
            Ok(()) => respond::plain_text(StatusCode::OK, "ok"),
            Err(why) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("internal server error: {why}\n")),
        })
    }

    /// The paths that are answered.
    pub fn paths(&self) -> Vec<String> {
        let of = |group: &Group| {
            let one = group.checks.iter().map(|c| format!("/{}/{}", group.name, c.check.name()));
            std::iter::once(format!("/{}", group.name)).chain(one).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(of).collect()
    }

    /// How checks went, as Prometheus' text.
    ///
    /// # Errors
    /// Where a collector gives what the format can't say.
    pub fn slis(&self) -> Result<String, MetricError> {
        self.outcomes.registry.encode()
    }

    async fn all(&self, group: &Group, query: Option<&str>) -> Response {
        let query = Query::parse(query);
        let mut unknown: BTreeSet<&str> = query.all("exclude").collect();
        let excluded = unknown.clone();
        let (mut lines, mut failed) = (String::new(), Vec::new());
        for check in &group.checks {
            let name = check.check.name();
            if excluded.contains(name) {
                unknown.remove(name);
                lines.push_str(&format!("[+]{name} excluded: ok\n"));
                continue;
            }
            let outcome = check.check().await;
            self.outcomes.note(group.name, name, outcome.is_ok());
            match outcome {
                Ok(()) => lines.push_str(&format!("[+]{name} ok\n")),
                Err(why) => {
                    lines.push_str(&format!("[-]{name} failed: reason withheld\n"));
                    if !matches!(check.weight, Weight::Shown) {
                        failed.push(format!("{name}: {why}"));
                    }
                }
            }
        }
        if !unknown.is_empty() {
            let names: Vec<String> = unknown.into_iter().map(quote).collect();
            lines.push_str(&format!(
                "warn: some health checks cannot be excluded: no matches for {}\n",
                names.join(", ")
            ));
        }
        group.log(failed.join("; "));
        let name = group.name;
        if !failed.is_empty() {
            return text(StatusCode::INTERNAL_SERVER_ERROR, format!("{lines}{name} check failed\n"));
        }
        if query.get("verbose").is_none() {
            return text(StatusCode::OK, "ok".to_owned());
        }
        text(StatusCode::OK, format!("{lines}{name} check passed\n"))
    }
}

impl Group {
    /// Logs what failed, unless it was just logged: probes come every second.
    fn log(&self, failed: String) {
        let mut logged = self.logged.lock();
        if failed.is_empty() {
            if logged.take().is_some() {
                info!(group = self.name, "health checks pass again");
            }
            return;
        }
        let now = clock::monotonic();
        let known = |(before, at): &(String, Instant)| *before == failed && now < *at + LOG_AGAIN;
        if !logged.as_ref().is_some_and(known) {
            warn!(group = self.name, failed, "health check failed");
            *logged = Some((failed, now));
        }
    }
}

fn text(code: StatusCode, text: String) -> Response {
    let mut response = respond::plain_text(code, text);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// How checks went: what `/metrics/slis` shows.
struct Outcomes {
    registry: Registry,
    current: IntGaugeVec,
    total: IntCounterVec,
}

impl Outcomes {
    fn new(registry: Registry) -> Result<Self, MetricError> {
        let current = registry.gauge(&Spec {
            name: "kubernetes_healthcheck",
            help: "The last outcome of a health check: 1 for well, 0 for not.",
            stability: Stability::Stable,
            labels: &["name", "type"],
        })?;
        let total = registry.counter(&Spec {
            name: "kubernetes_healthchecks_total",
            help: "Outcomes of health checks.",
            stability: Stability::Stable,
            labels: &["name", "status", "type"],
        })?;
        Ok(Outcomes { registry, current, total })
    }

    fn note(&self, group: &str, name: &str, well: bool) {
        let status = if well { "success" } else { "error" };
        self.current.with_label_values(&[name, group]).set(well.into());
        self.total.with_label_values(&[name, status, group]).inc();
    }
}

#[cfg(test)]
mod tests;
