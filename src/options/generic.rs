//! Generic flags: limits on requests, and how the server ends.

use std::net::IpAddr;
use std::time::Duration;

use super::{Errors, value};
use crate::server::config::Limits;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Generic")]
pub(super) struct Generic {
    /// The address under which others in the cluster find this server [default: --bind-address, or the
    /// address of the default route where that names no single one].
    #[arg(long, value_name = "IP")]
    advertise_address: Option<String>,
    /// How many requests that don't only read may be served at once; 0 for any number. Members of
    /// system:masters don't count [default: 200].
    #[arg(long, value_name = "INT")]
    max_mutating_requests_inflight: Option<String>,
    /// How many requests that only read may be served at once; 0 for any number. Watches and members of
    /// system:masters don't count [default: 400].
    #[arg(long, value_name = "INT")]
    max_requests_inflight: Option<String>,
    /// A watch that asks for no timeout ends after a random time between this many seconds and twice as many
    /// [default: 1800].
    #[arg(long, value_name = "SECONDS")]
    min_request_timeout: Option<String>,
    /// How long a request may take, unless it asks for less. Watches are not bound by it [default: 1m0s].
    #[arg(long, value_name = "DURATION")]
    request_timeout: Option<String>,
    /// How long requests are still served, with /readyz failing, after the server was asked to end
    /// [default: 0s].
    #[arg(long, value_name = "DURATION")]
    shutdown_delay_duration: Option<String>,
}

/// The values of the group.
pub(super) struct Values {
    pub(super) advertise_address: Option<IpAddr>,
    pub(super) limits: Limits,
    pub(super) shutdown_delay: Duration,
}

impl Generic {
    pub(super) fn read(&self, errors: &mut Errors) -> Values {
        let minute = Duration::from_secs(60);
        let mut most = |flag, given, default| {
            let count = errors.value(flag, given, |t| value::count(t, i32::MAX as u32), default);
            (count > 0).then_some(count)
        };
        let max_reading = most("--max-requests-inflight", self.max_requests_inflight.as_ref(), 400);
        let max_mutating =
            most("--max-mutating-requests-inflight", self.max_mutating_requests_inflight.as_ref(), 200);
        let min_watch = errors.value(
            "--min-request-timeout",
            self.min_request_timeout.as_ref(),
            |t| value::count(t, i32::MAX as u32),
            1800,
        );
        let request_timeout =
            errors.value("--request-timeout", self.request_timeout.as_ref(), some_time, minute);
        Values {
            advertise_address: errors.optional(
                "--advertise-address",
                self.advertise_address.as_ref(),
                advertised,
            ),
            limits: Limits {
                request_timeout,
                max_reading,
                max_mutating,
                min_watch: Duration::from_secs(min_watch.into()),
            },
            shutdown_delay: errors.value(
                "--shutdown-delay-duration",
                self.shutdown_delay_duration.as_ref(),
                value::duration,
                Duration::ZERO,
            ),
        }
    }
}

/// A duration above 0: without time no request can be answered.
fn some_time(text: &str) -> Result<Duration, String> {
    match value::duration(text)? {
        Duration::ZERO => Err(format!("invalid value {text:?}: must be more than 0")),
        time => Ok(time),
    }
}

fn advertised(text: &str) -> Result<IpAddr, String> {
    let address = value::address(text)?;
    if address.is_unspecified() {
        return Err(format!("invalid value {text:?}: others can't reach this address"));
    }
    Ok(address)
}
