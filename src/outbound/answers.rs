//! What peers answered, for a while.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use keelson_base::clock::{self, Instant};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Answers to questions, each for its time; where there are too many, the one goes that was used longest ago.
///
/// Questions are kept as their digests, so a long one takes no more room than a short one.
pub struct Answers<V> {
    capacity: usize,
    held: Mutex<Held<V>>,
}

type Key = [u8; 32];

struct Held<V> {
    by_question: HashMap<Key, Entry<V>>,
    /// By when they were last used.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
}

struct Entry<V> {
    answer: V,
    until: Instant,
    used: u64,
}

impl<V> std::fmt::Debug for Answers<V> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Answers").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<V: Clone> Answers<V> {
    /// None yet, and never more than `capacity`.
    pub fn new(capacity: usize) -> Self {
        let held = Held { by_question: HashMap::new(), by_use: BTreeMap::new(), uses: 0 };
        Answers { capacity, held: Mutex::new(held) }
    }

    /// The answer to this question, where it is known and its time has not run out.
    pub fn get(&self, question: &[u8]) -> Option<V> {
        let key: Key = Sha256::digest(question).into();
        let mut held = self.held.lock();
        let Held { by_question, by_use, uses } = &mut *held;
        let entry = by_question.get_mut(&key)?;
        by_use.remove(&entry.used);
        if entry.until <= clock::monotonic() {
            by_question.remove(&key);
            return None;
        }
        *uses += 1;
        entry.used = *uses;
        by_use.insert(*uses, key);
        Some(entry.answer.clone())
    }

    /// Keeps the answer to this question for this time; not at all where that is nothing.
    pub fn keep(&self, question: &[u8], answer: V, lasting: Duration) {
        if lasting.is_zero() || self.capacity == 0 {
            return;
        }
        let key: Key = Sha256::digest(question).into();
        let mut held = self.held.lock();
        let Held { by_question, by_use, uses } = &mut *held;
        *uses += 1;
        let entry = Entry { answer, until: clock::monotonic() + lasting, used: *uses };
        if let Some(old) = by_question.insert(key, entry) {
            by_use.remove(&old.used);
        }
        by_use.insert(*uses, key);
        while by_question.len() > self.capacity {
            let Some((_, oldest)) = by_use.pop_first() else { break };
            by_question.remove(&oldest);
        }
    }

    #[cfg(test)]
    fn len(&self) -> (usize, usize) {
        let held = self.held.lock();
        (held.by_question.len(), held.by_use.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_last_for_their_time() {
        let answers = Answers::new(10);
        answers.keep(b"a", 1, Duration::from_secs(10));
        answers.keep(b"b", 2, Duration::ZERO);
        assert_eq!((answers.get(b"a"), answers.get(b"b")), (Some(1), None));
        clock::sleep(Duration::from_secs(9)).await;
        assert_eq!(answers.get(b"a"), Some(1), "its use does not prolong it");
        clock::sleep(Duration::from_secs(1)).await;
        assert_eq!((answers.get(b"a"), answers.len()), (None, (0, 0)));
    }

    #[test]
    fn the_one_used_longest_ago_goes() {
        let answers = Answers::new(2);
        let keep = |question: &[u8], answer| answers.keep(question, answer, Duration::from_secs(10));
        keep(b"a", 1);
        keep(b"b", 2);
        assert_eq!(answers.get(b"a"), Some(1));
        keep(b"c", 3);
        assert_eq!((answers.get(b"a"), answers.get(b"b"), answers.get(b"c")), (Some(1), None, Some(3)));
        keep(b"c", 4);
        assert_eq!((answers.get(b"c"), answers.len()), (Some(4), (2, 2)));
    }
}
