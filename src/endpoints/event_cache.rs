//! Encoded watch events, shared by watchers that want the same: each event is encoded once for all watchers
//! of a resource that speak one media type and shape, as long as they are about as far.
//!
//! A fixed number of slots, each taken by whichever event came last. What a slot holds is bounded, so all of
//! it is; a miss costs an encoding and nothing else.

use bytes::Bytes;
use parking_lot::Mutex;

use super::represent::Representation;
use super::served::Served;
use crate::registry::WatchEvent;

const SLOTS: usize = 128;

/// Larger events are not kept: with the stored bytes that they are told apart by, all slots hold no more than
/// twice this.
const LARGEST: usize = 64 * 1024;

/// See the module.
pub(super) struct EventCache {
    slots: Vec<Mutex<Option<Slot>>>,
}

struct Slot {
    representation: Representation,
    /// Holds on to the stored bytes, so that no others have their address.
    event: WatchEvent,
    encoded: Bytes,
}

impl Slot {
    fn is_of(&self, representation: &Representation, event: &WatchEvent) -> bool {
        let (mine, theirs) = (&self.event.object, &event.object);
        mine.revision == theirs.revision
            && self.event.kind == event.kind
            && std::ptr::eq(mine.value.as_ptr(), theirs.value.as_ptr())
            && mine.value.len() == theirs.value.len()
            && self.representation.accepted == representation.accepted
            && std::ptr::eq::<Served>(&*self.representation.served, &*representation.served)
    }
}

impl Default for EventCache {
    fn default() -> Self {
        EventCache { slots: (0..SLOTS).map(|_| Mutex::new(None)).collect() }
    }
}

impl EventCache {
    fn slot(&self, representation: &Representation, event: &WatchEvent) -> &Mutex<Option<Slot>> {
        let shape = representation.accepted.transform.map_or(0, |t| t.shape as u64 + 1);
        let form = shape * 4 + representation.accepted.media_type as u64;
        let hash = (event.object.revision.wrapping_mul(31) + form).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.slots[(hash >> 32) as usize % SLOTS]
    }

    /// The event as another watcher had it encoded.
    pub(super) fn get(&self, representation: &Representation, event: &WatchEvent) -> Option<Bytes> {
        let slot = self.slot(representation, event).lock();
        slot.as_ref().filter(|s| s.is_of(representation, event)).map(|s| s.encoded.clone())
    }

    /// Keeps an encoded event for other watchers.
    pub(super) fn put(&self, representation: &Representation, event: &WatchEvent, encoded: &Bytes) {
        if encoded.len().max(event.object.value.len()) > LARGEST {
            return;
        }
        let slot =
            Slot { representation: representation.clone(), event: event.clone(), encoded: encoded.clone() };
        *self.slot(representation, event).lock() = Some(slot);
    }
}
