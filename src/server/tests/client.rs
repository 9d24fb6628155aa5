//! A client over HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use keelson_base::task::TaskGroup;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::request::BoxError;
use crate::server::Server;

/// Which protocol to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

pub(super) const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// A connection.
pub(super) struct Client {
    sender: Sender,
    tasks: TaskGroup,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// Connects over TLS, with the client certificate `NAME.crt` and its key where a name is given.
pub(super) async fn tls(
    server: &Server,
    directory: &Path,
    protocol: Protocol,
    certificate: Option<&str>,
) -> TlsStream<TcpStream> {
    try_tls(server, directory, protocol, certificate).await.expect("a handshake")
}

/// The same, where it may fail.
pub(super) async fn try_tls(
    server: &Server,
    directory: &Path,
    protocol: Protocol,
    certificate: Option<&str>,
) -> std::io::Result<TlsStream<TcpStream>> {
    tls_to(server.address(), directory, protocol, certificate).await
}

async fn tls_to(
    address: SocketAddr,
    directory: &Path,
    protocol: Protocol,
    certificate: Option<&str>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(directory.join("server-ca.crt")).expect("an authority");
    roots.add(authority).expect("a usable authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match certificate {
        None => config.with_no_client_auth(),
        Some(name) => {
            let chain =
                CertificateDer::from_pem_file(directory.join(format!("{name}.crt"))).expect("a certificate");
            let key = PrivateKeyDer::from_pem_file(directory.join(format!("{name}.key"))).expect("a key");
            config.with_client_auth_cert(vec![chain], key).expect("a pair")
        }
    };
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::from(address.ip());
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

impl Client {
    pub(super) async fn connect(
        server: &Server,
        directory: &Path,
        protocol: Protocol,
        certificate: Option<&str>,
    ) -> Client {
        let stream = tls(server, directory, protocol, certificate).await;
        Client::over(stream, protocol).await.expect("a connection")
    }

    /// Connects to an address, where that may fail.
    pub(super) async fn try_connect(
        address: SocketAddr,
        directory: &Path,
        protocol: Protocol,
    ) -> Result<Client, BoxError> {
        Ok(Client::over(tls_to(address, directory, protocol, None).await?, protocol).await?)
    }

    async fn over(stream: TlsStream<TcpStream>, protocol: Protocol) -> hyper::Result<Client> {
        let tasks = TaskGroup::new();
        let io = TokioIo::new(stream);
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                tasks.spawn("client", async { drop(connection.await) });
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let (spawned, beside) = mpsc::channel(16);
                let (sender, connection) = http2::handshake(SameTask(spawned), io).await?;
                tasks.spawn("client", together(connection, beside));
                Sender::Http2(sender)
            }
        };
        Ok(Client { sender, tasks })
    }

    /// Waits until the connection takes a request. An error where it takes none any more.
    pub(super) async fn ready(&mut self) -> hyper::Result<()> {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await,
            Sender::Http2(sender) => sender.ready().await,
        }
    }

    /// Sends a request: `METHOD PATH`, with these headers. An error where the connection takes none.
    pub(super) async fn send(
        &mut self,
        request: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> hyper::Result<Answer> {
        let (method, path) = request.split_once(' ').expect("METHOD PATH");
        let method: Method = method.parse().expect("a method");
        let mut builder = Request::builder().method(method).uri(format!("https://server{path}"));
        if let Sender::Http1(_) = self.sender {
            builder = builder.uri(path).header("host", "server");
        }
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let request = builder.body(Full::new(body.into())).expect("a request");
        // A connection takes the next request once it has put the last one behind it, a moment after its answer.
        let answer = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        whole(answer).await
    }

    /// Waits until the server has closed the connection.
    pub(super) async fn closed(self) {
        let within = std::time::Duration::from_secs(20);
        self.tasks.wait(within).await.expect("the server closes the connection");
    }
}

/// Runs what a connection spawns in the connection's own task. In a task of its own, on another thread, it could
/// take the server's GOAWAY between hyper's two looks at a request that it just sent, and hyper would give that
/// request up, though its answer comes.
#[derive(Clone)]
struct SameTask(mpsc::Sender<BoxFuture<'static, ()>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for SameTask {
    fn execute(&self, future: F) {
        assert!(self.0.try_send(Box::pin(future)).is_ok(), "a connection spawns little");
    }
}

/// Runs a connection, and what it spawns, until the end of all.
async fn together(
    connection: impl Future<Output = hyper::Result<()>> + Send,
    mut spawned: mpsc::Receiver<BoxFuture<'static, ()>>,
) {
    let mut all: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
    all.push(Box::pin(async { drop(connection.await) }));
    loop {
        // The connection may end right after it spawned what waits for an answer that came.
        while let Ok(future) = spawned.try_recv() {
            all.push(future);
        }
        if all.is_empty() {
            return;
        }
        tokio::select! {
            Some(future) = spawned.recv() => all.push(future),
            _ = all.next() => {}
        }
    }
}

async fn whole(answer: Response<hyper::body::Incoming>) -> hyper::Result<Answer> {
    let (head, body) = answer.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    Ok(Answer { code: head.status.as_u16(), headers: head.headers, text })
}
