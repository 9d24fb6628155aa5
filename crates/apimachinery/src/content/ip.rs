//! IP addresses and CIDRs as API fields have them.
//!
//! Fields that are older than strict parsing take any form that [`parse_sloppy`] reads but leading zeros and
//! IPv4-mapped IPv6 addresses; forms that aren't canonical bring warnings. Newer fields take the canonical form
//! alone.
//!
//! Source: KEP-4858 (strict validation of addresses), `util/validation` of apimachinery.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::field::quote;

const NO_IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NO_CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// Reads an address as Go once did: decimal and hexadecimal numbers may have leading zeros. IPv4-mapped
/// addresses stay IPv6.
pub fn parse_sloppy(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    without_leading_zeros(text)?.parse().ok()
}

/// The text without zeros in front of its numbers; `None` where it has none.
fn without_leading_zeros(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find([':', '.']).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let kept = number.trim_start_matches('0');
        if kept.is_empty() && !number.is_empty() {
            out.push('0');
        }
        out.push_str(kept);
        let separator = tail.len().min(1);
        out.push_str(&tail[..separator]);
        rest = &tail[separator..];
    }
    (out != text).then_some(out)
}

/// The address as Go writes it: IPv4-mapped ones as IPv4.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Whether a text that is an address is an IPv6 one; IPv4-mapped addresses are not.
pub fn is_ipv6(text: &str) -> bool {
    parse_sloppy(text).is_some_and(|address| canonical(address).is_ipv6())
}

/// Whether a text is an IPv4 address, maybe mapped into IPv6.
pub fn is_ipv4(text: &str) -> bool {
    parse_sloppy(text).is_some_and(|address| canonical(address).is_ipv4())
}

/// What is wrong with the address in a field that takes any form of valid addresses.
pub fn legacy_ip(text: &str) -> Option<&'static str> {
    match text.parse::<IpAddr>() {
        Ok(address) => mapped(address).then_some("must not be an IPv4-mapped IPv6 address"),
        Err(_) if parse_sloppy(text).is_some() => Some("must not have leading 0s"),
        Err(_) => Some(NO_IP),
    }
}

/// What is wrong with the address in a field that takes the canonical form alone.
pub fn strict_ip(text: &str) -> Option<String> {
    if let Some(wrong) = legacy_ip(text) {
        return Some(wrong.to_owned());
    }
    let address = text.parse::<IpAddr>().ok()?;
    not_canonical(text, &address.to_string())
}

fn not_canonical(text: &str, canonical: &str) -> Option<String> {
    (text != canonical).then(|| format!("must be in canonical form ({})", quote(canonical)))
}

fn mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

/// What users should know about an address that [`legacy_ip`] lets pass, or that was there before.
pub fn ip_warning(text: &str) -> Option<String> {
    let sloppy = parse_sloppy(text)?;
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if !mapped(IpAddr::V6(address)) => {
            let canonical = address.to_string();
            (canonical != text).then(|| {
                let (text, canonical) = (quote(text), quote(&canonical));
                format!("IPv6 address {text} should be in RFC 5952 canonical format ({canonical})")
            })
        }
        Ok(IpAddr::V4(_)) => None,
        _ => {
            let (text, better) = (quote(text), quote(&canonical(sloppy).to_string()));
            Some(format!("non-standard IP address {text} is invalid: use {better}"))
        }
    }
}

