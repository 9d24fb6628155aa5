//! Addresses and networks: `ip('192.168.0.1')`, `cidr('10.0.0.0/8')`.

use std::net::IpAddr;

use super::Row;
use super::extension::Extension;
use crate::meter::{Meter, Outcome};
use crate::value::{Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("ip", "string_to_ip", "(string) -> net.IP", ip),
    ("ip", "cidr_ip", "net.CIDR.() -> net.IP", network_ip),
    ("string", "ip_to_string", "(net.IP) -> string", text),
    ("string", "cidr_to_string", "(net.CIDR) -> string", text),
    ("family", "ip_family", "net.IP.() -> int", family),
    ("ip.isCanonical", "ip_is_canonical", "(string) -> bool", is_canonical),
    ("isIP", "is_ip", "(string) -> bool", is_ip),
    ("isUnspecified", "ip_is_unspecified", "net.IP.() -> bool", is_unspecified),
    ("isLoopback", "ip_is_loopback", "net.IP.() -> bool", is_loopback),
    ("isLinkLocalMulticast", "ip_is_link_local_multicast", "net.IP.() -> bool", is_link_local_multicast),
    ("isLinkLocalUnicast", "ip_is_link_local_unicast", "net.IP.() -> bool", is_link_local_unicast),
    ("isGlobalUnicast", "ip_is_global_unicast", "net.IP.() -> bool", is_global_unicast),
    ("cidr", "string_to_cidr", "(string) -> net.CIDR", cidr),
    ("isCIDR", "is_cidr", "(string) -> bool", is_cidr),
    ("containsIP", "cidr_contains_ip_string", "net.CIDR.(string) -> bool", contains_ip),
    ("containsIP", "cidr_contains_ip_ip", "net.CIDR.(net.IP) -> bool", contains_ip),
    ("containsCIDR", "cidr_contains_cidr_string", "net.CIDR.(string) -> bool", contains_cidr),
    ("containsCIDR", "cidr_contains_cidr", "net.CIDR.(net.CIDR) -> bool", contains_cidr),
    ("prefixLength", "cidr_prefix_length", "net.CIDR.() -> int", prefix_length),
    ("masked", "cidr_masked", "net.CIDR.() -> net.CIDR", masked),
];

/// A network: an address, and how many of its bits are the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

impl Cidr {
    /// Whether the first `length` bits of two addresses of one family are the same.
    fn same_network(length: u8, a: IpAddr, b: IpAddr) -> bool {
        a.is_ipv4() == b.is_ipv4() && mask(a, length) == mask(b, length)
    }
}

/// The address with only its first `length` bits.
fn mask(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let bits = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & bits).into())
        }
        IpAddr::V6(v6) => {
            let bits = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & bits).into())
        }
    }
}

/// Reads an address. Zones and IPv4 addresses that are mapped to IPv6 are none.
fn parse_ip(text: &str) -> Result<IpAddr, String> {
    if let Some((address, _)) = text.split_once('%')
        && address.parse::<std::net::Ipv6Addr>().is_ok()
    {
        return Err(format!("IP address {text:?} with zone value is not allowed"));
    }
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some() => {
            Err(format!("IPv4-mapped IPv6 address {text:?} is not allowed"))
        }
        Ok(address) => Ok(address),
        Err(_) => Err(format!(
            "IP Address {text:?} parse error during conversion from string: ParseAddr({text:?}): unable to parse IP"
        )),
    }
}

/// Reads a network.
fn parse_cidr(text: &str) -> Result<Cidr, String> {
    let wrong = |why: &str| {
        format!(
            "network address parse error during conversion from string: network address parse error during \
             conversion from string: netip.ParsePrefix({text:?}): {why}"
        )
    };
    let (address, length) = text.rsplit_once('/').ok_or_else(|| wrong("no '/'"))?;
    let parsed: IpAddr = address.parse().map_err(|_| wrong("unable to parse IP"))?;
    let most = if parsed.is_ipv4() { 32 } else { 128 };
    let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    let plain = digits && (length == "0" || !length.starts_with('0'));
    let length = length.parse().ok().filter(|_| plain).ok_or_else(|| wrong("bad bits after slash"))?;
    if length > most {
        return Err(wrong("prefix length out of range"));
    }
    if matches!(parsed, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return Err(format!(
            "network address parse error during conversion from string: IPv4-mapped IPv6 address {text:?} is not \
             allowed"
        ));
    }
    Ok(Cidr { address: parsed, length })
}

