//! One HTTP/2 connection over TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keelson_e2e::Server;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::sync::Notify;

/// A connection; clones share it.
#[derive(Clone)]
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

impl Client {
    pub(crate) async fn connect(server: &Server) -> Client {
        Client::try_connect(server).await.expect("the server listens, and speaks HTTP/2 over TLS")
    }

    /// A connection to a server that may not be there yet.
    pub(crate) async fn try_connect(server: &Server) -> Option<Client> {
        let authority = server.url.trim_start_matches("https://").to_owned();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate_authority(server)?).expect("the server's CA is a certificate");
        let mut tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = tokio::net::TcpStream::connect(&authority).await.ok()?;
        tcp.set_nodelay(true).expect("a TCP option");
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, tcp).await.ok()?;
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tls)).await.ok()?;
        tokio::spawn(connection);
        Some(Client { sender, authority })
    }

    /// The status of an answer, if there is one.
    pub(crate) async fn status(&self, path: &str) -> Option<http::StatusCode> {
        let mut sender = self.sender.clone();
        sender.ready().await.ok()?;
        let request = self.request("GET", path, "*/*", "application/json", String::new());
        sender.send_request(request).await.ok().map(|response| response.status())
    }

    /// Sends a request, checks that it succeeds, and returns the size of the answer's body.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        kind: &str,
        body: String,
    ) -> usize {
        let response = self.answer(method, path, accept, kind, body).await;
        let status = response.status();
        let (mut body, mut size) = (response.into_body(), 0);
        let mut error = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.expect("a whole answer").into_data() else { continue };
            size += data.len();
            if !status.is_success() {
                error.extend_from_slice(&data);
            }
        }
        assert!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(&error));
        size
    }

    /// A whole answer as text.
    pub(crate) async fn text(&self, path: &str) -> String {
        let response = self.answer("GET", path, "application/json", "application/json", String::new()).await;
        let bytes = response.into_body().collect().await.expect("a whole answer").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    /// Opens a watch in JSON, and counts its events for as long as it lives.
    pub(crate) async fn watch(&self, path: &str, delivered: &Arc<Delivered>, wake_at: usize) {
        let response = self.answer("GET", path, "application/json", "application/json", String::new()).await;
        assert!(response.status().is_success(), "{path}: {}", response.status());
        let (mut body, delivered) = (response.into_body(), delivered.clone());
        tokio::spawn(async move {
            while let Some(Ok(frame)) = body.frame().await {
                let lines = frame.data_ref().map_or(0, |data| data.iter().filter(|b| **b == b'\n').count());
                let before = delivered.events.fetch_add(lines, Ordering::AcqRel);
                // Every so many events somebody wants to know.
                if before / wake_at != (before + lines) / wake_at {
                    delivered.changed.notify_waiters();
                }
            }
        });
    }

    async fn answer(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        kind: &str,
        body: String,
    ) -> http::Response<Incoming> {
        let request = self.request(method, path, accept, kind, body);
        let mut sender = self.sender.clone();
        sender.ready().await.expect("the connection lives");
        sender.send_request(request).await.expect("an answer")
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        kind: &str,
        body: String,
    ) -> http::Request<Full<Bytes>> {
        http::Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.authority))
            .header("authorization", "Bearer admintoken")
            .header("accept", accept)
            .header("content-type", kind)
            .body(Full::new(Bytes::from(body)))
            .expect("a request")
    }
}

/// What watchers got, all together.
#[derive(Default)]
pub(crate) struct Delivered {
    events: AtomicUsize,
    changed: Notify,
}

impl Delivered {
    /// Waits until there are so many.
    pub(crate) async fn reach(&self, events: usize) {
        let reached = async {
            loop {
                let changed = self.changed.notified();
                if self.events.load(Ordering::Acquire) >= events {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), reached).await.expect("events come within a minute");
    }
}

/// The server's CA, as its kubeconfig has it, once that is written.
fn certificate_authority(server: &Server) -> Option<CertificateDer<'static>> {
    let kubeconfig = std::fs::read_to_string(server.kubeconfig()).ok()?;
    let line = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("certificate-authority-data:"))?;
    let pem =
        base64::engine::general_purpose::STANDARD.decode(line.trim().trim_matches('"')).expect("base64");
    Some(CertificateDer::from_pem_slice(&pem).expect("PEM"))
}