/// What is wrong with an address that traffic shall be sent to (endpoints, external IPs).
pub fn endpoint_ip(text: &str) -> Vec<String> {
    let Some(address) = parse_sloppy(text) else { return vec!["must be a valid IP address".to_owned()] };
    let address = canonical(address);
    let mut wrong = Vec::new();
    if address.is_unspecified() {
        wrong.push(format!("may not be unspecified ({text})"));
    }
    if address.is_loopback() {
        wrong.push("may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned());
    }
    let (unicast, multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.segments()[0] & 0xffc0 == 0xfe80, v6.segments()[0] & 0xff0f == 0xff02),
    };
    if unicast {
        wrong.push("may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned());
    }
    if multicast {
        wrong.push("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned());
    }
    wrong
}

/// An address with the number of bits that its network has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// The address as it stands, with the bits behind the network's.
    pub address: IpAddr,
    /// How many leading bits are the network's.
    pub bits: u8,
}

impl Cidr {
    /// Reads a CIDR as Go once did, with leading zeros.
    pub fn parse_sloppy(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address = parse_sloppy(address)?;
        if bits.is_empty() || !bits.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        let bits = bits.parse::<u32>().ok().filter(|bits| *bits <= width(address))?;
        Some(Cidr { address, bits: u8::try_from(bits).ok()? })
    }

    /// The network's own address.
    pub fn network(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
            }
        }
    }

    /// Whether it is IPv6; IPv4-mapped networks are not.
    pub fn is_ipv6(&self) -> bool {
        canonical(self.network()).is_ipv6()
    }

    /// The network as Go writes it: `10.9.8.0/24`.
    pub fn network_text(&self) -> String {
        let network = self.network();
        let bits = if mapped(network) && self.bits >= 96 { self.bits - 96 } else { self.bits };
        format!("{}/{bits}", canonical(network))
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether the number of bits is written without leading zeros, and the address as the standard has it.
fn is_plain(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        address.parse::<IpAddr>().is_ok() && (bits == "0" || !bits.starts_with('0'))
    })
}

/// What is wrong with the CIDR in a field that takes any form of valid ones.
pub fn legacy_cidr(text: &str) -> Option<&'static str> {
    let Some(cidr) = Cidr::parse_sloppy(text) else { return Some(NO_CIDR) };
    if !is_plain(text) {
        Some("must not have leading 0s in IP or prefix length")
    } else if mapped(cidr.address) {
        Some("must not have an IPv4-mapped IPv6 address")
    } else if cidr.network() != cidr.address {
        Some("must not have bits set beyond the prefix length")
    } else {
        None
    }
}

/// What is wrong with the CIDR in a field that takes the canonical form alone.
pub fn strict_cidr(text: &str) -> Option<String> {
    if let Some(wrong) = legacy_cidr(text) {
        return Some(wrong.to_owned());
    }
    not_canonical(text, &Cidr::parse_sloppy(text)?.network_text())
}

/// What users should know about a CIDR that [`legacy_cidr`] lets pass, or that was there before.
pub fn cidr_warnings(text: &str) -> Vec<String> {
    let Some(cidr) = Cidr::parse_sloppy(text) else { return Vec::new() };
    let mut warnings = Vec::new();
    if cidr.network() != cidr.address {
        let (network, single) = (quote(&cidr.network_text()), canonical(cidr.address));
        let single = quote(&format!("{single}/{}", width(cidr.address)));
        let text = quote(text);
        warnings.push(format!(
            "CIDR value {text} is ambiguous in this context (should be {network} or {single}?)"
        ));
    }
    if !is_plain(text) || mapped(cidr.address) {
        let (text, better) = (quote(text), quote(&cidr.network_text()));
        warnings.push(format!("non-standard CIDR value {text} is invalid: use {better}"));
    } else if warnings.is_empty() && cidr.address.is_ipv6() {
        let canonical = format!("{}/{}", cidr.address, cidr.bits);
        if canonical != text {
            let (text, canonical) = (quote(text), quote(&canonical));
            warnings
                .push(format!("IPv6 CIDR value {text} should be in RFC 5952 canonical format ({canonical})"));
        }
    }
    warnings
}

