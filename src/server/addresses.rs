//! The addresses and names of this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::config::{Config, Serving};
use crate::registry::Cidr;

/// The name of this machine, where it is one that a certificate can hold.
pub(super) fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    (!name.is_empty() && name.chars().all(fits)).then_some(name)
}

/// The address under which others in the cluster find this server: the one that is configured, or else one
/// of this machine that is of the service range's family. `None` where it has none that others can reach.
pub(super) fn advertised(config: &Config) -> Option<IpAddr> {
    let Serving { advertise_address, bind_address, .. } = config.serving;
    if advertise_address.is_some() {
        return advertise_address;
    }
    let ipv4 = config.services.cidrs.first().is_none_or(Cidr::is_ipv4);
    if !bind_address.is_unspecified() && !bind_address.is_loopback() && bind_address.is_ipv4() == ipv4 {
        return Some(bind_address);
    }
    // Sends nothing: the kernel picks the address that packets to somewhere else would leave from. The
    // destinations are kept for documentation.
    let (any, elsewhere): (IpAddr, IpAddr) = if ipv4 {
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into())
    } else {
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into())
    };
    let outgoing = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((elsewhere, 9))?;
        socket.local_addr()
    });
    outgoing.ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

/// Where clients outside find the server, with a port: as it was configured, or at `address`.
pub(super) fn external(serving: &Serving, address: SocketAddr) -> String {
    let Some(host) = &serving.external_hostname else { return address.to_string() };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, address.port()).to_string(),
        Err(_) if host.contains(':') => host.clone(),
        Err(_) => format!("{host}:{}", address.port()),
    }
}

/// An address that this machine can connect to.
pub(super) fn reachable(bound: IpAddr) -> IpAddr {
    match bound {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        specific => specific,
    }
}
