//! What filters know of the connection that a request came on.

use std::net::SocketAddr;
use std::sync::Arc;

use keelson_base::latch::Latch;
use tokio::sync::Notify;

use crate::authn::ClientCertificate;

/// The connection that a request came on: the server puts it into every request's extensions.
#[derive(Clone, Debug)]
pub struct Connection {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    peer: SocketAddr,
    http2: bool,
    certificate: Option<ClientCertificate>,
    close: Notify,
    last: Latch,
    leave: Latch,
}

impl Connection {
    /// A connection from `peer`, who showed this certificate.
    pub fn new(peer: SocketAddr, http2: bool, certificate: Option<ClientCertificate>) -> Self {
        Connection {
            inner: Arc::new(Inner {
                peer,
                http2,
                certificate,
                close: Notify::new(),
                last: Latch::new(),
                leave: Latch::new(),
            }),
        }
    }

    /// The other end.
    pub fn peer(&self) -> SocketAddr {
        self.inner.peer
    }

    /// Whether HTTP/2 is spoken.
    pub fn is_http2(&self) -> bool {
        self.inner.http2
    }

    /// The certificate that the client showed, and proved to own the key of.
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        self.inner.certificate.as_ref()
    }

    /// Takes no further requests on this connection, and closes it after those that were taken.
    pub fn close(&self) {
        self.inner.close.notify_one();
    }

    /// The next answer is the last one, where HTTP/1.1 is spoken.
    pub fn close_with_next(&self) {
        self.inner.last.set();
    }

    /// Whether the next answer is the last one.
    pub fn closes_with_next(&self) -> bool {
        self.inner.last.is_set()
    }

    /// The client should be elsewhere: answers that would go on for long end.
    pub fn leave(&self) {
        self.inner.leave.set();
    }

    /// Waits until the client should be elsewhere. Cancel safe.
    pub async fn left(&self) {
        self.inner.leave.wait().await;
    }

    /// Waits until somebody wants it closed.
    pub async fn close_wanted(&self) {
        self.inner.close.notified().await;
    }
}
