//! One HTTP/2 connection over TLS.

use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keelson_e2e::Server;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};

/// A connection; clones share it.
#[derive(Clone)]
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

impl Client {
    pub(crate) async fn connect(server: &Server) -> Client {
        let authority = server.url.trim_start_matches("https://").to_owned();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate_authority(server)).expect("the server's CA is a certificate");
        let mut tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = tokio::net::TcpStream::connect(&authority).await.expect("the server listens");
        tcp.set_nodelay(true).expect("a TCP option");
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, tcp).await.expect("TLS");
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tls)).await.expect("HTTP/2");
        tokio::spawn(connection);
        Client { sender, authority }
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
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.authority))
            .header("authorization", "Bearer admintoken")
            .header("accept", accept)
            .header("content-type", kind)
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        let mut sender = self.sender.clone();
        sender.ready().await.expect("the connection lives");
        let response = sender.send_request(request).await.expect("an answer");
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
}

fn certificate_authority(server: &Server) -> CertificateDer<'static> {
    let kubeconfig = std::fs::read_to_string(server.kubeconfig()).expect("the server wrote a kubeconfig");
    let line = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("certificate-authority-data:"));
    let data = line.expect("it holds the CA").trim().trim_matches('"');
    let pem = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
    CertificateDer::from_pem_slice(&pem).expect("PEM")
}
