//! The certificates that the server shows, and which of them a client gets: `--tls-cert-file` and those of
//! `--tls-sni-cert-key`. Each may be exchanged at any time.
//!
//! What a client asks for is looked up as given, then with its first label as a wildcard. Names given with the flag
//! win over those that a certificate brings along, and earlier flags over later ones. A name that nobody has gets
//! the default certificate, unless only another one is for it. A client that names nobody gets the certificate of
//! the address that it came to, where the flag names that, else the default.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::config::{CertificateFiles, NamedCertificate};
use super::tls::TlsError;

/// See the module.
#[derive(Debug)]
pub(super) struct ServingCertificates {
    /// Held while one of them is exchanged.
    all: Mutex<All>,
    current: ArcSwap<Choice>,
}

#[derive(Clone, Debug)]
struct All {
    default: Pair,
    named: Vec<(Pair, Vec<String>)>,
}

/// A certificate with its key, and whom it is for.
#[derive(Clone, Debug)]
struct Pair {
    key: Arc<CertifiedKey>,
    /// The names that it would be found under.
    found_under: Vec<String>,
    /// The names that it is valid for, in lower case.
    valid_for: Vec<String>,
}

/// What is looked up for each connection.
#[derive(Debug)]
struct Choice {
    default: Pair,
    named: Vec<Pair>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl ServingCertificates {
    /// Those of these files.
    ///
    /// # Errors
    /// See [`TlsError`]; the second one is of a file of `named`.
    pub(super) fn load(
        default: &CertificateFiles,
        named: &[NamedCertificate],
        provider: &CryptoProvider,
    ) -> Result<Result<Self, TlsError>, TlsError> {
        let default = Pair::load(default, provider)?;
        let named: Result<Vec<_>, TlsError> = named
            .iter()
            .map(|named| Ok((Pair::load(&named.files, provider)?, named.names.clone())))
            .collect();
        Ok(named.map(|named| {
            let all = All { default, named };
            ServingCertificates { current: ArcSwap::from_pointee(Choice::of(&all)), all: Mutex::new(all) }
        }))
    }

    /// Shows that of these files as the default one from now on.
    ///
    /// # Errors
    /// See [`TlsError`]; the old one is shown then.
    pub(super) fn exchange(
        &self,
        files: &CertificateFiles,
        provider: &CryptoProvider,
    ) -> Result<(), TlsError> {
        let pair = Pair::load(files, provider)?;
        self.change(|all| all.default = pair);
        Ok(())
    }

    /// The same for one of those with names, by its place.
    ///
    /// # Errors
    /// See [`TlsError`]; the old one is shown then.
    pub(super) fn exchange_named(
        &self,
        at: usize,
        files: &CertificateFiles,
        provider: &CryptoProvider,
    ) -> Result<(), TlsError> {
        let pair = Pair::load(files, provider)?;
        self.change(|all| {
            if let Some((old, _)) = all.named.get_mut(at) {
                *old = pair;
            }
        });
        Ok(())
    }

    fn change(&self, how: impl FnOnce(&mut All)) {
        let mut all = self.all.lock();
        how(&mut all);
        self.current.store(Arc::new(Choice::of(&all)));
    }

    /// The certificate for a client that asks for this name, or for none.
    pub(super) fn for_name(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        self.current.load().for_name(name)
    }

    /// The certificate for a client that came to this address and names nobody, where there is one.
    pub(super) fn for_address(&self, address: IpAddr) -> Option<Arc<CertifiedKey>> {
        let choice = self.current.load();
        if choice.by_name.is_empty() { None } else { choice.by_name.get(&address.to_string()).cloned() }
    }
}

impl ResolvesServerCert for ServingCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.for_name(hello.server_name()))
    }
}

/// Shows one certificate to a client that names nobody, and to others what they ask for.
#[derive(Debug)]
pub(super) struct AtAddress {
    pub(super) nameless: Arc<CertifiedKey>,
    pub(super) others: Arc<ServingCertificates>,
}

