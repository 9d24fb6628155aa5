//! Flags about what the API serves.

use std::time::Duration;

use super::{Errors, value};
use crate::registry::{PortRange, ServiceNetwork};

#[derive(Debug, clap::Args)]
pub(super) struct Features {
    /// Whether containers may be privileged.
    #[arg(long)]
    allow_privileged: Option<String>,
    /// How long events are kept.
    #[arg(long)]
    event_ttl: Option<String>,
    /// Where the addresses of services come from: one range, or an IPv4 and an IPv6 one parted by a comma
    /// [default: 10.0.0.0/24].
    #[arg(long)]
    service_cluster_ip_range: Vec<String>,
    /// Where the node ports of services come from, both ends included.
    #[arg(long)]
    service_node_port_range: Option<String>,
}

/// The values of the group.
pub(super) struct Values {
    pub(super) allow_privileged: bool,
    pub(super) services: ServiceNetwork,
    pub(super) event_ttl: Duration,
}

impl Features {
    pub(super) fn read(&self, errors: &mut Errors) -> Values {
        let default = ServiceNetwork::default();
        let ranges = match value::list(&self.service_cluster_ip_range) {
            given if given.is_empty() => None,
            given => Some(given.join(",")),
        };
        let parsed = ServiceNetwork::parse_cidrs;
        let cidrs = errors.value("--service-cluster-ip-range", ranges.as_ref(), parsed, default.cidrs);
        let given = self.service_node_port_range.as_ref();
        let node_ports = errors.value("--service-node-port-range", given, port_range, default.node_ports);
        let hour = Duration::from_secs(3600);
        let privileged = self.allow_privileged.as_ref();
        Values {
            allow_privileged: errors.value("--allow-privileged", privileged, value::boolean, false),
            services: ServiceNetwork { cidrs, node_ports },
            event_ttl: errors.value("--event-ttl", self.event_ttl.as_ref(), value::duration, hour),
        }
    }
}

/// `FIRST-LAST`, `FIRST+COUNT` or one port.
fn port_range(text: &str) -> Result<PortRange, String> {
    let wrong = || format!("invalid value {text:?}: not a range of ports, such as 30000-32767");
    let port = |text: &str| text.parse::<u16>().map_err(|_| wrong());
    let text = text.trim();
    let (first, last) = if let Some((first, last)) = text.split_once('-') {
        (port(first)?, port(last)?)
    } else if let Some((first, more)) = text.split_once('+') {
        let first = port(first)?;
        (first, first.checked_add(port(more)?).ok_or_else(wrong)?)
    } else {
        (port(text)?, port(text)?)
    };
    // Port 0 would stand for none.
    if first == 0 || last < first {
        return Err(wrong());
    }
    Ok(PortRange { first, last })
}
