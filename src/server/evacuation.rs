//! Sends clients away from a server that has lost its storage. kube-apiserver does not do that; its `/livez` fails in
//! time, so that whoever runs it kills it.
//!
//! A load balancer that asks for `/readyz` gives such a server no new connections, but clients stay on those that they
//! have: over HTTP/2 for as long as anything is answered, errors included. Where other servers still reach the
//! storage, these clients would do better there.
//!
//! ```text
//! storage is away
//!   │  fifteen seconds: longer than etcd takes to start again, which every server sees alike. Clients would find that
//!   │  the balancer has no server left
//!   ├─ connections take no further requests (GOAWAY, `Connection: close`); what they have begun goes on, watches, too.
//!   │  Those that come later are told every ten seconds
//!   │  thirty seconds
//!   └─ watches end: they see nothing. Again every thirty seconds
//! ```
//!
//! All of it is spread over some seconds, so that not every client comes to the next server at once. A server that
//! knows of no others, by the addresses of the service `kubernetes`, sends nobody away: what it serves from memory is
//! all that there is.

use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock::{self, Instant};
use keelson_base::random;
use keelson_base::shutdown::Signal;
use tokio::sync::watch;
use tracing::warn;

use super::health::Check;

/// How often storage is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After how long connections are told, and then how often.
const CONNECTIONS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(10));
/// After how long watches are ended, and then how often.
const WATCHES: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(30));
/// Over how long connections are told.
const SPREAD: Duration = Duration::from_secs(1);
/// Over how long watches are ended.
const WATCH_SPREAD: Duration = Duration::from_secs(5);

/// Tells connections that their clients should leave. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Evacuation {
    connections: watch::Sender<()>,
    watches: watch::Sender<()>,
}

/// What one connection is told.
#[derive(Debug)]
pub(super) struct Evacuated {
    /// To take no further requests.
    pub(super) connection: Told,
    /// To end watches.
    pub(super) watches: Told,
}

/// Waits for one of them.
#[derive(Debug)]
pub(super) struct Told {
    receiver: watch::Receiver<()>,
    spread: Duration,
    /// When it is this connection's turn.
    due: Option<Instant>,
}

impl Default for Evacuation {
    fn default() -> Self {
        Evacuation { connections: watch::Sender::new(()), watches: watch::Sender::new(()) }
    }
}

impl Evacuation {
    /// For a connection: tells of what comes from now on.
    pub(super) fn subscribe(&self) -> Evacuated {
        let told =
            |sender: &watch::Sender<()>, spread| Told { receiver: sender.subscribe(), spread, due: None };
        Evacuated { connection: told(&self.connections, SPREAD), watches: told(&self.watches, WATCH_SPREAD) }
    }

    /// Sends clients away whenever `storage` is away for too long and there are others, until `end`.
    pub(super) async fn run(self, storage: Arc<dyn Check>, has_others: impl Fn() -> bool, end: Signal) {
        let _ = end.unless_begun(self.follow(storage, has_others)).await;
    }

    async fn follow(&self, storage: Arc<dyn Check>, has_others: impl Fn() -> bool) {
        let mut outage = None;
        loop {
            let looked = clock::monotonic();
            clock::sleep(LOOK_EVERY).await;
            if storage.check().await.is_ok() {
                outage = None;
                continue;
            }
            // It was there when it was asked last.
            let (connections, watches) =
                outage.get_or_insert_with(|| (Due::new(looked, CONNECTIONS), Due::new(looked, WATCHES)));
            let now = clock::monotonic();
            if connections.is_due(now) && has_others() {
                warn!("storage stays away: clients are sent to other servers");
                self.connections.send_replace(());
            }
            if watches.is_due(now) && has_others() {
                warn!("storage stays away: watches are ended");
                self.watches.send_replace(());
            }
        }
    }
}

