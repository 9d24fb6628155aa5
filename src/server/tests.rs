//! Servers in this process, asked over TLS.

mod authorizers;
mod client;
mod ends;
mod front_proxy;
mod http1;
mod http2;
mod issuers;
mod metrics;
mod nodes;
mod restarts;
mod serves;
mod tls;
mod tokens;
mod traces;
mod web_socket;

use std::net::Ipv4Addr;
use std::path::Path;

use keelson_base::clock;

use super::*;
use crate::authn;
use crate::authz::{self, Mode};
use crate::registry::ServiceNetwork;
use crate::server::config::{Features, Limits, Peers, Serving, Storage, Stores, WatchCaches};
use crate::telemetry;

/// A configuration for a server on a free port of loopback, with all its files below `directory`.
pub(in crate::server) fn config(directory: &Path) -> Config {
    let tokens = directory.join("tokens.csv");
    let lines = "admintoken,admin,admin-uid,\"system:masters\"\nalicetoken,alice,alice-uid,\"devs\"\n";
    std::fs::write(&tokens, lines).expect("a writable directory");
    Config {
        serving: Serving {
            bind_address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            advertise_address: None,
            permit_port_sharing: false,
            http2_max_streams: 100,
            certificate: None,
            cert_dir: directory.to_owned(),
            tls12: true,
            cipher_suites: rustls::crypto::ring::ALL_CIPHER_SUITES.to_vec(),
            curves: rustls::crypto::ring::ALL_KX_GROUPS.to_vec(),
            named_certificates: Vec::new(),
            external_hostname: None,
            http2: true,
        },
        data_dir: directory.to_owned(),
        storage: Storage::Embedded,
        stores: Stores::default(),
        features: Features::default(),
        resources: keelson_api::resources().iter().collect(),
        peers: Peers::default(),
        watch_caches: WatchCaches::AllBut(Vec::new()),
        authentication: authn::Config {
            client_ca_file: None,
            front_proxy: None,
            token_file: Some(tokens),
            anonymous: authn::Anonymous::Everywhere,
            anonymous_is_given: false,
            jwt: authn::jwt::Source::None,
            api_audiences: vec![authn::service_account::DEFAULT_ISSUER.to_owned()],
            service_accounts: authn::service_account::Config::default(),
            bootstrap_tokens: false,
            webhook: None,
        },
        admission: crate::admission::Config::default(),
        authorization: vec![Mode::Rbac].into(),
        limits: Limits {
            request_timeout: Duration::from_secs(60),
            max_reading: Some(400),
            max_mutating: Some(200),
            min_watch: Duration::from_secs(1800),
        },
        http: crate::server::config::Http::default(),
        services: ServiceNetwork::default(),
        event_ttl: Duration::from_secs(3600),
        allow_privileged: false,
        health: crate::server::config::Health::default(),
        shutdown_delay: Duration::ZERO,
        ending: crate::server::config::Ending::default(),
        kubernetes_service: config::KubernetesService::default(),
        compaction_interval: Duration::from_secs(300),
        logging: telemetry::Config::default(),
        tracing_file: None,
        metrics: crate::server::config::Metrics::default(),
        notices: Vec::new(),
    }
}
