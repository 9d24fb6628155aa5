//! The command line: kube-apiserver's flags, in Go's syntax, made into a [`Config`].
//!
//! One group of flags a file. A group holds the flags as text, as they were given; `read` makes values of
//! them and notes every one that it can't. Nothing is looked up outside the command line but
//! [`Environment`], so parsing is a pure function.
//!
//! Every flag of kube-apiserver is known by a table ([`facts`]), which says what `--help` ([`help`]) shows where. Those
//! that no group reads have no effect here yet: they are refused by their name ([`unsupported`]) unless they hold their
//! default, never accepted and ignored.

mod admission;
mod api_enablement;
mod authentication;
mod authorization;
mod compatibility;
mod etcd;
mod facts;
mod feature_gates;
mod features;
mod front_proxy;
mod generic;
mod help;
mod kubernetes_service;
mod logs;
mod metrics;
mod oidc;
mod peers;
mod secure_serving;
mod service_accounts;
mod storage;
mod syntax;
mod traces;
mod unsupported;
mod value;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::server::config::Config;

/// The flags as text.
#[derive(Debug, Parser)]
#[command(disable_version_flag = true)]
struct Flags {
    #[command(flatten)]
    generic: generic::Generic,
    #[command(flatten)]
    compatibility: compatibility::Compatibility,
    #[command(flatten)]
    feature_gates: feature_gates::FeatureGates,
    #[command(flatten)]
    etcd: etcd::Etcd,
    #[command(flatten)]
    storage: storage::EmbeddedStore,
    #[command(flatten)]
    secure_serving: secure_serving::SecureServing,
    #[command(flatten)]
    authentication: authentication::Authentication,
    #[command(flatten)]
    service_accounts: service_accounts::ServiceAccounts,
    #[command(flatten)]
    oidc: oidc::Oidc,
    #[command(flatten)]
    authorization: authorization::Authorization,
    #[command(flatten)]
    api_enablement: api_enablement::ApiEnablement,
    #[command(flatten)]
    admission: admission::Admission,
    #[command(flatten)]
    peers: peers::Peers,
    #[command(flatten)]
    features: features::Features,
    #[command(flatten)]
    logs: logs::Logs,
    #[command(flatten)]
    traces: traces::Traces,
    #[command(flatten)]
    kubernetes_service: kubernetes_service::KubernetesService,
    #[command(flatten)]
    metrics: metrics::Metrics,
    /// Print the version of Kubernetes whose API is served, and Keelson's own; with raw, all that is known of the
    /// former.
    #[arg(long)]
    version: Option<String>,
}

/// What the environment of the process says.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `$XDG_DATA_HOME`.
    pub data_home: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        let path = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        Environment { data_home: path("XDG_DATA_HOME"), home: path("HOME") }
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Outcome {
    /// To run a server.
    Run(Box<Config>),
    /// To print this and end.
    Print(String),
}

/// What is wrong with one flag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag}: {reason}")]
pub struct Error {
    /// The flag with its dashes, or the argument that is none.
    pub flag: String,
    /// What is wrong, in one line.
    pub reason: String,
}

/// Reads the command line: `arguments` without the program's name.
///
/// # Errors
/// All that is wrong with it, at least one.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Outcome, Vec<Error>> {
    let mut errors = Errors::default();
    let known = Flags::command();
    let command = help::command(&known);
    let matches = match syntax::matches(&command, arguments.into_iter().collect(), &mut errors) {
        Some(syntax::Matched::Flags(matches)) => matches,
        Some(syntax::Matched::Help) => return Ok(Outcome::Print(help::text(&known))),
        None => return Err(errors.list),
    };
    unsupported::judge(&known, &matches, &mut errors);
    let flags = match Flags::from_arg_matches(&matches) {
        Ok(flags) => flags,
        Err(error) => {
            errors.note("command line", error.to_string().lines().next().unwrap_or_default());
            return Err(errors.list);
        }
    };
    if let Some(text) = flags.version_text(&mut errors)
        && errors.list.is_empty()
    {
        return Ok(Outcome::Print(text));
    }
    let mut config = flags.read(environment, &mut errors);
    config.notices = std::mem::take(&mut errors.notices);
    if errors.list.is_empty() { Ok(Outcome::Run(Box::new(config))) } else { Err(errors.list) }
}

