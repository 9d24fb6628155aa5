//! What a connection does, and what is to be done about one that does nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use keelson_base::clock::{self, Instant};

use crate::filters::body::{End, Watcher};

/// How long a client may take for the TLS handshake, and for the head of a request.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(32);
/// How long a connection is kept without a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How often connections are looked at for these.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(4);

/// What a connection does, for finding out whether it does anything.
#[derive(Default)]
pub(super) struct Activity {
    /// Requests that are being answered.
    active: AtomicUsize,
    /// Requests that were begun.
    begun: AtomicU64,
    /// Bytes that came.
    read: AtomicU64,
    /// Of these, those before the last answer's end.
    read_before: AtomicU64,
}

impl Activity {
    /// Whether more than one request is being answered.
    pub(super) fn has_several(&self) -> bool {
        self.active.load(Ordering::Relaxed) > 1
    }

    /// Whether a request was begun, ever.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire) > 0
    }

    /// So many bytes came.
    pub(super) fn came(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::AcqRel);
    }
}

/// A request until the end of its answer.
pub(super) struct ActiveRequest {
    activity: Arc<Activity>,
}

impl ActiveRequest {
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        activity.active.fetch_add(1, Ordering::AcqRel);
        activity.begun.fetch_add(1, Ordering::AcqRel);
        ActiveRequest { activity }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let read = self.activity.read.load(Ordering::Acquire);
        self.activity.read_before.store(read, Ordering::Release);
        self.activity.active.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Watcher for ActiveRequest {
    fn ended(&mut self, _: u64, _: End) {}
}

/// What is to be done about a quiet connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    Wait,
    /// It was idle for long enough.
    Close,
    /// Its client takes too long for the head of a request.
    Abort,
}

/// Watches how long a connection has been quiet.
pub(super) struct Watchdog {
    http2: bool,
    begun: u64,
    since: Instant,
}

impl Watchdog {
    pub(super) fn new(http2: bool) -> Self {
        Watchdog { http2, begun: 0, since: clock::monotonic() }
    }

    pub(super) fn look(&mut self, activity: &Activity) -> Quiet {
        let now = clock::monotonic();
        let begun = activity.begun.load(Ordering::Acquire);
        if activity.active.load(Ordering::Acquire) > 0 || begun != self.begun {
            (self.begun, self.since) = (begun, now);
            return Quiet::Wait;
        }
        let quiet = now.duration_since(self.since);
        // Over HTTP/2, bytes may come without a request (answers to pings); its parser bounds heads itself.
        let in_head = !self.http2
            && activity.read.load(Ordering::Acquire) > activity.read_before.load(Ordering::Acquire);
        match (in_head, quiet) {
            (true, quiet) if quiet >= HEAD_TIMEOUT => Quiet::Abort,
            (_, quiet) if quiet >= IDLE_TIMEOUT => Quiet::Close,
            _ => Quiet::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks again and again for `seconds`, and says what is to be done in the end.
    async fn after(seconds: u64, watchdog: &mut Watchdog, activity: &Activity) -> Quiet {
        for _ in 0..seconds {
            clock::sleep(Duration::from_secs(1)).await;
            match watchdog.look(activity) {
                Quiet::Wait => {}
                verdict => return verdict,
            }
        }
        Quiet::Wait
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_are_closed() {
        for http2 in [false, true] {
            let (activity, mut watchdog) = (Arc::new(Activity::default()), Watchdog::new(http2));
            assert_eq!(after(89, &mut watchdog, &activity).await, Quiet::Wait);
            activity.came(100);
            let request = ActiveRequest::new(activity.clone());
            assert_eq!(after(3600, &mut watchdog, &activity).await, Quiet::Wait, "it is being answered");
            drop(request);
            assert_eq!(after(88, &mut watchdog, &activity).await, Quiet::Wait);
            assert_eq!(after(10, &mut watchdog, &activity).await, Quiet::Close);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slow_heads_are_cut_off() {
        let (activity, mut watchdog) = (Arc::new(Activity::default()), Watchdog::new(false));
        drop(ActiveRequest::new(activity.clone()));
        assert_eq!(watchdog.look(&activity), Quiet::Wait);
        activity.came(1);
        assert_eq!(after(31, &mut watchdog, &activity).await, Quiet::Wait);
        assert_eq!(after(2, &mut watchdog, &activity).await, Quiet::Abort);
    }

    #[tokio::test(start_paused = true)]
    async fn pings_over_http2_are_no_slow_heads() {
        let (activity, mut watchdog) = (Arc::new(Activity::default()), Watchdog::new(true));
        activity.came(1);
        assert_eq!(after(80, &mut watchdog, &activity).await, Quiet::Wait);
    }
}
