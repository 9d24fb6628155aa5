//! What PEM data must hold: a signed request, certificates.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keelson_apimachinery::content::pem;
use keelson_apimachinery::field::quote;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::error::X509Error;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What is wrong with a certificate signing request in PEM, which is in base64.
pub(super) fn wrong_request(base64: &str) -> Option<String> {
    let bytes = STANDARD.decode(base64).unwrap_or_default();
    let block = pem::blocks(&bytes).next().filter(|block| block.kind == "CERTIFICATE REQUEST");
    let Some(block) = block else {
        return Some("PEM block type must be CERTIFICATE REQUEST".to_owned());
    };
    let request = match X509CertificationRequest::from_der(&block.content) {
        Ok(([], request)) => request,
        Ok(_) => return Some("asn1: syntax error: trailing data".to_owned()),
        Err(_) => return Some("x509: malformed certificate request".to_owned()),
    };
    match request.verify_signature() {
        // What can't be verified here is the signer's to verify.
        Ok(()) | Err(X509Error::SignatureUnsupportedAlgorithm) => None,
        Err(_) => Some("x509: signature of the certificate request is invalid".to_owned()),
    }
}

/// What is wrong with certificates in PEM, which are in base64; none at all are fine.
pub(super) fn wrong_certificates(base64: &str) -> Option<String> {
    if base64.is_empty() {
        return None;
    }
    let bytes = STANDARD.decode(base64).unwrap_or_default();
    let mut found = false;
    for block in pem::blocks(&bytes) {
        found = true;
        if block.kind != "CERTIFICATE" {
            return Some(format!("only CERTIFICATE PEM blocks are allowed, found {}", quote(&block.kind)));
        }
        if block.has_headers {
            return Some("no PEM block headers are permitted".to_owned());
        }
        if block.content.is_empty() {
            return Some("found CERTIFICATE PEM block containing 0 certificates".to_owned());
        }
        let mut rest = block.content.as_slice();
        while !rest.is_empty() {
            match X509Certificate::from_der(rest) {
                Ok((behind, _)) => rest = behind,
                Err(_) => return Some("x509: malformed certificate".to_owned()),
            }
        }
    }
    (!found).then(|| "must contain at least one CERTIFICATE PEM block".to_owned())
}

/// Whether a bundle of authorities, in PEM and base64, has any.
pub(in super::super) fn has_certificate(base64: &str) -> bool {
    let bytes = STANDARD.decode(base64).unwrap_or_default();
    pem::blocks(&bytes)
        .filter(|block| block.kind == "CERTIFICATE" && !block.has_headers)
        .any(|block| X509Certificate::from_der(&block.content).is_ok())
}
