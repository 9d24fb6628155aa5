//! A TCP load balancer before several servers, as HAProxy or kube-vip stand before a control plane.
//!
//! It knows nothing of what goes over a connection. Each backend is asked for `/readyz` in a rhythm; new
//! connections go in turn to the backends that are up, and open ones are left alone, whatever becomes of their
//! backend. A connection that a backend refuses goes to the next one, as with HAProxy's `option redispatch`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::proxy::Thread;

/// How backends are asked whether they are ready.
#[derive(Clone, Copy, Debug)]
pub struct HealthChecks {
    /// The time from one check to the next. HAProxy's `inter`.
    pub interval: Duration,
    /// How long an answer may take; a later one is none. HAProxy's `timeout check`.
    pub timeout: Duration,
    /// So many good answers in a row bring a backend back. HAProxy's `rise`.
    pub rise: u32,
    /// So many bad answers in a row take a backend out. HAProxy's `fall`.
    pub fall: u32,
}

impl Default for HealthChecks {
    /// HAProxy's `inter 1s fall 2 rise 2`, each answer within a second: a backend whose `/readyz` fails gets no
    /// new connections after two seconds at most, one that is silent after three.
    fn default() -> Self {
        let second = Duration::from_secs(1);
        HealthChecks { interval: second, timeout: second, rise: 2, fall: 2 }
    }
}

impl HealthChecks {
    /// After this time at most a backend whose checks fail gets no new connections any more.
    pub fn detection(&self) -> Duration {
        self.interval * self.fall + self.timeout
    }
}

/// How long a backend may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// More of an answer to a check is not read.
const ANSWER: u64 = 4096;

#[derive(Debug)]
struct Backend {
    address: SocketAddr,
    is_up: AtomicBool,
    taken: AtomicUsize,
}

/// A balancer on a loopback port. Ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    backends: Arc<[Backend]>,
    _thread: Thread,
}

impl Balancer {
    /// Listens on a free loopback port. Backends are down until their checks say otherwise.
    ///
    /// # Panics
    /// Where loopback has no free port.
    pub fn start(backends: &[SocketAddr], checks: HealthChecks) -> Balancer {
        let backend =
            |&address| Backend { address, is_up: AtomicBool::new(false), taken: AtomicUsize::new(0) };
        let backends: Arc<[Backend]> = backends.iter().map(backend).collect();
        let ours = Arc::clone(&backends);
        let (address, thread) = Thread::serve("balancer", move |listener| serve(listener, ours, checks));
        Balancer { address, backends, _thread: thread }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Which backends get new connections, in the order in which they were given.
    pub fn up(&self) -> Vec<bool> {
        self.backends.iter().map(|backend| backend.is_up.load(Ordering::Relaxed)).collect()
    }

    /// How many connections each backend has been given.
    pub fn taken(&self) -> Vec<usize> {
        self.backends.iter().map(|backend| backend.taken.load(Ordering::Relaxed)).collect()
    }
}

async fn serve(listener: TcpListener, backends: Arc<[Backend]>, checks: HealthChecks) {
    let mut tasks = JoinSet::new();
    for index in 0..backends.len() {
        tasks.spawn(check(Arc::clone(&backends), index, checks));
    }
    let mut turn = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    tasks.spawn(connection(client, Arc::clone(&backends), turn));
                    turn += 1;
                }
            }
            Some(_) = tasks.join_next() => {}
        }
    }
}

async fn connection(mut client: TcpStream, backends: Arc<[Backend]>, turn: usize) {
    let up: Vec<&Backend> = backends.iter().filter(|one| one.is_up.load(Ordering::Relaxed)).collect();
    for attempt in 0..up.len() {
        let backend = up[(turn + attempt) % up.len()];
        let connecting = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(backend.address));
        let Ok(Ok(mut server)) = connecting.await else { continue };
        backend.taken.fetch_add(1, Ordering::Relaxed);
        // That a peer is gone already shows as soon as it is read.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        if tokio::io::copy_bidirectional(&mut client, &mut server).await.is_err() {
            let _ = (client.set_zero_linger(), server.set_zero_linger());
        }
        return;
    }
    let _ = client.set_zero_linger();
}

async fn check(backends: Arc<[Backend]>, index: usize, checks: HealthChecks) {
    let backend = &backends[index];
    let tls = tokio_rustls::TlsConnector::from(Arc::new(trusting()));
    let mut rhythm = tokio::time::interval(checks.interval);
    rhythm.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first answer decides, as HAProxy's does.
    let (mut good, mut bad) = (checks.rise.saturating_sub(1), checks.fall.saturating_sub(1));
    loop {
        rhythm.tick().await;
        let asked = tokio::time::timeout(checks.timeout, is_ready(backend.address, &tls)).await;
        if matches!(asked, Ok(Ok(true))) {
            (good, bad) = (good.saturating_add(1), 0);
        } else {
            (good, bad) = (0, bad.saturating_add(1));
        }
        if good >= checks.rise {
            backend.is_up.store(true, Ordering::Relaxed);
        } else if bad >= checks.fall {
            backend.is_up.store(false, Ordering::Relaxed);
        }
    }
}

