//! Which plugins are on, and how they are configured.

use std::path::{Path, PathBuf};

use keelson_apimachinery::{Map, Value};
use keelson_base::metrics::MetricError;

use super::plugins;
use crate::config_file::{self, ConfigFileError};

const KIND: &str = "AdmissionConfiguration";
const VERSIONS: [&str; 3] =
    ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1alpha1", "apiserver.k8s.io/v1alpha1"];

/// What the command line says of admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The plugins that are on, in their order. Default: those that the table has on.
    pub plugins: Vec<&'static str>,
    /// A file with an `AdmissionConfiguration`. Default: none.
    pub file: Option<PathBuf>,
    /// How long pods stay on a node that is not ready, in seconds. Default: 300.
    pub not_ready_seconds: i64,
    /// How long pods stay on a node that can't be reached, in seconds. Default: 300.
    pub unreachable_seconds: i64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            plugins: plugins::select(&[], &[]),
            file: None,
            not_ready_seconds: 300,
            unreachable_seconds: 300,
        }
    }
}

/// Why admission can't be set up. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file can't be read, or is not what it should be.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// The configuration of a plugin is wrong, or the plugin can't be had.
    #[error("admission plugin {plugin:?}: {reason}")]
    Plugin {
        /// The plugin.
        plugin: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Its metrics can't be had.
    #[error(transparent)]
    Metrics(#[from] MetricError),
}

/// The configurations of plugins, by name.
#[derive(Debug, Default)]
pub(super) struct PluginConfigs(Vec<(String, Value)>);

impl PluginConfigs {
    /// Reads an `AdmissionConfiguration` and the files that it names, which are relative to its folder.
    ///
    /// # Errors
    /// Where a file can't be read or says what nobody knows.
    pub(super) fn read(file: &Path) -> Result<Self, ConfigError> {
        let config = config_file::read_tree(file)?;
        let wrong = |reason: String| ConfigFileError::wrong(file, reason);
        config_file::check_kind(&config, KIND, &VERSIONS).map_err(wrong)?;
        only(&config, &["apiVersion", "kind", "plugins"]).map_err(wrong)?;
        let mut configs = Vec::new();
        let list = match config.get("plugins") {
            None | Some(Value::Null) => &[],
            Some(list) => list.as_array().ok_or_else(|| wrong("plugins: must be a list".into()))?,
        };
        for plugin in list {
            only(plugin, &["name", "path", "configuration"]).map_err(wrong)?;
            let (name, path) = (plugin.str_at(&["name"]), plugin.str_at(&["path"]));
            let value = match plugin.get("configuration").filter(|value| !value.is_null()) {
                Some(value) => value.clone(),
                None if path.is_empty() => continue,
                None => config_file::read_tree(&file.parent().unwrap_or(Path::new("")).join(path))?,
            };
            configs.push((name.to_owned(), value));
        }
        Ok(PluginConfigs(configs))
    }

    /// That of a plugin.
    pub(super) fn of(&self, plugin: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == plugin).map(|(_, value)| value)
    }
}

/// Refuses members of an object but these.
///
/// # Errors
/// Which it is.
pub(super) fn only(value: &Value, known: &[&str]) -> Result<(), String> {
    let members = value.as_object().ok_or("must be an object")?;
    match members.keys().find(|key| !known.contains(key)) {
        Some(key) => Err(format!("unknown field {key:?}")),
        None => Ok(()),
    }
}

/// Checks `apiVersion` and `kind` of a plugin's configuration, and that it has no members but those and `known`.
///
/// # Errors
/// What is wrong.
pub(super) fn check_kind(value: &Value, versions: &[&str], kind: &str, known: &[&str]) -> Result<(), String> {
    config_file::check_kind(value, kind, versions)?;
    let mut all = vec!["apiVersion", "kind"];
    all.extend(known);
    only(value, &all)
}

/// The texts of a list member; none where it is absent.
///
/// # Errors
/// Where it is something else.
pub(super) fn texts(map: &Map, key: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("{key}: must be a list of strings");
    match map.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => {
            list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}
