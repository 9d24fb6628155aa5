//! The ranges that services draw addresses and ports from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The ranges of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceNetwork {
    /// One range, or one of each family; the first one's family is the default (`--service-cluster-ip-range`).
    pub cidrs: Vec<Cidr>,
    /// The node ports (`--service-node-port-range`).
    pub node_ports: PortRange,
}

impl Default for ServiceNetwork {
    /// `10.0.0.0/24` and `30000-32767`, as kube-apiserver has them.
    fn default() -> Self {
        let base = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0));
        ServiceNetwork { cidrs: vec![Cidr { base, bits: 24 }], node_ports: PortRange::default() }
    }
}

impl ServiceNetwork {
    /// Reads `--service-cluster-ip-range`: one CIDR, or two of different families with a comma between.
    ///
    /// # Errors
    /// Anything else, with a text that names it.
    pub fn parse_cidrs(text: &str) -> Result<Vec<Cidr>, String> {
        let cidrs = text.split(',').map(|cidr| Cidr::parse(cidr.trim())).collect::<Result<Vec<_>, _>>()?;
        match cidrs.as_slice() {
            [_] => Ok(cidrs),
            [a, b] if a.is_ipv4() != b.is_ipv4() => Ok(cidrs),
            [_, _] => Err(format!("{text:?}: two service ranges must be of different families")),
            _ => Err(format!("{text:?}: one service range, or one of each family, is expected")),
        }
    }

    /// The range of a family, such as `IPv4`.
    pub fn of_family(&self, family: &str) -> Option<&Cidr> {
        self.cidrs.iter().find(|cidr| cidr.family() == family)
    }

    /// The address of the service `kubernetes`: the first of the first range.
    pub fn kubernetes_address(&self) -> Option<IpAddr> {
        self.cidrs.first().map(Cidr::first)
    }
}

/// A range of addresses, such as `10.0.0.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// The network's address.
    base: IpAddr,
    /// How many leading bits all addresses share.
    bits: u8,
}

impl Cidr {
    /// Reads a range that has room for services: at least eight addresses, and no more than 64 bits of them.
    ///
    /// # Errors
    /// Anything else, with a text that names it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no CIDR such as 10.96.0.0/12");
        let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits: u8 = bits.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        if bits > width {
            return Err(wrong());
        }
        if !(3..=64).contains(&(width - bits)) {
            return Err(format!("{text:?}: a service range has between 8 and 2^64 addresses"));
        }
        let host_mask = (1u128 << (width - bits)) - 1;
        Ok(Cidr { base: from_number(to_number(address) & !host_mask, address.is_ipv4()), bits })
    }

    /// Whether its addresses are IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.base.is_ipv4()
    }

    /// `IPv4` or `IPv6`.
    pub fn family(&self) -> &'static str {
        family(self.base)
    }

    /// The first address that a service can have: the one after the network's own.
    pub fn first(&self) -> IpAddr {
        self.address(0)
    }

    /// Whether a service can have this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let first = to_number(self.first());
        address.is_ipv4() == self.is_ipv4()
            && (first..first + u128::from(self.size())).contains(&to_number(address))
    }

    /// How many addresses services can have: all but the network's own and, for IPv4, the broadcast address.
    pub fn size(&self) -> u64 {
        let width = if self.is_ipv4() { 32 } else { 128 };
        let all = 1u128 << (width - self.bits);
        let size = all - if self.is_ipv4() { 2 } else { 1 };
        u64::try_from(size).unwrap_or(u64::MAX)
    }

    /// The `i`th address that a service can have.
    pub fn address(&self, i: u64) -> IpAddr {
        from_number(to_number(self.base) + 1 + u128::from(i), self.is_ipv4())
    }

    /// How many of the first addresses are kept for those who ask for a certain one, as long as others are
    /// left.
    ///
    /// Source: KEP-3070.
    pub fn reserved(&self) -> u64 {
        let width = if self.is_ipv4() { 32 } else { 128 };
        let all = u64::try_from(1u128 << (width - self.bits)).unwrap_or(u64::MAX);
        if all < 16 { 0 } else { (all / 16).clamp(16, 256).min(self.size().saturating_sub(1)) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

/// `IPv4` or `IPv6`.
pub(super) fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

fn to_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn from_number(number: u128, ipv4: bool) -> IpAddr {
    if ipv4 {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)))
    } else {
        IpAddr::V6(Ipv6Addr::from(number))
    }
}

/// A range of ports, such as `30000-32767`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port, not below the first.
    pub last: u16,
}

impl Default for PortRange {
    /// `30000-32767`.
    fn default() -> Self {
        PortRange { first: 30000, last: 32767 }
    }
}

impl PortRange {
    /// Whether a port is in it.
    pub fn contains(self, port: i64) -> bool {
        (i64::from(self.first)..=i64::from(self.last)).contains(&port)
    }

    /// How many ports it has.
    pub fn size(self) -> usize {
        usize::from(self.last.saturating_sub(self.first)) + 1
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_leave_out_network_and_broadcast_addresses() {
        let check = |text: &str, first: &str, last: &str, size: u64, reserved: u64| {
            let cidr = Cidr::parse(text).unwrap();
            assert_eq!(cidr.first().to_string(), first, "{text}");
            assert_eq!(cidr.address(cidr.size() - 1).to_string(), last, "{text}");
            assert_eq!((cidr.size(), cidr.reserved()), (size, reserved), "{text}");
            assert!(cidr.contains(cidr.first()) && cidr.contains(cidr.address(size - 1)), "{text}");
            assert!(!cidr.contains(cidr.base) && !cidr.contains(cidr.address(size)), "{text}");
        };
        check("10.0.0.0/24", "10.0.0.1", "10.0.0.254", 254, 16);
        check("10.96.3.4/12", "10.96.0.1", "10.111.255.254", (1 << 20) - 2, 256);
        check("10.0.0.8/29", "10.0.0.9", "10.0.0.14", 6, 0);
        check("fd00::/112", "fd00::1", "fd00::ffff", 65535, 256);
    }

    #[test]
    fn bad_ranges_are_refused() {
        for text in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/30", "fd00::/48", "x/8"] {
            assert!(Cidr::parse(text).is_err(), "{text}");
        }
        for text in ["10.0.0.0/24,10.1.0.0/24", "10.0.0.0/24,fd00::/112,fd01::/112", ""] {
            assert!(ServiceNetwork::parse_cidrs(text).is_err(), "{text}");
        }
        assert_eq!(ServiceNetwork::parse_cidrs("fd00::/112,10.0.0.0/24").unwrap().len(), 2);
    }
}
