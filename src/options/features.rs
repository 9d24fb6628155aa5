//! Flags about what the API serves.

use super::{Errors, value};
use crate::server::config::Cidr;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Features")]
pub(super) struct Features {
    /// Where the addresses of services come from: one range, or an IPv4 and an IPv6 one parted by a comma
    /// [default: 10.0.0.0/24].
    #[arg(long, value_name = "CIDR,…")]
    service_cluster_ip_range: Vec<String>,
}

impl Features {
    pub(super) fn read(&self, errors: &mut Errors) -> Vec<Cidr> {
        const FLAG: &str = "--service-cluster-ip-range";
        /// No more addresses than this many bits tell apart: what is allocated is kept in one bitmap.
        const HOST_BITS: u8 = 20;
        let mut given = value::list(&self.service_cluster_ip_range);
        if given.is_empty() {
            given.push("10.0.0.0/24".to_owned());
        }
        if given.len() > 2 {
            errors.note(FLAG, "must not contain more than two entries");
        }
        let mut ranges = Vec::new();
        for text in &given {
            let Some(range) = Cidr::parse(text.trim()) else {
                errors.note(FLAG, format!("invalid value {text:?}: not a range of addresses"));
                continue;
            };
            if range.host_bits() > HOST_BITS {
                let bits = range.host_bits() + range.prefix;
                errors.note(
                    FLAG,
                    format!("{text} is too large; for {bits}-bit addresses, the mask must be >= {}", bits - HOST_BITS),
                );
            } else if range.host_bits() < 3 {
                errors.note(FLAG, format!("{text} is too small; it must hold at least 8 addresses"));
            }
            ranges.push(range);
        }
        if let [first, second] = ranges.as_slice()
            && first.network.is_ipv4() == second.network.is_ipv4()
        {
            errors.note(FLAG, "the two ranges must be of different IP families");
        }
        ranges
    }
}
