//! A client and a server over TLS, as small as they can be.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

/// How to reach the server under test.
pub(crate) struct Client {
    port: u16,
    config: ClientConfig,
}

impl Client {
    /// Of the server with this data directory; shows the administrator's certificate where that is wanted.
    pub(crate) fn new(port: u16, data: &Path, certificate: bool) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(data.join("server-ca.crt")).expect("an authority");
        roots.add(authority).expect("a usable authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = if certificate {
            let chain = CertificateDer::from_pem_file(data.join("admin.crt")).expect("a certificate");
            let key = PrivateKeyDer::from_pem_file(data.join("admin.key")).expect("a key");
            config.with_client_auth_cert(vec![chain], key).expect("a pair")
        } else {
            config.with_no_client_auth()
        };
        Client { port, config }
    }

    /// Sends a request over HTTP/1.1 with these lines of headers, on a connection of its own; the whole answer.
    pub(crate) fn http1(&self, request: &str, headers: &[String], body: &str) -> String {
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let session = ClientConnection::new(Arc::new(self.config.clone()), name).expect("a session");
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        let mut stream = StreamOwned::new(session, stream);
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let length = body.len();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: server\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => panic!("{request}: {error}"),
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The same over HTTP/2; the answer's body.
    pub(crate) fn http2(&self, request: &str, headers: &[String], body: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut config = self.config.clone();
            config.alpn_protocols = vec![b"h2".to_vec()];
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.expect("it listens");
            let name = ServerName::try_from("127.0.0.1").expect("a name");
            let tls =
                tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS");
            let executor = hyper_util::rt::TokioExecutor::new();
            let handshake = hyper::client::conn::http2::handshake(executor, TokioIo::new(tls)).await;
            let (mut sender, connection) = handshake.expect("a connection");
            let (method, path) = request.split_once(' ').expect("METHOD PATH");
            let mut builder = http::Request::builder().method(method).uri(format!("https://server{path}"));
            for line in headers {
                let (name, value) = line.split_once(": ").expect("a header");
                builder = builder.header(name, value);
            }
            let request = builder.body(Full::new(bytes::Bytes::from(body.to_owned()))).expect("a request");
            // A client without credentials is sent away with its answer, or even before it has that.
            let mut asked = std::pin::pin!(async {
                let answer = sender.send_request(request).await?;
                answer.into_body().collect().await.map(|body| body.to_bytes())
            });
            let answer = tokio::select! {
                answer = &mut asked => answer,
                _ = connection => asked.await,
            };
            let answer = answer.unwrap_or_default();
            String::from_utf8_lossy(&answer).into_owned()
        })
    }
}

/// A server that answers every request with this JSON, for as long as the process runs, and remembers their heads.
pub(crate) fn webhook(directory: &Path, json: &'static str) -> (u16, std::sync::mpsc::Receiver<String>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(directory.join("webhook.crt"), made.cert.pem()).expect("written");
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a pair");
    let (config, listener) = (Arc::new(config), TcpListener::bind(("127.0.0.1", 0)).expect("a port"));
    let port = listener.local_addr().expect("bound").port();
    let (heads, seen) = std::sync::mpsc::sync_channel(1000);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, heads) = (config.clone(), heads.clone());
            std::thread::spawn(move || {
                let session = ServerConnection::new(config).expect("a session");
                let mut reader = BufReader::new(StreamOwned::new(session, stream));
                // Until the client goes away.
                while let Ok(head) = answer(&mut reader, json) {
                    let _ = heads.try_send(head);
                }
            });
        }
    });
    (port, seen)
}

fn answer(
    reader: &mut BufReader<StreamOwned<ServerConnection, TcpStream>>,
    json: &str,
) -> io::Result<String> {
    let (mut head, mut line) = (String::new(), String::new());
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.push_str(&line);
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    reader.read_exact(&mut vec![0; length])?;
    let stream = reader.get_mut();
    let length = json.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}"
    )?;
    stream.flush()?;
    Ok(head)
}
