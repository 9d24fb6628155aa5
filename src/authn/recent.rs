//! What is known of the tokens that were seen lately: bounded in number, whoever comes with how many. Reading takes
//! no lock.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

/// Parts that are written apart.
const SHARDS: usize = 16;
/// Tokens of a generation of a part; there are two generations.
const GENERATION: usize = 1024;

/// What a token is known by: a digest, so that how long a look-up takes says nothing of a token.
pub(super) type Key = [u8; 32];

/// Something that is known of tokens. No more than 32,768 of them are kept: the oldest go first, roughly.
pub(super) struct Recent<T> {
    shards: [Shard<T>; SHARDS],
}

struct Shard<T> {
    tokens: ArcSwap<Tokens<T>>,
    writing: Mutex<()>,
}

/// What was put in last, and before that.
struct Tokens<T> {
    recent: imbl::HashMap<Key, T>,
    older: imbl::HashMap<Key, T>,
}

impl<T> Default for Tokens<T> {
    fn default() -> Self {
        Tokens { recent: imbl::HashMap::new(), older: imbl::HashMap::new() }
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        let shard = || Shard { tokens: ArcSwap::default(), writing: Mutex::new(()) };
        Recent { shards: std::array::from_fn(|_| shard()) }
    }
}

impl<T: Clone> Recent<T> {
    fn shard(&self, key: &Key) -> &Shard<T> {
        &self.shards[usize::from(key[0]) % SHARDS]
    }

    /// What `read` makes of what is known of a token.
    pub(super) fn get<R>(&self, key: &Key, read: impl FnOnce(&T) -> R) -> Option<R> {
        let tokens = self.shard(key).tokens.load();
        tokens.recent.get(key).or_else(|| tokens.older.get(key)).map(read)
    }

    /// Keeps what was found out, if that holds still: nobody [forgets](Recent::clear) while `holds` is asked.
    pub(super) fn put(&self, key: Key, known: T, holds: impl FnOnce() -> bool) {
        self.change(self.shard(&key), |tokens| {
            if !holds() {
                return;
            }
            if tokens.recent.len() >= GENERATION && !tokens.recent.contains_key(&key) {
                tokens.older = std::mem::take(&mut tokens.recent);
            }
            tokens.older.remove(&key);
            tokens.recent.insert(key, known);
        });
    }

    /// Forgets a token.
    pub(super) fn remove(&self, key: &Key) {
        self.change(self.shard(key), |tokens| {
            tokens.recent.remove(key);
            tokens.older.remove(key);
        });
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.shards.iter().for_each(|shard| self.change(shard, |tokens| *tokens = Tokens::default()));
    }

    fn change(&self, shard: &Shard<T>, change: impl FnOnce(&mut Tokens<T>)) {
        let _writing = shard.writing.lock();
        let old = shard.tokens.load();
        // These share what does not change.
        let mut tokens = Tokens { recent: old.recent.clone(), older: old.older.clone() };
        change(&mut tokens);
        shard.tokens.store(Arc::new(tokens));
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_number_of_tokens_is_bounded_and_the_last_ones_stay() {
        let tokens = Recent::default();
        let keys: Vec<Key> = (0..50_000_u32).map(|n| Sha256::digest(n.to_be_bytes()).into()).collect();
        for key in &keys {
            tokens.put(*key, (), || true);
        }
        let kept = keys.iter().filter(|key| tokens.get(key, |()| ()).is_some()).count();
        assert!((SHARDS * GENERATION..=2 * SHARDS * GENERATION).contains(&kept), "{kept}");
        let last = keys[keys.len() - 1];
        assert!(tokens.get(&last, |()| ()).is_some());
        tokens.remove(&last);
        assert!(tokens.get(&last, |()| ()).is_none());
        tokens.clear();
        assert!(keys.iter().all(|key| tokens.get(key, |()| ()).is_none()));
    }

    #[test]
    fn the_last_word_counts_while_it_holds() {
        let tokens = Recent::default();
        let check = |wanted: Option<u8>| assert_eq!(tokens.get(&[1; 32], |known| *known), wanted);
        tokens.put([1; 32], 1, || true);
        tokens.put([1; 32], 2, || true);
        check(Some(2));
        tokens.put([1; 32], 3, || false);
        check(Some(2));
    }
}
