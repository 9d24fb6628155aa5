//! A request, and who sends it.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use serde_json::Value;

use crate::pki::Identity;
use crate::wire::{Part, Tls};

/// A request over HTTP/1.1.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) shown: Option<Arc<CertifiedKey>>,
    pub(crate) tls: Tls,
}

/// A request without credentials.
pub(crate) fn send(method: &str, path: impl Into<String>) -> Try {
    Try {
        method: method.to_owned(),
        path: path.into(),
        headers: Vec::new(),
        body: Vec::new(),
        shown: None,
        tls: Tls::V13,
    }
}

pub(crate) fn get(path: impl Into<String>) -> Try {
    send("GET", path)
}

pub(crate) fn delete(path: impl Into<String>) -> Try {
    send("DELETE", path)
}

pub(crate) fn post(path: impl Into<String>, body: &Value) -> Try {
    send("POST", path).json("application/json", body)
}

pub(crate) fn put(path: impl Into<String>, body: &Value) -> Try {
    send("PUT", path).json("application/json", body)
}

/// A merge patch.
pub(crate) fn patch(path: impl Into<String>, body: &Value) -> Try {
    send("PATCH", path).json("application/merge-patch+json", body)
}

/// Asks who one is; there is no more harmless thing that has to be authenticated.
pub(crate) fn who_am_i() -> Try {
    post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &Value::Object(serde_json::Map::new()))
}

impl Try {
    /// With this bearer token.
    pub(crate) fn token(self, token: &str) -> Try {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// As this user of the token file.
    pub(crate) fn by(self, user: &str) -> Try {
        self.token(&crate::world::token_of(user))
    }

    /// As the administrator.
    pub(crate) fn by_admin(self) -> Try {
        self.by("admin")
    }

    /// Showing this certificate.
    pub(crate) fn certificate(mut self, identity: &Identity) -> Try {
        self.shown = Some(identity.shown());
        self
    }

    /// Speaking this version of TLS.
    pub(crate) fn tls(mut self, tls: Tls) -> Try {
        self.tls = tls;
        self
    }

    /// With one more header. Names and values go out as they stand.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Try {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn json(mut self, media_type: &str, body: &Value) -> Try {
        self.body = body.to_string().into_bytes();
        self.header("Content-Type", media_type)
    }

    /// The same with another media type.
    pub(crate) fn media_type(mut self, media_type: &str) -> Try {
        self.headers.retain(|(name, _)| name != "Content-Type");
        self.header("Content-Type", media_type)
    }

    /// How much of a good answer is waited for.
    pub(crate) fn part(&self) -> Part {
        let endless = self.path.contains("watch=true") || self.path.contains("watch=1");
        if endless || self.path.contains("/watch/") { Part::Head } else { Part::Whole }
    }

    /// What goes over the wire.
    pub(crate) fn bytes(&self, last: bool) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", self.method, self.path).into_bytes();
        let named = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !named("accept") {
            out.extend_from_slice(b"Accept: application/json\r\n");
        }
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            out.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        if last && !named("connection") {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }
}
