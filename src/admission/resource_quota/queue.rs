//! Asks of one namespace wait for each other: who comes while the quotas are written is charged with the next
//! write, together with all others that came.
//!
//! Nobody works in the background: the first asker leads, charges all that wait, and lets the first of those
//! that came meanwhile lead next. A leader that goes away without a word is replaced by one that waits.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::check::{Ask, Refusal};

/// How many asks are charged at a time.
const MAX_BATCH: usize = 256;

type Verdict = Result<(), Refusal>;

struct Waiter {
    ask: Arc<Ask>,
    answer: oneshot::Sender<Verdict>,
}

#[derive(Default)]
struct Queue {
    led: bool,
    waiting: Vec<Waiter>,
}

/// The queues of all namespaces that anyone waits for.
#[derive(Default)]
pub(super) struct Queues(Mutex<HashMap<String, Queue>>);

/// What an asker does.
pub(super) enum Turn<'a> {
    /// It charges the quotas.
    Lead(Leading<'a>),
    /// It waits for who does, and joins again where no answer comes.
    Wait(oneshot::Receiver<Verdict>),
}

impl Queues {
    /// Joins the queue of a namespace.
    pub(super) fn join(&self, namespace: &str, ask: Arc<Ask>) -> Turn<'_> {
        let mut queues = self.0.lock();
        let queue = queues.entry(namespace.to_owned()).or_default();
        if queue.led {
            let (answer, receiver) = oneshot::channel();
            queue.waiting.push(Waiter { ask, answer });
            return Turn::Wait(receiver);
        }
        queue.led = true;
        let others = take(&mut queue.waiting);
        drop(queues);
        Turn::Lead(Leading { queues: self, namespace: namespace.to_owned(), own: ask, others })
    }
}

fn take(waiting: &mut Vec<Waiter>) -> Vec<Waiter> {
    let count = waiting.len().min(MAX_BATCH);
    waiting.drain(..count).collect()
}

/// The right to charge the quotas of a namespace, and the duty to answer. Dropping it lets another one lead.
pub(super) struct Leading<'a> {
    queues: &'a Queues,
    namespace: String,
    own: Arc<Ask>,
    others: Vec<Waiter>,
}

impl Leading<'_> {
    /// What is to be charged, the leader's own ask first.
    pub(super) fn batch(&self) -> Vec<Arc<Ask>> {
        std::iter::once(&self.own).chain(self.others.iter().map(|other| &other.ask)).cloned().collect()
    }

    /// Answers the others, in the order of the batch.
    pub(super) fn tell(mut self, verdicts: impl Iterator<Item = Verdict>) {
        for (waiter, verdict) in std::mem::take(&mut self.others).into_iter().zip(verdicts) {
            // Who is gone needs no answer.
            let _ = waiter.answer.send(verdict);
        }
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let mut queues = self.queues.0.lock();
        let Some(queue) = queues.get_mut(&self.namespace) else { return };
        queue.led = false;
        // The first one whose answer will never come leads next; it joins again, and takes the others with it.
        while !queue.waiting.is_empty() {
            let next = queue.waiting.remove(0);
            if !next.answer.is_closed() {
                return;
            }
        }
        queues.remove(&self.namespace);
    }
}
