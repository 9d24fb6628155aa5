//! A client of one server: one HTTP/2 connection, JSON in and out.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keelson_e2e::Server;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::Value;

/// No answer takes longer, or the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The token of an administrator.
pub(crate) const TOKEN: &str = "modeltoken";

/// Where a server is and whom it is known by.
#[derive(Clone)]
pub(crate) struct Target {
    authority: String,
    tls: Arc<rustls::ClientConfig>,
}

impl Target {
    pub(crate) fn of(server: &Server) -> Target {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate_authority(server)).expect("the server's CA is a certificate");
        let mut tls =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("ring has them")
                .with_root_certificates(roots)
                .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        Target { authority: server.url.trim_start_matches("https://").to_owned(), tls: Arc::new(tls) }
    }
}

/// A connection; ends with this value.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    driver: tokio::task::JoinHandle<()>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
}

/// What opening a watch led to.
pub(crate) enum Opened {
    Stream(Lines),
    Refused(Answer),
}

impl Client {
    pub(crate) async fn connect(target: &Target) -> Client {
        let tcp = tokio::net::TcpStream::connect(&target.authority).await.expect("the server listens");
        tcp.set_nodelay(true).expect("a TCP option");
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = tokio_rustls::TlsConnector::from(Arc::clone(&target.tls));
        let tls = tls.connect(name, tcp).await.expect("TLS");
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tls)).await.expect("HTTP/2");
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Client { sender, authority: target.authority.clone(), driver }
    }

    /// A request and its whole answer.
    pub(crate) async fn send(&self, method: &str, path: &str, kind: &str, body: Option<&Value>) -> Answer {
        let whole = async {
            let response = self.begin(method, path, kind, body).await;
            let code = response.status().as_u16();
            let bytes = response.into_body().collect().await.expect("a whole answer").to_bytes();
            let body = serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
            Answer { code, body }
        };
        let answer = tokio::time::timeout(PATIENCE, whole).await;
        answer.unwrap_or_else(|_| panic!("{method} {path}: no answer in {PATIENCE:?}"))
    }

    /// A watch.
    pub(crate) async fn watch(&self, path: &str) -> Opened {
        let response = tokio::time::timeout(PATIENCE, self.begin("GET", path, "", None)).await;
        let response = response.unwrap_or_else(|_| panic!("GET {path}: no answer in {PATIENCE:?}"));
        let code = response.status().as_u16();
        let mut lines = Lines { body: response.into_body(), buffer: Vec::new() };
        if code == 200 {
            return Opened::Stream(lines);
        }
        let body = lines.next().await.unwrap_or(Value::Null);
        Opened::Refused(Answer { code, body })
    }

    async fn begin(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> http::Response<Incoming> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.authority))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("accept", "application/json");
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let bytes = body.map(|b| serde_json::to_vec(b).expect("JSON")).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(bytes))).expect("a request");
        let mut sender = self.sender.clone();
        sender.ready().await.expect("the connection lives");
        sender.send_request(request).await.unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The lines of a body, each of them JSON.
pub(crate) struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next line; `None` at the end. Nothing is lost where the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(at) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                return Some(serde_json::from_slice(&line).unwrap_or_else(|e| {
                    panic!("{e} in {:?}", String::from_utf8_lossy(&line[..line.len().min(500)]))
                }));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.buffer.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(error)) => panic!("a watch broke off: {error}"),
                None if self.buffer.is_empty() => return None,
                None => self.buffer.push(b'\n'),
            }
        }
    }
}

fn certificate_authority(server: &Server) -> CertificateDer<'static> {
    let kubeconfig = std::fs::read_to_string(server.kubeconfig()).expect("the server wrote a kubeconfig");
    let line = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("certificate-authority-data:"));
    let data = line.expect("it holds the CA").trim().trim_matches('"');
    let pem = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
    CertificateDer::from_pem_slice(&pem).expect("PEM")
}
