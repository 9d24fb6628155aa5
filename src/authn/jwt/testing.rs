//! Issuers that answer on this machine, and their tokens, for tests.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keelson_base::clock;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, RsaEncoding, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::authn::jws::PublicKeys;
use crate::outbound::testing::{Asked, Peer, Reply};

pub(crate) const RSA: &str = include_str!("../service_account/testdata/rsa.pem");

/// Whom tokens are for.
pub(crate) const CLIENT: &str = "my-client";

/// A key of an issuer.
pub(crate) struct Key {
    pem: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl Key {
    pub(crate) fn rsa() -> Self {
        let pair = match PrivateKeyDer::from_pem_slice(RSA.as_bytes()).expect("a key") {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            other => RsaKeyPair::from_pkcs8(other.secret_der()),
        };
        Key { pem: RSA.to_owned(), pair: Pair::Rsa(pair.expect("an RSA key")) }
    }

    /// A new one over P-256.
    pub(crate) fn ec() -> Self {
        let own = rcgen::KeyPair::generate().expect("a key");
        let (algorithm, random) = (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &own.serialize_der(), &random).expect("a key");
        Key { pem: own.serialize_pem(), pair: Pair::Ec(pair) }
    }

    pub(crate) fn sign(&self, message: &[u8], padding: &'static dyn RsaEncoding) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature).expect("signed");
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).expect("signed").as_ref().to_vec(),
        }
    }

    /// A token with this header.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let padding: &'static dyn RsaEncoding = match header["alg"].as_str() {
            Some("RS384") => &signature::RSA_PKCS1_SHA384,
            Some("RS512") => &signature::RSA_PKCS1_SHA512,
            Some("PS256") => &signature::RSA_PSS_SHA256,
            Some("PS384") => &signature::RSA_PSS_SHA384,
            Some("PS512") => &signature::RSA_PSS_SHA512,
            _ => &signature::RSA_PKCS1_SHA256,
        };
        signed(header, claims, |message| self.sign(message, padding))
    }

    pub(crate) fn token(&self, kid: &str, claims: &Value) -> String {
        let algorithm = if matches!(self.pair, Pair::Rsa(_)) { "RS256" } else { "ES256" };
        self.token_with(&json!({"alg": algorithm, "kid": kid}), claims)
    }

    /// The key's JSON, by this name.
    pub(crate) fn web_key(&self, kid: &str) -> Value {
        let mut keys = PublicKeys::default();
        keys.add(self.pem.as_bytes()).expect("a key");
        let set = keys.web_key_set().expect("JSON");
        let mut key: Value = serde_json::from_str::<Value>(&set).expect("JSON")["keys"][0].take();
        key["kid"] = kid.into();
        key
    }
}

pub(crate) fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

pub(crate) fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The authority, as the peer was asked for it.
pub(crate) fn host(asked: &Asked) -> String {
    let authority = asked.head.uri.authority().map(ToString::to_string);
    authority.unwrap_or_else(|| asked.header("host").to_owned())
}

/// An issuer that publishes keys.
pub(crate) struct TestIssuer {
    pub(crate) peer: Peer,
    pub(crate) keys: Arc<Mutex<String>>,
}

impl TestIssuer {
    pub(crate) async fn start(keys: &[Value]) -> Self {
        let keys = Arc::new(Mutex::new(key_set(keys)));
        let published = keys.clone();
        let peer = Peer::start(move |_, asked| {
            let host = host(asked);
            match asked.head.uri.path() {
                "/.well-known/openid-configuration" => Reply::ok(
                    json!({"issuer": format!("https://{host}"), "jwks_uri": format!("https://{host}/keys")})
                        .to_string(),
                ),
                "/keys" => Reply::ok(published.lock().clone()),
                _ => Reply::Answer(404, String::new()),
            }
        });
        TestIssuer { peer: peer.await, keys }
    }

    pub(crate) fn url(&self) -> String {
        self.peer.url("")
    }

    pub(crate) fn publish(&self, keys: &[Value]) {
        *self.keys.lock() = key_set(keys);
    }

    /// How often its keys were asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.peer.asked().iter().filter(|asked| asked.head.uri.path() == "/keys").count()
    }

    /// Its configuration: the name is the claim `username`, and there are groups.
    pub(crate) fn config(&self) -> Value {
        json!({
            "issuer": {"url": self.url(), "audiences": [CLIENT], "certificateAuthority": self.peer.authority},
            "claimMappings": {
                "username": {"claim": "username", "prefix": ""},
                "groups": {"claim": "groups", "prefix": "oidc:"},
            },
        })
    }

    /// Good claims.
    pub(crate) fn claims(&self) -> Value {
        json!({"iss": self.url(), "aud": CLIENT, "username": "jane", "exp": now() + 600})
    }
}

pub(crate) fn now() -> i64 {
    clock::now().as_second()
}

/// A configuration of these issuers.
pub(crate) fn configuration(jwt: &[Value]) -> Value {
    json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": jwt})
}
