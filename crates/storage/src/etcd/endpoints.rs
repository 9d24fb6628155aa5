//! Connections to etcd's members: taking turns, failover, and what may be sent again.
//!
//! Requests go round the endpoints that are up. One is down when a request found it so, or when it keeps silent to
//! a request and to a question of its own besides: whoever waits for it stops to, then. It is up again when it
//! answers a read over a new connection. While all are down, requests wait a little, and fail at once when that
//! has lasted.
//!
//! Reads are sent again as long as there is time. A write is sent again only where it certainly never left: else it
//! might happen twice, or its own first try be taken for somebody else's.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use etcd_client::{
    Client, ConnectOptions, Error as Failure, GetOptions, KvClient, LeaseClient, MaintenanceClient,
    WatchClient,
};
use keelson_base::clock::{self, Instant};
use keelson_base::random;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::Error;
use crate::etcd::failure::{describe, is_transient, is_unsent, map, may_have_happened};
use crate::etcd::options::{ConnectError, Options};
use crate::etcd::tls::{self, Tls};
use crate::etcd::version::Version;

/// How long a request waits before the endpoint is suspected, and how long that has to answer then.
const SUSPICIOUS: Duration = Duration::from_secs(1);
const LAST_WORD: Duration = Duration::from_secs(5);
/// How long an endpoint that is down has to answer over a new connection, and how often it is asked: the wait is
/// doubled each time, to the longest.
const REVIVAL: Duration = Duration::from_secs(2);
const REVIVE_AGAIN: Duration = Duration::from_millis(50);
const LONGEST_REVIVE_AGAIN: Duration = Duration::from_secs(1);
/// How long requests wait from when all endpoints are down.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a connection may take to open.
const DIAL: Duration = Duration::from_secs(3);
/// How long an endpoint has to say its version: the start waits for all of them.
const VERSION: Duration = Duration::from_secs(1);
/// How often the start says what it waits for.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// The wait before a request is sent again: doubled each time, to the longest.
const BACKOFF: Duration = Duration::from_millis(25);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);
/// How often a request is sent again once every endpoint had a turn: for some seconds.
const MORE_ROUNDS: usize = 7;
/// The TLS files are looked at again this often at most.
const TLS_INTERVAL: Duration = Duration::from_secs(5);
/// gRPC's own bound on an answer, 4 MiB, is less than a list; etcd's Go client takes this much too.
const LARGEST_ANSWER: usize = i32::MAX as usize;

/// When a failed request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It changes nothing, or the same however often it comes.
    Always,
    /// Only where it was not sent.
    IfNotSent,
}

/// The services of one endpoint. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) kv: KvClient,
    pub(super) watch: WatchClient,
    pub(super) lease: LeaseClient,
    pub(super) maintenance: MaintenanceClient,
}

struct Endpoint {
    url: String,
    clients: ArcSwap<Clients>,
    down: AtomicBool,
    /// Why it is, or was last.
    reason: Mutex<String>,
    /// How often it was given up with all that waits for it.
    given_up: watch::Sender<u64>,
    /// Held while it is asked whether it is there; when it last was.
    asking: tokio::sync::Mutex<Option<Instant>>,
    /// What its last answer about itself said.
    version: Mutex<Option<Version>>,
}

/// How a request to one endpoint failed.
enum Attempt {
    Failed(Failure),
    /// The endpoint keeps silent; the request may have come through.
    GivenUp,
}

/// What a stream is opened with.
pub(super) struct Stream<'a> {
    pub(super) clients: Clients,
    /// Changes when the stream is not worth waiting for any more.
    pub(super) given_up: watch::Receiver<u64>,
    endpoints: &'a Endpoints,
    endpoint: &'a Endpoint,
}

impl Stream<'_> {
    /// Notes that the stream could not be opened.
    pub(super) fn failed(&self, reason: String) {
        self.endpoints.went_down(self.endpoint, reason);
    }
}

