//! Issuers that answer on this machine, and their tokens.

mod mapping;
mod provider;
mod reload;
mod tokens;
mod validation;

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keelson_base::clock;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, RsaEncoding, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::*;
use crate::authn::jws::PublicKeys;
use crate::outbound::testing::{Asked, Peer, Reply};

const RSA: &str = include_str!("../../service_account/testdata/rsa.pem");

const API: &str = "https://api";
const CLIENT: &str = "my-client";

/// A key of an issuer.
struct Key {
    pem: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl Key {
    fn rsa() -> Self {
        let pair = match PrivateKeyDer::from_pem_slice(RSA.as_bytes()).expect("a key") {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            other => RsaKeyPair::from_pkcs8(other.secret_der()),
        };
        Key { pem: RSA.to_owned(), pair: Pair::Rsa(pair.expect("an RSA key")) }
    }

    /// A new one over P-256.
    fn ec() -> Self {
        let own = rcgen::KeyPair::generate().expect("a key");
        let (algorithm, random) = (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &own.serialize_der(), &random).expect("a key");
        Key { pem: own.serialize_pem(), pair: Pair::Ec(pair) }
    }

    fn sign(&self, message: &[u8], padding: &'static dyn RsaEncoding) -> Vec<u8> {
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
    fn token_with(&self, header: &Value, claims: &Value) -> String {
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

    fn token(&self, kid: &str, claims: &Value) -> String {
        let algorithm = if matches!(self.pair, Pair::Rsa(_)) { "RS256" } else { "ES256" };
        self.token_with(&json!({"alg": algorithm, "kid": kid}), claims)
    }

    /// The key's JSON, by this name.
    fn web_key(&self, kid: &str) -> Value {
        let mut keys = PublicKeys::default();
        keys.add(self.pem.as_bytes()).expect("a key");
        let set = keys.web_key_set().expect("JSON");
        let mut key: Value = serde_json::from_str::<Value>(&set).expect("JSON")["keys"][0].take();
        key["kid"] = kid.into();
        key
    }
}

fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The authority, as the peer was asked for it.
fn host(asked: &Asked) -> String {
    let authority = asked.head.uri.authority().map(ToString::to_string);
    authority.unwrap_or_else(|| asked.header("host").to_owned())
}

/// An issuer that publishes keys.
struct TestIssuer {
    peer: Peer,
    keys: Arc<Mutex<String>>,
}

impl TestIssuer {
    async fn start(keys: &[Value]) -> Self {
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

    fn url(&self) -> String {
        self.peer.url("")
    }

    fn publish(&self, keys: &[Value]) {
        *self.keys.lock() = key_set(keys);
    }

    /// How often its keys were asked for.
    fn fetches(&self) -> usize {
        self.peer.asked().iter().filter(|asked| asked.head.uri.path() == "/keys").count()
    }

    /// Its configuration: the name is the claim `username`, and there are groups.
    fn config(&self) -> Value {
        json!({
            "issuer": {"url": self.url(), "audiences": [CLIENT], "certificateAuthority": self.peer.authority},
            "claimMappings": {
                "username": {"claim": "username", "prefix": ""},
                "groups": {"claim": "groups", "prefix": "oidc:"},
            },
        })
    }

    /// Good claims.
    fn claims(&self) -> Value {
        json!({"iss": self.url(), "aud": CLIENT, "username": "jane", "exp": now() + 600})
    }
}

fn now() -> i64 {
    clock::now().as_second()
}

fn configuration(jwt: &[Value]) -> Value {
    json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": jwt})
}

fn parsed(config: &Value) -> AuthenticationConfiguration {
    AuthenticationConfiguration::parse(config.to_string().as_bytes()).expect("a configuration")
}

/// Authenticators that run, with the file that configures them.
struct Running {
    started: Started,
    file: PathBuf,
    end: Shutdown,
    tasks: TaskGroup,
    registry: Registry,
    _directory: tempfile::TempDir,
}

fn surroundings() -> Surroundings {
    Surroundings {
        disallowed_issuers: vec!["https://accounts".to_owned()],
        anonymous_is_given: false,
        api_audiences: vec![API.to_owned(), "other".to_owned()],
        server: "apiserver-test".to_owned(),
        tasks: TaskGroup::new(),
        end: Shutdown::new(),
    }
}

impl Running {
    async fn start(config: &Value) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("authentication.yaml");
        std::fs::write(&file, config.to_string()).expect("written");
        let (surroundings, registry) = (surroundings(), Registry::new());
        let (tasks, end) = (surroundings.tasks.clone(), surroundings.end.clone());
        let started = start(&Source::File(file.clone()), surroundings, &registry);
        let started = started.expect("a good configuration").expect("authenticators");
        let running = Running { started, file, end, tasks, registry, _directory: directory };
        running.ready().await;
        running
    }

    async fn ready(&self) {
        let generation = self.started.authenticators.current.load_full();
        let all = join_all(generation.issuers.iter().map(|one| one.provider().ready()));
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("discovered in time");
    }

    async fn judge(&self, token: &str) -> Result<Option<Believed>, String> {
        self.started.authenticators.judge(token, &[API.to_owned()]).await
    }

    /// The user's name and groups, or why there is none.
    async fn judged(&self, token: &str) -> String {
        match self.judge(token).await {
            Ok(Some(believed)) => {
                format!("{} {}", believed.user.name, believed.user.groups.join(","))
            }
            Ok(None) => "nobody's".to_owned(),
            Err(why) => why,
        }
    }

    async fn stop(self) {
        self.end.begin();
        drop(self.started);
        self.tasks.wait(Duration::from_secs(20)).await.expect("all ended");
    }
}

/// All errors as one text.
fn validation_text(errors: &[FieldError]) -> String {
    super::validation::joined(errors)
}
