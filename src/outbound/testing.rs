//! A webhook over TLS on this machine, for tests: it answers as it is told, and remembers what it was asked.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use keelson_apimachinery::Value;
use keelson_apimachinery::codec::json;
use keelson_base::task::TaskGroup;
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What the peer does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers with this code and body.
    Answer(u16, String),
    /// Answers with this code, these headers and body.
    With(u16, Vec<(&'static str, &'static str)>, String),
    /// Answers with 200 and this body, and takes no more requests on the connection.
    Last(String),
    /// Never answers.
    Hang,
}

impl Reply {
    /// 200 with this body.
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Reply::Answer(200, body.into())
    }
}

/// What the peer was sent.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: Arc<Parts>,
    pub(crate) body: Bytes,
}

impl Asked {
    /// The body's tree.
    pub(crate) fn tree(&self) -> Value {
        json::decode_untyped(&self.body).expect("JSON").value
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// A certificate and its key, PEM.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// See the module. Ends when it is dropped.
pub(crate) struct Peer {
    pub(crate) port: u16,
    /// The authority of its certificate, PEM.
    pub(crate) authority: String,
    /// What to show to it where it asks for a certificate.
    pub(crate) client: Pair,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    tasks: TaskGroup,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

/// How a peer speaks TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// HTTP/1.1 only.
    pub(crate) old: bool,
    /// It asks for a certificate.
    pub(crate) wants_certificate: bool,
    /// It shows its authority's certificate itself.
    pub(crate) self_signed: bool,
}

impl Peer {
    /// A peer that answers so; the function gets the number of the request, from 0 on.
    pub(crate) async fn start(reply: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Peer {
        Peer::start_so(Manner::default(), reply).await
    }

    pub(crate) async fn start_so(
        manner: Manner,
        reply: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static,
    ) -> Peer {
        let key = || KeyPair::generate().expect("a key");
        let mut params =
            CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        let leaf = |name: &str| {
            let key = key();
            let params = CertificateParams::new([name.to_owned(), "127.0.0.1".to_owned()]).expect("names");
            let certificate = params.signed_by(&key, &authority).expect("a certificate");
            (certificate, key)
        };
        let (client, client_key) = leaf("client");
        let (chain, own_key) = match manner.self_signed {
            true => (authority.der().clone(), PrivateKeyDer::try_from(authority.key().serialize_der())),
            false => {
                let (certificate, key) = leaf("localhost");
                (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()))
            }
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if manner.wants_certificate {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.der().clone()).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_single_cert(vec![chain], own_key.expect("a key")).expect("a pair");
        config.alpn_protocols = if manner.old { vec![] } else { vec![b"h2".to_vec(), b"http/1.1".to_vec()] };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let peer = Peer {
            port: listener.local_addr().expect("an address").port(),
            authority: authority.pem(),
            client: Pair { certificate: client.pem(), key: client_key.serialize_pem() },
            asked: Arc::default(),
            connections: Arc::default(),
            tasks: TaskGroup::new(),
        };
        let (asked, connections, tasks) = (peer.asked.clone(), peer.connections.clone(), peer.tasks.clone());
        peer.tasks.spawn("peer", serve(listener, config, Arc::new(reply), asked, connections, tasks));
        peer
    }

    /// `https://127.0.0.1:PORT` and this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// All that it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// How many connections were made to it so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The text of a kubeconfig for it; `user` stands behind `user:`.
    pub(crate) fn kubeconfig_text(&self, path: &str, user: &str) -> String {
        use base64::Engine as _;
        let authority = base64::engine::general_purpose::STANDARD.encode(&self.authority);
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: it\n\
             contexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n\
             clusters: [{{name: it, cluster: {{server: \"{}\", certificate-authority-data: {authority}}}}}]\n\
             users: [{{name: it, user: {user}}}]\n",
            self.url(path)
        )
    }

    /// A kubeconfig for it, in this folder.
    pub(crate) fn kubeconfig(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("peer-{}.kubeconfig", self.port));
        std::fs::write(&path, self.kubeconfig_text("/", "{}")).expect("written");
        path
    }
}

type Reaction = Arc<dyn Fn(usize, &Asked) -> Reply + Send + Sync>;

async fn serve(
    listener: TcpListener,
    config: ServerConfig,
    reply: Reaction,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    tasks: TaskGroup,
) {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let (acceptor, reply, asked) = (acceptor.clone(), reply.clone(), asked.clone());
        tasks.spawn("peer connection", async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let last = Arc::new(Notify::new());
            let leaving = last.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let (reply, asked, last) = (reply.clone(), asked.clone(), last.clone());
                async move { Ok::<_, Infallible>(answer(request, &*reply, &asked, &last).await) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = leaving.notified() => connection.as_mut().graceful_shutdown(),
            }
            drop(connection.await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    reply: &(dyn Fn(usize, &Asked) -> Reply + Send + Sync),
    asked: &Mutex<Vec<Asked>>,
    last: &Notify,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let this = Asked { head: Arc::new(head), body };
    let number = {
        let mut asked = asked.lock();
        asked.push(this.clone());
        asked.len() - 1
    };
    let (code, headers, body) = match reply(number, &this) {
        Reply::Hang => std::future::pending().await,
        Reply::Last(body) => {
            last.notify_one();
            (200, Vec::new(), body)
        }
        Reply::Answer(code, body) => (code, Vec::new(), body),
        Reply::With(code, headers, body) => (code, headers, body),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = http::StatusCode::from_u16(code).expect("a code");
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().expect("a header's value"));
    }
    response
}
