//! What a certificate says of its owner.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};
use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{OID_X509_COMMON_NAME, OID_X509_ORGANIZATION_NAME};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::authn::CREDENTIAL_ID;
use crate::request::UserInfo;

/// The attribute of a subject that is the user's uid.
const UID: &str = "1.3.6.1.4.1.57683.2";

/// What a certificate says of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The last of its common names; empty where there is none.
    pub common_name: String,
    /// Its organizations, in their order.
    pub organizations: Vec<String>,
    /// Its uids; `None` stands for one that is no text.
    pub uids: Vec<Option<String>>,
    /// How logs name the certificate: by its serial number, and the identifiers of its key and its authority's.
    pub identifier: String,
    /// The SHA-256 of the whole certificate, in hexadecimal digits.
    pub fingerprint: String,
    /// The last second of its validity, since 1970.
    pub not_after: i64,
}

impl Subject {
    /// Reads a certificate. Nothing of it is verified.
    ///
    /// # Errors
    /// Where it is none, or its names are no text. For the log.
    pub fn parse(der: &[u8]) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|e| format!("x509: {e}"))?;
        let (mut common_name, mut organizations, mut uids) = (String::new(), Vec::new(), Vec::new());
        for attribute in parsed.subject().iter_attributes() {
            let kind = attribute.attr_type();
            let value = text(attribute.attr_value());
            let named = || value.clone().ok_or("x509: invalid RDNSequence: a name is no text");
            if *kind == OID_X509_COMMON_NAME {
                common_name = named()?;
            } else if *kind == OID_X509_ORGANIZATION_NAME {
                organizations.push(named()?);
            } else if kind.to_id_string() == UID {
                uids.push(value);
            }
        }
        let (mut of_key, mut of_authority) = (&[][..], &[][..]);
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => of_key = id.0,
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    of_authority = id.key_identifier.as_ref().map_or(&[][..], |id| id.0);
                }
                _ => {}
            }
        }
        let serial = &parsed.tbs_certificate.serial;
        let identifier = format!("SN={serial}, SKID={}, AKID={}", pairs(of_key), pairs(of_authority));
        let mut fingerprint = String::with_capacity(64);
        for byte in Sha256::digest(der) {
            let _ = write!(fingerprint, "{byte:02x}");
        }
        let not_after = parsed.validity().not_after.timestamp();
        Ok(Subject { common_name, organizations, uids, identifier, fingerprint, not_after })
    }

    /// The user that the subject names; `None` where it has no common name.
    ///
    /// # Errors
    /// Where there is no telling the uid.
    pub fn user(&self) -> Result<Option<UserInfo>, String> {
        if self.common_name.is_empty() {
            return Ok(None);
        }
        let uids: Option<Vec<&str>> = self.uids.iter().map(Option::as_deref).collect();
        let uid = match uids.ok_or("unable to parse UID into a string")?.as_slice() {
            [] => "",
            [""] => return Err("UID cannot be an empty string".to_owned()),
            [uid] => uid,
            many => {
                return Err(format!("expected 1 UID, but found multiple: [{}]", many.join(" ")));
            }
        };
        Ok(Some(UserInfo {
            name: self.common_name.clone(),
            uid: uid.to_owned(),
            groups: self.organizations.clone(),
            extra: BTreeMap::from([(
                CREDENTIAL_ID.to_owned(),
                vec![format!("X509SHA256={}", self.fingerprint)],
            )]),
        }))
    }
}

/// A value as text, in any of the forms that names may be written in; `None` where it is in none of them.
fn text(value: &Any<'_>) -> Option<String> {
    let bytes = value.data;
    match value.tag() {
        Tag::Utf8String => String::from_utf8(bytes.to_vec()).ok(),
        Tag::PrintableString | Tag::NumericString | Tag::Ia5String => {
            bytes.is_ascii().then(|| bytes.iter().copied().map(char::from).collect())
        }
        // A forgotten alphabet, that everybody reads as ISO 8859-1.
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString if bytes.len().is_multiple_of(2) => {
            let units: Vec<u16> =
                bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok().map(|text| text.trim_end_matches('\0').to_owned())
        }
        _ => None,
    }
}

/// Bytes as pairs of digits, with colons between them.
fn pairs(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}
