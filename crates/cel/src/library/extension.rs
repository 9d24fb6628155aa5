//! The values of Kubernetes' libraries: quantities, addresses, URLs, ….

use std::fmt;

use keelson_apimachinery::scalar::Quantity;

use crate::meter::Outcome;

/// The names of their types.
pub(crate) const TYPES: [&str; 7] = [
    "kubernetes.Quantity",
    "kubernetes.URL",
    "kubernetes.NamedFormat",
    "kubernetes.Semver",
    "net.IP",
    "net.CIDR",
    "kubernetes.authorization.Authorizer",
];

/// A value of a library's type.
#[derive(Debug)]
pub(crate) enum Extension {
    Quantity(Quantity),
}

impl Extension {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Extension::Quantity(_) => "kubernetes.Quantity",
        }
    }

    /// The quantity that it is.
    pub(crate) fn quantity(&self) -> Option<&Quantity> {
        match self {
            Extension::Quantity(quantity) => Some(quantity),
        }
    }

    /// As costs count it.
    pub(crate) fn size(&self) -> u64 {
        1
    }

    /// The length that the pattern of a format is taken to have.
    pub(crate) fn pattern_size(&self) -> Option<u64> {
        None
    }

    /// Whether two are equal; those of different types can't be asked.
    pub(crate) fn equals(&self, other: &Extension) -> Outcome<bool> {
        match (self, other) {
            (Extension::Quantity(a), Extension::Quantity(b)) => Ok(a == b),
        }
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Extension::Quantity(quantity) => write!(f, "{quantity}"),
        }
    }
}
