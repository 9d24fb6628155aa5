//! Whether a certificate and a private key belong together, as Go's TLS library says it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::InconsistentKeys;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use x509_parser::parse_x509_certificate;

/// A block of a PEM text.
struct Block<'a> {
    kind: &'a str,
    content: Vec<u8>,
}

/// What is wrong with the pair; both are PEM.
pub(super) fn mismatch(certificate: &[u8], key: &[u8]) -> Option<String> {
    pair(certificate, key).err()
}

fn pair(certificate: &[u8], key: &[u8]) -> Result<(), String> {
    let certificate = text_of(certificate);
    let all = blocks(&certificate);
    let chain: Vec<&Block<'_>> = all.iter().filter(|block| block.kind == "CERTIFICATE").collect();
    let Some(leaf) = chain.first() else { return Err(no_certificate(&all)) };
    let key = text_of(key);
    let all = blocks(&key);
    let Some(key) = all.iter().find(|b| b.kind == "PRIVATE KEY" || b.kind.ends_with(" PRIVATE KEY")) else {
        return Err(no_key(&all));
    };
    if parse_x509_certificate(&leaf.content).is_err() {
        return Err("x509: malformed certificate".to_owned());
    }
    let content = key.content.clone();
    let der = match key.kind {
        "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(content)),
        "EC PRIVATE KEY" => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(content)),
        _ => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(content)),
    };
    let signer = any_supported_type(&der).map_err(|_| "tls: failed to parse private key".to_owned())?;
    let pair = CertifiedKey::new(vec![CertificateDer::from(leaf.content.clone())], signer);
    match pair.keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err("tls: private key does not match public key".to_owned())
        }
        _ => Ok(()),
    }
}

fn no_certificate(all: &[Block<'_>]) -> String {
    match all {
        [] => "tls: failed to find any PEM data in certificate input".to_owned(),
        [one] if one.kind.ends_with("PRIVATE KEY") => "tls: failed to find certificate PEM data in certificate \
                                                       input, but did find a private key; PEM inputs may have been \
                                                       switched"
            .to_owned(),
        all => format!(
            "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the \
             following types: {}",
            kinds(all)
        ),
    }
}

fn no_key(all: &[Block<'_>]) -> String {
    match all {
        [] => "tls: failed to find any PEM data in key input".to_owned(),
        [one] if one.kind == "CERTIFICATE" => {
            "tls: found a certificate rather than a key in the PEM for the private key".to_owned()
        }
        all => format!(
            "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM \
             blocks of the following types: {}",
            kinds(all)
        ),
    }
}

fn kinds(all: &[Block<'_>]) -> String {
    let kinds: Vec<&str> = all.iter().map(|block| block.kind).collect();
    format!("[{}]", kinds.join(" "))
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The well-formed blocks, in order.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let kind = line.trim_end().strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
        let Some(kind) = kind else { continue };
        let end = format!("-----END {kind}-----");
        let mut inside = lines.clone();
        let mut encoded = String::new();
        let closed = inside.by_ref().any(|line| {
            let line = line.trim();
            // Headers such as `Proc-Type: 4,ENCRYPTED` stand before the content.
            if line != end && !line.contains(':') {
                encoded.push_str(line);
            }
            line == end
        });
        if let (true, Ok(content)) = (closed, STANDARD.decode(&encoded)) {
            found.push(Block { kind, content });
            lines = inside;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_do_not_belong_together_are_told() {
        let make = || {
            let key = rcgen::KeyPair::generate().expect("a key");
            let certificate = rcgen::CertificateParams::new(vec!["a".to_owned()])
                .and_then(|params| params.self_signed(&key))
                .expect("a certificate");
            (certificate.pem(), key.serialize_pem())
        };
        let ((certificate, key), (other, _)) = (make(), make());
        let check = |certificate: &str, key: &str, expected: Option<&str>| {
            let said = mismatch(certificate.as_bytes(), key.as_bytes());
            assert_eq!(said.as_deref(), expected, "{certificate} {key}");
        };
        check(&certificate, &key, None);
        check(&format!("text\n{certificate}{other}"), &key, None);
        check(&other, &key, Some("tls: private key does not match public key"));
        check("", &key, Some("tls: failed to find any PEM data in certificate input"));
        check(&certificate, "x", Some("tls: failed to find any PEM data in key input"));
        check(
            &key,
            &certificate,
            Some(
                "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM \
                 inputs may have been switched",
            ),
        );
        check(
            &certificate,
            &certificate,
            Some("tls: found a certificate rather than a key in the PEM for the private key"),
        );
        check(
            &certificate,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            Some("tls: failed to parse private key"),
        );
    }
}