impl ResolvesServerCert for AtAddress {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match hello.server_name() {
            None => Some(self.nameless.clone()),
            name => Some(self.others.for_name(name)),
        }
    }
}

impl Choice {
    fn of(all: &All) -> Self {
        let mut by_name = HashMap::new();
        // Backwards, as the earlier ones win; then those that were named explicitly, as they win over all others.
        for (pair, _) in all.named.iter().rev().filter(|(_, names)| names.is_empty()) {
            by_name.extend(pair.found_under.iter().map(|name| (name.clone(), pair.key.clone())));
        }
        for (pair, names) in all.named.iter().rev() {
            by_name.extend(names.iter().map(|name| (name.clone(), pair.key.clone())));
        }
        let named = all.named.iter().map(|(pair, _)| pair.clone()).collect();
        Choice { default: all.default.clone(), named, by_name }
    }

    fn for_name(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        let Some(name) = name.filter(|_| !self.named.is_empty()) else { return self.default.key.clone() };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Some(key) = self.by_name.get(&name).or_else(|| self.by_name.get(&wildcard(&name))) {
            return key.clone();
        }
        let fits = [&self.default].into_iter().chain(&self.named).find(|pair| pair.is_valid_for(&name));
        fits.unwrap_or(&self.default).key.clone()
    }
}

/// The name with `*` for its first label.
fn wildcard(name: &str) -> String {
    match name.split_once('.') {
        Some((_, rest)) => format!("*.{rest}"),
        None => "*".to_owned(),
    }
}

impl Pair {
    fn load(files: &CertificateFiles, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let key = Arc::new(load(files, provider)?);
        let (found_under, valid_for) = names(&key);
        Ok(Pair { key, found_under, valid_for })
    }

    fn is_valid_for(&self, name: &str) -> bool {
        let wildcard = name.contains('.').then(|| wildcard(name));
        self.valid_for.iter().any(|valid| valid == name || Some(valid) == wildcard.as_ref())
    }
}

/// The names that a certificate is found under (its common name, where that may be one, and its DNS names), and
/// those that it is valid for.
fn names(key: &CertifiedKey) -> (Vec<String>, Vec<String>) {
    let Some(Ok((_, certificate))) = key.cert.first().map(|der| X509Certificate::from_der(der)) else {
        return (Vec::new(), Vec::new());
    };
    let mut found_under: Vec<String> = Vec::new();
    // Of several common names Go's parser keeps the last.
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).last();
    found_under.extend(common.filter(|name| is_pattern(name)).map(str::to_owned));
    let mut dns = Vec::new();
    if let Ok(Some(extension)) = certificate.subject_alternative_name() {
        for name in &extension.value.general_names {
            if let GeneralName::DNSName(name) = name {
                dns.push((*name).to_owned());
            }
        }
    }
    found_under.extend(dns.iter().cloned());
    (found_under, dns.iter().map(|name| name.to_ascii_lowercase()).collect())
}

/// Whether a common name is a domain, maybe with a wildcard in front, and no address.
fn is_pattern(name: &str) -> bool {
    let domain = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let (first, last) = (label.bytes().next(), label.bytes().next_back());
        first.is_some_and(inner) && last.is_some_and(inner) && label.bytes().all(|b| inner(b) || b == b'-')
    };
    name == "*" || domain.len() <= 253 && domain.split('.').all(label) && name.parse::<IpAddr>().is_err()
}

/// The certificate and the key of these files, which are of one pair.
///
/// # Errors
/// See [`TlsError`].
pub(super) fn load(files: &CertificateFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let failed = |path: &PathBuf, error: &dyn std::fmt::Display| TlsError::File {
        path: path.clone(),
        reason: error.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| failed(&files.certificate, &e))?;
    if chain.is_empty() {
        return Err(failed(&files.certificate, &"it holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| failed(&files.key, &e))?;
    let key = provider.key_provider.load_private_key(key).map_err(|e| failed(&files.key, &e))?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() })
        }
        Err(error) => Err(failed(&files.certificate, &error)),
    }
}

#[cfg(test)]
#[path = "serving_certificates/tests.rs"]
mod tests;
