//! Health: `/healthz`, `/livez`, `/readyz` and a path for each of their checks.
//!
//! Source: "Kubernetes API health endpoints" in the Kubernetes documentation. Answers to everyone tell which
//! check failed, never why: that is logged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use keelson_apimachinery::field::quote;
use keelson_base::clock::{self, Instant};
use keelson_base::metrics::{IntCounterVec, IntGaugeVec, MetricError, Registry, Spec, Stability};
use keelson_base::shutdown::Signal;
use keelson_storage::Storage;
use parking_lot::Mutex;
use tracing::warn;

use crate::endpoints::respond;
use crate::request::{Query, Response};

/// How long storage may take to answer a check.
const STORAGE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long its answer holds, so that checks don't become a load.
const STORAGE_FRESH: Duration = Duration::from_millis(500);

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

/// Well while storage answers.
pub struct StorageAnswers {
    name: &'static str,
    storage: Arc<dyn Storage>,
    fresh: Mutex<Option<Instant>>,
}

impl StorageAnswers {
    /// A check of `storage` under this name.
    pub fn new(name: &'static str, storage: Arc<dyn Storage>) -> Self {
        StorageAnswers { name, storage, fresh: Mutex::new(None) }
    }
}

#[async_trait]
impl Check for StorageAnswers {
    fn name(&self) -> &str {
        self.name
    }

