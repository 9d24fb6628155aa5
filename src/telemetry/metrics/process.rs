//! What the process takes, under the names that every Prometheus client uses: read from `/proc` when asked.

use std::fs;

use keelson_base::metrics::{MetricError, Registry};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};
use rustix::process::{Resource, getrlimit};

/// A family without labels.
struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    value: fn(&Facts) -> Option<f64>,
}

const FAMILIES: [Family; 9] = [
    counter("process_cpu_seconds_total", "CPU time that was spent, in seconds.", |f| Some(f.cpu_seconds)),
    gauge("process_max_fds", "File descriptors that may be open.", |f| f.max_files),
    counter("process_network_receive_bytes_total", "Bytes that came over the network.", |f| f.received),
    counter("process_network_transmit_bytes_total", "Bytes that were sent over the network.", |f| f.sent),
    gauge("process_open_fds", "File descriptors that are open.", |f| f.open_files),
    gauge("process_resident_memory_bytes", "Memory that is in RAM, in bytes.", |f| Some(f.resident)),
    gauge("process_start_time_seconds", "When the process began, in seconds since 1970.", |f| f.started),
    gauge("process_virtual_memory_bytes", "Memory that is addressed, in bytes.", |f| Some(f.virtual_memory)),
    gauge("process_virtual_memory_max_bytes", "Memory that may be addressed, in bytes.", |f| {
        Some(f.max_virtual_memory)
    }),
];

const fn counter(name: &'static str, help: &'static str, value: fn(&Facts) -> Option<f64>) -> Family {
    Family { name, help, kind: MetricType::COUNTER, value }
}

const fn gauge(name: &'static str, help: &'static str, value: fn(&Facts) -> Option<f64>) -> Family {
    Family { name, help, kind: MetricType::GAUGE, value }
}

struct Facts {
    cpu_seconds: f64,
    resident: f64,
    virtual_memory: f64,
    max_virtual_memory: f64,
    started: Option<f64>,
    open_files: Option<f64>,
    max_files: Option<f64>,
    received: Option<f64>,
    sent: Option<f64>,
}

impl Facts {
    /// Those of this process; `None` where there is no `/proc`.
    fn read() -> Option<Facts> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program may hold anything, but ends with the last parenthesis.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // Numbered as in proc(5), where the one behind the name is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        // Without a limit it is the largest number there is, as other clients say it.
        let limit = |resource| getrlimit(resource).current.map_or(u64::MAX as f64, |limit| limit as f64);
        let network = fs::read_to_string("/proc/self/net/netstat").unwrap_or_default();
        let octets = |name| octets(&network, name);
        Some(Facts {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            resident: field(24)? * rustix::param::page_size() as f64,
            virtual_memory: field(23)?,
            max_virtual_memory: limit(Resource::As),
            started: boot_time().zip(field(22)).map(|(boot, since)| boot + since / ticks),
            // Without the one that lists them.
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count().saturating_sub(1) as f64),
            max_files: Some(limit(Resource::Nofile)),
            received: octets("InOctets"),
            sent: octets("OutOctets"),
        })
    }
}

/// When the machine began, in seconds since 1970.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// A number of the network name space, from the lines `IpExt: NAMES` and `IpExt: NUMBERS`.
fn octets(netstat: &str, name: &str) -> Option<f64> {
    let mut lines = netstat.lines().filter_map(|line| line.strip_prefix("IpExt:"));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|n| n == name)?;
    numbers.split_whitespace().nth(at)?.parse().ok()
}

struct Process {
    descriptions: Vec<Desc>,
}

/// Adds the families to `registry`.
pub(super) fn register(registry: &Registry) -> Result<(), MetricError> {
    let describe = |family: &Family| {
        Desc::new(family.name.to_owned(), family.help.to_owned(), Vec::new(), Default::default())
            .map_err(|error| MetricError::Refused { name: family.name.into(), reason: error.to_string() })
    };
    let descriptions = FAMILIES.iter().map(describe).collect::<Result<_, _>>()?;
    registry.collector("process", Box::new(Process { descriptions }))
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(facts) = Facts::read() else { return Vec::new() };
        let family = |family: &Family| {
            let value = (family.value)(&facts)?;
            let mut metric = Metric::default();
            if family.kind == MetricType::COUNTER {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            } else {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            let mut shown = MetricFamily::default();
            shown.set_name(family.name.to_owned());
            shown.set_help(family.help.to_owned());
            shown.set_field_type(family.kind);
            shown.set_metric(vec![metric]);
            Some(shown)
        };
        FAMILIES.iter().filter_map(family).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_described_by_its_own_numbers() {
        let facts = Facts::read().expect("a /proc");
        let now = keelson_base::clock::unix_millis() as f64 / 1000.0;
        let started = facts.started.expect("a boot time");
        assert!(started > now - 100_000.0 && started < now + 2.0, "{started} {now}");
        assert!(facts.resident > 1e6 && facts.virtual_memory > facts.resident);
        assert!(facts.open_files.is_some_and(|open| open >= 3.0 && open < facts.max_files.unwrap_or(0.0)));
        assert!(facts.cpu_seconds >= 0.0 && facts.cpu_seconds < 100_000.0);
    }

    #[test]
    fn octets_are_found_by_their_name() {
        let netstat = "TcpExt: a b\nTcpExt: 1 2\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 17 18\n";
        assert_eq!((octets(netstat, "InOctets"), octets(netstat, "OutOctets")), (Some(17.0), Some(18.0)));
        assert_eq!((octets(netstat, "Other"), octets("", "InOctets")), (None, None));
    }
}
