//! Generic flags: limits on requests, and how the server ends.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderValue;
use regex::Regex;

use super::{Errors, value};
use crate::server::config::{Ending, Health, Http, Limits};

#[derive(Debug, clap::Args)]
pub(super) struct Generic {
    /// The address under which others in the cluster find this server [default: --bind-address, or the
    /// address of the default route where that names no single one].
    #[arg(long)]
    advertise_address: Option<String>,
    /// Share what the server can do between those who ask. Not supported yet: whatever is said here,
    /// --max-requests-inflight and --max-mutating-requests-inflight alone bound requests.
    #[arg(long)]
    enable_priority_and_fairness: Option<String>,
    /// The origins whose pages may use the API from a browser (CORS), regular expressions parted by commas. Each has
    /// to hold on to the start and the end of the host: with ^ or //, and with $ or :, as ^https://example\.com(:|$)
    /// does.
    #[arg(long)]
    cors_allowed_origins: Vec<String>,
    /// The host, maybe with a port, that URLs of this server name which are meant for outside (discovery, keys of
    /// OpenID) [default: --advertise-address].
    #[arg(long)]
    external_hostname: Option<String>,
    /// With how many of its requests a connection over HTTP/2 ends, so that its client may be led to another server;
    /// from 0 to 0.02. Not for single servers.
    #[arg(long)]
    goaway_chance: Option<String>,
    /// For how long after its start /livez takes what is left to be done then (its post-start hooks) as done.
    #[arg(long)]
    livez_grace_period: Option<String>,
    /// How many requests that don't only read may be served at once; 0 for any number. Members of system:masters
    /// count, but are never refused.
    #[arg(long)]
    max_mutating_requests_inflight: Option<String>,
    /// How many requests that only read may be served at once; 0 for any number. Watches don't count, and members of
    /// system:masters are never refused.
    #[arg(long)]
    max_requests_inflight: Option<String>,
    /// A watch that asks for no timeout ends after a random time between this many seconds and twice as many.
    #[arg(long)]
    min_request_timeout: Option<String>,
    /// Serve profiles of the process at /debug/pprof. Keelson has none, whatever is said here.
    #[arg(long)]
    profiling: Option<String>,
    /// How long a request may take, unless it asks for less. Watches are not bound by it.
    #[arg(long)]
    request_timeout: Option<String>,
    /// Whether requests are answered with 503 and Retry-After until the server was ready once; those for its health
    /// and its metrics are not.
    #[arg(long)]
    send_retry_after_while_not_ready_once: Option<String>,
    /// How long requests are still served, with /readyz failing, after the server was asked to end.
    #[arg(long)]
    shutdown_delay_duration: Option<String>,
    /// Whether new requests are answered with 429 and Retry-After while those that were begun are finished, at the
    /// server's end. Otherwise nobody listens any more then.
    #[arg(long)]
    shutdown_send_retry_after: Option<String>,
    /// Over how long watches are ended, a few at a time, from when the server takes no more requests; 0 for all
    /// together, when all other requests are finished.
    #[arg(long)]
    shutdown_watch_termination_grace_period: Option<String>,
    /// For how long at most the server counts as not ready while its watch caches get their objects.
    #[arg(long)]
    storage_initialization_timeout: Option<String>,
    /// What browsers are told of HTTPS (HSTS), parted by commas: max-age=SECONDS, includeSubDomains, preload.
    #[arg(long)]
    strict_transport_security_directives: Vec<String>,
}

