//! What watchers get: an event that all of them share, with the bytes that were made of it.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::KeyValue;

/// How many encodings of one event are kept. More representations than this are not asked for at once in
/// practice; those past it are made anew each time.
const MOST_ENCODINGS: usize = 16;

/// One key's change, shared by everybody who watches it.
#[derive(Debug)]
pub struct CacheEvent {
    /// The revision of the change: of a deletion, its own.
    pub revision: u64,
    /// The key after it; `None` where it was deleted.
    pub now: Option<KeyValue>,
    /// The key before it; `None` where it was created. Never `None` together with `now`.
    pub before: Option<KeyValue>,
    /// The bytes that were made of it.
    pub encodings: Encodings,
    /// The index's values of the states after and before it, where there is an index.
    pub(super) values: Values,
}

/// What the index says of the states after and before an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub(super) now: Option<Arc<str>>,
    pub(super) before: Option<Arc<str>>,
}

impl Values {
    /// The values, each once.
    pub(super) fn each(&self) -> impl Iterator<Item = &Arc<str>> {
        let before = self.before.as_ref().filter(|before| Some(*before) != self.now.as_ref());
        self.now.iter().chain(before)
    }
}

impl CacheEvent {
    /// A change without encodings, of a resource without an index.
    pub fn new(revision: u64, now: Option<KeyValue>, before: Option<KeyValue>) -> Self {
        Self::indexed(revision, now, before, Values::default())
    }

    pub(super) fn indexed(
        revision: u64,
        now: Option<KeyValue>,
        before: Option<KeyValue>,
        values: Values,
    ) -> Self {
        Self { revision, now, before, encodings: Encodings::default(), values }
    }

    /// The key that changed; `None` for an event that says nothing, which the cacher doesn't make.
    pub fn key(&self) -> Option<&Arc<str>> {
        self.now.as_ref().or(self.before.as_ref()).map(|state| &state.key)
    }

    /// What keeping the event costs, in bytes: itself and the state before. The state after is the current one,
    /// or that before a later event.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.before.as_ref().map_or(0, |state| state.value.len())
    }

    /// Bytes of its larger value: what an encoding of it takes, about.
    pub(super) fn encoding_weight(&self) -> usize {
        self.now.as_ref().or(self.before.as_ref()).map_or(0, |state| state.value.len())
    }
}

/// Events are alike where they say the same, whatever was made of them.
impl PartialEq for CacheEvent {
    fn eq(&self, other: &Self) -> bool {
        (self.revision, &self.now, &self.before) == (other.revision, &other.now, &other.before)
    }
}

impl Eq for CacheEvent {}

/// Names one representation of an event. Whoever makes the bytes composes the number, so that equal numbers
/// mean equal bytes for one event: media type, shape, version, and whether it is an addition, change or
/// deletion to the watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EncodingKey(pub u64);

/// The bytes that were made of one event, by representation: each is made once, however many watchers want it.
///
/// The cacher retires those of all but the newest events, so that their memory is bounded; a watcher that lags
/// so far behind has its bytes made for itself.
#[derive(Default)]
pub struct Encodings {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    retired: bool,
    made: Vec<(EncodingKey, Arc<Mutex<Option<Bytes>>>)>,
}

impl Encodings {
    /// The bytes under `key`; has them made where they are not there. Of several that want them at once one
    /// makes them and the others wait, so `make` must not block, nor ask for bytes of the same event.
    ///
    /// # Errors
    /// What `make` fails with; the next who asks tries again.
    pub fn get_or_make<E>(
        &self,
        key: EncodingKey,
        make: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let Some(cell) = self.cell(key) else { return make() };
        let mut made = cell.lock();
        if let Some(bytes) = &*made {
            return Ok(bytes.clone());
        }
        let bytes = make()?;
        *made = Some(bytes.clone());
        Ok(bytes)
    }

    /// Where the bytes under `key` are kept; `None` where they are not.
    fn cell(&self, key: EncodingKey) -> Option<Arc<Mutex<Option<Bytes>>>> {
        let mut kept = self.kept.lock();
        if let Some((_, cell)) = kept.made.iter().find(|(other, _)| *other == key) {
            return Some(Arc::clone(cell));
        }
        if kept.retired || kept.made.len() >= MOST_ENCODINGS {
            return None;
        }
        let cell = Arc::default();
        kept.made.push((key, Arc::clone(&cell)));
        Some(cell)
    }

    /// Forgets the bytes and keeps none from now on.
    pub(super) fn retire(&self) {
        *self.kept.lock() = Kept { retired: true, made: Vec::new() };
    }
}

impl std::fmt::Debug for Encodings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Encodings").field("made", &self.kept.lock().made.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn get(encodings: &Encodings, key: u64, text: &'static str) -> (Bytes, bool) {
        let mut made = false;
        let bytes = encodings.get_or_make(EncodingKey(key), || {
            made = true;
            Ok::<_, Infallible>(Bytes::from_static(text.as_bytes()))
        });
        (bytes.unwrap_or_else(|never| match never {}), made)
    }

    #[test]
    fn bytes_are_made_once_a_representation() {
        let encodings = Encodings::default();
        assert_eq!(get(&encodings, 1, "a"), (Bytes::from_static(b"a"), true));
        assert_eq!(get(&encodings, 2, "b"), (Bytes::from_static(b"b"), true));
        assert_eq!(get(&encodings, 1, "c"), (Bytes::from_static(b"a"), false));
    }

    #[test]
    fn a_failure_is_not_kept() {
        let encodings = Encodings::default();
        assert_eq!(encodings.get_or_make(EncodingKey(1), || Err("no")), Err("no"));
        assert_eq!(get(&encodings, 1, "a"), (Bytes::from_static(b"a"), true));
    }

    #[test]
    fn what_is_kept_is_bounded_and_ends_with_retirement() {
        let encodings = Encodings::default();
        for key in 0..100 {
            get(&encodings, key, "a");
        }
        assert!(!get(&encodings, 3, "a").1);
        assert!(get(&encodings, 99, "a").1, "past the bound nothing is kept");
        encodings.retire();
        assert!(get(&encodings, 3, "a").1);
        assert!(get(&encodings, 3, "a").1, "a retired event keeps nothing");
    }
}
