//! HTTP/1.1 over TLS, as bytes: what is sent is what a test says, be it HTTP or not.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SignatureScheme, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the server is, and whom it is known by.
pub(crate) struct Target {
    authority: String,
    roots: Arc<RootCertStore>,
}

impl Target {
    pub(crate) fn new(url: &str, authority_pem: &[u8]) -> Target {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(authority_pem).expect("the server's CA is PEM");
        roots.add(certificate).expect("the server's CA is a certificate");
        Target { authority: url.trim_start_matches("https://").to_owned(), roots: Arc::new(roots) }
    }
}

/// Which versions of TLS a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    V12,
    V13,
}

/// A connection.
pub(crate) struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, or null where it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// How much of an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// Good answers have no end, as those of watches.
    Head,
}

/// Shows this certificate whatever the server asks for.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl Connection {
    pub(crate) fn open(target: &Target, shown: Option<Arc<CertifiedKey>>, tls: Tls) -> Result<Connection> {
        let versions = match tls {
            Tls::V12 => &[&rustls::version::TLS12],
            Tls::V13 => &[&rustls::version::TLS13],
        };
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("ring has them")
            .with_root_certificates(Arc::clone(&target.roots));
        let mut config = match shown {
            None => config.with_no_client_auth(),
            Some(shown) => config.with_client_cert_resolver(Arc::new(Shows(shown))),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(Arc::new(config), name).map_err(Error::other)?;
        let tcp = TcpStream::connect(&target.authority)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        Ok(Connection { stream: StreamOwned::new(client, tcp), unread: Vec::new() })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// The next answer; `None` where the server closed the connection before it began.
    pub(crate) fn answer(&mut self, to: &str, part: Part) -> Result<Option<Answer>> {
        let Some(head) = self.head()? else { return Ok(None) };
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|s| s.parse().ok());
        let status = status.ok_or_else(|| Error::other(format!("no status line: {status_line:?}")))?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let endless = status < 300 && part == Part::Head;
        if to != "HEAD" && !endless && status >= 200 {
            self.body(&mut answer)?;
        }
        Ok(Some(answer))
    }

    fn head(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|w| w == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Ok(Some(String::from_utf8_lossy(&head[..end]).into_owned()));
            }
            match self.more()? {
                true => {}
                false if self.unread.is_empty() => return Ok(None),
                false => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    fn body(&mut self, answer: &mut Answer) -> Result<()> {
        let length = answer.header("content-length").and_then(|l| l.parse().ok());
        if answer.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            loop {
                let size = self.line()?;
                let size = usize::from_str_radix(&size, 16).map_err(Error::other)?;
                answer.body.extend(self.exactly(size)?);
                self.exactly(2)?;
                if size == 0 {
                    return Ok(());
                }
            }
        } else if let Some(length) = length {
            answer.body = self.exactly(length)?;
        } else if !matches!(answer.status, 204 | 304) {
            while self.more()? {}
            answer.body = std::mem::take(&mut self.unread);
        }
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.more()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn exactly(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.unread.len() < count {
            if !self.more()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Reads more; `false` where the server closed the connection.
    fn more(&mut self) -> Result<bool> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            // Closed without a farewell.
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