/// Whether the server at `address` answers `/readyz` with 200, on a connection of its own.
async fn is_ready(address: SocketAddr, tls: &tokio_rustls::TlsConnector) -> io::Result<bool> {
    let stream = TcpStream::connect(address).await?;
    let mut stream = tls.connect(ServerName::from(address.ip()), stream).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // A peer that closes without TLS's farewell has answered all the same.
    let _ = stream.take(ANSWER).read_to_end(&mut answer).await;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
}

/// TLS as HAProxy's `check-ssl verify none`.
fn trusting() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Trusting(Arc::clone(&provider)));
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

/// Believes every server that it is the one.
#[derive(Debug)]
struct Trusting(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Instant;

    use rustls_pki_types::PrivateKeyDer;

    use super::*;

    const QUICK: HealthChecks = HealthChecks {
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(5),
        rise: 2,
        fall: 2,
    };

    /// A server that answers every request with its number, and with 200 while it is ready.
    fn server(number: usize) -> (SocketAddr, Arc<AtomicBool>) {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("ring has them")
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .expect("they fit");
        let (config, ready) = (Arc::new(config), Arc::new(AtomicBool::new(true)));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = ready.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, ready) = (config.clone(), shared.clone());
                std::thread::spawn(move || {
                    let tls = rustls::ServerConnection::new(config).expect("it is whole");
                    let mut stream = rustls::StreamOwned::new(tls, stream);
                    let mut request = [0; 1024];
                    while stream.read(&mut request).is_ok_and(|length| length > 0) {
                        let code = if ready.load(Ordering::Relaxed) { 200 } else { 500 };
                        let _ = write!(stream, "HTTP/1.1 {code} x\r\nContent-Length: 1\r\n\r\n{number}");
                        if request.windows(5).any(|part| part == b"close") {
                            stream.conn.send_close_notify();
                            let _ = stream.flush();
                            return;
                        }
                    }
                });
            }
        });
        (address, ready)
    }

    type Client = rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream>;

    fn connect(balancer: &Balancer) -> Client {
        let stream = std::net::TcpStream::connect(balancer.address()).expect("the balancer listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it is not zero");
        let name = ServerName::from(balancer.address().ip());
        let tls = rustls::ClientConnection::new(Arc::new(trusting()), name).expect("it is whole");
        rustls::StreamOwned::new(tls, stream)
    }

    /// The number of the server that answers on this connection.
    fn ask(client: &mut Client) -> usize {
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("somebody reads");
        let mut answer = [0; 256];
        let mut length = 0;
        while !answer[..length].windows(4).any(|part| part == b"\r\n\r\n") || answer[length - 1] == b'\n' {
            length += client.read(&mut answer[length..]).expect("somebody answers");
        }
        usize::from(answer[length - 1] - b'0')
    }

    fn wait_up(balancer: &Balancer, wanted: &[bool]) {
        let start = Instant::now();
        while balancer.up() != wanted {
            assert!(start.elapsed() < Duration::from_secs(30), "{:?}, not {wanted:?}", balancer.up());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn new_connections_go_to_backends_that_are_ready_and_open_ones_stay() {
        let ((first, is_ready), (second, _)) = (server(0), server(1));
        let balancer = Balancer::start(&[first, second], QUICK);
        wait_up(&balancer, &[true, true]);
        let mut open = [connect(&balancer), connect(&balancer)];
        let mut seen = open.each_mut().map(ask);
        seen.sort_unstable();
        assert_eq!(seen, [0, 1], "they take turns");

        is_ready.store(false, Ordering::Relaxed);
        wait_up(&balancer, &[false, true]);
        for _ in 0..4 {
            assert_eq!(ask(&mut connect(&balancer)), 1);
        }
        let mut seen = open.each_mut().map(ask);
        seen.sort_unstable();
        assert_eq!(seen, [0, 1], "open connections are left alone");

        is_ready.store(true, Ordering::Relaxed);
        wait_up(&balancer, &[true, true]);
    }

    #[test]
    fn a_backend_that_refuses_connections_is_passed_over() {
        let (first, _) = server(0);
        let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let nobody = gone.local_addr().expect("it is bound");
        drop(gone);
        let balancer = Balancer::start(&[nobody, first], QUICK);
        wait_up(&balancer, &[false, true]);
        // As if it had ended a moment ago.
        balancer.backends[0].is_up.store(true, Ordering::Relaxed);
        for _ in 0..2 {
            assert_eq!(ask(&mut connect(&balancer)), 0);
        }
    }
}