impl Flags {
    fn read(&self, environment: &Environment, errors: &mut Errors) -> Config {
        let data_dir = self.storage.read(environment, errors);
        let generic = self.generic.read(errors);
        let mut health = generic.health.clone();
        self.etcd.read_health(errors, &mut health);
        let features = self.features.read(errors);
        self.compatibility.check(errors);
        let gates = self.feature_gates.check(errors);
        if let (Some(address), Some(range)) = (generic.advertise_address, features.services.cidrs.first())
            && address.is_ipv4() != range.is_ipv4()
        {
            let reason = format!("{address} must be of the family of --service-cluster-ip-range, {range}");
            errors.note("--advertise-address", reason);
        }
        Config {
            serving: self.secure_serving.read(
                generic.advertise_address,
                generic.external_hostname,
                &data_dir,
                errors,
            ),
            data_dir,
            storage: self.etcd.read(errors),
            stores: self.etcd.read_stores(errors),
            features: feature_gates::chosen(&gates),
            resources: self.api_enablement.read(errors),
            peers: self.peers.read(errors),
            watch_caches: self.etcd.read_caches(errors),
            compaction_interval: self.etcd.read_compaction_interval(errors),
            kubernetes_service: self.kubernetes_service.read(features.services.node_ports, errors),
            authentication: self.authentication.read(&self.service_accounts, &self.oidc, errors),
            authorization: self.authorization.read(errors),
            admission: self.admission.read(errors),
            limits: generic.limits,
            http: generic.http,
            services: features.services,
            allow_privileged: features.allow_privileged,
            event_ttl: features.event_ttl,
            health,
            shutdown_delay: generic.shutdown_delay,
            ending: generic.ending,
            logging: self.logs.read(errors),
            tracing_file: self.traces.read(),
            metrics: self.metrics.read(self.etcd.read_metric_intervals(errors), gates, errors),
            notices: Vec::new(),
        }
    }

    fn version_text(&self, errors: &mut Errors) -> Option<String> {
        match self.version.as_deref()? {
            "raw" => Some(format!("{}\n", crate::raw_version())),
            text if text.starts_with('v') => {
                errors.note(
                    "--version",
                    format!("the version can't be set to {text}: not supported by Keelson"),
                );
                None
            }
            text => {
                let wanted = errors.take("--version", value::boolean(text)).unwrap_or(false);
                // What stands first is what kube-apiserver prints, and what programs look for.
                let text =
                    || format!("Kubernetes {} (Keelson {})\n", crate::KUBERNETES_VERSION, crate::VERSION);
                wanted.then(text)
            }
        }
    }
}

/// The errors so far, and what else the administrator should know.
#[derive(Debug, Default)]
struct Errors {
    list: Vec<Error>,
    notices: Vec<String>,
}

impl Errors {
    fn note(&mut self, flag: &str, reason: impl fmt::Display) {
        self.list.push(Error { flag: flag.to_owned(), reason: reason.to_string() });
    }

    /// Says something, in one line, that keeps no server from starting.
    fn remark(&mut self, notice: String) {
        self.notices.push(notice);
    }

    /// The value; notes why there is none.
    fn take<T>(&mut self, flag: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|reason| self.note(flag, reason)).ok()
    }

    /// The parsed value of a flag that was given, else its default.
    fn value<T>(
        &mut self,
        flag: &str,
        given: Option<&String>,
        parse: impl FnOnce(&str) -> Result<T, String>,
        default: T,
    ) -> T {
        given.and_then(|text| self.take(flag, parse(text))).unwrap_or(default)
    }

    /// The value of a flag that was given and is not empty.
    fn optional<T>(
        &mut self,
        flag: &str,
        given: Option<&String>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        given.filter(|text| !text.is_empty()).and_then(|text| self.take(flag, parse(text)))
    }
}

/// The path that a flag gives; none where it is absent or empty.
fn path(given: Option<&String>) -> Option<PathBuf> {
    given.filter(|text| !text.is_empty()).map(PathBuf::from)
}
