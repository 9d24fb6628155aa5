//! Connections: straight to the peer, or through a proxy.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::header::HeaderValue;
use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use tower::Service;

use super::{OutboundError, Tls, tls};

/// Through which proxy connections go. Requests to `http://` URLs go straight to the peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// The one that the environment names: `HTTPS_PROXY` (or `https_proxy`), but for the hosts of `NO_PROXY` and
    /// this machine itself.
    #[default]
    Environment,
    /// This one: `http://[USER:PASSWORD@]HOST:PORT`.
    Url(String),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Tcp = hyper_util::rt::TokioIo<tokio::net::TcpStream>;

/// Connects, and speaks TLS over the connection where the URL asks for it.
#[derive(Clone)]
pub(super) struct Connector(HttpsConnector<Direct>);

impl Connector {
    /// Connects so.
    ///
    /// # Errors
    /// Settings that can't be used.
    pub(super) fn new(tls: &Tls, proxy: Proxy, timeout: Duration) -> Result<Self, OutboundError> {
        let mut config = tls::client_config(tls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(timeout));
        http.set_keepalive(Some(Duration::from_secs(30)));
        let proxy = Arc::new(matcher(&proxy)?);
        let names: Arc<dyn hyper_rustls::ResolveServerName + Send + Sync> = match &tls.server_name {
            Some(name) => Arc::new(FixedServerNameResolver::new(tls::server_name(name)?)),
            None => Arc::new(DefaultServerNameResolver::default()),
        };
        Ok(Connector(HttpsConnector::new(Direct { http, proxy }, config, false, names)))
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<Direct> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = <HttpsConnector<Direct> as Service<Uri>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.0.call(uri)
    }
}

/// Whom to connect to for a URL.
fn matcher(proxy: &Proxy) -> Result<Matcher, OutboundError> {
    let variable =
        |names: [&str; 2]| names.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let (url, but) = match proxy {
        Proxy::Environment => (variable(["HTTPS_PROXY", "https_proxy"]), variable(["NO_PROXY", "no_proxy"])),
        Proxy::Url(url) => (url.clone(), String::new()),
    };
    if !url.is_empty() {
        // It may hold a password, so it is not repeated.
        let parsed: Uri = url.parse().map_err(|error| OutboundError::Settings(format!("proxy: {error}")))?;
        match parsed.scheme_str() {
            Some("http") | None => {}
            Some(scheme) => {
                let reason =
                    format!("proxies of scheme {scheme:?} are not supported by this version of Keelson");
                return Err(OutboundError::Settings(reason));
            }
        }
    }
    let local = match proxy {
        Proxy::Environment => "localhost,127.0.0.0/8,::1",
        Proxy::Url(_) => "",
    };
    let but = [but.as_str(), local].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",");
    Ok(Matcher::builder().https(url).no(but).build())
}

/// Plain connections.
#[derive(Clone)]
pub(super) struct Direct {
    http: HttpConnector,
    proxy: Arc<Matcher>,
}

impl Service<Uri> for Direct {
    type Response = Tcp;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Tcp, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.http.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match self.proxy.intercept(&uri) {
            None => {
                let connecting = self.http.call(uri);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
            Some(proxy) => {
                let mut tunnel = Tunnel::new(proxy.uri().clone(), self.http.clone());
                if let Some(authorization) = proxy.basic_auth() {
                    let authorization: HeaderValue = authorization.clone();
                    tunnel = tunnel.with_auth(authorization);
                }
                let connecting = tunnel.call(uri);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
        }
    }
}
