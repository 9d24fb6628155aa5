//! The command line of the static pod that `kubeadm init` writes, and flags about those whom the server will turn to.

use super::*;
use crate::server::config::Peers;

/// What kubeadm v1.36 writes with its defaults.
const KUBEADM: &[&str] = &[
    "--advertise-address=192.0.2.11",
    "--allow-privileged=true",
    "--authorization-mode=Node,RBAC",
    "--client-ca-file=/etc/kubernetes/pki/ca.crt",
    "--enable-admission-plugins=NodeRestriction",
    "--enable-bootstrap-token-auth=true",
    "--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt",
    "--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt",
    "--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key",
    "--etcd-servers=https://127.0.0.1:2379",
    "--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.crt",
    "--kubelet-client-key=/etc/kubernetes/pki/apiserver-kubelet-client.key",
    "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
    "--proxy-client-cert-file=/etc/kubernetes/pki/front-proxy-client.crt",
    "--proxy-client-key-file=/etc/kubernetes/pki/front-proxy-client.key",
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-username-headers=X-Remote-User",
    "--secure-port=6443",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    "--service-account-key-file=/etc/kubernetes/pki/sa.pub",
    "--service-account-signing-key-file=/etc/kubernetes/pki/sa.key",
    "--service-cluster-ip-range=10.96.0.0/12",
    "--tls-cert-file=/etc/kubernetes/pki/apiserver.crt",
    "--tls-private-key-file=/etc/kubernetes/pki/apiserver.key",
];

#[test]
fn kubeadms_command_line_is_taken_with_one_notice() {
    let config = config(KUBEADM);
    assert_eq!(
        config.notices,
        [
            "flags that are checked, but without effect yet: --kubelet-client-certificate, --kubelet-client-key, \
         --kubelet-preferred-address-types, --proxy-client-cert-file, --proxy-client-key-file: Keelson does not turn \
         to kubelets or aggregated servers yet",
        ]
    );
    let pair = |name: &str| {
        let file = |end: &str| format!("/etc/kubernetes/pki/{name}.{end}").into();
        Some(CertificateFiles { certificate: file("crt"), key: file("key") })
    };
    assert_eq!(
        config.peers,
        Peers {
            kubelet_authority: None,
            kubelet_client: pair("apiserver-kubelet-client"),
            proxy_client: pair("front-proxy-client"),
        }
    );
    assert_eq!(config.serving.port, 6443);
    assert!(config.allow_privileged && config.authentication.bootstrap_tokens);
}

#[test]
fn peers_are_checked() {
    let check = |argument: &str, reason: &str| {
        let flag = argument.split('=').next().expect("a flag");
        refused(&[argument], &[&format!("{flag}: {reason}")]);
    };
    check("--kubelet-client-certificate=/a", "needs --kubelet-client-key");
    check("--kubelet-client-key=/a", "needs --kubelet-client-certificate");
    check("--proxy-client-cert-file=/a", "needs --proxy-client-key-file");
    check("--proxy-client-key-file=/a", "needs --proxy-client-cert-file");
    check("--kubelet-timeout=5", "invalid value \"5\": time: missing unit in duration \"5\"");
    check(
        "--kubelet-preferred-address-types=Hostname,IP",
        "unknown address type \"IP\": give Hostname, InternalDNS, InternalIP, ExternalDNS or ExternalIP",
    );
    let authority = config(&["--kubelet-certificate-authority=/ca", "--kubelet-timeout=5s"]);
    assert_eq!(authority.peers.kubelet_authority.as_deref(), Some(Path::new("/ca")));
    assert_eq!(authority.notices.len(), 1);
    assert_eq!(config(&["--kubelet-client-key=", "--kubelet-timeout=5s"]).notices, [""; 0]);
}