/// The values of the group.
pub(super) struct Values {
    pub(super) advertise_address: Option<IpAddr>,
    pub(super) limits: Limits,
    pub(super) http: Http,
    pub(super) shutdown_delay: Duration,
    pub(super) ending: Ending,
    pub(super) external_hostname: Option<String>,
    pub(super) health: Health,
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
        if self.profiling.is_some()
            && errors.value("--profiling", self.profiling.as_ref(), value::boolean, true)
        {
            errors.remark("--profiling=true: there are no profiles of Go's runtime to serve".to_owned());
        }
        let fair = self.enable_priority_and_fairness.as_ref();
        if fair.is_some() && errors.value("--enable-priority-and-fairness", fair, value::boolean, true) {
            let bounds = "--max-requests-inflight and --max-mutating-requests-inflight";
            errors.remark(format!(
                "--enable-priority-and-fairness=true: not supported yet: {bounds} bound requests"
            ));
        }
        Values {
            health: self.health(errors),
            http: self.http(errors),
            ending: Ending {
                send_retry_after: errors.value(
                    "--shutdown-send-retry-after",
                    self.shutdown_send_retry_after.as_ref(),
                    value::boolean,
                    false,
                ),
                watch_grace: errors.value(
                    "--shutdown-watch-termination-grace-period",
                    self.shutdown_watch_termination_grace_period.as_ref(),
                    value::duration,
                    Duration::ZERO,
                ),
            },
            external_hostname: errors.optional(
                "--external-hostname",
                self.external_hostname.as_ref(),
                external_hostname,
            ),
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

impl Generic {
    fn health(&self, errors: &mut Errors) -> Health {
        let defaults = Health::default();
        Health {
            livez_grace: errors.value(
                "--livez-grace-period",
                self.livez_grace_period.as_ref(),
                value::duration,
                defaults.livez_grace,
            ),
            storage_initialization: errors.value(
                "--storage-initialization-timeout",
                self.storage_initialization_timeout.as_ref(),
                value::duration,
                defaults.storage_initialization,
            ),
            refuse_until_ready: errors.value(
                "--send-retry-after-while-not-ready-once",
                self.send_retry_after_while_not_ready_once.as_ref(),
                value::boolean,
                defaults.refuse_until_ready,
            ),
            ..defaults
        }
    }

    fn http(&self, errors: &mut Errors) -> Http {
        let mut allowed_origins = Vec::new();
        for pattern in &self.cors_allowed_origins {
            // A flag without a value is no empty pattern.
            for pattern in value::fields(pattern).iter().filter(|_| !pattern.is_empty()) {
                allowed_origins.extend(errors.take("--cors-allowed-origins", origin(pattern)));
            }
        }
        let directives = value::list(&self.strict_transport_security_directives);
        let well = directives.iter().all(|directive| {
            let checked = hsts_directive(directive);
            errors.take("--strict-transport-security-directives", checked).is_some()
        });
        let strict_transport_security = (well && !directives.is_empty())
            .then(|| HeaderValue::try_from(directives.join("; ")).map_err(|e| e.to_string()))
            .and_then(|value| errors.take("--strict-transport-security-directives", value));
        Http {
            strict_transport_security,
            goaway_chance: errors.value("--goaway-chance", self.goaway_chance.as_ref(), goaway_chance, 0.0),
            allowed_origins,
        }
    }
}

/// A host, maybe with a port, that may stand in a URL.
fn external_hostname(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_err() && text.parse::<http::uri::Authority>().is_err() {
        return Err(format!("invalid value {text:?}: neither a host nor one with a port"));
    }
    Ok(text.to_owned())
}

fn goaway_chance(text: &str) -> Result<f64, String> {
    let chance: f64 = text.parse().map_err(|_| format!("invalid value {text:?}: not a number"))?;
    let allowed = (0.0..=0.02).contains(&chance);
    allowed.then_some(chance).ok_or_else(|| "can not be less than 0 or greater than 0.02".to_owned())
}

/// A pattern that can't match in the middle of a host (CVE-2022-1996).
fn origin(pattern: &str) -> Result<Regex, String> {
    const HOW: &str = "hold on to the start of the host with ^ or //, and to its end with $ or :";
    if pattern.is_empty() {
        return Err(format!("empty value: {HOW}"));
    }
    let regex = Regex::new(pattern).map_err(|error| {
        // The parser draws where the fault is, over several lines.
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("has an invalid regular expression {pattern:?}: {reason}")
    })?;
    let start = pattern.contains('^') || pattern.contains("//");
    let end = pattern.contains(['$', ':']);
    if start && end {
        return Ok(regex);
    }
    Err(format!(
        "has an invalid regular expression: regular expression does not pin to start/end of host in the origin \
         header: {HOW}"
    ))
}

fn hsts_directive(directive: &str) -> Result<(), String> {
    if directive.trim().is_empty() {
        return Err("empty value in strict-transport-security-directives".to_owned());
    }
    let parts: Vec<&str> = directive.split('=').collect();
    if matches!(directive, "includeSubDomains" | "preload") || matches!(parts[..], ["max-age", _]) {
        return Ok(());
    }
    let allowed = "allowed values: max-age=expireTime, includeSubDomains, preload";
    Err(format!(
        "invalid, {allowed}. see https://tools.ietf.org/html/rfc6797#section-6.1 for more information"
    ))
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