/// What is wrong with an address that is written with its network's bits: `10.9.8.7/24`, canonical.
pub fn interface_address(text: &str) -> Option<String> {
    let Some(cidr) = Cidr::parse_sloppy(text) else {
        return Some("must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)".to_owned());
    };
    let bits = if mapped(cidr.address) && cidr.bits > 32 { cidr.bits.saturating_sub(96) } else { cidr.bits };
    not_canonical(text, &format!("{}/{bits}", canonical(cidr.address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_refused_with_upstreams_texts() {
        let check = |text: &str, legacy: &str, strict: &str, warning: &str| {
            assert_eq!(legacy_ip(text).unwrap_or(""), legacy, "{text}");
            assert_eq!(strict_ip(text).unwrap_or_default(), strict, "{text}");
            assert_eq!(ip_warning(text).unwrap_or_default(), warning, "{text}");
        };
        check("10.9.8.7", "", "", "");
        check("2001:db8::ffff", "", "", "");
        check("x", NO_IP, NO_IP, "");
        check("fe80::1%eth0", NO_IP, NO_IP, "");
        check(
            "FE80:0:0::0abc",
            "",
            "must be in canonical form (\"fe80::abc\")",
            "IPv6 address \"FE80:0:0::0abc\" should be in RFC 5952 canonical format (\"fe80::abc\")",
        );
        let zeros = "must not have leading 0s";
        check(
            "010.002.0.00",
            zeros,
            zeros,
            "non-standard IP address \"010.002.0.00\" is invalid: use \"10.2.0.0\"",
        );
        let mapped = "must not be an IPv4-mapped IPv6 address";
        check(
            "::ffff:1.2.3.4",
            mapped,
            mapped,
            "non-standard IP address \"::ffff:1.2.3.4\" is invalid: use \"1.2.3.4\"",
        );
        check(
            "::ffff:01.2.3.4",
            zeros,
            zeros,
            "non-standard IP address \"::ffff:01.2.3.4\" is invalid: use \"1.2.3.4\"",
        );
    }

    #[test]
    fn networks_are_refused_with_upstreams_texts() {
        let check = |text: &str, legacy: &str, strict: &str, warnings: &[&str]| {
            assert_eq!(legacy_cidr(text).unwrap_or(""), legacy, "{text}");
            assert_eq!(strict_cidr(text).unwrap_or_default(), strict, "{text}");
            assert_eq!(cidr_warnings(text), warnings, "{text}");
        };
        check("10.9.8.0/24", "", "", &[]);
        check("0.0.0.0/0", "", "", &[]);
        check("2001:db8::/64", "", "", &[]);
        check("10.9.8.0", NO_CIDR, NO_CIDR, &[]);
        check("10.9.8.0/33", NO_CIDR, NO_CIDR, &[]);
        check("10.9.8.0/+8", NO_CIDR, NO_CIDR, &[]);
        let bits = "must not have bits set beyond the prefix length";
        check(
            "10.9.8.7/24",
            bits,
            bits,
            &[
                "CIDR value \"10.9.8.7/24\" is ambiguous in this context (should be \"10.9.8.0/24\" or \"10.9.8.7/32\"?)",
            ],
        );
        let zeros = "must not have leading 0s in IP or prefix length";
        check(
            "010.0.0.0/08",
            zeros,
            zeros,
            &["non-standard CIDR value \"010.0.0.0/08\" is invalid: use \"10.0.0.0/8\""],
        );
        let mapped = "must not have an IPv4-mapped IPv6 address";
        check(
            "::ffff:10.0.0.0/104",
            mapped,
            mapped,
            &["non-standard CIDR value \"::ffff:10.0.0.0/104\" is invalid: use \"10.0.0.0/8\""],
        );
        check(
            "FD00:0::/8",
            "",
            "must be in canonical form (\"fd00::/8\")",
            &["IPv6 CIDR value \"FD00:0::/8\" should be in RFC 5952 canonical format (\"fd00::/8\")"],
        );
    }

    #[test]
    fn endpoints_have_addresses_that_others_reach() {
        let check = |text: &str, expected: &[&str]| assert_eq!(endpoint_ip(text), expected, "{text}");
        check("10.9.8.7", &[]);
        check("239.1.1.1", &[]);
        check("bad", &["must be a valid IP address"]);
        check("0.0.0.0", &["may not be unspecified (0.0.0.0)"]);
        check("127.1.2.3", &["may not be in the loopback range (127.0.0.0/8, ::1/128)"]);
        check("::ffff:127.0.0.1", &["may not be in the loopback range (127.0.0.0/8, ::1/128)"]);
        check("fe80::1", &["may not be in the link-local range (169.254.0.0/16, fe80::/10)"]);
        check("ff02::1", &["may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"]);
    }

    #[test]
    fn interface_addresses_are_canonical() {
        assert_eq!(interface_address("10.9.8.7/24"), None);
        assert_eq!(
            interface_address("2001:DB8::1/64").unwrap(),
            "must be in canonical form (\"2001:db8::1/64\")"
        );
        assert!(interface_address("10.9.8.7").unwrap().starts_with("must be a valid address in CIDR form"));
    }
}
