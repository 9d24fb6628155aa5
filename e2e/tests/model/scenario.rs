//! Sets servers and clients up, lets them run, and holds the record to the history.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keelson_e2e::{Server, Store};
use parking_lot::RwLock;
use serde_json::json;

use crate::actor::Actor;
use crate::history::{History, Oracle};
use crate::http::{Client, TOKEN, Target};
use crate::plan::Plan;
use crate::record::Record;
use crate::selection::{Kind, NAMESPACES, Selection, Selector};
use crate::watcher::Watcher;
use crate::{verify_reads, verify_watches, verify_writes};

const WRITERS: u64 = 5;
const READERS: u64 = 3;
const WATCHERS: u64 = 18;

/// The most steps of a client, however fast the servers are.
const STEPS: usize = 20_000;

/// How long watchers may take to see what was written last.
const CATCH_UP: Duration = Duration::from_secs(45);

/// What runs.
pub(crate) struct Shape {
    /// The etcd that the servers share; without it there is one server with its own store.
    pub(crate) etcd: Option<String>,
    /// How many servers run from the beginning; over etcd another one joins half-way.
    pub(crate) servers: usize,
}

/// The servers that run.
#[derive(Clone, Default)]
pub(crate) struct Servers(Arc<RwLock<Vec<Target>>>);

impl Servers {
    /// One of those that run now.
    pub(crate) fn choose(&self, at: usize) -> usize {
        at % self.0.read().len()
    }

    pub(crate) fn target(&self, server: usize) -> Target {
        self.0.read()[server].clone()
    }

    fn count(&self) -> usize {
        self.0.read().len()
    }

    fn add(&self, server: &Server) {
        self.0.write().push(Target::of(server));
    }
}

/// A run.
pub(crate) struct Scenario {
    seed: u64,
    time: Duration,
    etcd: Option<String>,
    record: Arc<Record>,
    servers: Servers,
    flags: Vec<String>,
}

impl Scenario {
    /// Runs the plan of the seed.
    ///
    /// # Panics
    /// Where a promise was broken: names the seed and what was seen.
    pub(crate) fn run(shape: &Shape) {
        let seed = number("KEELSON_MODEL_SEED").unwrap_or_else(rand::random);
        let full = std::env::var_os("KEELSON_E2E_FULL").is_some();
        let time = number("KEELSON_MODEL_SECONDS").unwrap_or(if full { 60 } else { 10 });
        println!("KEELSON_MODEL_SEED={seed}");
        let tokens = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(tokens.path(), format!("{TOKEN},model,model,\"system:masters\"\n")).expect("it opens");
        let mut flags = vec![format!("--token-auth-file={}", tokens.path().display())];
        flags.extend(shape.etcd.as_ref().map(|url| format!("--etcd-servers={url}")));
        let scenario = Scenario {
            seed,
            time: Duration::from_secs(time),
            etcd: shape.etcd.clone(),
            record: Arc::default(),
            servers: Servers::default(),
            flags,
        };
        let mut running: Vec<Server> = (0..shape.servers).map(|_| scenario.start_server()).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads start");
        let faults = runtime.block_on(scenario.play(&mut running));
        runtime.shutdown_timeout(Duration::from_secs(5));
        drop(running);
        if !faults.is_empty() {
            let shown: Vec<&str> = faults.iter().take(12).map(String::as_str).collect();
            panic!(
                "{} promises broken (KEELSON_MODEL_SEED={seed} runs the plan again):\n- {}",
                faults.len(),
                shown.join("\n- ")
            );
        }
    }

    /// Starts another server. Of two plans one has a server that reads storage itself.
    fn start_server(&self) -> Server {
        let mut flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        if self.servers.count() == 1 && self.seed.is_multiple_of(2) {
            flags.push("--watch-cache=false");
        }
        let server = Server::start_with(Store::Embedded, &flags);
        self.servers.add(&server);
        server
    }

