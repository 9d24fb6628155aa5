//! Who the server is, and whom it believes: certificates, authorities and tokens.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keelson_base::task::blocking;

use super::certificates::{CertificateDirectory, Names};
use super::config::Config;
use super::service_accounts::Keys;
use super::serving_certificates::ServingCertificates;
use super::tls::Tls;
use super::{StartError, addresses, peers, reload, tls};
use crate::authn::ClientAuthorities;
use crate::authn::token_file::Tokens;
use crate::authn::x509::AuthoritiesError;
use crate::registry::Cidr;

const PROXY_FLAG: &str = "--requestheader-client-ca-file";

/// Who the server is, and whom it believes.
pub(super) struct Identity {
    pub(super) tls: Tls,
    pub(super) authorities: Arc<ClientAuthorities>,
    /// Those of front proxies, where these are believed.
    pub(super) front_proxies: Option<Arc<ClientAuthorities>>,
    pub(super) tokens: Option<Tokens>,
    pub(super) keys: Keys,
    pub(super) kubeconfig: Option<PathBuf>,
    pub(super) followed: reload::Followed,
}

/// Reads or makes certificates, authorities and tokens.
pub(super) async fn load(config: &Config, url: String) -> Result<Identity, StartError> {
    let config = config.clone();
    blocking(move || load_now(&config, &url)).await
}

fn load_now(config: &Config, url: &str) -> Result<Identity, StartError> {
    let serving = &config.serving;
    let provider = Arc::new(tls::provider(serving));
    let directory = CertificateDirectory::new(serving.cert_dir.clone());
    let (serving_files, trusted, renewal) = match &serving.certificate {
        Some(files) => (files.clone(), files.certificate.clone(), None),
        None => {
            let names = names(config);
            let (files, trusted) = directory.serving(&names)?;
            (files, trusted, Some((directory.clone(), names)))
        }
    };
    let certificates = ServingCertificates::load(&serving_files, &serving.named_certificates, &provider)?;
    let certificates = Arc::new(certificates.map_err(StartError::NamedCertificates)?);
    let tls = Tls::new(serving, provider.clone(), certificates.clone())?;
    peers::check(&config.peers, &provider)?;

    let (authorities_file, kubeconfig) = match &config.authentication.client_ca_file {
        Some(file) => (file.clone(), None),
        None => {
            let administrator = directory.administrator()?;
            let kubeconfig = directory.kubeconfig(&administrator, url, &trusted)?;
            (administrator.authority, Some(kubeconfig))
        }
    };
    let authorities = Arc::new(ClientAuthorities::new(provider.clone()));
    read(&authorities, "--client-ca-file", &authorities_file)?;
    let mut followed_authorities = vec![reload::Authorities::new(authorities.clone(), authorities_file)];
    let mut front_proxies = None;
    if let Some(front_proxy) = &config.authentication.front_proxy {
        let (file, theirs) =
            (&front_proxy.client_ca_file, Arc::new(ClientAuthorities::of_front_proxies(provider.clone())));
        read(&theirs, PROXY_FLAG, file)?;
        if config.authentication.client_ca_file.is_some()
            && front_proxy.allowed_names.is_empty()
            && theirs.overlap(&authorities)
        {
            let reason = "--requestheader-client-ca-file and --client-ca-file contain overlapping certificates; \
                          --requestheader-allowed-names must be specified to ensure regular client certificates \
                          cannot set authenticating proxy headers for arbitrary users";
            let (flag, reason) = (PROXY_FLAG, reason.to_owned());
            return Err(StartError::ClientAuthorities { flag, path: file.clone(), reason });
        }
        followed_authorities.push(reload::Authorities::new(theirs.clone(), file.clone()));
        front_proxies = Some(theirs);
    }
    let tokens = match &config.authentication.token_file {
        Some(path) => {
            let failed = |source| StartError::Tokens { path: path.clone(), source };
            Some(Tokens::read(path).map_err(failed)?)
        }
        None => None,
    };
    let followed = reload::Followed {
        provider,
        certificates,
        serving_files,
        named: serving.named_certificates.clone(),
        authorities: followed_authorities,
        renewal,
        seen: reload::Seen::default(),
    };
    let keys = Keys::load(config)?;
    Ok(Identity { tls, authorities, front_proxies, tokens, keys, kubeconfig, followed })
}

/// Believes the authorities of a file.
fn read(authorities: &ClientAuthorities, flag: &'static str, path: &Path) -> Result<(), StartError> {
    std::fs::read(path)
        .map_err(|e| e.to_string())
        .and_then(|pem| authorities.replace(&pem).map_err(|e: AuthoritiesError| e.to_string()))
        .map_err(|reason| StartError::ClientAuthorities { flag, path: path.to_owned(), reason })
}

/// Whom the serving certificate is for.
fn names(config: &Config) -> Names {
    let mut dns: BTreeSet<String> = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    .map(str::to_owned)
    .into();
    dns.extend(addresses::host_name());
    let mut ips = BTreeSet::from([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    ips.extend(config.services.cidrs.iter().map(Cidr::first));
    ips.extend(addresses::advertised(config));
    if !config.serving.bind_address.is_unspecified() {
        ips.insert(config.serving.bind_address);
    }
    Names { dns, addresses: ips }
}
