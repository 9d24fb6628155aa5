//! Tokens that were found good, by their SHA-256: bounded in number, whoever comes with how many.

use std::collections::HashMap;
use std::sync::Arc;

use keelson_base::clock::Instant;
use parking_lot::RwLock;
use sha2::{Digest, Sha256};

/// Parts that are locked apart.
const SHARDS: usize = 16;
/// Tokens of a generation of a part; there are two generations.
const GENERATION: usize = 1024;

/// A token's SHA-256: how long a look-up takes says nothing of a token.
pub(super) type Key = [u8; 32];

pub(super) fn key(token: &str) -> Key {
    Sha256::digest(token).into()
}

/// Something that is known of tokens since a time. No more than 32,768 of them are kept.
pub(super) struct Cache<T> {
    shards: [RwLock<Shard<T>>; SHARDS],
}

/// What was put in last, and before that.
struct Shard<T> {
    recent: HashMap<Key, (Arc<T>, Instant)>,
    older: HashMap<Key, (Arc<T>, Instant)>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        let shard = || RwLock::new(Shard { recent: HashMap::new(), older: HashMap::new() });
        Cache { shards: std::array::from_fn(|_| shard()) }
    }
}

impl<T> Cache<T> {
    fn shard(&self, key: &Key) -> &RwLock<Shard<T>> {
        &self.shards[usize::from(key[0]) % SHARDS]
    }

    /// What is known of a token, and since when.
    pub(super) fn get(&self, key: &Key) -> Option<(Arc<T>, Instant)> {
        let shard = self.shard(key).read();
        shard.recent.get(key).or_else(|| shard.older.get(key)).cloned()
    }

    /// Keeps what was found out at `at`.
    pub(super) fn put(&self, key: Key, known: Arc<T>, at: Instant) {
        let mut shard = self.shard(&key).write();
        if shard.recent.len() >= GENERATION && !shard.recent.contains_key(&key) {
            shard.older = std::mem::take(&mut shard.recent);
        }
        shard.older.remove(&key);
        shard.recent.insert(key, (known, at));
    }

    /// Forgets a token.
    pub(super) fn remove(&self, key: &Key) {
        let mut shard = self.shard(key).write();
        shard.recent.remove(key);
        shard.older.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use keelson_base::clock;

    use super::*;

    #[tokio::test]
    async fn the_number_of_tokens_is_bounded_and_the_last_ones_stay() {
        let cache = Cache::default();
        let now = clock::monotonic();
        let mut keys: Vec<Key> = (0..50_000_u32).map(|n| key(&n.to_string())).collect();
        for key in &keys {
            cache.put(*key, Arc::new(()), now);
        }
        let kept = keys.iter().filter(|key| cache.get(key).is_some()).count();
        assert!(kept <= 2 * SHARDS * GENERATION, "{kept}");
        let last = keys.pop().expect("50,000 of them");
        assert!(cache.get(&last).is_some());
        cache.remove(&last);
        assert!(cache.get(&last).is_none());
    }
}
