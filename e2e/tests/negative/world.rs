//! The server that all areas ask, and whom it knows.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use keelson_e2e::{Server, Store};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::jws::Key;
use crate::pki::Authority;
use crate::request::{Try, post};
use crate::wire::{Answer, Connection, Target};

/// A text in every secret that is planted: no refusal may hold it.
pub(crate) const PLANTED: &str = "aHVudGVyMg";
/// The plain form of it.
pub(crate) const PLANTED_PLAIN: &str = "hunter2";
/// Who issues the tokens of service accounts.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// The name that the front proxy has to go by.
pub(crate) const PROXY: &str = "front-proxy-client";

/// How long the server has to take over what was written.
const SETTLES_WITHIN: Duration = Duration::from_secs(20);

/// The users of the token file, with their groups; the token is the name with `token` behind it.
const USERS: &[(&str, &str)] = &[
    ("admin", "system:masters"),
    // Nobody ever gives this one any right.
    ("nobody", "devs"),
    // Those of single areas.
    ("reader", "devs"),
    ("namer", "devs"),
    ("getter", "devs"),
    ("deleter", "devs"),
    ("mimic", "devs"),
    ("constrained", "devs"),
    ("issuer", "devs"),
    ("stray", "devs"),
    ("socketeer", "devs"),
    ("podder", "devs"),
    ("podmaker", "devs"),
    ("looker", "devs"),
    ("writer", "devs"),
    ("stater", "devs"),
    ("scaler", "devs"),
    ("climber", "devs"),
    ("escalator", "devs"),
    ("binder", "devs"),
    ("roler", "devs"),
    ("requester", "devs"),
    ("approver", "devs"),
    ("signer", "devs"),
];

pub(crate) fn token_of(user: &str) -> String {
    assert!(USERS.iter().any(|(name, _)| *name == user), "{user} is no user of the token file");
    format!("{user}token")
}

/// A server with everyone who may ask it.
pub(crate) struct World {
    target: Target,
    /// Whose client certificates are believed.
    pub(crate) clients: Authority,
    /// The same, until [`World::retire`].
    pub(crate) retired: Authority,
    /// Whose certificate the front proxy has.
    pub(crate) proxies: Authority,
    /// What signs the tokens of service accounts.
    pub(crate) signer: Key,
    files: TempDir,
    _server: Mutex<Server>,
}

/// The one that the areas share, as long as one of them runs.
static SHARED: Mutex<Weak<World>> = Mutex::new(Weak::new());

/// The server of all areas.
pub(crate) fn world() -> Arc<World> {
    let mut shared = SHARED.lock();
    shared.upgrade().unwrap_or_else(|| {
        let world = Arc::new(World::start());
        *shared = Arc::downgrade(&world);
        world
    })
}

impl World {
    fn start() -> World {
        let files = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| files.path().join(name).display().to_string();
        let write = |name: &str, text: &str| {
            std::fs::write(files.path().join(name), text).expect("a file");
            path(name)
        };
        let clients = Authority::root("kubernetes");
        let retired = Authority::root("kubernetes-before");
        let proxies = Authority::root("front-proxy-ca");
        let tokens: String = USERS
            .iter()
            .map(|(name, groups)| format!("{},{name},uid-of-{name},\"{groups}\"\n", token_of(name)))
            .collect();
        let signer = Key::new();
        let server = Server::start_with(
            Store::Embedded,
            &[
                &format!("--token-auth-file={}", write("tokens.csv", &tokens)),
                &format!(
                    "--client-ca-file={}",
                    write("client-ca.crt", &(clients.pem.clone() + &retired.pem))
                ),
                &format!("--requestheader-client-ca-file={}", write("proxy-ca.crt", &proxies.pem)),
                &format!("--requestheader-allowed-names={PROXY}"),
                "--requestheader-username-headers=X-Remote-User",
                "--requestheader-uid-headers=X-Remote-Uid",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                "--enable-bootstrap-token-auth=true",
                &format!("--service-account-issuer={ISSUER}"),
                &format!("--service-account-key-file={}", write("sa.pub", &signer.public_pem)),
                &format!("--service-account-signing-key-file={}", write("sa.key", &signer.private_pem)),
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--allow-privileged=true",
            ],
        );
        let authority = server.data_dir().join("server-ca.crt");
        let authority = std::fs::read(&authority).expect("the server wrote its CA");
        World {
            target: Target::new(&server.url, &authority),
            clients,
            retired,
            proxies,
            signer,
            files,
            _server: Mutex::new(server),
        }
    }

