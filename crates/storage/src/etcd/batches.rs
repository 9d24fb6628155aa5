//! Reads that wait for each other: those that come while others are on their way go together in one request.
//!
//! A read may join only a request that was not sent yet: then whatever was acknowledged before the read began
//! is in the answer. So a request takes along what waits at the moment that it is sent, and later reads wait for
//! the next one. A lone read goes at once.

use std::sync::Arc;

use futures::future::BoxFuture;
use keelson_base::task::TaskGroup;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::Error;

/// Sends one request for several reads, and answers them in their order: as many answers as reads.
type Send<Q, A> = dyn Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, Error>> + std::marker::Send + Sync;

/// See the module.
pub(super) struct Batches<Q, A> {
    shared: Arc<Shared<Q, A>>,
    tasks: TaskGroup,
}

struct Shared<Q, A> {
    send: Box<Send<Q, A>>,
    /// Requests that are on their way at a time, at most.
    parallel: usize,
    /// Reads that one request takes, at most.
    most: usize,
    state: Mutex<State<Q, A>>,
}

struct State<Q, A> {
    waiting: Vec<(Q, oneshot::Sender<Result<A, Error>>)>,
    sending: usize,
}

impl<Q, A> Batches<Q, A>
where
    Q: std::marker::Send + 'static,
    A: std::marker::Send + 'static,
{
    /// Batches of at most `most` reads, `parallel` of them at a time, sent by tasks of `tasks`.
    pub(super) fn new(
        tasks: TaskGroup,
        parallel: usize,
        most: usize,
        send: impl Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, Error>> + std::marker::Send + Sync + 'static,
    ) -> Self {
        let state = Mutex::new(State { waiting: Vec::new(), sending: 0 });
        Self { shared: Arc::new(Shared { send: Box::new(send), parallel, most, state }), tasks }
    }

    /// The answer to one read. Dropping the future drops the read, not the request that others may be in.
    pub(super) async fn read(&self, query: Q) -> Result<A, Error> {
        let (reply, answer) = oneshot::channel();
        let starts = {
            let mut state = self.shared.state.lock();
            state.waiting.push((query, reply));
            let starts = state.sending < self.shared.parallel;
            state.sending += usize::from(starts);
            starts
        };
        if starts {
            let shared = Arc::clone(&self.shared);
            self.tasks.spawn("etcd-read", async move { shared.work().await });
        }
        answer.await.map_err(|_| Error::Unavailable("the store was closed".to_owned()))?
    }
}

impl<Q, A> Shared<Q, A> {
    /// Sends what waits until nothing does.
    async fn work(&self) {
        let mut place = Place { state: &self.state, taken: true };
        loop {
            let batch: Vec<_> = {
                let mut state = self.state.lock();
                // Nobody waits for an answer to a read that was dropped.
                state.waiting.retain(|(_, reply)| !reply.is_closed());
                let count = state.waiting.len().min(self.most);
                if count == 0 {
                    // Given up under the lock: a read that comes now finds it free.
                    state.sending -= 1;
                    place.taken = false;
                    return;
                }
                state.waiting.drain(..count).collect()
            };
            let (queries, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let answered = (self.send)(queries).await;
            match answered {
                Ok(answers) => {
                    for (reply, answer) in replies.into_iter().zip(answers) {
                        // Whoever dropped the read does not want to know.
                        let _ = reply.send(Ok(answer));
                    }
                }
                Err(failure) => {
                    for reply in replies {
                        let _ = reply.send(Err(failure.clone()));
                    }
                }
            }
        }
    }
}

/// One of the requests that may be on their way; given up however the work ends.
struct Place<'a, Q, A> {
    state: &'a Mutex<State<Q, A>>,
    taken: bool,
}

impl<Q, A> Drop for Place<'_, Q, A> {
    fn drop(&mut self) {
        if self.taken {
            self.state.lock().sending -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::FutureExt;
    use keelson_base::clock;

    use super::*;

    /// Reads whose answer is how many requests were sent when theirs was, each taking a second.
    fn counting(parallel: usize, most: usize) -> (Batches<usize, (usize, usize)>, TaskGroup) {
        let tasks = TaskGroup::new();
        let sent = Arc::new(AtomicUsize::new(0));
        let batches = Batches::new(tasks.clone(), parallel, most, move |queries: Vec<usize>| {
            let number = sent.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                clock::sleep(Duration::from_secs(1)).await;
                if queries.contains(&usize::MAX) {
                    return Err(Error::Unavailable("on purpose".to_owned()));
                }
                Ok(queries.into_iter().map(|query| (query, number)).collect())
            }
            .boxed()
        });
        (batches, tasks)
    }

    #[tokio::test(start_paused = true)]
    async fn reads_join_the_next_request_and_never_one_that_was_sent() {
        let (batches, _tasks) = counting(1, 3);
        let first = batches.read(0);
        let later = async {
            clock::sleep(Duration::from_millis(500)).await;
            futures::future::join_all((1..=4).map(|query| batches.read(query))).await
        };
        let (first, later) = tokio::join!(first, later);
        assert_eq!(first.expect("answered"), (0, 1));
        let later: Vec<_> = later.into_iter().map(|answer| answer.expect("answered")).collect();
        assert_eq!(later, [(1, 2), (2, 2), (3, 2), (4, 3)]);
        assert_eq!(batches.read(5).await.expect("answered"), (5, 4), "a lone one goes again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_reaches_all_reads_of_its_request_and_no_other() {
        let (batches, _tasks) = counting(1, 2);
        let first = batches.read(0);
        let later = async {
            clock::sleep(Duration::from_millis(500)).await;
            futures::future::join_all([1, usize::MAX, 2, 3].map(|query| batches.read(query))).await
        };
        let (first, later) = tokio::join!(first, later);
        assert!(first.is_ok());
        let failed: Vec<bool> = later.iter().map(Result::is_err).collect();
        assert_eq!(failed, [true, true, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_read_takes_nobody_with_it() {
        let (batches, tasks) = counting(1, 8);
        let mut dropped = Box::pin(batches.read(0));
        assert!(futures::poll!(&mut dropped).is_pending());
        let other = batches.read(1);
        let (answer, ()) = tokio::join!(other, async {
            clock::sleep(Duration::from_millis(10)).await;
            drop(dropped);
        });
        assert_eq!(answer.expect("answered").0, 1);
        assert_eq!(tasks.wait(Duration::from_secs(20)).await, Ok(()));
    }
}
