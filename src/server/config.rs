//! What a server is built from: checked values, made by [`crate::options`].

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use keelson_api::Resource;
use keelson_base::metrics::Exposure;
use regex::Regex;
use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;

pub use crate::bootstrap::Reconciler;
use crate::registry::ServiceNetwork;
use crate::{admission, authn, authz, telemetry};

/// Everything that a server is built from. Its values were checked one by one and against each other; what
/// only the machine knows (files, ports, other servers) was not.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where and how it listens.
    pub serving: Serving,
    /// Where certificates and the administrator's kubeconfig are, and the objects of [`Storage::Embedded`].
    pub data_dir: PathBuf,
    /// Where the objects are.
    pub storage: Storage,
    /// How they are kept there.
    pub stores: Stores,
    /// What is served of the built-in resources. Default: all.
    pub resources: Vec<&'static Resource>,
    /// Which features are on that can be chosen.
    pub features: Features,
    /// What is shown to others when the server turns to them.
    pub peers: Peers,
    /// Which resources are read from watch caches. Default: all but events.
    pub watch_caches: WatchCaches,
    /// Who may come in.
    pub authentication: authn::Config,
    /// Who may do what.
    pub authorization: authz::Config,
    /// What writes have to pass.
    pub admission: admission::Config,
    /// What one request, and all of them together, may take.
    pub limits: Limits,
    /// What is added to HTTP.
    pub http: Http,
    /// Whether containers may be privileged.
    pub allow_privileged: bool,
    /// Where the addresses and node ports of services come from.
    pub services: ServiceNetwork,
    /// Who keeps the service `kubernetes`, and how it is reached from outside.
    pub kubernetes_service: KubernetesService,
    /// How often what was replaced or deleted is discarded, all that is older than the time before last; zero for
    /// never. Default: five minutes.
    pub compaction_interval: Duration,
    /// How long events are kept. Default: one hour.
    pub event_ttl: Duration,
    /// What the server's health is made of.
    pub health: Health,
    /// How long requests are still served after the server was asked to end. Default: none.
    pub shutdown_delay: Duration,
    /// How the server ends beyond that.
    pub ending: Ending,
    /// What is logged, and how.
    pub logging: telemetry::Config,
    /// The file that says which requests are traced. Default: none, and nothing is traced.
    pub tracing_file: Option<PathBuf>,
    /// What is shown of metrics, and how often some of them are looked at.
    pub metrics: Metrics,
    /// What the administrator is told of the flags at start, a line each.
    pub notices: Vec<String>,
}

/// Where and how the server listens.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The address to listen on. Default: `0.0.0.0`, every IPv4 address.
    pub bind_address: IpAddr,
    /// The port. Default: 6443; 0 takes a free one (from a program only, no flag says so).
    pub port: u16,
    /// The address under which others in the cluster find this server; the one that it listens on, or that
    /// of the default route, where it is not given.
    pub advertise_address: Option<IpAddr>,
    /// Whether another process may listen on the same port (`SO_REUSEPORT`).
    pub permit_port_sharing: bool,
    /// How many requests a client may have open on one HTTP/2 connection. Default: 100.
    pub http2_max_streams: u32,
    /// The serving certificate and its key, PEM; made by the server where absent.
    pub certificate: Option<CertificateFiles>,
    /// Where certificates that the server makes are kept.
    pub cert_dir: PathBuf,
    /// Whether TLS 1.2 is spoken beside TLS 1.3.
    pub tls12: bool,
    /// The cipher suites that may be agreed on.
    pub cipher_suites: Vec<SupportedCipherSuite>,
    /// The groups that keys may be exchanged in, the preferred one first.
    pub curves: Vec<&'static dyn SupportedKxGroup>,
    /// Certificates for clients that ask for a server of another name.
    pub named_certificates: Vec<NamedCertificate>,
    /// The host, maybe with a port, that URLs of this server name which are meant for outside. Default: the address
    /// under which others in the cluster find it.
    pub external_hostname: Option<String>,
    /// Whether HTTP/2 is spoken beside HTTP/1.1. Default: yes.
    pub http2: bool,
}

/// A certificate for clients that ask for these names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCertificate {
    /// The certificate and its key.
    pub files: CertificateFiles,
    /// Host names, wildcards for a first label (`*.example.com`), or addresses of this server. Those that the
    /// certificate is for where empty.
    pub names: Vec<String>,
}

/// What the service `kubernetes` is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KubernetesService {
    /// Who keeps the addresses behind it. Default: the servers.
    pub reconciler: Reconciler,
    /// The port on which nodes lead to it; none by default.
    pub node_port: Option<u16>,
}

/// What the server's health is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// For how long `/livez` counts what is left to be done at the start as done. Default: none.
    pub livez_grace: Duration,
    /// How long storage may take to answer the check `etcd`. Default: two seconds.
    pub storage_timeout: Duration,
    /// The same for the check `etcd-readiness`.
    pub storage_ready_timeout: Duration,
    /// For how long the server counts as not ready while watch caches get their objects. Default: one minute.
    pub storage_initialization: Duration,
    /// Whether requests are answered with 503 until the server was ready once. Default: no.
    pub refuse_until_ready: bool,
}

