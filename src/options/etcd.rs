//! Flags about etcd.

use std::time::Duration;

use super::{Errors, metrics, path, value};
use crate::server::config::{
    CertificateFiles, Etcd as EtcdConfig, Health, MetricIntervals, Storage, Stores, WatchCaches,
};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// The most objects of a collection that are deleted at a time.
const MOST_WORKERS: i64 = 1000;

#[derive(Debug, clap::Args)]
pub(super) struct Etcd {
    /// How many objects are deleted at a time where a collection of them is, as with the content of a namespace; at
    /// most 1000.
    #[arg(long)]
    delete_collection_workers: Option<String>,
    /// Whether objects wait, when they are deleted so, until a garbage collector has deleted or orphaned what depends on
    /// them. Must be what kube-controller-manager is told.
    #[arg(long)]
    enable_garbage_collector: Option<String>,
    /// The authority that signed etcd's certificates [default: those that the system trusts].
    #[arg(long)]
    etcd_cafile: Option<String>,
    /// The certificate to show to etcd.
    #[arg(long)]
    etcd_certfile: Option<String>,
    /// How long etcd may take to answer the health check etcd; 0s for the default.
    #[arg(long)]
    etcd_healthcheck_timeout: Option<String>,
    /// The key of --etcd-certfile.
    #[arg(long)]
    etcd_keyfile: Option<String>,
    /// How often what was replaced or deleted is discarded from the store (of several servers over one etcd, one does
    /// it); 0 for never.
    #[arg(long)]
    etcd_compaction_interval: Option<String>,
    /// How often all objects are counted for metrics; 0 for never.
    #[arg(long)]
    etcd_count_metric_poll_period: Option<String>,
    /// How often each etcd is asked for the size of its database, for the hidden metric
    /// apiserver_storage_db_total_size_in_bytes; 0 for never.
    #[arg(long)]
    etcd_db_metric_poll_interval: Option<String>,
    /// What every key starts with.
    #[arg(long)]
    etcd_prefix: Option<String>,
    /// How long etcd may take to answer the health check etcd-readiness; 0s for the default.
    #[arg(long)]
    etcd_readycheck_timeout: Option<String>,
    /// The servers of one etcd cluster, as scheme://ip:port, parted by commas. Without it, objects are kept
    /// in --data-dir.
    #[arg(long)]
    etcd_servers: Vec<String>,
    /// How much later than asked, in seconds, keys that expire may do so, that they may share etcd's leases; never more
    /// than a twentieth of their time.
    #[arg(long)]
    lease_reuse_duration_seconds: Option<String>,
    /// What the objects are kept in with --etcd-servers: etcd3.
    #[arg(long)]
    storage_backend: Option<String>,
    /// How objects are written to storage: application/vnd.kubernetes.protobuf or application/json. Whatever is there
    /// is read in either.
    #[arg(long)]
    storage_media_type: Option<String>,
    /// Whether reads and watches are answered from memory where they can be.
    #[arg(long)]
    watch_cache: Option<String>,
    /// resource[.group]#size, parted by commas: a size of 0 turns the cache of that resource off; others change
    /// nothing, as caches grow and shrink by themselves.
    #[arg(long)]
    watch_cache_sizes: Vec<String>,
}

impl Etcd {
    pub(super) fn read(&self, errors: &mut Errors) -> Storage {
        let servers = value::list(&self.etcd_servers);
        let backend = errors.optional("--storage-backend", self.storage_backend.as_ref(), backend);
        let minute = Duration::from_secs(60);
        let given = self.lease_reuse_duration_seconds.as_ref();
        let lease_reuse = errors.value("--lease-reuse-duration-seconds", given, seconds, minute);
        if servers.is_empty() {
            for (flag, of_use) in [
                ("--storage-backend", backend.is_some()),
                ("--lease-reuse-duration-seconds", lease_reuse != minute),
            ] {
                if of_use {
                    errors.note(flag, "has no effect without --etcd-servers");
                }
            }
            let without = [
                ("--etcd-cafile", &self.etcd_cafile),
                ("--etcd-certfile", &self.etcd_certfile),
                ("--etcd-keyfile", &self.etcd_keyfile),
                ("--etcd-prefix", &self.etcd_prefix),
            ];
            for (flag, _) in without.iter().filter(|(_, given)| given.is_some()) {
                errors.note(flag, "has no effect without --etcd-servers");
            }
            return Storage::Embedded;
        }
        for server in &servers {
            if let Err(why) = check_url(server) {
                errors.note("--etcd-servers", format!("invalid value {server:?}: {why}"));
            }
        }
        let client = match (path(self.etcd_certfile.as_ref()), path(self.etcd_keyfile.as_ref())) {
            (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                errors.note("--etcd-certfile", "needs --etcd-keyfile");
                None
            }
            (None, Some(_)) => {
                errors.note("--etcd-keyfile", "needs --etcd-certfile");
                None
            }
        };
        let prefix = errors.value("--etcd-prefix", self.etcd_prefix.as_ref(), prefix, "/registry".to_owned());
        Storage::Etcd(EtcdConfig {
            servers,
            prefix,
            ca_file: path(self.etcd_cafile.as_ref()),
            client,
            lease_reuse,
        })
    }
}

