//! An etcd of the tests' own: started on loopback ports over a temporary directory, ended by its handle.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use keelson_base::clock;
use keelson_base::task::TaskGroup;
use keelson_storage::etcd::TlsFiles;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// The etcd binary that `KEELSON_ETCD` names; says so where there is none.
pub(crate) fn binary() -> Option<PathBuf> {
    let binary = std::env::var_os("KEELSON_ETCD").filter(|path| !path.is_empty());
    if binary.is_none() {
        println!("skipped: KEELSON_ETCD names no etcd binary (e2e/tools/etcd.sh builds one)");
    }
    binary.map(PathBuf::from)
}

/// A port that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("its address").port()
}

/// How to start an etcd.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// The files of its server side; clients must show a certificate then.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) quota_bytes: Option<u64>,
}

pub(crate) struct Server {
    binary: PathBuf,
    directory: tempfile::TempDir,
    settings: Settings,
    client_port: u16,
    peer_port: u16,
    process: Child,
}

impl Server {
    pub(crate) async fn start(settings: Settings) -> Option<Self> {
        Some(Self::start_with(&binary()?, settings).await)
    }

    pub(crate) async fn start_with(binary: &Path, settings: Settings) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (client_port, peer_port) = (free_port(), free_port());
        let process = launch(binary, directory.path(), &settings, client_port, peer_port);
        let mut server =
            Self { binary: binary.to_owned(), directory, settings, client_port, peer_port, process };
        server.wait().await;
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.client_port))
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.settings.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.client_port)
    }

    /// Kills it, and starts it again over the same data.
    pub(crate) async fn restart(&mut self) {
        self.process.kill().await.expect("killed");
        let directory = self.directory.path();
        self.process = launch(&self.binary, directory, &self.settings, self.client_port, self.peer_port);
        self.wait().await;
    }

    async fn wait(&mut self) {
        let deadline = clock::monotonic() + Duration::from_secs(60);
        while TcpStream::connect(self.address()).await.is_err() {
            if let Ok(Some(status)) = self.process.try_wait() {
                panic!("etcd ended: {status}");
            }
            assert!(clock::monotonic() < deadline, "etcd did not start within 60 seconds");
            clock::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn launch(binary: &Path, directory: &Path, settings: &Settings, client: u16, peer: u16) -> Child {
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let client = format!("{scheme}://127.0.0.1:{client}");
    let peer = format!("http://127.0.0.1:{peer}");
    let mut command = Command::new(binary);
    command
        .arg(format!("--data-dir={}", directory.join("etcd").display()))
        .args([
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
        ])
        .args(["--log-level=error", "--unsafe-no-fsync"]);
    if let Some(TlsFiles { ca: Some(ca), certificate: Some(certificate), key: Some(key) }) = &settings.tls {
        command
            .arg("--client-cert-auth")
            .arg(format!("--trusted-ca-file={}", ca.display()))
            .arg(format!("--cert-file={}", certificate.display()))
            .arg(format!("--key-file={}", key.display()));
    }
    if let Some(quota) = settings.quota_bytes {
        command.arg(format!("--quota-backend-bytes={quota}"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.kill_on_drop(true).spawn().expect("etcd starts")
}

/// Stands between a client and etcd, to break their connections.
pub(crate) struct Proxy {
    address: SocketAddr,
    connections: TaskGroup,
    _acceptor: AbortOnDrop,
}

struct AbortOnDrop(TaskGroup);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort_all();
    }
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let connections = TaskGroup::new();
        let acceptor = TaskGroup::new();
        let group = connections.clone();
        acceptor.spawn("proxy", async move {
            loop {
                let Ok((mut inbound, _)) = listener.accept().await else { continue };
                group.spawn("proxied", async move {
                    if let Ok(mut outbound) = TcpStream::connect(target).await {
                        let _ = (inbound.set_nodelay(true), outbound.set_nodelay(true));
                        let _ = tokio::io::copy_bidirectional(&mut inbound, &mut outbound).await;
                    }
                });
            }
        });
        Self { address, connections, _acceptor: AbortOnDrop(acceptor) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks every connection; new ones pass.
    pub(crate) fn cut(&self) {
        self.connections.abort_all();
    }
}

/// An authority with a certificate for etcd and one for its clients.
pub(crate) struct Pki {
    directory: tempfile::TempDir,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let pki = Self { directory: tempfile::tempdir().expect("a directory") };
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        pki.write("ca.pem", &certificate.pem());
        let issuer = rcgen::Issuer::new(params, key);
        for name in ["server", "client"] {
            let mut params =
                rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
                    .expect("parameters");
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params.extended_key_usages =
                vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
            let key = rcgen::KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            pki.write(&format!("{name}.pem"), &certificate.pem());
            pki.write(&format!("{name}.key"), &key.serialize_pem());
        }
        pki
    }

    /// Keeps the files until the process ends.
    pub(crate) fn keep(mut self) -> Self {
        self.directory.disable_cleanup(true);
        self
    }

    pub(crate) fn server_files(&self) -> TlsFiles {
        self.files("server")
    }

    pub(crate) fn client_files(&self) -> TlsFiles {
        self.files("client")
    }

    /// Files of a client whose certificate another authority signed, until [`Pki::rotate`].
    pub(crate) fn rotating_client_files(&self) -> TlsFiles {
        let stranger = Self::new();
        for (from, to) in [("client.pem", "rotating.pem"), ("client.key", "rotating.key")] {
            std::fs::copy(stranger.path(from), self.path(to)).expect("copied");
        }
        self.files("rotating")
    }

    /// Puts the right certificate where the stranger's was.
    pub(crate) fn rotate(&self, files: &TlsFiles) {
        for (from, to) in [("client.pem", &files.certificate), ("client.key", &files.key)] {
            std::fs::copy(self.path(from), to.as_ref().expect("a path")).expect("copied");
        }
    }

    fn files(&self, name: &str) -> TlsFiles {
        TlsFiles {
            ca: Some(self.path("ca.pem")),
            certificate: Some(self.path(&format!("{name}.pem"))),
            key: Some(self.path(&format!("{name}.key"))),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }
}