impl Told {
    /// Waits until it is this connection's turn. Cancel safe.
    pub(super) async fn wait(&mut self) {
        let due = match self.due {
            Some(due) => due,
            None => {
                if self.receiver.changed().await.is_err() {
                    // Nobody tells any more.
                    std::future::pending::<()>().await;
                }
                let spread = random::below(self.spread.as_millis() as u64);
                let due = clock::monotonic() + Duration::from_millis(spread);
                *self.due.insert(due)
            }
        };
        tokio::time::sleep_until(due).await;
        self.due = None;
    }
}

/// When something is done in an outage.
struct Due {
    next: Instant,
    every: Duration,
}

impl Due {
    fn new(start: Instant, (after, every): (Duration, Duration)) -> Self {
        Due { next: start + after, every }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.every;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use keelson_base::shutdown::Shutdown;

    use super::*;

    struct Storage(AtomicBool);

    #[async_trait]
    impl Check for Storage {
        fn name(&self) -> &'static str {
            "etcd"
        }

        async fn check(&self) -> Result<(), String> {
            if self.0.load(Ordering::Relaxed) { Ok(()) } else { Err("away".to_owned()) }
        }
    }

    /// When, in seconds, connections and watches are told to end, where storage is away in these times.
    async fn evacuations(others: bool, away: &[(u64, u64)]) -> [Vec<u64>; 2] {
        let (storage, evacuation, end) =
            (Arc::new(Storage(AtomicBool::new(true))), Evacuation::default(), Shutdown::new());
        let Evacuated { mut connection, mut watches } = evacuation.subscribe();
        let run = evacuation.clone().run(storage.clone(), move || others, end.signal());
        let start = clock::monotonic();
        let script = async {
            for second in 0..100 {
                let is_away = away.iter().any(|(from, to)| (*from..*to).contains(&second));
                storage.0.store(!is_away, Ordering::Relaxed);
                clock::sleep(Duration::from_secs(1)).await;
            }
            end.begin();
        };
        let listen = async |told: &mut Told| {
            let mut seen = Vec::new();
            while end.signal().unless_begun(told.wait()).await.is_some() {
                seen.push(start.elapsed().as_secs());
            }
            seen
        };
        let ((), (), connections, watches) =
            tokio::join!(run, script, listen(&mut connection), listen(&mut watches));
        [connections, watches]
    }

    #[tokio::test(start_paused = true)]
    async fn clients_are_sent_away_when_storage_stays_away() {
        let check = async |away: &[(u64, u64)], connections: &[u64], watches: &[u64]| {
            let seen = evacuations(true, away).await;
            for ((seen, want), spread) in seen.iter().zip([connections, watches]).zip([3, 7]) {
                let near = |(seen, want): (&u64, &u64)| (*want..=want + spread).contains(seen);
                assert!(seen.len() == want.len() && seen.iter().zip(want).all(near), "{away:?}: {seen:?}");
            }
        };
        check(&[], &[], &[]).await;
        check(&[(5, 18), (20, 33)], &[], &[]).await;
        check(&[(5, 25)], &[19], &[]).await;
        check(&[(5, 23), (50, 68)], &[19, 64], &[]).await;
        check(&[(5, 45)], &[19, 29, 39], &[34]).await;
        assert_eq!(
            evacuations(false, &[(5, 90)]).await,
            [Vec::<u64>::new(), Vec::new()],
            "there is nowhere else to go"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_later_is_not_told_of_what_was_before() {
        let evacuation = Evacuation::default();
        let mut early = evacuation.subscribe();
        evacuation.connections.send_replace(());
        let mut late = evacuation.subscribe();
        let waiting = tokio::time::timeout(Duration::from_millis(1), early.connection.wait()).await;
        // Whether it was its turn already or not: it is not forgotten.
        if waiting.is_err() {
            early.connection.wait().await;
        }
        let told = tokio::time::timeout(Duration::from_secs(60), late.connection.wait()).await;
        assert!(told.is_err(), "it began after that");
    }
}
