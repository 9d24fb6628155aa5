//! The certificates that the server makes for itself: a serving authority and certificate, a client
//! authority, and an administrator's certificate with the kubeconfig that uses it.
//!
//! They are kept in one directory, used again by the next start, and renewed before they run out. A
//! certificate and its key are two files: a crash between them leaves a pair that does not fit, which is
//! made anew. One process at a time works on the directory.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use keelson_base::clock;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::config::CertificateFiles;
use super::kubeconfig;
use crate::authz;

/// How long authorities hold.
const AUTHORITY_DAYS: i64 = 3650;
/// How long other certificates hold.
const LEAF_DAYS: i64 = 365;
/// What is left of a certificate's time when it is renewed.
const RENEW_BEFORE_DAYS: i64 = 30;
/// The same for authorities: they must outlive what they sign.
const RENEW_AUTHORITY_BEFORE_DAYS: i64 = LEAF_DAYS + RENEW_BEFORE_DAYS;

/// Why certificates can't be had.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file or directory can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate could not be made.
    #[error("can't make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// Whom the serving certificate is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// DNS names.
    pub dns: BTreeSet<String>,
    /// Addresses.
    pub addresses: BTreeSet<IpAddr>,
}

/// A directory of certificates.
#[derive(Clone, Debug)]
pub struct CertificateDirectory {
    path: PathBuf,
}

impl CertificateDirectory {
    /// This directory; it is made when the first file is.
    pub fn new(path: PathBuf) -> Self {
        CertificateDirectory { path }
    }

    /// The certificate `apiserver.crt` for these names, signed by `server-ca.crt`; made where they are
    /// missing, run out soon, or lack a name. A certificate without an authority's key beside it was put
    /// there by somebody else, and is used as it is. Says also what clients have to trust.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn serving(&self, names: &Names) -> Result<(CertificateFiles, PathBuf), CertificateError> {
        let _lock = self.lock()?;
        let pair = self.pair("apiserver");
        if pair.certificate.exists() && pair.key.exists() && !self.pair("server-ca").key.exists() {
            return Ok((pair.clone(), pair.certificate));
        }
        let authority = self.authority("server-ca", "keelson-server-ca")?;
        let mut params = leaf("kube-apiserver", None, ExtendedKeyUsagePurpose::ServerAuth);
        for name in &names.dns {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        params.subject_alt_names.extend(names.addresses.iter().map(|a| SanType::IpAddress(*a)));
        self.leaf("apiserver", &authority, params, names)?;
        Ok((pair, self.pair("server-ca").certificate))
    }

    /// The authority `client-ca.crt` and the certificate `admin.crt` of a member of `system:masters`, made
    /// where they are missing or run out soon.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn administrator(&self) -> Result<Administrator, CertificateError> {
        let _lock = self.lock()?;
        let authority = self.authority("client-ca", "keelson-client-ca")?;
        let params = leaf("kubernetes-admin", Some(authz::MASTERS), ExtendedKeyUsagePurpose::ClientAuth);
        self.leaf("admin", &authority, params, &Names::default())?;
        Ok(Administrator { authority: self.pair("client-ca").certificate, files: self.pair("admin") })
    }

    /// Writes `admin.kubeconfig` for a server at `url` that shows a certificate signed by one in the file
    /// `trusted`; leaves it alone where it says that already. Returns its path.
    ///
    /// # Errors
    /// Where a file can't be read or written.
    pub fn kubeconfig(
        &self,
        administrator: &Administrator,
        url: &str,
        trusted: &Path,
    ) -> Result<PathBuf, CertificateError> {
        let _lock = self.lock()?;
        let path = self.path.join("admin.kubeconfig");
        let text = kubeconfig::text(
            url,
            &read(trusted)?,
            &read(&administrator.files.certificate)?,
            &read(&administrator.files.key)?,
        );
        if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            write_private(&path, text.as_bytes())?;
        }
        Ok(path)
    }

    /// The private key `service-account.key` that signs tokens, PEM; made where it is missing.
    ///
    /// # Errors
    /// Where a file can't be read or written, or no key be made.
    pub fn service_account_key(&self) -> Result<Vec<u8>, CertificateError> {
        let _lock = self.lock()?;
        let path = self.path.join("service-account.key");
        if !path.exists() {
            write_private(&path, KeyPair::generate()?.serialize_pem().as_bytes())?;
        }
        read(&path)
    }

    fn pair(&self, name: &str) -> CertificateFiles {
        CertificateFiles {
            certificate: self.path.join(format!("{name}.crt")),
            key: self.path.join(format!("{name}.key")),
        }
    }

    /// Keeps other processes out of the directory until the file is dropped.
    fn lock(&self) -> Result<File, CertificateError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| CertificateError::File { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(failed(&self.path))?;
        let path = self.path.join(".certificates.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed(&path))?;
        file.lock().map_err(failed(&path))?;
        Ok(file)
    }

    fn authority(&self, file: &str, name: &str) -> Result<Issuer<'static, KeyPair>, CertificateError> {
        let files = self.pair(file);
        if let Some((certificate, key)) = usable(&files, RENEW_AUTHORITY_BEFORE_DAYS, &Names::default())
            && let Ok(issuer) = Issuer::from_ca_cert_der(&certificate, key)
        {
            return Ok(issuer);
        }
        let mut params = CertificateParams::default();
        // Two authorities of one name but different keys would confuse clients that know the older one.
        let unique = format!("{name}@{}", clock::now().as_second());
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, unique);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        set_validity(&mut params, AUTHORITY_DAYS);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        write_pair(&files, &certificate.pem(), &key)?;
        Ok(Issuer::new(params, key))
    }

    fn leaf(
        &self,
        file: &str,
        authority: &Issuer<'static, KeyPair>,
        params: CertificateParams,
        names: &Names,
    ) -> Result<(), CertificateError> {
        let files = self.pair(file);
        if let Some((certificate, _)) = usable(&files, RENEW_BEFORE_DAYS, names)
            && signed_by(&certificate, authority)
        {
            return Ok(());
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, authority)?;
        write_pair(&files, &certificate.pem(), &key)
    }
}

