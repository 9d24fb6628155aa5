//! What each part is started with: kubeadm's flags wherever kubeadm starts it.

use std::net::SocketAddr;
use std::path::Path;

use super::nodes;
use crate::pki::Pki;

/// The service addresses of kubeadm's default.
const SERVICES: &str = "10.96.0.0/12";
const PODS: &str = "10.244.0.0/16";

fn flags(pki: &Pki, files: &[(&str, &str)]) -> Vec<String> {
    files.iter().map(|(flag, file)| format!("--{flag}={}", pki.path(file).display())).collect()
}

/// A member of its own.
pub(super) fn etcd(pki: &Pki, tls: bool, data: &Path, client: SocketAddr, peer: SocketAddr) -> Vec<String> {
    let scheme = if tls { "https" } else { "http" };
    let mut args = vec![
        "--name=etcd".to_owned(),
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={scheme}://{client}"),
        format!("--advertise-client-urls={scheme}://{client}"),
        format!("--listen-peer-urls={scheme}://{peer}"),
        format!("--initial-advertise-peer-urls={scheme}://{peer}"),
        format!("--initial-cluster=etcd={scheme}://{peer}"),
        "--feature-gates=InitialCorruptCheck=true".to_owned(),
        "--watch-progress-notify-interval=5s".to_owned(),
        "--snapshot-count=10000".to_owned(),
    ];
    if tls {
        args.extend(["--client-cert-auth=true".to_owned(), "--peer-client-cert-auth=true".to_owned()]);
        args.extend(flags(
            pki,
            &[
                ("cert-file", "pki/etcd/server.crt"),
                ("key-file", "pki/etcd/server.key"),
                ("trusted-ca-file", "pki/etcd/ca.crt"),
                ("peer-cert-file", "pki/etcd/peer.crt"),
                ("peer-key-file", "pki/etcd/peer.key"),
                ("peer-trusted-ca-file", "pki/etcd/ca.crt"),
            ],
        ));
    }
    args
}

/// The set of kubeadm's static pod. The advertised addresses are for documentation: endpoints may not be on
/// loopback, and each server has to have its own.
pub(super) fn api_server(pki: &Pki, number: usize, address: SocketAddr, etcd: &str) -> Vec<String> {
    let mut args = vec![
        format!("--advertise-address=192.0.2.{}", 11 + number),
        "--allow-privileged=true".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        format!("--bind-address={}", address.ip()),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--enable-bootstrap-token-auth=true".to_owned(),
        format!("--etcd-servers={etcd}"),
        "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname".to_owned(),
        "--requestheader-allowed-names=front-proxy-client".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        format!("--secure-port={}", address.port()),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-cluster-ip-range={SERVICES}"),
    ];
    args.extend(flags(
        pki,
        &[
            ("client-ca-file", "pki/ca.crt"),
            ("kubelet-client-certificate", "pki/apiserver-kubelet-client.crt"),
            ("kubelet-client-key", "pki/apiserver-kubelet-client.key"),
            ("proxy-client-cert-file", "pki/front-proxy-client.crt"),
            ("proxy-client-key-file", "pki/front-proxy-client.key"),
            ("requestheader-client-ca-file", "pki/front-proxy-ca.crt"),
            ("service-account-key-file", "pki/sa.pub"),
            ("service-account-signing-key-file", "pki/sa.key"),
            ("tls-cert-file", "pki/apiserver.crt"),
            ("tls-private-key-file", "pki/apiserver.key"),
        ],
    ));
    if etcd.starts_with("https") {
        args.extend(flags(
            pki,
            &[
                ("etcd-cafile", "pki/etcd/ca.crt"),
                ("etcd-certfile", "pki/apiserver-etcd-client.crt"),
                ("etcd-keyfile", "pki/apiserver-etcd-client.key"),
            ],
        ));
    }
    args
}

/// kubeadm's flags; requests are not held back, so that tests need not wait for them.
pub(super) fn controller_manager(pki: &Pki, port: u16) -> Vec<String> {
    let mut args = vec![
        "--allocate-node-cidrs=true".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--cluster-cidr={PODS}"),
        "--cluster-name=kubernetes".to_owned(),
        "--controllers=*,bootstrapsigner,tokencleaner".to_owned(),
        "--kube-api-burst=200".to_owned(),
        "--kube-api-qps=200".to_owned(),
        "--leader-elect=true".to_owned(),
        format!("--secure-port={port}"),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--use-service-account-credentials=true".to_owned(),
    ];
    args.extend(flags(
        pki,
        &[
            ("authentication-kubeconfig", "controller-manager.conf"),
            ("authorization-kubeconfig", "controller-manager.conf"),
            ("client-ca-file", "pki/ca.crt"),
            ("cluster-signing-cert-file", "pki/ca.crt"),
            ("cluster-signing-key-file", "pki/ca.key"),
            ("kubeconfig", "controller-manager.conf"),
            ("requestheader-client-ca-file", "pki/front-proxy-ca.crt"),
            ("root-ca-file", "pki/ca.crt"),
            ("service-account-private-key-file", "pki/sa.key"),
        ],
    ));
    args
}

/// kubeadm's flags.
pub(super) fn scheduler(pki: &Pki, port: u16) -> Vec<String> {
    let mut args = vec![
        "--bind-address=127.0.0.1".to_owned(),
        "--leader-elect=true".to_owned(),
        format!("--secure-port={port}"),
    ];
    args.extend(flags(
        pki,
        &[
            ("authentication-kubeconfig", "scheduler.conf"),
            ("authorization-kubeconfig", "scheduler.conf"),
            ("kubeconfig", "scheduler.conf"),
        ],
    ));
    args
}

/// Plays the nodes that bear the label of [`super::Cluster::add_nodes`].
pub(super) fn kwok(pki: &Pki, stages: &Path, port: u16) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", pki.path("kwok.conf").display()),
        format!("--config={}", stages.display()),
        format!("--manage-nodes-with-label-selector={}", nodes::PLAYED),
        "--node-lease-duration-seconds=20".to_owned(),
        "--node-ip=192.0.2.100".to_owned(),
        "--cidr=10.244.0.0/16".to_owned(),
        format!("--server-address=127.0.0.1:{port}"),
    ]
}

/// Scrapes each server every second with a client's certificate.
pub(super) fn prometheus(configuration: &Path, data: &Path, port: u16) -> Vec<String> {
    vec![
        format!("--config.file={}", configuration.display()),
        format!("--storage.tsdb.path={}", data.display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ]
}

/// Prometheus' configuration, as charts for Kubernetes have it.
pub(super) fn prometheus_configuration(pki: &Pki, servers: &[SocketAddr]) -> String {
    let targets: Vec<String> = servers.iter().map(|server| format!("\"{server}\"")).collect();
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n\
         scrape_configs:\n\
         - job_name: apiserver\n  scheme: https\n  metrics_path: /metrics\n  tls_config:\n\
         \x20   ca_file: {}\n    cert_file: {}\n    key_file: {}\n  static_configs:\n  - targets: [{}]\n",
        pki.path("pki/ca.crt").display(),
        pki.path("prometheus.crt").display(),
        pki.path("prometheus.key").display(),
        targets.join(", "),
    )
}
