//! Certificates, keys and kubeconfigs laid out as `kubeadm init` lays them below `/etc/kubernetes`.
//!
//! Names, subjects and usages are kubeadm's (with `encryptionAlgorithm: ECDSA-P256`, as making RSA keys is
//! slow); keys are PKCS#8.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// Names and addresses that every serving certificate is for, besides the names that it has with kubeadm.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What kubeadm's API server certificate is for.
const API_SERVER: [&str; 5] = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "10.96.0.1",
];

/// A cluster's authorities, and the directory below which all files lie.
pub struct Pki {
    root: PathBuf,
    cluster: Authority,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Pki {
    /// Makes `pki/` below a directory: the three authorities (`ca`, `etcd/ca`, `front-proxy-ca`), the
    /// certificates `apiserver`, `apiserver-kubelet-client`, `apiserver-etcd-client`, `front-proxy-client`,
    /// `etcd/server`, `etcd/peer`, `etcd/healthcheck-client`, each as `.crt` and `.key`, and `sa.key`, `sa.pub`.
    /// All are valid on loopback, whatever the year.
    ///
    /// # Panics
    /// Where the files can't be written.
    pub fn create(root: &Path) -> Pki {
        let authority = |file: &str, name: &str| {
            let authority = Authority::new(name);
            write(&root.join("pki").join(format!("{file}.crt")), &authority.pem, 0o644);
            write(
                &root.join("pki").join(format!("{file}.key")),
                &authority.issuer.key().serialize_pem(),
                0o600,
            );
            authority
        };
        let cluster = authority("ca", "kubernetes");
        let etcd = authority("etcd/ca", "etcd-ca");
        let front_proxy = authority("front-proxy-ca", "front-proxy-ca");

        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        let sign = |file: &str, by: &Authority, subject: &Subject<'_>| {
            by.sign(subject).write(&root.join("pki"), file);
        };
        let serving = |name, names| Subject { name, groups: &[], names, usages: &[ServerAuth] };
        let client = |name, groups| Subject { name, groups, names: &[], usages: &[ClientAuth] };
        let both = |name| Subject { name, groups: &[], names: &[], usages: &[ServerAuth, ClientAuth] };
        sign("apiserver", &cluster, &serving("kube-apiserver", &API_SERVER));
        sign(
            "apiserver-kubelet-client",
            &cluster,
            &client("kube-apiserver-kubelet-client", &["kubeadm:cluster-admins"]),
        );
        sign("apiserver-etcd-client", &etcd, &client("kube-apiserver-etcd-client", &[]));
        sign("front-proxy-client", &front_proxy, &client("front-proxy-client", &[]));
        sign("etcd/server", &etcd, &both("localhost"));
        sign("etcd/peer", &etcd, &both("localhost"));
        sign("etcd/healthcheck-client", &etcd, &client("kube-etcd-healthcheck-client", &[]));

        let accounts = KeyPair::generate().expect("ring makes such keys");
        write(&root.join("pki/sa.key"), &accounts.serialize_pem(), 0o600);
        write(&root.join("pki/sa.pub"), &accounts.public_key_pem(), 0o644);
        Pki { root: root.to_owned(), cluster }
    }

    /// A file by its path below the directory, such as `pki/etcd/ca.crt`.
    pub fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// Makes a client's certificate, `FILE.crt` and `FILE.key` below the directory.
    pub fn client(&self, file: &str, user: &str, groups: &[&str]) {
        self.cluster.sign(&as_client(user, groups)).write(&self.root, file);
    }

    /// Makes a kubeconfig with a client's certificate inside, below the directory, and returns its path.
    pub fn kubeconfig(&self, file: &str, server: &str, user: &str, groups: &[&str]) -> PathBuf {
        let pair = self.cluster.sign(&as_client(user, groups));
        let path = self.root.join(file);
        let text = format!(
            "apiVersion: v1\n\
             kind: Config\n\
             clusters:\n\
             - name: kubernetes\n  cluster:\n    server: {server}\n    certificate-authority-data: {}\n\
             contexts:\n\
             - name: {user}@kubernetes\n  context: {{cluster: kubernetes, user: {user:?}}}\n\
             current-context: {user}@kubernetes\n\
             users:\n\
             - name: {user:?}\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n",
            STANDARD.encode(&self.cluster.pem),
            STANDARD.encode(&pair.certificate),
            STANDARD.encode(&pair.key),
        );
        write(&path, &text, 0o600);
        path
    }

    /// Makes kubeadm's kubeconfigs for a server (such as `https://127.0.0.1:6443`): `admin.conf`,
    /// `super-admin.conf`, `controller-manager.conf`, `scheduler.conf`, and `kubelet.conf` for a node.
    pub fn kubeconfigs(&self, server: &str, node: &str) {
        for (file, user, groups) in [
            ("admin.conf", "kubernetes-admin", &["kubeadm:cluster-admins"][..]),
            ("super-admin.conf", "kubernetes-super-admin", &["system:masters"]),
            ("controller-manager.conf", "system:kube-controller-manager", &[]),
            ("scheduler.conf", "system:kube-scheduler", &[]),
            ("kubelet.conf", &format!("system:node:{node}"), &["system:nodes"]),
        ] {
            self.kubeconfig(file, server, user, groups);
        }
    }
}

fn as_client<'a>(user: &'a str, groups: &'a [&'a str]) -> Subject<'a> {
    Subject { name: user, groups, names: &[], usages: &[ExtendedKeyUsagePurpose::ClientAuth] }
}

/// What a certificate says.
struct Subject<'a> {
    name: &'a str,
    /// At most one.
    groups: &'a [&'a str],
    /// What it serves, with loopback in any case.
    names: &'a [&'a str],
    usages: &'a [ExtendedKeyUsagePurpose],
}

/// PEM of a certificate and its key.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
        ];
        let key = KeyPair::generate().expect("ring makes such keys");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, subject: &Subject<'_>) -> Pair {
        assert!(subject.groups.len() <= 1, "a subject holds each type once");
        let mut params = params(subject.name);
        for group in subject.groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        if subject.usages.contains(&ExtendedKeyUsagePurpose::ServerAuth) {
            params.subject_alt_names = CertificateParams::new(
                [subject.names, &LOOPBACK].concat().into_iter().map(str::to_owned).collect::<Vec<_>>(),
            )
            .expect("names")
            .subject_alt_names;
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = subject.usages.to_vec();
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("ring makes such keys");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Pair { certificate, key: key.serialize_pem() }
    }
}

impl Pair {
    fn write(&self, directory: &Path, name: &str) {
        write(&directory.join(format!("{name}.crt")), &self.certificate, 0o644);
        write(&directory.join(format!("{name}.key")), &self.key, 0o600);
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

fn write(path: &Path, text: &str, mode: u32) {
    let parent = path.parent().expect("files are below a directory");
    fs::create_dir_all(parent).unwrap_or_else(|e| panic!("{}: {e}", parent.display()));
    fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
