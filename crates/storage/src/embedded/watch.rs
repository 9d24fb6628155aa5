//! A watch: first what the history has after its revision, then what the committer sends.
//!
//! The replay is read by whoever polls the watch, in chunks, so that one that is not read holds nothing. When
//! it has caught up it registers with the committer; what was written between its last chunk and that moment
//! is read from the history too.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use keelson_base::task::blocking;
use tokio::sync::oneshot;

use crate::delivery::{DEFAULT_BOUNDS, Reader, queue};
use crate::embedded::Shared;
use crate::embedded::committer::Command;
use crate::embedded::index::{Change, Snapshot};
use crate::embedded::watchers::Watcher;
use crate::{Error, Event};

/// Events that a replay reads at once.
const CHUNK: usize = 256;

struct State {
    shared: Arc<Shared>,
    prefix: Arc<str>,
    /// Everything up to here was read from the history.
    position: u64,
    ready: VecDeque<Event>,
    stage: Stage,
}

enum Stage {
    Replay,
    Live(Reader),
    Over,
}

pub(super) fn stream(
    shared: Arc<Shared>,
    prefix: String,
    after: u64,
) -> impl Stream<Item = Result<Event, Error>> + Send {
    let state = State {
        shared,
        prefix: prefix.into(),
        position: after,
        ready: VecDeque::new(),
        stage: Stage::Replay,
    };
    futures::stream::unfold(state, |mut state| async move {
        let item = state.next().await?;
        if item.is_err() {
            state.stage = Stage::Over;
            state.ready.clear();
        }
        Some((item, state))
    })
}

impl State {
    async fn next(&mut self) -> Option<Result<Event, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            match &mut self.stage {
                Stage::Over => return None,
                Stage::Live(reader) => return reader.next().await,
                Stage::Replay => {
                    if let Err(failure) = self.advance().await {
                        return Some(Err(failure));
                    }
                }
            }
        }
    }

    /// Reads the next chunk, or registers where there is none.
    async fn advance(&mut self) -> Result<(), Error> {
        let current = self.shared.snapshot.load().revision;
        if self.position < current {
            return self.read(current).await;
        }
        let (feed, reader) = queue(DEFAULT_BOUNDS, self.position);
        let (reply, registered) = oneshot::channel();
        let watcher = Watcher { prefix: Arc::clone(&self.prefix), after: self.position, feed };
        self.shared.inbox.send(Command::Watch { watcher, reply })?;
        let registered = registered.await.map_err(|_| super::closed())?;
        while self.position < registered {
            self.read(registered).await?;
        }
        self.stage = Stage::Live(reader);
        Ok(())
    }

    /// Reads a chunk of what happened up to `until`.
    async fn read(&mut self, until: u64) -> Result<(), Error> {
        let (shared, prefix, position) = (Arc::clone(&self.shared), Arc::clone(&self.prefix), self.position);
        let (events, position) = blocking(move || shared.replay(&prefix, position, until)).await?;
        self.ready.extend(events);
        self.position = position;
        Ok(())
    }
}

impl Shared {
    /// The first events under `prefix` in `(after, until]`, and the revision up to which they are complete.
    fn replay(&self, prefix: &str, after: u64, until: u64) -> Result<(Vec<Event>, u64), Error> {
        let snapshot = self.snapshot.load_full();
        let changes: Vec<(u64, Change)> = {
            let history = self.history.read();
            history
                .between(after, until)?
                .filter(|(_, change)| change.key.starts_with(prefix))
                .take(CHUNK)
                .map(|(revision, change)| (revision, change.clone()))
                .collect()
        };
        let position = match changes.last() {
            Some((last, _)) if changes.len() == CHUNK => *last,
            _ => until,
        };
        let events = changes
            .into_iter()
            .map(|(revision, change)| self.event(&snapshot, revision, &change))
            .collect::<Result<_, _>>()?;
        Ok((events, position))
    }

    fn event(&self, snapshot: &Snapshot, revision: u64, change: &Change) -> Result<Event, Error> {
        let state = |revision| match snapshot.get(&change.key) {
            Some(current) if current.revision == revision => Ok(current),
            _ => self.older_value(&change.key, revision),
        };
        let before = if change.previous == 0 { None } else { Some(state(change.previous)?) };
        match before {
            Some(before) if change.deleted => Ok(Event::Delete { before, revision }),
            None if change.deleted => {
                Err(Error::Corrupt(format!("revision {revision} deletes {}, which was absent", change.key)))
            }
            before => Ok(Event::Put { now: state(revision)?, before }),
        }
    }
}
