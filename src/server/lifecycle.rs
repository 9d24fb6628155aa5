//! How a server ends. Each phase is a signal that latches.
//!
//! ```text
//! asked to end ── `ending`: /readyz fails; everything is served still
//!   │  --shutdown-delay-duration: load balancers find out
//!   ├─ the server's address is withdrawn from the service `kubernetes`
//!   ├─ `drain`: no new connections but those that the kernel accepted already. Open ones end: over HTTP/2 with
//!   │  GOAWAY, over HTTP/1.1 with the next answer, or when they stay idle; a connection that had no request yet is
//!   │  given time for one. With --shutdown-send-retry-after `refuse` comes first: new requests are answered with
//!   │  429, and `drain` follows those in flight
//!   │  requests in flight finish, for as long as a request may take
//!   ├─ `end_watches`: long-running answers end. With --shutdown-watch-termination-grace-period it comes with
//!   │  `drain` or `refuse`, and they end one after another
//!   │  connections close
//!   ├─ `background`: everything else ends
//!   └─ storage is closed; done
//! ```

use std::time::Duration;

use keelson_base::clock;
use keelson_base::shutdown::Shutdown;
use keelson_base::task::TaskGroup;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::config::Ending;

/// How long the server's address may take to be withdrawn.
const WITHDRAW_WITHIN: Duration = Duration::from_secs(5);
/// How long connections may take to close once nothing is served on them any more.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// How long background work may take to end.
const BACKGROUND_WITHIN: Duration = Duration::from_secs(10);

/// The phases, and what has to end in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lifecycle {
    pub(super) ending: Shutdown,
    pub(super) refuse: Shutdown,
    pub(super) drain: Shutdown,
    pub(super) end_watches: Shutdown,
    pub(super) background: Shutdown,
    /// Requests that have to finish.
    pub(super) in_flight: TaskTracker,
    /// Long-running ones, which end when they are told to.
    pub(super) watches: TaskTracker,
    /// The accepting task, and one for each connection.
    pub(super) connections: TaskGroup,
    /// Everything else.
    pub(super) tasks: TaskGroup,
}

impl Lifecycle {
    /// Ends what runs before anything is served.
    pub(super) async fn abandon(&self) {
        self.ending.begin();
        self.end_background().await;
    }

    async fn end_background(&self) {
        self.background.begin();
        if let Err(unfinished) = self.tasks.wait(BACKGROUND_WITHIN).await {
            warn!(%unfinished, "shutting down anyway");
            self.tasks.abort_all();
        }
    }

    /// Goes through the phases; `delay` is that of `--shutdown-delay-duration`, `longest_request` that of
    /// `--request-timeout`, `ending` says what else is done, and `withdraw` takes the server's address back.
    pub(super) async fn end(
        &self,
        delay: Duration,
        longest_request: Duration,
        ending: &Ending,
        withdraw: impl Future<Output = ()>,
    ) {
        info!(?delay, "shutting down");
        self.ending.begin();
        clock::sleep(delay).await;
        if tokio::time::timeout(WITHDRAW_WITHIN, withdraw).await.is_err() {
            warn!("the server's address was not withdrawn in time; its lease runs out");
        }
        if ending.send_retry_after {
            self.refuse.begin();
        } else {
            self.drain.begin();
        }
        self.in_flight.close();
        let requests = async {
            if tokio::time::timeout(longest_request, self.in_flight.wait()).await.is_err() {
                warn!(requests = self.in_flight.len(), "requests did not finish in time");
            }
        };
        let watches = async {
            if !ending.watch_grace.is_zero() {
                self.end_watches.begin();
                self.watches.close();
                if tokio::time::timeout(ending.watch_grace, self.watches.wait()).await.is_err() {
                    warn!(watches = self.watches.len(), "watches did not end in time");
                }
            }
        };
        tokio::join!(requests, watches);
        self.drain.begin();
        self.end_watches.begin();
        if let Err(unfinished) = self.connections.wait(CLOSE_WITHIN).await {
            warn!(connections = unfinished.names.len(), "connections did not close in time");
            self.connections.abort_all();
        }
        self.end_background().await;
    }
}