    async fn check(&self) -> Result<(), String> {
        let answered = *self.fresh.lock();
        if answered.is_some_and(|at| clock::monotonic().duration_since(at) < STORAGE_FRESH) {
            return Ok(());
        }
        match tokio::time::timeout(STORAGE_TIMEOUT, self.storage.current_revision()).await {
            Ok(Ok(_)) => {
                *self.fresh.lock() = Some(clock::monotonic());
                Ok(())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {STORAGE_TIMEOUT:?}")),
        }
    }
}

/// The checks behind each path, and how they went.
pub struct Health {
    groups: [(&'static str, Vec<Arc<dyn Check>>); 3],
    outcomes: Outcomes,
}

impl Health {
    /// `always` is checked on every path, `ready` on `/readyz` alone, behind the others.
    ///
    /// # Errors
    /// Where the registry has other families under the names of health metrics.
    pub fn new(
        always: Vec<Arc<dyn Check>>,
        ready: Vec<Arc<dyn Check>>,
        slis: Registry,
    ) -> Result<Self, MetricError> {
        let all = || always.clone();
        let readyz = all().into_iter().chain(ready).collect();
        let groups = [("healthz", all()), ("livez", all()), ("readyz", readyz)];
        Ok(Health { groups, outcomes: Outcomes::new(slis)? })
    }

    /// Answers a path below one of the health paths; `None` for other paths.
    pub async fn answer(&self, path: &str, query: Option<&str>) -> Option<Response> {
        let path = path.strip_prefix('/')?;
        let (group, check) = match path.split_once('/') {
            Some((group, check)) => (group, Some(check)),
            None => (path, None),
        };
        let (group, checks) = self.groups.iter().find(|(name, _)| *name == group)?;
        let Some(name) = check else { return Some(self.all(group, checks, query).await) };
        let Some(check) = checks.iter().find(|c| c.name() == name) else {
            return Some(respond::page_not_found());
        };
        Some(match check.check().await {
            Ok(()) => text(StatusCode::OK, "ok".to_owned()),
            Err(why) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("internal server error: {why}\n")),
        })
    }

    /// The paths that are answered.
    pub fn paths(&self) -> Vec<String> {
        let group = |(group, checks): &(&'static str, Vec<Arc<dyn Check>>)| {
            let one = checks.iter().map(|c| format!("/{group}/{}", c.name()));
            std::iter::once(format!("/{group}")).chain(one).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(group).collect()
    }

    /// How checks went, as Prometheus' text.
    ///
    /// # Errors
    /// Where a collector gives what the format can't say.
    pub fn slis(&self) -> Result<String, MetricError> {
        self.outcomes.registry.encode()
    }

    async fn all(&self, group: &'static str, checks: &[Arc<dyn Check>], query: Option<&str>) -> Response {
        let query = Query::parse(query);
        let mut unknown: BTreeSet<&str> = query.all("exclude").collect();
        let excluded = unknown.clone();
        let (mut lines, mut failed) = (String::new(), Vec::new());
        for check in checks {
            let name = check.name();
            if excluded.contains(name) {
                unknown.remove(name);
                lines.push_str(&format!("[+]{name} excluded: ok\n"));
                continue;
            }
            let outcome = check.check().await;
            self.outcomes.note(group, name, outcome.is_ok());
            match outcome {
                Ok(()) => lines.push_str(&format!("[+]{name} ok\n")),
                Err(why) => {
                    lines.push_str(&format!("[-]{name} failed: reason withheld\n"));
                    failed.push(format!("{name}: {why}"));
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
        if !failed.is_empty() {
            warn!(group, failed = failed.join("; "), "health check failed");
            return text(StatusCode::INTERNAL_SERVER_ERROR, format!("{lines}{group} check failed\n"));
        }
        if query.get("verbose").is_none() {
            return text(StatusCode::OK, "ok".to_owned());
        }
        text(StatusCode::OK, format!("{lines}{group} check passed\n"))
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
mod tests {
    use http_body_util::BodyExt;
    use keelson_base::shutdown::Shutdown;

    use super::*;

    fn health(ending: &Shutdown) -> Health {
        let always: Vec<Arc<dyn Check>> = vec![Arc::new(Ping("ping")), Arc::new(Ping("log"))];
        Health::new(always, vec![Arc::new(NotEnding(ending.signal()))], Registry::new())
            .expect("new families")
    }

    async fn check(health: &Health, uri: &str, wanted: Option<(u16, &str)>) {
        let (path, query) = uri.split_once('?').map_or((uri, None), |(p, q)| (p, Some(q)));
        let answer = match health.answer(path, query).await {
            None => None,
            Some(answer) => {
                let code = answer.status().as_u16();
                let body = answer.into_body().collect().await.expect("a whole body").to_bytes();
                Some((code, String::from_utf8(body.to_vec()).expect("text")))
            }
        };
        assert_eq!(answer, wanted.map(|(code, text)| (code, text.to_owned())), "{uri}");
    }

    #[tokio::test]
    async fn a_well_server_says_ok() {
        let (ending, page_not_found) = (Shutdown::new(), Some((404, "404 page not found\n")));
        let health = health(&ending);
        for path in ["/healthz", "/livez", "/readyz", "/readyz/shutdown", "/livez/ping", "/healthz/log"] {
            check(&health, path, Some((200, "ok"))).await;
        }
        for path in ["/readyz/", "/livez/nothing", "/livez/shutdown"] {
            check(&health, path, page_not_found).await;
        }
        for path in ["/", "/healthzz", "/api"] {
            check(&health, path, None).await;
        }
        let verbose = "[+]ping ok\n[+]log ok\n[+]shutdown ok\nreadyz check passed\n";
        check(&health, "/readyz?verbose", Some((200, verbose))).await;
        let excluded = "[+]ping excluded: ok\n[+]log ok\n\
                        warn: some health checks cannot be excluded: no matches for \"a\", \"b\"\n\
                        livez check passed\n";
        check(&health, "/livez?verbose&exclude=ping&exclude=b&exclude=a", Some((200, excluded))).await;
    }

    #[tokio::test]
    async fn a_server_that_ends_is_not_ready() {
        let ending = Shutdown::new();
        let health = health(&ending);
        ending.begin();
        check(&health, "/livez", Some((200, "ok"))).await;
        let failed = "[+]ping ok\n[+]log ok\n[-]shutdown failed: reason withheld\nreadyz check failed\n";
        check(&health, "/readyz", Some((500, failed))).await;
        check(&health, "/readyz?exclude=shutdown", Some((200, "ok"))).await;
        check(&health, "/readyz/shutdown", Some((500, "internal server error: process is shutting down\n")))
            .await;
        let slis = health.slis().expect("text");
        assert!(slis.contains(r#"kubernetes_healthcheck{name="shutdown",type="readyz"} 0"#), "{slis}");
    }
}