/// The administrator's certificate.
#[derive(Clone, Debug)]
pub struct Administrator {
    /// The authority that signed it.
    pub authority: PathBuf,
    /// The certificate and its key.
    pub files: CertificateFiles,
}

fn leaf(name: &str, organization: Option<&str>, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, LEAF_DAYS);
    params
}

/// From yesterday (other machines' clocks may be behind) to so many days from now.
fn set_validity(params: &mut CertificateParams, days: i64) {
    let day = |offset: i64| {
        let second = clock::now().as_second().saturating_add(offset * 86_400);
        let date = clock::Timestamp::from_second(second).unwrap_or(clock::Timestamp::MAX);
        let date = date.to_zoned(jiff::tz::TimeZone::UTC).date();
        let part = |n: i8| u8::try_from(n).unwrap_or(1);
        rcgen::date_time_ymd(date.year().into(), part(date.month()), part(date.day()))
    };
    params.not_before = day(-1);
    params.not_after = day(days);
}

/// The certificate and its key, where they fit each other, hold for some days more and name everybody.
fn usable(files: &CertificateFiles, days: i64, names: &Names) -> Option<(CertificateDer<'static>, KeyPair)> {
    let certificate = CertificateDer::from_pem_file(&files.certificate).ok()?;
    let key = KeyPair::from_pem(&std::fs::read_to_string(&files.key).ok()?).ok()?;
    let (_, parsed) = X509Certificate::from_der(&certificate).ok()?;
    let fits = parsed.public_key().subject_public_key.data.as_ref() == key.public_key_raw();
    let now = clock::now().as_second();
    let holds = parsed.validity().not_before.timestamp() <= now
        && parsed.validity().not_after.timestamp() > now + days * 86_400;
    if !fits || !holds || !named(&parsed).is_some_and(|has| has.covers(names)) {
        return None;
    }
    Some((certificate.clone(), key))
}

fn named(certificate: &X509Certificate<'_>) -> Option<Names> {
    let mut names = Names::default();
    let Some(extension) = certificate.subject_alternative_name().ok()? else { return Some(names) };
    for name in &extension.value.general_names {
        match name {
            GeneralName::DNSName(name) => {
                names.dns.insert((*name).to_owned());
            }
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
                names.addresses.extend(v4.or(v6).ok());
            }
            _ => {}
        }
    }
    Some(names)
}

impl Names {
    fn covers(&self, wanted: &Names) -> bool {
        self.dns.is_superset(&wanted.dns) && self.addresses.is_superset(&wanted.addresses)
    }
}

fn signed_by(certificate: &CertificateDer<'_>, authority: &Issuer<'static, KeyPair>) -> bool {
    use x509_parser::x509::SubjectPublicKeyInfo;
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    let key = rustls_pki_types::SubjectPublicKeyInfoDer::from(rcgen::PublicKeyData::subject_public_key_info(
        authority.key(),
    ));
    SubjectPublicKeyInfo::from_der(&key).is_ok_and(|(_, key)| parsed.verify_signature(Some(&key)).is_ok())
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|source| CertificateError::File { path: path.to_owned(), source })
}

/// The key first: a key without its certificate is made anew, a certificate without its key can't be used.
fn write_pair(files: &CertificateFiles, certificate: &str, key: &KeyPair) -> Result<(), CertificateError> {
    write_private(&files.key, key.serialize_pem().as_bytes())?;
    write_private(&files.certificate, certificate.as_bytes())
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, content: &[u8]) -> Result<(), CertificateError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|source| CertificateError::File { path: path.to_owned(), source })
}

#[cfg(test)]
#[path = "certificates/tests.rs"]
mod tests;