    async fn play(&self, running: &mut Vec<Server>) -> Vec<String> {
        self.prepare().await;
        let oracle = Oracle::start(&self.record, &self.servers.target(0), self.etcd.as_deref()).await;
        let deadline = Instant::now() + self.time;
        let watchers: Vec<Watcher> = (0..WATCHERS).map(|n| self.watcher(n)).collect();
        let selections: Vec<Selection> = watchers.iter().map(|w| w.selection.clone()).collect();
        let watchers: Vec<_> = watchers.into_iter().map(|w| tokio::spawn(w.run())).collect();
        let mut actors = Vec::new();
        for client in 0..WRITERS + READERS {
            actors.push(tokio::spawn(self.actor(client, deadline)));
        }
        if let Some(etcd) = &self.etcd {
            actors.push(tokio::spawn(compact(etcd.clone(), Arc::clone(&self.record), self.seed, deadline)));
            tokio::time::sleep(self.time / 2).await;
            let joined = tokio::task::block_in_place(|| self.start_server());
            running.push(joined);
        }
        for actor in actors {
            actor.await.expect("a client does not fail");
        }
        let mut finisher = Actor::new("finisher".to_owned(), Arc::clone(&self.record), self.servers.clone());
        for (number, selection) in selections.iter().enumerate() {
            finisher.make_example(selection, &format!("end-{number}"), &number.to_string()).await;
        }
        let mut late = Vec::new();
        let catch_up = tokio::time::Instant::now() + CATCH_UP;
        for (number, mut watcher) in watchers.into_iter().enumerate() {
            if tokio::time::timeout_at(catch_up, &mut watcher).await.map(|r| r.expect("no panic")).is_err() {
                watcher.abort();
                late.push(format!(
                    "watcher {number} of {:?} does not see what was written last",
                    selections[number]
                ));
            }
        }
        let last = self.record.latest();
        let history = oracle.finish(&self.record, last).await;
        self.verify(history, late)
    }

    fn verify(&self, history: Result<History, Vec<String>>, mut faults: Vec<String>) -> Vec<String> {
        faults.append(&mut self.record.faults.lock());
        match history {
            Ok(history) => {
                let (windows, found) = verify_writes::verify(&self.record, &history);
                faults.extend(found);
                faults.extend(verify_reads::verify(&self.record, &history, &windows));
                faults.extend(verify_watches::verify(&self.record, &history, &windows));
            }
            Err(found) => faults.extend(found),
        }
        let sessions = self.record.sessions.lock();
        println!(
            "{} writes, {} reads, {} lists and pages, {} watches with {} events ({} ended by 410), {} compactions",
            self.record.writes.lock().len(),
            self.record.gets.lock().len(),
            self.record.lists.lock().len(),
            sessions.len(),
            sessions.iter().map(|s| s.events.len()).sum::<usize>(),
            sessions.iter().filter(|s| s.expired).count(),
            self.record.compactions.lock().len(),
        );
        faults
    }

    async fn prepare(&self) {
        let client = Client::connect(&self.servers.target(0)).await;
        for namespace in NAMESPACES {
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            let answer = client.send("POST", "/api/v1/namespaces", "application/json", Some(&body)).await;
            assert_eq!(answer.code, 201, "{}", answer.body);
            // Where pods are admitted only with their account.
            let body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
            let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
            let answer = client.send("POST", &path, "application/json", Some(&body)).await;
            assert!(matches!(answer.code, 201 | 409), "{}", answer.body);
        }
    }

    fn watcher(&self, number: u64) -> Watcher {
        let mut plan = Plan::new(self.seed, 1_000 + number);
        // Some see everything, whatever the seed.
        let selection = match number {
            0 => Selection::everything(Kind::ConfigMap),
            1 => Selection::everything(Kind::Pod),
            2 => Selection { kind: Kind::Pod, namespace: None, selector: Selector::Node("node-1") },
            _ => plan.selection(),
        };
        Watcher::new(number as usize, selection, plan, Arc::clone(&self.record), self.servers.clone())
    }

    fn actor(&self, client: u64, deadline: Instant) -> impl Future<Output = ()> + use<> {
        let mut actor = Actor::new(format!("c{client}"), Arc::clone(&self.record), self.servers.clone());
        let mut plan = Plan::new(self.seed, client);
        async move {
            for _ in 0..STEPS {
                if Instant::now() >= deadline {
                    break;
                }
                let step = if client < WRITERS { plan.write() } else { plan.read() };
                actor.perform(&step).await;
            }
        }
    }
}

/// Now and then forgets history up to some revision that is not long ago.
async fn compact(etcd: String, record: Arc<Record>, seed: u64, deadline: Instant) {
    let mut plan = Plan::new(seed, 2_000);
    let mut client = etcd_client::Client::connect([etcd], None).await.expect("etcd listens");
    let mut done = 0;
    while Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200 + plan.below(1500))).await;
        let back = if plan.below(3) == 0 { 0 } else { plan.below(150) };
        let revision = record.latest().saturating_sub(back);
        if revision > done {
            let begin = record.stamp();
            record.compactions.lock().push((begin, revision));
            client.compact(revision as i64, None).await.expect("etcd compacts");
            done = revision;
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}
