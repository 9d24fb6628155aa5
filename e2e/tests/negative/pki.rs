//! Certificates of all kinds, good and bad.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SignatureAlgorithm, date_time_ymd,
};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Who signs.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// What has to follow a certificate of this authority to lead to its root.
    path: Vec<CertificateDer<'static>>,
    /// Its own certificate, PEM.
    pub(crate) pem: String,
}

/// A certificate with those that lead to its authority, and a key.
#[derive(Clone, Debug)]
pub(crate) struct Identity(Arc<CertifiedKey>);

/// What a certificate says.
pub(crate) struct Subject {
    params: CertificateParams,
    algorithm: &'static SignatureAlgorithm,
}

/// A client's certificate for this user in at most two groups, valid now.
pub(crate) fn client(user: &str, groups: &[&str]) -> Subject {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    // A type is there once: the second time it goes by its number.
    let types = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
    assert!(groups.len() <= types.len(), "at most two groups");
    for (kind, group) in types.into_iter().zip(groups) {
        name.push(kind, *group);
    }
    if !user.is_empty() {
        name.push(DnType::CommonName, user);
    }
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    Subject { params, algorithm: &PKCS_ECDSA_P256_SHA256 }
}

impl Subject {
    /// Valid from the beginning of one year to that of another.
    pub(crate) fn years(mut self, from: i32, to: i32) -> Subject {
        (self.params.not_before, self.params.not_after) =
            (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        self
    }

    /// For these purposes and no others; for none in particular where there are none.
    pub(crate) fn usages(mut self, usages: &[ExtendedKeyUsagePurpose]) -> Subject {
        self.params.extended_key_usages = usages.to_vec();
        self
    }

    /// With an extension that nobody knows.
    pub(crate) fn unknown_extension(mut self, critical: bool) -> Subject {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![4, 1, 0]);
        extension.set_criticality(critical);
        self.params.custom_extensions.push(extension);
        self
    }

    /// With a key of this kind.
    pub(crate) fn algorithm(mut self, algorithm: &'static SignatureAlgorithm) -> Subject {
        self.algorithm = algorithm;
        self
    }

    /// One that may sign others, over at most so many authorities below it.
    pub(crate) fn authority(mut self, below: Option<u8>) -> Subject {
        let constraints = below.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained);
        self.params.is_ca = IsCa::Ca(constraints);
        self.params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        self.params.extended_key_usages = Vec::new();
        self
    }

    /// Signed by nobody but itself.
    pub(crate) fn self_signed(self) -> Identity {
        let key = self.key();
        let certificate = self.params.self_signed(&key).expect("a certificate");
        Identity::new(vec![certificate.der().clone()], &key)
    }

    fn key(&self) -> KeyPair {
        KeyPair::generate_for(self.algorithm).expect("ring makes such keys")
    }
}

impl Authority {
    /// One that is its own root.
    pub(crate) fn root(name: &str) -> Authority {
        let subject = client(name, &[]).authority(None);
        let key = subject.key();
        let certificate = subject.params.self_signed(&key).expect("a certificate");
        Authority { pem: certificate.pem(), path: Vec::new(), issuer: Issuer::new(subject.params, key) }
    }

    /// A certificate of this authority, which signs others, whether it may or not.
    pub(crate) fn below(&self, subject: Subject) -> Authority {
        let key = subject.key();
        let certificate = subject.params.signed_by(&key, &self.issuer).expect("a certificate");
        let mut path = vec![certificate.der().clone()];
        path.extend(self.path.iter().cloned());
        Authority { pem: certificate.pem(), path, issuer: Issuer::new(subject.params, key) }
    }

    /// A certificate of this authority.
    pub(crate) fn sign(&self, subject: Subject) -> Identity {
        let signed = self.below(subject);
        Identity::new(signed.path, signed.issuer.key())
    }
}

impl Identity {
    fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Identity {
        let der = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let key = any_supported_type(&der).expect("ring knows such keys");
        Identity(Arc::new(CertifiedKey::new(chain, key)))
    }

    /// What is shown to the server.
    pub(crate) fn shown(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }

    /// The same without what leads to the authority.
    pub(crate) fn alone(&self) -> Identity {
        self.with_chain(vec![self.0.cert[0].clone()])
    }

    /// The same certificate with another's key.
    pub(crate) fn with_key_of(&self, other: &Identity) -> Identity {
        Identity(Arc::new(CertifiedKey::new(self.0.cert.clone(), Arc::clone(&other.0.key))))
    }

    /// The same certificate with one bit of its signature changed.
    pub(crate) fn damaged(&self) -> Identity {
        let mut der = self.0.cert[0].to_vec();
        if let Some(last) = der.last_mut() {
            *last ^= 1;
        }
        self.with_chain(vec![der.into()])
    }

    /// The same key with bytes that are no certificate.
    pub(crate) fn garbage(&self) -> Identity {
        self.with_chain(vec![b"no certificate at all".to_vec().into()])
    }

    fn with_chain(&self, chain: Vec<CertificateDer<'static>>) -> Identity {
        Identity(Arc::new(CertifiedKey::new(chain, Arc::clone(&self.0.key))))
    }
}

/// A request for such a certificate, PEM.
pub(crate) fn signing_request(subject: Subject) -> String {
    let Subject { mut params, algorithm } = subject;
    // A request says neither for how long nor what for.
    params.key_usages = Vec::new();
    params.extended_key_usages = Vec::new();
    let key = KeyPair::generate_for(algorithm).expect("ring makes such keys");
    params.serialize_request(&key).expect("a request").pem().expect("PEM")
}