impl Default for Health {
    fn default() -> Self {
        let two_seconds = Duration::from_secs(2);
        Health {
            livez_grace: Duration::ZERO,
            storage_timeout: two_seconds,
            storage_ready_timeout: two_seconds,
            storage_initialization: Duration::from_secs(60),
            refuse_until_ready: false,
        }
    }
}

/// How the server ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Whether new requests are answered with 429 while those that were begun are finished. Default: no; nobody listens
    /// any more then.
    pub send_retry_after: bool,
    /// Over how long watches are ended, from when no more requests are taken. Default: none; they end all together,
    /// when all other requests are finished.
    pub watch_grace: Duration,
}

/// What is shown of metrics, and how often some of them are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// What is shown.
    pub exposure: Exposure,
    /// A file with the values that labels may have, in place of those in `exposure`.
    pub allowed_labels_file: Option<PathBuf>,
    /// How often the store is looked at.
    pub intervals: MetricIntervals,
    /// The features that are shown to be on or off.
    pub features: Vec<Feature>,
}

/// A feature that can be on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name, as `--feature-gates` has it.
    pub name: &'static str,
    /// `ALPHA`, `BETA`, `DEPRECATED`, or nothing for what is stable.
    pub stage: &'static str,
    /// Whether it is on.
    pub enabled: bool,
}

/// How often the store is looked at for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricIntervals {
    /// Between two counts of all objects, about; zero for no counts. Default: one minute.
    pub object_counts: Duration,
    /// Between two looks at the size of each database of etcd; zero for none. Default: 30 seconds.
    pub database_sizes: Duration,
}

impl Default for MetricIntervals {
    fn default() -> Self {
        MetricIntervals { object_counts: Duration::from_secs(60), database_sizes: Duration::from_secs(30) }
    }
}

/// What is added to HTTP. By default nothing.
#[derive(Clone, Debug, Default)]
pub struct Http {
    /// The value of `Strict-Transport-Security` in every answer.
    pub strict_transport_security: Option<HeaderValue>,
    /// With how many of its requests a connection over HTTP/2 ends: 0.001 for every thousandth.
    pub goaway_chance: f64,
    /// The origins whose pages may use the API (CORS).
    pub allowed_origins: Vec<Regex>,
}

/// A certificate (with those that follow it up to its authority) and its private key, both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Where the objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In [`Config::data_dir`].
    Embedded,
    /// In etcd.
    Etcd(Etcd),
}

/// Features that feature gates turn on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Whether watches may say whether they want initial events (`sendInitialEvents`). Default: yes.
    pub watch_list: bool,
}

/// The defaults of kube-apiserver.
impl Default for Features {
    fn default() -> Self {
        Features { watch_list: true }
    }
}

/// How objects are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stores {
    /// Whether they are JSON in storage. Default: no, protobuf.
    pub as_json: bool,
    /// How many objects of a collection are deleted at a time. Default: 1.
    pub delete_workers: usize,
    /// Whether objects wait for a garbage collector to delete or orphan what depends on them. Default: yes.
    pub garbage_collector: bool,
}

/// The defaults of kube-apiserver.
impl Default for Stores {
    fn default() -> Self {
        Stores { as_json: false, delete_workers: 1, garbage_collector: true }
    }
}

/// What is shown to kubelets and to servers of aggregated APIs. The files are checked at start; the server turns to
/// neither yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// The authorities of kubelets, PEM.
    pub kubelet_authority: Option<PathBuf>,
    /// What is shown to kubelets.
    pub kubelet_client: Option<CertificateFiles>,
    /// What is shown to servers of aggregated APIs.
    pub proxy_client: Option<CertificateFiles>,
}

/// Which resources are read from watch caches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchCaches {
    /// None.
    Off,
    /// All but events and these, by group and plural.
    AllBut(Vec<(String, String)>),
}

/// How to reach etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etcd {
    /// The servers' URLs, such as `https://10.0.0.1:2379`; one or more, all of one cluster.
    pub servers: Vec<String>,
    /// What every key starts with. Default: `/registry`.
    pub prefix: String,
    /// The authority that signed the servers' certificates, PEM; the system's where absent.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, with its key.
    pub client: Option<CertificateFiles>,
    /// How much later than asked a key may expire so that its lease can be shared. Default: one minute.
    pub lease_reuse: Duration,
}

/// What requests may take. Long-running requests (watches) count for none of it but `min_watch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a request may take; a client may ask for less. Default: one minute.
    pub request_timeout: Duration,
    /// How many reading requests are served at once; `None` for any number. Default: 400.
    pub max_reading: Option<u32>,
    /// How many other requests are served at once; `None` for any number. Default: 200.
    pub max_mutating: Option<u32>,
    /// A watch that names no timeout ends after a random time between this and twice this. Default: 30
    /// minutes.
    pub min_watch: Duration,
}