    /// A connection of one's own.
    pub(crate) fn connect(&self, tried: &Try) -> std::io::Result<Connection> {
        Connection::open(&self.target, tried.shown.clone(), tried.tls)
    }

    /// Sends a request over a connection of its own; `None` where the connection ends without an answer.
    pub(crate) fn send(&self, tried: &Try) -> std::io::Result<Option<Answer>> {
        let mut connection = self.connect(tried)?;
        connection.write(&tried.bytes(true))?;
        connection.answer(&tried.method, tried.part())
    }

    /// The answer of the administrator's request, which has to succeed.
    pub(crate) fn must(&self, tried: Try) -> Value {
        let tried = tried.by_admin();
        let answer = self.send(&tried).expect("the server answers").expect("an answer");
        let fine = (200..300).contains(&answer.status);
        assert!(fine, "{} {}: {} {}", tried.method, tried.path, answer.status, answer.text());
        answer.json()
    }

    /// Creates a namespace with its default service account, which no controller makes here.
    pub(crate) fn namespace(&self, name: &str) {
        self.must(post("/api/v1/namespaces", &json!({"metadata": {"name": name}})));
        self.service_account(name, "default");
    }

    pub(crate) fn service_account(&self, namespace: &str, name: &str) -> Value {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        self.must(post(path, &json!({"metadata": {"name": name}})))
    }

    /// A secret that holds what nobody may be told.
    pub(crate) fn secret(&self, namespace: &str, name: &str) -> Value {
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        let secret = json!({"metadata": {"name": name}, "stringData": {"password": PLANTED_PLAIN}});
        let made = self.must(post(path, &secret));
        assert!(made["data"]["password"].as_str().is_some_and(|data| data.starts_with(PLANTED)));
        made
    }

    /// A role of this name with these rules, and its binding to this user; in all namespaces where none is given.
    pub(crate) fn grant(&self, user: &str, namespace: Option<&str>, name: &str, rules: Value) {
        let group = "/apis/rbac.authorization.k8s.io/v1";
        let (place, prefix, kind) = match namespace {
            Some(namespace) => (format!("{group}/namespaces/{namespace}/"), "", "Role"),
            None => (format!("{group}/"), "cluster", "ClusterRole"),
        };
        let meta = json!({"name": name});
        self.must(post(format!("{place}{prefix}roles"), &json!({"metadata": meta, "rules": rules})));
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
        let subject = match user.strip_prefix("system:serviceaccount:").and_then(|name| name.split_once(':'))
        {
            Some((namespace, name)) => {
                json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
            }
            None => json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}),
        };
        let binding = json!({"metadata": meta, "roleRef": role, "subjects": [subject]});
        self.must(post(format!("{place}{prefix}rolebindings"), &binding));
    }

    /// Waits until the request gets this status: policy and the like are taken over a moment after they are written.
    pub(crate) fn settle(&self, tried: &Try, status: u16) {
        let deadline = Instant::now() + SETTLES_WITHIN;
        loop {
            let answer = self.send(tried).expect("the server answers").expect("an answer");
            if answer.status == status {
                return;
            }
            let (method, path) = (&tried.method, &tried.path);
            let last = format!("{method} {path} gets {}, and not {status}: {}", answer.status, answer.text());
            assert!(Instant::now() < deadline, "{last}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes the authority [`World::retired`] out of the file of client authorities.
    pub(crate) fn retire(&self) {
        std::fs::write(self.file("client-ca.crt"), &self.clients.pem).expect("a file");
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.files.path()).join(name)
    }
}
