//! The administrator's kubeconfig.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A kubeconfig for a server at `url`: what it has to show (PEM), and what to show to it (PEM).
pub(super) fn text(url: &str, trusted: &[u8], certificate: &[u8], key: &[u8]) -> String {
    let (trusted, certificate, key) =
        (STANDARD.encode(trusted), STANDARD.encode(certificate), STANDARD.encode(key));
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: keelson
  cluster:
    server: {url}
    certificate-authority-data: {trusted}
contexts:
- name: kubernetes-admin@keelson
  context:
    cluster: keelson
    user: kubernetes-admin
current-context: kubernetes-admin@keelson
users:
- name: kubernetes-admin
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
"
    )
}