/// The endpoints, and whose turn it is.
pub(super) struct Endpoints {
    options: Options,
    endpoints: Vec<Endpoint>,
    turn: AtomicUsize,
    tls: Mutex<TlsState>,
    progress: AtomicBool,
    /// Since when all are down.
    outage: watch::Sender<Option<Instant>>,
    /// Some endpoint went down.
    went_down: Notify,
}

struct TlsState {
    current: Option<Tls>,
    checked: Instant,
}

impl Endpoints {
    /// Reads the TLS files and sets the endpoints up; nothing is connected yet.
    pub(super) async fn new(options: Options) -> Result<Self, ConnectError> {
        if options.endpoints.is_empty() {
            return Err(ConnectError::NoEndpoint);
        }
        let tls = tls::read(&options).await?;
        let mut endpoints = Vec::with_capacity(options.endpoints.len());
        for url in &options.endpoints {
            let clients = open(url, &options, tls.as_ref()).await?;
            endpoints.push(Endpoint {
                url: url.clone(),
                clients: ArcSwap::from_pointee(clients),
                down: AtomicBool::new(false),
                reason: Mutex::new("no answer".to_owned()),
                given_up: watch::Sender::new(0),
                asking: tokio::sync::Mutex::new(None),
                version: Mutex::new(None),
            });
        }
        let tls = Mutex::new(TlsState { current: tls, checked: clock::monotonic() });
        Ok(Self {
            options,
            endpoints,
            turn: AtomicUsize::new(0),
            tls,
            progress: AtomicBool::new(false),
            outage: watch::Sender::new(None),
            went_down: Notify::new(),
        })
    }

    /// Waits until some endpoint answers a read.
    pub(super) async fn wait_for_one(&self) -> Result<(), ConnectError> {
        let limit = self.options.connect_timeout;
        let any =
            futures::future::select_all(self.endpoints.iter().map(|one| Box::pin(self.first_answer(one))));
        let tell = async {
            loop {
                clock::sleep(TELL_EVERY).await;
                tracing::warn!(reasons = self.reasons(), "waiting for etcd");
            }
        };
        tokio::select! {
            _ = any => Ok(()),
            () = clock::sleep(limit) => {
                Err(ConnectError::Unreachable { seconds: limit, reasons: self.reasons() })
            }
            () = tell => Ok(()),
        }
    }

    async fn first_answer(&self, endpoint: &Endpoint) {
        let mut pause = BACKOFF;
        loop {
            let mut kv = endpoint.clients.load().kv.clone();
            let options = GetOptions::new().with_count_only();
            match tokio::time::timeout(LAST_WORD, kv.get(self.options.key_prefix(), Some(options))).await {
                Ok(Ok(_)) => return,
                Ok(Err(failure)) => *endpoint.reason.lock() = describe(&failure),
                Err(_) => {
                    "no answer".clone_into(&mut endpoint.reason.lock());
                    self.give_up(endpoint).await;
                }
            }
            self.refresh_tls().await;
            clock::sleep(random::jitter(pause, 0.2)).await;
            pause = (pause * 2).min(LONGEST_BACKOFF);
        }
    }

    /// Each endpoint with what became of it.
    fn reasons(&self) -> String {
        let mut text = String::new();
        for endpoint in &self.endpoints {
            let separator = if text.is_empty() { "" } else { "; " };
            // Writing to a string does not fail.
            let _ = write!(text, "{separator}{}: {}", endpoint.url, endpoint.reason.lock());
        }
        text
    }

    /// Asks every endpoint which version it is, and returns whether each has said so by now. Those that can't be
    /// reached count as they did when they last could.
    pub(super) async fn learn_versions(&self) -> bool {
        futures::future::join_all(self.endpoints.iter().map(async |endpoint| {
            let mut maintenance = endpoint.clients.load().maintenance.clone();
            if let Ok(Ok(status)) = tokio::time::timeout(VERSION, maintenance.status()).await {
                *endpoint.version.lock() = Some(Version::parse(status.version()));
            }
        }))
        .await;
        let known: Vec<Option<Version>> = self.endpoints.iter().map(|e| *e.version.lock()).collect();
        let lowest = known.iter().flatten().min();
        let supported = lowest.is_some_and(|version| version.answers_progress_in_order());
        if self.progress.swap(supported, Ordering::Relaxed) != supported {
            tracing::info!(supported, "whether etcd's watches can be asked for progress");
        }
        known.iter().all(Option::is_some)
    }

