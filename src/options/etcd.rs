//! Flags about etcd.

use super::{Errors, path, value};
use crate::server::config::{CertificateFiles, Etcd as EtcdConfig, Storage, WatchCaches};

#[derive(Debug, clap::Args)]
pub(super) struct Etcd {
    /// The authority that signed etcd's certificates [default: those that the system trusts].
    #[arg(long)]
    etcd_cafile: Option<String>,
    /// The certificate to show to etcd.
    #[arg(long)]
    etcd_certfile: Option<String>,
    /// The key of --etcd-certfile.
    #[arg(long)]
    etcd_keyfile: Option<String>,
    /// What every key starts with.
    #[arg(long)]
    etcd_prefix: Option<String>,
    /// The servers of one etcd cluster, as scheme://ip:port, parted by commas. Without it, objects are kept
    /// in --data-dir.
    #[arg(long)]
    etcd_servers: Vec<String>,
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
        if servers.is_empty() {
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
        Storage::Etcd(EtcdConfig { servers, prefix, ca_file: path(self.etcd_cafile.as_ref()), client })
    }
}

impl Etcd {
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
