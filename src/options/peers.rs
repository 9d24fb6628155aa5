//! Flags about whom the server will turn to: kubelets, and servers of aggregated APIs. They are checked, and have no
//! effect yet.

use std::time::Duration;

use super::{Errors, path, value};
use crate::server::config::{self, CertificateFiles};

const ADDRESS_TYPES: &str = "--kubelet-preferred-address-types";
const TIMEOUT: &str = "--kubelet-timeout";

#[derive(Debug, clap::Args)]
pub(super) struct Peers {
    /// The authorities that signed the serving certificates of kubelets. Checked, and without effect yet.
    #[arg(long)]
    kubelet_certificate_authority: Option<String>,
    /// The certificate to show to kubelets. Checked, and without effect yet.
    #[arg(long)]
    kubelet_client_certificate: Option<String>,
    /// The key of --kubelet-client-certificate. Checked, and without effect yet.
    #[arg(long)]
    kubelet_client_key: Option<String>,
    /// The kinds of addresses that kubelets are looked for at, the best first. Checked, and without effect yet.
    #[arg(long)]
    kubelet_preferred_address_types: Option<Vec<String>>,
    /// How long a request to a kubelet may take. Checked, and without effect yet.
    #[arg(long)]
    kubelet_timeout: Option<String>,
    /// The certificate to show to servers of aggregated APIs and to webhooks. Checked, and without effect yet.
    #[arg(long)]
    proxy_client_cert_file: Option<String>,
    /// The key of --proxy-client-cert-file. Checked, and without effect yet.
    #[arg(long)]
    proxy_client_key_file: Option<String>,
}

impl Peers {
    pub(super) fn read(&self, errors: &mut Errors) -> config::Peers {
        for kind in self.kubelet_preferred_address_types.as_deref().map(value::list).unwrap_or_default() {
            if !matches!(
                kind.as_str(),
                "Hostname" | "InternalDNS" | "InternalIP" | "ExternalDNS" | "ExternalIP"
            ) {
                let known = "Hostname, InternalDNS, InternalIP, ExternalDNS or ExternalIP";
                errors.note(ADDRESS_TYPES, format!("unknown address type {kind:?}: give {known}"));
            }
        }
        let given = self.kubelet_timeout.as_ref();
        let timeout = errors.value(TIMEOUT, given, value::duration, Duration::from_secs(5));
        let given: Vec<&str> = [
            ("--kubelet-certificate-authority", is_given(self.kubelet_certificate_authority.as_ref())),
            ("--kubelet-client-certificate", is_given(self.kubelet_client_certificate.as_ref())),
            ("--kubelet-client-key", is_given(self.kubelet_client_key.as_ref())),
            (ADDRESS_TYPES, self.kubelet_preferred_address_types.is_some()),
            (TIMEOUT, timeout != Duration::from_secs(5)),
            ("--proxy-client-cert-file", is_given(self.proxy_client_cert_file.as_ref())),
            ("--proxy-client-key-file", is_given(self.proxy_client_key_file.as_ref())),
        ]
        .into_iter()
        .filter_map(|(flag, given)| given.then_some(flag))
        .collect();
        if !given.is_empty() {
            let flags = given.join(", ");
            let why = "Keelson does not turn to kubelets or aggregated servers yet";
            errors.remark(format!("flags that are checked, but without effect yet: {flags}: {why}"));
        }
        config::Peers {
            kubelet_authority: path(self.kubelet_certificate_authority.as_ref()),
            kubelet_client: pair(
                ("--kubelet-client-certificate", self.kubelet_client_certificate.as_ref()),
                ("--kubelet-client-key", self.kubelet_client_key.as_ref()),
                errors,
            ),
            proxy_client: pair(
                ("--proxy-client-cert-file", self.proxy_client_cert_file.as_ref()),
                ("--proxy-client-key-file", self.proxy_client_key_file.as_ref()),
                errors,
            ),
        }
    }
}

fn is_given(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

fn pair(
    (certificate_flag, certificate): (&str, Option<&String>),
    (key_flag, key): (&str, Option<&String>),
    errors: &mut Errors,
) -> Option<CertificateFiles> {
    match (path(certificate), path(key)) {
        (Some(certificate), Some(key)) => return Some(CertificateFiles { certificate, key }),
        (Some(_), None) => errors.note(certificate_flag, format!("needs {key_flag}")),
        (None, Some(_)) => errors.note(key_flag, format!("needs {certificate_flag}")),
        (None, None) => {}
    }
    None
}