    /// How many bytes each endpoint's database takes, of those that answer.
    pub(super) async fn database_sizes(&self) -> Vec<(String, u64)> {
        let limit = (self.options.connect_timeout / 4).max(Duration::from_millis(100));
        let sizes = futures::future::join_all(self.endpoints.iter().map(async |endpoint| {
            let mut maintenance = endpoint.clients.load().maintenance.clone();
            let status = tokio::time::timeout(limit, maintenance.status()).await.ok()?.ok()?;
            Some((endpoint.url.clone(), u64::try_from(status.db_size()).ok()?))
        }));
        sizes.await.into_iter().flatten().collect()
    }

    /// Whether every member that was ever reached answers requests for progress in order with events.
    pub(super) fn supports_progress(&self) -> bool {
        self.progress.load(Ordering::Relaxed)
    }

    /// Sends a request to the endpoint whose turn it is, and again where it may be, for the request timeout at
    /// most. Dropping the future drops the request; a write may happen all the same.
    pub(super) async fn call<T, F>(&self, repeat: Repeat, send: impl Fn(Clients) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let limit = self.options.request_timeout;
        // What nobody answers may have been done, unless it changes nothing.
        let silent = |text: String| match repeat {
            Repeat::Always => Error::Unavailable(text),
            Repeat::IfNotSent => Error::Uncertain(text),
        };
        let under_way = AtomicBool::new(false);
        let attempts = async {
            let mut pause = BACKOFF;
            let mut round = 0;
            loop {
                let endpoint = self.next().await?;
                under_way.store(true, Ordering::Relaxed);
                let attempted = self.attempt(endpoint, &send).await;
                under_way.store(false, Ordering::Relaxed);
                let (failed, again) = match attempted {
                    Ok(answer) => return Ok(answer),
                    Err(Attempt::Failed(failure)) => {
                        let again = match repeat {
                            Repeat::Always => is_transient(&failure),
                            Repeat::IfNotSent => is_unsent(&failure),
                        };
                        if is_transient(&failure) {
                            self.went_down(endpoint, describe(&failure));
                        }
                        let failed = match map(&failure) {
                            Error::Unavailable(text) if may_have_happened(&failure) => silent(text),
                            refused => refused,
                        };
                        (failed, again)
                    }
                    Err(Attempt::GivenUp) => {
                        let text = format!("etcd at {} does not answer", endpoint.url);
                        (silent(text), repeat == Repeat::Always)
                    }
                };
                round += 1;
                // With no connection anywhere, a caller is better told than kept.
                if !again || round >= self.endpoints.len() + MORE_ROUNDS {
                    return Err(failed);
                }
                tracing::debug!(endpoint = endpoint.url, failure = %failed, "asking again");
                self.refresh_tls().await;
                if round >= self.endpoints.len() {
                    clock::sleep(random::jitter(pause, 0.2)).await;
                    pause = (pause * 2).min(LONGEST_BACKOFF);
                }
            }
        };
        match tokio::time::timeout(limit, attempts).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let text = format!("etcd did not answer within {} seconds", limit.as_secs());
                let sent = under_way.load(Ordering::Relaxed);
                Err(if sent { silent(text) } else { Error::Unavailable(text) })
            }
        }
    }

    /// Sends to one endpoint, for as long as that is not given up.
    async fn attempt<T, F>(&self, endpoint: &Endpoint, send: impl Fn(Clients) -> F) -> Result<T, Attempt>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut given_up = endpoint.given_up.subscribe();
        tokio::select! {
            biased;
            outcome = send(Clients::clone(&endpoint.clients.load())) => outcome.map_err(Attempt::Failed),
            // Its sender lives as long as the endpoint does.
            _ = given_up.changed() => Err(Attempt::GivenUp),
            () = self.suspect(endpoint) => Err(Attempt::GivenUp),
        }
    }

    /// Asks an endpoint that keeps somebody waiting whether it is there, again and again. Ends when it isn't.
    async fn suspect(&self, endpoint: &Endpoint) {
        loop {
            clock::sleep(SUSPICIOUS).await;
            // One question is enough for all that wait.
            let mut answered = endpoint.asking.lock().await;
            if answered.is_some_and(|at| clock::monotonic() < at + SUSPICIOUS) {
                continue;
            }
            let mut kv = endpoint.clients.load().kv.clone();
            // What a member knows by itself: it may be there, and wait for others.
            let options = GetOptions::new().with_serializable().with_count_only();
            let asked = kv.get(self.options.key_prefix(), Some(options));
            if tokio::time::timeout(LAST_WORD, asked).await.is_err() {
                self.went_down(endpoint, "no answer".to_owned());
                self.give_up(endpoint).await;
                return;
            }
            *answered = Some(clock::monotonic());
        }
    }

    /// Has all that waits for an endpoint wait no longer; what comes later uses a new connection.
    async fn give_up(&self, endpoint: &Endpoint) {
        let tls = self.tls.lock().current.clone();
        match open(&endpoint.url, &self.options, tls.as_ref()).await {
            Ok(clients) => endpoint.clients.store(Arc::new(clients)),
            Err(failure) => tracing::warn!(%failure, "an endpoint of etcd can't be opened again"),
        }
        endpoint.given_up.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// The clients of the endpoint whose turn it is, for a stream.
    pub(super) async fn stream(&self) -> Result<Stream<'_>, Error> {
        let endpoint = self.next().await?;
        let given_up = endpoint.given_up.subscribe();
        let clients = Clients::clone(&endpoint.clients.load());
        Ok(Stream { clients, given_up, endpoints: self, endpoint })
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        DIAL.min(self.options.connect_timeout)
    }

    /// The endpoint whose turn it is of those that are up; waits for one where none is.
    async fn next(&self) -> Result<&Endpoint, Error> {
        loop {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let order = (0..self.endpoints.len())
                .map(|step| &self.endpoints[(turn.wrapping_add(step)) % self.endpoints.len()]);
            if let Some(up) = order.into_iter().find(|endpoint| !endpoint.down.load(Ordering::Acquire)) {
                return Ok(up);
            }
            let mut outage = self.outage.subscribe();
            let Some(since) = *outage.borrow_and_update() else {
                // It is just being noted which of them are down.
                tokio::task::yield_now().await;
                continue;
            };
            let over = outage.wait_for(Option::is_none);
            if tokio::time::timeout_at(since + PATIENCE, over).await.is_err() {
                return Err(Error::Unavailable(self.reasons()));
            }
        }
    }

    fn went_down(&self, endpoint: &Endpoint, reason: String) {
        let known = endpoint.down.swap(true, Ordering::AcqRel);
        if !known {
            tracing::warn!(endpoint = endpoint.url, reason, "an endpoint of etcd is down");
        }
        *endpoint.reason.lock() = reason;
        self.note_outage();
        self.went_down.notify_one();
    }

    fn note_outage(&self) {
        self.outage.send_if_modified(|outage| {
            let all_down = self.endpoints.iter().all(|endpoint| endpoint.down.load(Ordering::Acquire));
            let changes = all_down != outage.is_some();
            if changes {
                *outage = all_down.then(clock::monotonic);
            }
            changes
        });
    }

    /// Asks endpoints that are down until they are up. Never returns.
    pub(super) async fn revive(&self) {
        loop {
            self.went_down.notified().await;
            let mut pause = REVIVE_AGAIN;
            loop {
                let down = || self.endpoints.iter().filter(|endpoint| endpoint.down.load(Ordering::Acquire));
                futures::future::join_all(down().map(|endpoint| self.revive_one(endpoint))).await;
                if down().next().is_none() {
                    break;
                }
                self.refresh_tls().await;
                // One that goes down meanwhile is asked at once: others may be down for long.
                let more = tokio::time::timeout(random::jitter(pause, 0.2), self.went_down.notified()).await;
                pause = if more.is_ok() { REVIVE_AGAIN } else { (pause * 2).min(LONGEST_REVIVE_AGAIN) };
            }
        }
    }

    async fn revive_one(&self, endpoint: &Endpoint) {
        let mut kv = endpoint.clients.load().kv.clone();
        // What needs a majority: a member that is cut off from the others is no use.
        let options = GetOptions::new().with_count_only();
        let asked = kv.get(self.options.key_prefix(), Some(options));
        match tokio::time::timeout(REVIVAL, asked).await {
            Ok(Ok(_)) => {
                endpoint.down.store(false, Ordering::Release);
                self.note_outage();
                tracing::info!(endpoint = endpoint.url, "an endpoint of etcd is up again");
            }
            Ok(Err(failure)) => *endpoint.reason.lock() = describe(&failure),
            Err(_) => {
                "no answer".clone_into(&mut endpoint.reason.lock());
                self.give_up(endpoint).await;
            }
        }
    }

    /// Reads the TLS files again where it is time to, and opens the endpoints anew where they changed.
    pub(super) async fn refresh_tls(&self) {
        {
            let mut state = self.tls.lock();
            let now = clock::monotonic();
            if state.current.is_none() || now < state.checked + TLS_INTERVAL {
                return;
            }
            state.checked = now;
        }
        let read = match tls::read(&self.options).await {
            Ok(read) => read,
            Err(failure) => {
                tracing::warn!(%failure, "reading etcd's TLS files again failed");
                return;
            }
        };
        if self.tls.lock().current == read {
            return;
        }
        for endpoint in &self.endpoints {
            match open(&endpoint.url, &self.options, read.as_ref()).await {
                Ok(clients) => endpoint.clients.store(Arc::new(clients)),
                Err(failure) => {
                    tracing::warn!(%failure, "etcd's changed TLS files can't be used");
                    return;
                }
            }
        }
        tracing::info!("etcd's TLS files changed; new connections use them");
        self.tls.lock().current = read;
    }
}

