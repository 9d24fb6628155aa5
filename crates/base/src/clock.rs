//! The two clocks: wall time for what clients read, monotonic time for measuring and waiting.
//!
//! Monotonic time is tokio's, so that a test under `tokio::time::pause` moves it by hand.

use std::time::Duration;

pub use jiff::Timestamp;
pub use tokio::time::Instant;

/// The wall clock, for what is stored or shown: creation times, certificates, tokens. It may jump.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The monotonic clock, for durations and deadlines. It never goes back.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// Milliseconds since the Unix epoch; 0 for a clock set before it.
pub fn unix_millis() -> u64 {
    u64::try_from(now().as_millisecond()).unwrap_or(0)
}

/// Waits for `duration` of monotonic time. Cancel safe.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_moves_only_when_slept_on() {
        let start = monotonic();
        assert_eq!(monotonic(), start);
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(monotonic() - start, Duration::from_secs(3600));
    }

    #[test]
    fn unix_millis_is_the_wall_clock() {
        let before = now().as_millisecond();
        let millis = i64::try_from(unix_millis()).expect("before the year 292 million");
        assert!((before..=before + 60_000).contains(&millis));
    }
}
