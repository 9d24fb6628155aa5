//! Remembers what was found out about bearer tokens, so that a token is not judged for every request.
//!
//! Tokens are known by a keyed hash: the key is drawn when the server starts, so that nobody can make tokens that
//! fall together, and memory holds no token. The cache is bounded, whoever comes with how many tokens. Reading
//! takes no lock. Requests that come with the same unknown token wait for one judgement.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use keelson_base::clock::{self, Instant};
use keelson_base::random;
use parking_lot::Mutex;
use ring::hmac;

use super::recent::{Key, Recent};
use super::token::{Believed, TokenAuthenticator};

/// How long a judgement may take: it may be for several requests.
const JUDGED_WITHIN: Duration = Duration::from_secs(30);

/// How long a successful judgement of tokens is kept that no flag says otherwise of.
pub const KEPT_FOR: Duration = Duration::from_secs(10);

type Judgement = Result<Option<Believed>, String>;
type Flight = Shared<BoxFuture<'static, Judgement>>;
type WeakFlight = WeakShared<BoxFuture<'static, Judgement>>;

/// An authenticator whose judgements are kept for a while. See the module.
pub struct Cached<T> {
    inner: Arc<T>,
    /// Whom the server's own requests are for: what [`TokenAuthenticator::recall`] is asked about.
    api_audiences: Vec<String>,
    kept: Arc<Kept>,
    /// How long a token that is believed is kept.
    believed_for: Duration,
    /// How long one is kept that nobody knows. Errors are not kept.
    unknown_for: Duration,
}

/// What is kept.
struct Kept {
    key: hmac::Key,
    tokens: Recent<Entry>,
    /// With the number of each.
    flights: Mutex<HashMap<Key, (u64, WeakFlight)>>,
    next_flight: AtomicU64,
    /// Counts how often everything was forgotten: what was judged before that is not kept.
    epoch: AtomicU64,
}

#[derive(Clone)]
struct Entry {
    believed: Option<Believed>,
    until: Instant,
}

impl<T: TokenAuthenticator + 'static> Cached<T> {
    /// Keeps what `inner` believes for a time, and for another one what it does not know; nothing, where a time is
    /// zero.
    pub fn new(
        inner: Arc<T>,
        api_audiences: Vec<String>,
        believed_for: Duration,
        unknown_for: Duration,
    ) -> Self {
        Cached { inner, api_audiences, kept: Arc::new(Kept::new()), believed_for, unknown_for }
    }

    /// Forgets everything, and what is being judged now when it is.
    pub fn forget(&self) {
        self.kept.forget();
    }

    /// Judges the token, together with whoever else asks about it now.
    fn fly(&self, key: Key, token: &str, audiences: &[String]) -> Flight {
        let mut flights = self.kept.flights.lock();
        if let Some(flight) = flights.get(&key).and_then(|(_, flight)| flight.upgrade()) {
            return flight;
        }
        let number = self.kept.next_flight.fetch_add(1, Ordering::Relaxed);
        let landing = Landing { kept: self.kept.clone(), key, number };
        let epoch = self.kept.epoch.load(Ordering::Acquire);
        let (inner, token, audiences) = (self.inner.clone(), token.to_owned(), audiences.to_vec());
        let (believed_for, unknown_for) = (self.believed_for, self.unknown_for);
        let judge = async move {
            let judged = AssertUnwindSafe(inner.judge(&token, &audiences)).catch_unwind();
            let judgement = match tokio::time::timeout(JUDGED_WITHIN, judged).await {
                Ok(Ok(judgement)) => judgement,
                Ok(Err(_)) => Err("authentication failed unexpectedly".to_owned()),
                Err(_) => Err("context deadline exceeded".to_owned()),
            };
            if let Ok(believed) = &judgement {
                let lasts = if believed.is_some() { believed_for } else { unknown_for };
                if !lasts.is_zero() {
                    let entry = Entry { believed: believed.clone(), until: clock::monotonic() + lasts };
                    landing.kept.put(key, entry, epoch);
                }
            }
            drop(landing);
            judgement
        };
        let flight = judge.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(key, (number, weak));
        }
        flight
    }
}

/// Takes a flight from the list at its end, whether it came to one or everybody went away.
struct Landing {
    kept: Arc<Kept>,
    key: Key,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut flights = self.kept.flights.lock();
        if flights.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            flights.remove(&self.key);
        }
    }
}

impl Kept {
    fn new() -> Self {
        Kept {
            key: hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>()),
            tokens: Recent::default(),
            flights: Mutex::new(HashMap::new()),
            next_flight: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
        }
    }

    /// What a token is known by that is asked about for these audiences.
    fn key(&self, token: &str, audiences: &[String]) -> Key {
        let mut hash = hmac::Context::with_key(&self.key);
        let mut add = |text: &str| {
            hash.update(&(text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        add(token);
        audiences.iter().for_each(|audience| add(audience));
        let mut key = Key::default();
        key.copy_from_slice(hash.sign().as_ref());
        key
    }

    /// What `read` makes of what is known of a token.
    fn get<R>(&self, key: &Key, read: impl FnOnce(Option<&Believed>) -> R) -> Option<R> {
        let fresh = |entry: &Entry| (clock::monotonic() < entry.until).then(|| read(entry.believed.as_ref()));
        self.tokens.get(key, fresh).flatten()
    }

    /// Keeps what was found out, if everything was not forgotten since that epoch.
    fn put(&self, key: Key, entry: Entry, epoch: u64) {
        self.tokens.put(key, entry, || self.epoch.load(Ordering::Acquire) == epoch);
    }

    fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.tokens.clear();
        // Those who ask from now on are judged anew.
        self.flights.lock().clear();
    }
}

#[async_trait]
impl<T: TokenAuthenticator + 'static> TokenAuthenticator for Cached<T> {
    fn is_concerned(&self, token: &str) -> bool {
        self.inner.is_concerned(token)
    }

    fn recall(&self, token: &str) -> Option<Believed> {
        let key = self.kept.key(token, &self.api_audiences);
        let copy = |believed: &Believed| Believed {
            user: believed.user.clone(),
            audiences: Vec::new(),
            warning: believed.warning,
        };
        self.kept.get(&key, |believed| believed.map(copy)).flatten()
    }

    async fn judge(&self, token: &str, audiences: &[String]) -> Result<Option<Believed>, String> {
        let key = self.kept.key(token, audiences);
        if let Some(known) = self.kept.get(&key, |believed| believed.cloned()) {
            return Ok(known);
        }
        self.fly(key, token, audiences).await
    }
}

impl<T: fmt::Debug> fmt::Debug for Cached<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
