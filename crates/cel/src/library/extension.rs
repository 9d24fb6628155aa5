//! The values of Kubernetes' libraries: quantities, addresses, URLs, ….

use std::fmt;
use std::net::IpAddr;

use keelson_apimachinery::scalar::Quantity;

use super::authorizer::{self, Asking};
use super::named_format::Format;
use super::net::Cidr;
use super::semver::Semver;
use super::url::Url;
use crate::meter::Outcome;
use crate::value::no_overload;

/// The names of their types.
const TYPES: [&str; 6] = [
    "kubernetes.Quantity",
    "kubernetes.URL",
    "kubernetes.NamedFormat",
    "kubernetes.Semver",
    "net.IP",
    "net.CIDR",
];

/// The name of the type that is called `name`.
pub(super) fn type_named(name: &str) -> Option<&'static str> {
    TYPES.into_iter().chain(authorizer::TYPES).find(|known| *known == name)
}

/// A value of a library's type.
#[derive(Debug)]
pub(crate) enum Extension {
    Quantity(Quantity),
    Url(Url),
    Format(&'static Format),
    Semver(Semver),
    Ip(IpAddr),
    Cidr(Cidr),
    Asking(Asking),
}

impl Extension {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Extension::Quantity(_) => "kubernetes.Quantity",
            Extension::Url(_) => "kubernetes.URL",
            Extension::Format(_) => "kubernetes.NamedFormat",
            Extension::Semver(_) => "kubernetes.Semver",
            Extension::Ip(_) => "net.IP",
            Extension::Cidr(_) => "net.CIDR",
            Extension::Asking(asking) => asking.type_name(),
        }
    }

    /// The quantity that it is.
    pub(crate) fn quantity(&self) -> Option<&Quantity> {
        match self {
            Extension::Quantity(quantity) => Some(quantity),
            _ => None,
        }
    }

    /// As costs count it: the bytes of addresses, and of networks those that count.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Extension::Ip(IpAddr::V4(_)) => 4,
            Extension::Ip(IpAddr::V6(_)) => 16,
            Extension::Cidr(network) => u64::from(network.length.div_ceil(8)),
            _ => 1,
        }
    }

    /// The length that the pattern of a format is taken to have.
    pub(crate) fn pattern_size(&self) -> Option<u64> {
        match self {
            Extension::Format(format) => Some(format.pattern),
            _ => None,
        }
    }

    /// Whether two are equal; those of different types can't be asked.
    pub(crate) fn equals(&self, other: &Extension) -> Outcome<bool> {
        match (self, other) {
            (Extension::Quantity(a), Extension::Quantity(b)) => Ok(a == b),
            (Extension::Url(a), Extension::Url(b)) => Ok(a == b),
            (Extension::Format(a), Extension::Format(b)) => Ok(a.shown == b.shown),
            (Extension::Semver(a), Extension::Semver(b)) => Ok(a.order(b).is_eq()),
            (Extension::Ip(a), Extension::Ip(b)) => Ok(a == b),
            (Extension::Cidr(a), Extension::Cidr(b)) => Ok(a == b),
            _ => no_overload(),
        }
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Extension::Quantity(quantity) => write!(f, "{quantity}"),
            Extension::Url(url) => f.write_str(&url.text),
            Extension::Format(format) => f.write_str(format.shown),
            Extension::Semver(version) => write!(f, "{version}"),
            Extension::Ip(address) => write!(f, "{address}"),
            Extension::Asking(asking) => f.write_str(asking.type_name()),
            Extension::Cidr(network) => write!(f, "{}/{}", network.address, network.length),
        }
    }
}