fn address(value: &Val<'_>) -> Option<IpAddr> {
    match value {
        Val::Extension(extension) => match **extension {
            Extension::Ip(address) => Some(address),
            _ => None,
        },
        _ => None,
    }
}

fn network(value: &Val<'_>) -> Option<Cidr> {
    match value {
        Val::Extension(extension) => match **extension {
            Extension::Cidr(network) => Some(network),
            _ => None,
        },
        _ => None,
    }
}

fn from_text<'a, T>(
    args: &[Val<'a>],
    parse: impl Fn(&str) -> Result<T, String>,
    make: impl Fn(T) -> Extension,
) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => parse(text).map_or_else(error, |value| Ok(Val::extension(make(value)))),
        _ => no_overload(),
    }
}

fn ip<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    from_text(args, parse_ip, Extension::Ip)
}

fn cidr<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    from_text(args, parse_cidr, Extension::Cidr)
}

fn is_ip<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => Ok(Val::Bool(parse_ip(text).is_ok())),
        _ => no_overload(),
    }
}

fn is_cidr<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => Ok(Val::Bool(parse_cidr(text).is_ok())),
        _ => no_overload(),
    }
}

fn is_canonical<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => {
            let address = parse_ip(text).or_else(error)?;
            Ok(Val::Bool(address.to_string() == **text))
        }
        _ => no_overload(),
    }
}

fn text<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Extension(extension)] => Ok(Val::from(extension.to_string())),
        _ => no_overload(),
    }
}

/// What a test says of an address.
fn test<'a>(args: &[Val<'a>], test: impl Fn(IpAddr) -> bool) -> Outcome<Val<'a>> {
    args.first().and_then(address).map_or_else(no_overload, |address| Ok(Val::Bool(test(address))))
}

fn family<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let address = args.first().and_then(address).map_or_else(no_overload, Ok)?;
    Ok(Val::Int(if address.is_ipv4() { 4 } else { 6 }))
}

fn is_unspecified<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    test(args, |address| address.is_unspecified())
}

fn is_loopback<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    test(args, |address| address.is_loopback())
}

fn link_local_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn is_link_local_multicast<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    test(args, |address| match address {
        IpAddr::V4(v4) => v4.octets()[..3] == [224, 0, 0],
        IpAddr::V6(v6) => v6.segments()[0] & 0xff0f == 0xff02,
    })
}

fn is_link_local_unicast<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    test(args, link_local_unicast)
}

fn is_global_unicast<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    test(args, |address| {
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        !broadcast
            && !address.is_unspecified()
            && !address.is_loopback()
            && !address.is_multicast()
            && !link_local_unicast(address)
    })
}

fn network_of(args: &[Val<'_>]) -> Outcome<Cidr> {
    args.first().and_then(network).map_or_else(no_overload, Ok)
}

fn network_ip<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::extension(Extension::Ip(network_of(args)?.address)))
}

fn prefix_length<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::Int(i64::from(network_of(args)?.length)))
}

fn masked<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let Cidr { address, length } = network_of(args)?;
    Ok(Val::extension(Extension::Cidr(Cidr { address: mask(address, length), length })))
}

fn contains_ip<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let network = network_of(args)?;
    let other = match args {
        [_, Val::String(text)] => parse_ip(text).or_else(error)?,
        [_, other] => address(other).map_or_else(no_overload, Ok)?,
        _ => return no_overload(),
    };
    Ok(Val::Bool(Cidr::same_network(network.length, network.address, other)))
}

fn contains_cidr<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let network = network_of(args)?;
    let other = match args {
        [_, Val::String(text)] => parse_cidr(text).or_else(error)?,
        [_, other] => self::network(other).map_or_else(no_overload, Ok)?,
        _ => return no_overload(),
    };
    let within = network.length <= other.length;
    Ok(Val::Bool(within && Cidr::same_network(network.length, network.address, other.address)))
}