impl Etcd {
    pub(super) fn read_stores(&self, errors: &mut Errors) -> Stores {
        let default = Stores::default();
        let (workers, collector) =
            (self.delete_collection_workers.as_ref(), self.enable_garbage_collector.as_ref());
        let as_json = errors.optional("--storage-media-type", self.storage_media_type.as_ref(), is_json);
        Stores {
            as_json: as_json.unwrap_or(default.as_json),
            delete_workers: errors.value(
                "--delete-collection-workers",
                workers,
                delete_workers,
                default.delete_workers,
            ),
            garbage_collector: errors.value(
                "--enable-garbage-collector",
                collector,
                value::boolean,
                default.garbage_collector,
            ),
        }
    }

    pub(super) fn read_compaction_interval(&self, errors: &mut Errors) -> Duration {
        let given = self.etcd_compaction_interval.as_ref();
        errors.value("--etcd-compaction-interval", given, value::duration, Duration::from_secs(300))
    }

    pub(super) fn read_metric_intervals(&self, errors: &mut Errors) -> MetricIntervals {
        let (counts, sizes) = (&self.etcd_count_metric_poll_period, &self.etcd_db_metric_poll_interval);
        metrics::intervals(counts.as_ref(), sizes.as_ref(), errors)
    }

    /// Sets how long etcd may take to answer health checks; the embedded store is given the same time.
    pub(super) fn read_health(&self, errors: &mut Errors, health: &mut Health) {
        for (flag, given, timeout) in [
            ("--etcd-healthcheck-timeout", &self.etcd_healthcheck_timeout, &mut health.storage_timeout),
            ("--etcd-readycheck-timeout", &self.etcd_readycheck_timeout, &mut health.storage_ready_timeout),
        ] {
            // As upstream's, 0 stands for the default.
            let given = errors.value(flag, given.as_ref(), value::duration, *timeout);
            if !given.is_zero() {
                *timeout = given;
            }
        }
    }

    pub(super) fn read_caches(&self, errors: &mut Errors) -> WatchCaches {
        let on = errors.value("--watch-cache", self.watch_cache.as_ref(), value::boolean, true);
        let mut off = Vec::new();
        for text in value::list(&self.watch_cache_sizes) {
            // Other sizes are taken note of and change nothing, as upstream's don't: caches size themselves.
            if let Some((resource, 0)) = errors.take("--watch-cache-sizes", cache_size(&text)) {
                off.push(resource);
            }
        }
        if on { WatchCaches::AllBut(off) } else { WatchCaches::Off }
    }
}

fn backend(text: &str) -> Result<(), String> {
    let why = "invalid, allowed values: etcd3. If not specified, it will default to 'etcd3'";
    if text == "etcd3" { Ok(()) } else { Err(why.to_owned()) }
}

fn is_json(text: &str) -> Result<bool, String> {
    match text {
        PROTOBUF => Ok(false),
        "application/json" => Ok(true),
        "application/yaml" => {
            Err(format!("{text:?} is not supported by Keelson: give {PROTOBUF} or application/json"))
        }
        _ => Err(format!("{text:?} invalid, allowed values: application/json, application/yaml, {PROTOBUF}")),
    }
}

/// Below 1, one.
fn delete_workers(text: &str) -> Result<usize, String> {
    match value::integer(text)?.max(1) {
        workers @ ..=MOST_WORKERS => Ok(usize::try_from(workers).unwrap_or(1)),
        workers => Err(format!("{workers} is more than Keelson allows: give {MOST_WORKERS} at most")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    value::count(text, u32::MAX).map(|seconds| Duration::from_secs(seconds.into()))
}

/// `resource[.group]#size`: group and plural, and the size.
fn cache_size(text: &str) -> Result<((String, String), u32), String> {
    let parts = text.split_once('#').filter(|(resource, size)| !resource.is_empty() && !size.contains('#'));
    let (resource, size) = parts.ok_or_else(|| format!("invalid value of watch cache size: {text}"))?;
    if size.starts_with('-') && size.parse::<i64>().is_ok() {
        return Err(format!("watch cache size cannot be negative: {text}"));
    }
    let size = size.parse().map_err(|_| format!("invalid size of watch cache size: {text}"))?;
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    Ok(((group.to_owned(), plural.to_owned()), size))
}

fn check_url(url: &str) -> Result<(), &'static str> {
    let uri: http::Uri = url.parse().map_err(|_| "not a URL")?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some() => Ok(()),
        Some("unix" | "unixs") => Err("Unix sockets are not supported by this version of Keelson"),
        _ => Err("must start with http:// or https://"),
    }
}

/// A prefix with one slash in front and none behind.
fn prefix(text: &str) -> Result<String, String> {
    Ok(format!("/{}", text.trim_matches('/')))
}
