//! The components beside the server, as `componentstatuses` shows them: the scheduler and the controller
//! manager of this machine, asked at their health paths, and the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use keelson_base::task::TaskGroup;
use keelson_storage::Storage;
use rustls_pki_types::{IpAddr, Ipv4Addr, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::endpoints::{ComponentHealth, Components};
use crate::outbound::{self, OutboundError, Tls};

/// How long a component may take to answer, as upstream lets it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What is read of an answer.
const LONGEST_ANSWER: usize = 10 * 1024;

const CONTROLLER_MANAGER: (&str, u16) = ("controller-manager", 10257);
const SCHEDULER: (&str, u16) = ("scheduler", 10259);
const STORE: &str = "etcd-0";

/// See the module.
pub(super) struct Neighbours {
    storage: Arc<dyn Storage>,
    connector: TlsConnector,
    tasks: TaskGroup,
}

impl Neighbours {
    /// Over this store; connections are driven in `tasks`.
    ///
    /// # Errors
    /// Where TLS can't be had.
    pub(super) fn new(storage: Arc<dyn Storage>, tasks: TaskGroup) -> Result<Self, OutboundError> {
        // The neighbours make their own certificates, on this machine alone, and nothing that they say is trusted
        // with more than being shown.
        let config = outbound::client_config(&Tls { insecure_skip_verify: true, ..Tls::default() })?;
        Ok(Neighbours { storage, connector: TlsConnector::from(Arc::new(config)), tasks })
    }

    async fn probe(&self, port: u16) -> ComponentHealth {
        let health =
            |healthy, message| ComponentHealth { healthy: Some(healthy), message, ..Default::default() };
        let url = format!("https://127.0.0.1:{port}/healthz");
        match tokio::time::timeout(TIMEOUT, self.ask(port)).await {
            Ok(Ok((true, text))) => health(true, text),
            Ok(Ok((false, text))) => health(false, text),
            Ok(Err(why)) => health(false, format!("Get {url:?}: {why}")),
            Err(_) => health(false, format!("Get {url:?}: context deadline exceeded")),
        }
    }

    /// Whether the answer is a success, and its text.
    async fn ask(&self, port: u16) -> Result<(bool, String), String> {
        let refused = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => {
                format!("dial tcp 127.0.0.1:{port}: connect: connection refused")
            }
            _ => format!("dial tcp 127.0.0.1:{port}: {error}"),
        };
        let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(refused)?;
        let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])));
        let stream = self.connector.connect(name, stream).await.map_err(|error| error.to_string())?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|error| error.to_string())?;
        self.tasks.spawn("component-probe", async move {
            // That it ended is all that there is to know.
            let _ = tokio::time::timeout(TIMEOUT, connection).await;
        });
        let request = http::Request::get("/healthz")
            .header(http::header::HOST, format!("127.0.0.1:{port}"))
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|error| error.to_string())?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let well = answer.status().is_success();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
        let text = body.map_err(|error| error.to_string())?.to_bytes();
        Ok((well, String::from_utf8_lossy(&text).into_owned()))
    }
}

#[async_trait]
impl Components for Neighbours {
    fn names(&self) -> Vec<String> {
        [CONTROLLER_MANAGER.0, STORE, SCHEDULER.0].map(str::to_owned).into()
    }

    async fn check(&self, name: &str) -> Option<ComponentHealth> {
        let (of_store, port) = match name {
            STORE => (true, 0),
            name if name == CONTROLLER_MANAGER.0 => (false, CONTROLLER_MANAGER.1),
            name if name == SCHEDULER.0 => (false, SCHEDULER.1),
            _ => return None,
        };
        if !of_store {
            return Some(self.probe(port).await);
        }
        let probed = tokio::time::timeout(TIMEOUT, self.storage.probe()).await;
        Some(match probed {
            Ok(Ok(())) => ComponentHealth { healthy: Some(true), message: "ok".into(), ..Default::default() },
            Ok(Err(error)) => {
                ComponentHealth { healthy: Some(false), error: error.to_string(), ..Default::default() }
            }
            Err(_) => ComponentHealth {
                healthy: Some(false),
                error: "context deadline exceeded".into(),
                ..Default::default()
            },
        })
    }
}
