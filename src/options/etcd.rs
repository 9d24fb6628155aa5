//! Flags about etcd.

use super::{Errors, path, value};
use crate::server::config::{CertificateFiles, Etcd as EtcdConfig, Storage};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Etcd")]
pub(super) struct Etcd {
    /// The authority that signed etcd's certificates [default: those that the system trusts].
    #[arg(long, value_name = "FILE")]
    etcd_cafile: Option<String>,
    /// The certificate to show to etcd.
    #[arg(long, value_name = "FILE")]
    etcd_certfile: Option<String>,
    /// The key of --etcd-certfile.
    #[arg(long, value_name = "FILE")]
    etcd_keyfile: Option<String>,
    /// What every key starts with [default: /registry].
    #[arg(long, value_name = "PATH")]
    etcd_prefix: Option<String>,
    /// The servers of one etcd cluster, as scheme://ip:port, parted by commas. Without it, objects are kept
    /// in --data-dir.
    #[arg(long, value_name = "URL,…")]
    etcd_servers: Vec<String>,
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
