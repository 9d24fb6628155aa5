//! How many requests are served at once: the most of the last second, as single moments say little.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keelson_base::clock::{self, Instant};
use keelson_base::metrics::{MetricError, Registry, Stability};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};

const NAME: &str = "apiserver_current_inflight_requests";
const HELP: &str = "The most requests that were served at once and counted against the limits in the last second, by \
                    kind.";

/// Requests that count against one limit. Clones share the count.
#[derive(Clone)]
pub(super) struct InFlight {
    kinds: Arc<[Kind; 2]>,
    started: Instant,
}

#[derive(Default)]
struct Kind {
    now: AtomicI64,
    /// The second of the last beginning, in the upper half, and the most at once in it, in the lower half: a later
    /// second is larger, whatever its number is.
    peak: AtomicU64,
}

impl InFlight {
    /// Counts from now on, shown by `registry`.
    pub(super) fn register(registry: &Registry) -> Result<Self, MetricError> {
        let made = InFlight { kinds: Arc::default(), started: clock::monotonic() };
        let help = format!("[{}] {HELP}", Stability::Stable.name());
        let desc = Desc::new(NAME.into(), help, vec!["request_kind".into()], Default::default());
        let refused =
            |error: prometheus::Error| MetricError::Refused { name: NAME.into(), reason: error.to_string() };
        let collector = Shown { in_flight: made.clone(), desc: desc.map_err(refused)? };
        registry.collector(NAME, Box::new(collector))?;
        Ok(made)
    }

    fn second(&self) -> u64 {
        clock::monotonic().saturating_duration_since(self.started).as_secs()
    }

    /// Counts a request, received at `received`, until the guard is dropped.
    pub(super) fn begin(&self, mutating: bool, received: Instant) -> Counted {
        let kind = &self.kinds[usize::from(mutating)];
        let now = kind.now.fetch_add(1, Ordering::Relaxed) + 1;
        let second = received.saturating_duration_since(self.started).as_secs();
        kind.peak.fetch_max(second << 32 | now.clamp(0, u32::MAX.into()) as u64, Ordering::Relaxed);
        Counted { kinds: self.kinds.clone(), mutating }
    }

    fn most(&self, mutating: bool) -> i64 {
        let kind = &self.kinds[usize::from(mutating)];
        let (peak, now) = (kind.peak.load(Ordering::Relaxed), kind.now.load(Ordering::Relaxed));
        if (peak >> 32) + 1 < self.second() {
            return now;
        }
        now.max(i64::from(peak as u32))
    }
}

/// A request that is served.
pub(crate) struct Counted {
    kinds: Arc<[Kind; 2]>,
    mutating: bool,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.kinds[usize::from(self.mutating)].now.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Shown {
    in_flight: InFlight,
    desc: Desc,
}

impl Collector for Shown {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let metrics = [("mutating", true), ("readOnly", false)].map(|(name, mutating)| {
            let (mut label, mut gauge) = (LabelPair::default(), Gauge::default());
            label.set_name("request_kind".to_owned());
            label.set_value(name.to_owned());
            gauge.set_value(self.in_flight.most(mutating) as f64);
            let mut metric = Metric::from_gauge(gauge);
            metric.set_label(vec![label]);
            metric
        });
        let mut family = MetricFamily::default();
        family.set_name(NAME.to_owned());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::GAUGE);
        family.set_metric(metrics.into());
        vec![family]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_most_of_the_last_second_is_shown() {
        let in_flight = InFlight::register(&Registry::new()).expect("new");
        let begin = || in_flight.begin(false, clock::monotonic());
        let three = [begin(), begin(), begin()];
        drop(three);
        let one = begin();
        assert_eq!((in_flight.most(false), in_flight.most(true)), (3, 0));
        clock::sleep(Duration::from_secs(2)).await;
        assert_eq!(in_flight.most(false), 1, "one is still there");
        drop(one);
        assert_eq!(in_flight.most(false), 0);
        let two = [begin(), begin()];
        drop(two);
        clock::sleep(Duration::from_millis(900)).await;
        assert_eq!(in_flight.most(false), 2);
    }
}
