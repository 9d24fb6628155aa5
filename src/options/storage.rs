//! The embedded store.

use std::path::PathBuf;

use super::{Environment, Errors, path};

#[derive(Debug, clap::Args)]
pub(super) struct EmbeddedStore {
    /// Where the server keeps its objects (unless --etcd-servers is given), the certificates that it makes
    /// and the administrator's kubeconfig [default: keelson in the user's data home, ~/.local/share].
    #[arg(long)]
    data_dir: Option<String>,
}

impl EmbeddedStore {
    pub(super) fn read(&self, environment: &Environment, errors: &mut Errors) -> PathBuf {
        let home = || {
            let data = environment.data_home.clone().filter(|d| d.is_absolute());
            data.or_else(|| environment.home.as_ref().map(|h| h.join(".local/share")))
        };
        match path(self.data_dir.as_ref()).or_else(|| home().map(|d| d.join("keelson"))) {
            Some(directory) => directory,
            None => {
                errors.note("--data-dir", "must be given where neither HOME nor XDG_DATA_HOME is set");
                PathBuf::new()
            }
        }
    }
}
