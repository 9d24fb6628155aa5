//! How a server ends. Each phase is a signal that latches.
//!
//! ```text
//! asked to end ── `ending`: /readyz fails; everything is served still
//!   │  --shutdown-delay-duration: load balancers find out
//!   ├─ the server's address is withdrawn from the service `kubernetes`
//!   ├─ `drain`: no new connections; open ones take no further requests (GOAWAY)
//!   │  requests in flight finish, for as long as a request may take
//!   ├─ `end_watches`: long-running answers end
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
    pub(super) drain: Shutdown,
    pub(super) end_watches: Shutdown,
    pub(super) background: Shutdown,
    /// Requests that have to finish.
    pub(super) in_flight: TaskTracker,
    /// The accepting task, and one for each connection.
    pub(super) connections: TaskGroup,
    /// Everything else.
    pub(super) tasks: TaskGroup,
}

impl Lifecycle {
    /// Goes through the phases; `delay` is that of `--shutdown-delay-duration`, `longest_request` that of
    /// `--request-timeout`, and `withdraw` takes the server's address back.
    pub(super) async fn end(
        &self,
        delay: Duration,
        longest_request: Duration,
        withdraw: impl Future<Output = ()>,
    ) {
        info!(?delay, "shutting down");
        self.ending.begin();
        clock::sleep(delay).await;
        if tokio::time::timeout(WITHDRAW_WITHIN, withdraw).await.is_err() {
            warn!("the server's address was not withdrawn in time; its lease runs out");
        }
        self.drain.begin();
        self.in_flight.close();
        if tokio::time::timeout(longest_request, self.in_flight.wait()).await.is_err() {
            warn!(requests = self.in_flight.len(), "requests did not finish in time");
        }
        self.end_watches.begin();
        if let Err(unfinished) = self.connections.wait(CLOSE_WITHIN).await {
            warn!(connections = unfinished.names.len(), "connections did not close in time");
            self.connections.abort_all();
        }
        self.background.begin();
        if let Err(unfinished) = self.tasks.wait(BACKGROUND_WITHIN).await {
            warn!(%unfinished, "shutting down anyway");
            self.tasks.abort_all();
        }
    }
}