/// Sets a client of one endpoint up; it connects with its first request.
async fn open(url: &str, options: &Options, tls: Option<&Tls>) -> Result<Clients, ConnectError> {
    let refused = |reason: String| ConnectError::Endpoint { endpoint: url.to_owned(), reason };
    if let Some((scheme, _)) = url.split_once("://")
        && scheme != "http"
        && scheme != "https"
    {
        return Err(refused(format!("the scheme {scheme} is not supported, use http or https")));
    }
    let mut connect = ConnectOptions::new()
        .with_connect_timeout(DIAL.min(options.connect_timeout))
        .with_keep_alive(options.keepalive_interval, options.keepalive_timeout)
        // etcd takes probes of idle connections for an attack.
        .with_keep_alive_while_idle(false)
        .with_tcp_keepalive(options.keepalive_interval)
        // A member that lost its cluster says so, instead of keeping a request or a watch waiting.
        .with_require_leader(true);
    if let Some(tls) = tls.filter(|_| !url.starts_with("http://")) {
        connect = connect.with_tls(tls.options());
    }
    let client =
        Client::connect([url], Some(connect)).await.map_err(|failure| refused(failure_text(&failure)))?;
    Ok(Clients {
        kv: client.kv_client().max_decoding_message_size(LARGEST_ANSWER),
        watch: client.watch_client().max_decoding_message_size(LARGEST_ANSWER),
        lease: client.lease_client(),
        maintenance: client.maintenance_client(),
    })
}

fn failure_text(failure: &Failure) -> String {
    use std::error::Error as _;
    match failure {
        Failure::TransportError(transport) => {
            let mut text = transport.to_string();
            let mut source = transport.source();
            while let Some(cause) = source {
                let _ = write!(text, ": {cause}");
                source = cause.source();
            }
            text
        }
        other => describe(other),
    }
}
