//! Accepts connections.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, warn};

use super::connection::{self, Settings};
use super::lifecycle::Lifecycle;
use super::listener;

/// Files that the process keeps for other things than connections.
const RESERVED_FILES: u64 = 512;
/// For how long nobody may have come before the queue counts as empty, and how long that may take: whoever begins a
/// handshake just before the server stops to listen finishes it in this time.
const QUIET: Duration = Duration::from_millis(200);
const EMPTY_WITHIN: Duration = Duration::from_secs(2);

/// Accepts connections until the server drains, and then those that the kernel accepted already: they are served,
/// too.
pub(super) async fn accept(listener: TcpListener, settings: Settings, lifecycle: Lifecycle) {
    let room = Arc::new(Semaphore::new(most_connections()));
    let drain = lifecycle.drain.signal();
    let turn = async || {
        // The semaphore is never closed.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        take(&listener, permit, &settings, &lifecycle).await;
    };
    while drain.unless_begun(turn()).await.is_some() {}
    if let Err(error) = listener::overlook_new(&listener) {
        debug!(%error, "who connects at this moment may be refused late");
    }
    let empty = async { while tokio::time::timeout(QUIET, turn()).await.is_ok() {} };
    if tokio::time::timeout(EMPTY_WITHIN, empty).await.is_err() {
        warn!("connections kept coming while the server stopped to listen");
    }
}

/// Waits for a connection and serves it. Cancel safe.
async fn take(
    listener: &TcpListener,
    permit: OwnedSemaphorePermit,
    settings: &Settings,
    lifecycle: &Lifecycle,
) {
    match listener.accept().await {
        Ok((stream, peer)) => {
            let served = connection::serve(stream, peer, settings.clone());
            lifecycle.connections.spawn("connection", async move {
                served.await;
                drop(permit);
            });
        }
        Err(failure) => {
            // Out of files or memory, most likely: connections that end make room.
            warn!(error = %failure, "can't accept a connection");
            clock::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// As many connections as the process may have files, less those that it needs itself.
fn most_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Like Go's programs: what the administrator allows is used.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let files = if raised.is_ok() { limit.maximum } else { limit.current }.unwrap_or(1 << 20);
    usize::try_from(files.saturating_sub(RESERVED_FILES).max(files / 2)).unwrap_or(usize::MAX).min(1 << 20)
}
