//! The kubeconfig of a webhook: where it is, whom to believe, what to show.
//!
//! Of the file the current context counts: its cluster is the webhook, its user is this server. What would need a
//! program of its own (`exec`, `auth-provider`), and acting as somebody else, is refused by name. Files that it
//! names lie relative to it.
//!
//! Source: "Organizing Cluster Access Using kubeconfig Files" and "Webhook Mode" in the Kubernetes documentation.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use keelson_apimachinery::field::quote;
use serde::Deserialize;

use super::{Proxy, Tls, Webhook};
use crate::config_file::{self, ConfigFileError};

/// The webhook that a kubeconfig names.
///
/// # Errors
/// A file that can't be read or says what can't be done; files that it names that can't be used.
pub fn read(path: &Path) -> Result<Webhook, ConfigFileError> {
    let settings = read_settings(path)?;
    Webhook::new(settings).map_err(|reason| ConfigFileError::wrong(path, reason))
}

/// What a kubeconfig says of its current context.
///
/// # Errors
/// A file that can't be read or says what can't be done. The files that it names are not opened.
pub fn read_settings(path: &Path) -> Result<Settings, ConfigFileError> {
    let bytes = config_file::read_bytes(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&bytes, folder).map_err(|reason| ConfigFileError::wrong(path, reason))
}

/// What the bytes of a kubeconfig say of its current context; files that it names lie relative to `folder`.
///
/// # Errors
/// What is wrong, all of it.
pub fn parse(bytes: &[u8], folder: &Path) -> Result<Settings, String> {
    let config: Kubeconfig = config_file::parse_leniently(bytes, "Config", &["v1"])?;
    config.settings(folder)
}

/// Where a webhook is and how to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where requests go, without a query.
    pub url: Uri,
    /// Through which proxy.
    pub proxy: Proxy,
    authorities: Option<Source>,
    identity: Option<(Source, Source)>,
    server_name: Option<String>,
    insecure_skip_verify: bool,
    credentials: Credentials,
}

/// Bytes, or the file that holds them.
#[derive(Clone, PartialEq, Eq)]
enum Source {
    Bytes(Vec<u8>),
    File(PathBuf),
}

#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    None,
    Token(String),
    TokenFile(PathBuf),
    Password { name: String, password: String },
}

/// What the files that a kubeconfig names hold now.
#[derive(PartialEq, Eq)]
pub(super) struct Material {
    pub(super) tls: Tls,
    /// The header of that name.
    pub(super) authorization: Option<String>,
}

impl Source {
    fn load(&self) -> Result<Vec<u8>, String> {
        match self {
            Source::Bytes(bytes) => Ok(bytes.clone()),
            Source::File(path) => config_file::read_bytes(path).map_err(|error| error.to_string()),
        }
    }

    fn is_file(&self) -> bool {
        matches!(self, Source::File(_))
    }
}

impl Settings {
    /// Whether it names files, which may change.
    pub(super) fn names_files(&self) -> bool {
        self.authorities.as_ref().is_some_and(Source::is_file)
            || self.identity.as_ref().is_some_and(|(chain, key)| chain.is_file() || key.is_file())
            || matches!(self.credentials, Credentials::TokenFile(_))
    }

    /// Reads the files.
    ///
    /// # Errors
    /// Which can't be read.
    pub(super) fn material(&self) -> Result<Material, String> {
        let identity = match &self.identity {
            None => None,
            Some((chain, key)) => Some((chain.load()?, key.load()?)),
        };
        let authorization = match &self.credentials {
            Credentials::None => None,
            Credentials::Token(token) => Some(format!("Bearer {token}")),
            Credentials::TokenFile(path) => {
                let bytes = config_file::read_bytes(path).map_err(|error| error.to_string())?;
                let token = String::from_utf8_lossy(bytes.trim_ascii()).into_owned();
                if token.is_empty() {
                    return Err(format!("read empty token from file {}", quote(&path.display().to_string())));
                }
                Some(format!("Bearer {token}"))
            }
            Credentials::Password { name, password } => {
                Some(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
            }
        };
        let tls = Tls {
            authorities: self.authorities.as_ref().map(Source::load).transpose()?,
            identity,
            server_name: self.server_name.clone(),
            insecure_skip_verify: self.insecure_skip_verify,
        };
        Ok(Material { tls, authorization })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[derive(Default)]
struct Kubeconfig {
    clusters: Vec<NamedCluster>,
    users: Vec<NamedUser>,
    contexts: Vec<NamedContext>,
    current_context: String,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    #[serde(default)]
    cluster: Cluster,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default)]
    user: User,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    #[serde(default)]
    context: Context,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Context {
    cluster: String,
    user: String,
}

#[derive(Deserialize, Default, Clone, PartialEq)]
#[serde(rename_all = "kebab-case", default)]
struct Cluster {
    server: String,
    tls_server_name: String,
    insecure_skip_tls_verify: bool,
    certificate_authority: String,
    certificate_authority_data: String,
    proxy_url: String,
}

#[derive(Deserialize, Default, Clone)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    client_certificate: String,
    client_certificate_data: String,
    client_key: String,
    client_key_data: String,
    token: String,
    #[serde(rename = "tokenFile")]
    token_file: String,
    username: String,
    password: String,
    #[serde(rename = "as")]
    impersonate: String,
    exec: Option<Anything>,
    auth_provider: Option<Anything>,
}

/// Something that is there.
#[derive(Clone, Copy)]
struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Anything)
    }
}

impl Kubeconfig {
    fn settings(self, folder: &Path) -> Result<Settings, String> {
        if self.clusters.is_empty() && self.users.is_empty() && self.contexts.is_empty() {
            return Err("invalid configuration: no configuration has been provided".to_owned());
        }
        if self.current_context.is_empty() {
            return Err("current-context: must name a context".to_owned());
        }
        let name = quote(&self.current_context);
        let named = self.contexts.iter().find(|context| context.name == self.current_context);
        let Some(NamedContext { context, .. }) = named else {
            return Err(format!(
                "invalid configuration: context was not found for specified context: {}",
                self.current_context
            ));
        };
        let mut errors = Vec::new();
        let user = match self.users.iter().find(|user| user.name == context.user) {
            Some(user) => user.user.clone(),
            None if context.user.is_empty() => User::default(),
            None => {
                errors.push(format!("user {} was not found for context {name}", quote(&context.user)));
                User::default()
            }
        };
        let cluster = match self.clusters.iter().find(|cluster| cluster.name == context.cluster) {
            Some(cluster) => cluster.cluster.clone(),
            None => {
                errors.push(format!("cluster {} was not found for context {name}", quote(&context.cluster)));
                Cluster::default()
            }
        };
        let credentials = credentials(&user, &context.user, folder, &mut errors);
        let identity = identity(&user, &context.user, folder, &mut errors);
        let authorities = authorities(&cluster, &context.cluster, folder, &mut errors);
        let secured = authorities.is_some() || identity.is_some() || cluster.insecure_skip_tls_verify;
        let url = url(&cluster.server, secured).map_err(|reason| errors.push(reason));
        match (url, errors.len()) {
            (Ok(url), 0) => Ok(Settings {
                url,
                proxy: match cluster.proxy_url.as_str() {
                    "" => Proxy::Environment,
                    url => Proxy::Url(url.to_owned()),
                },
                authorities,
                identity,
                server_name: Some(cluster.tls_server_name).filter(|name| !name.is_empty()),
                insecure_skip_verify: cluster.insecure_skip_tls_verify,
                credentials,
            }),
            (_, 1) => Err(format!("invalid configuration: {}", errors.remove(0))),
            _ => Err(format!("invalid configuration: [{}]", errors.join(", "))),
        }
    }
}

/// A file, or base64 in place; that which is in place wins, but both are an error.
fn source(file: &str, data: &str, folder: &Path, what: &str, errors: &mut Vec<String>) -> Option<Source> {
    match (file, data) {
        ("", "") => None,
        (_, "") => Some(Source::File(folder.join(file))),
        ("", _) => match STANDARD.decode(data.split_ascii_whitespace().collect::<String>()) {
            Ok(bytes) => Some(Source::Bytes(bytes)),
            Err(error) => {
                errors.push(format!("{what}-data: {error}"));
                None
            }
        },
        _ => {
            errors.push(format!("{what}-data and {what} are both specified"));
            None
        }
    }
}

fn authorities(cluster: &Cluster, name: &str, folder: &Path, errors: &mut Vec<String>) -> Option<Source> {
    let what = format!("cluster {}: certificate-authority", quote(name));
    let (file, data) = (&cluster.certificate_authority, &cluster.certificate_authority_data);
    let found = source(file, data, folder, &what, errors);
    if found.is_some() && cluster.insecure_skip_tls_verify {
        errors.push("specifying a root certificates file with the insecure flag is not allowed".to_owned());
    }
    found
}

fn identity(user: &User, name: &str, folder: &Path, errors: &mut Vec<String>) -> Option<(Source, Source)> {
    let what = |what: &str| format!("user {}: {what}", quote(name));
    let (file, data) = (&user.client_certificate, &user.client_certificate_data);
    let chain = source(file, data, folder, &what("client-certificate"), errors);
    let key = source(&user.client_key, &user.client_key_data, folder, &what("client-key"), errors);
    match (chain, key) {
        (Some(chain), Some(key)) => Some((chain, key)),
        (Some(_), None) => {
            errors.push(format!(
                "client-key-data or client-key must be specified for {name} to use the clientCert authentication \
                 method"
            ));
            None
        }
        _ => None,
    }
}

fn credentials(user: &User, name: &str, folder: &Path, errors: &mut Vec<String>) -> Credentials {
    let unsupported = [
        ("exec", user.exec.is_some()),
        ("auth-provider", user.auth_provider.is_some()),
        ("as", !user.impersonate.is_empty()),
    ];
    for (field, _) in unsupported.into_iter().filter(|(_, given)| *given) {
        let name = quote(name);
        errors.push(format!("user {name}: {field} is not supported by this version of Keelson"));
    }
    let has_password = !user.username.is_empty() || !user.password.is_empty();
    if !user.token.is_empty() && has_password {
        errors.push(format!(
            "more than one authentication method found for {name}; found [token basicAuth], only one is allowed"
        ));
    }
    // A file wins over what stands in place: it may be exchanged.
    if !user.token_file.is_empty() {
        Credentials::TokenFile(folder.join(&user.token_file))
    } else if !user.token.is_empty() {
        Credentials::Token(user.token.clone())
    } else if has_password {
        Credentials::Password { name: user.username.clone(), password: user.password.clone() }
    } else {
        Credentials::None
    }
}

/// The URL of the server, which may lack its scheme, without query and trailing slashes.
fn url(server: &str, secured: bool) -> Result<Uri, String> {
    if server.is_empty() {
        return Err("no server found for the current context's cluster".to_owned());
    }
    let whole = match server.contains("://") {
        true => server.to_owned(),
        false if secured => format!("https://{server}"),
        false => format!("http://{server}"),
    };
    let wrong = |reason: &dyn std::fmt::Display| format!("server {}: {reason}", quote(server));
    let parsed: Uri = whole.parse().map_err(|error: http::uri::InvalidUri| wrong(&error))?;
    if !matches!(parsed.scheme_str(), Some("http" | "https")) {
        return Err(wrong(&"the scheme must be https or http"));
    }
    let Some(authority) = parsed.authority().filter(|authority| !authority.host().is_empty()) else {
        return Err(wrong(&"has no host"));
    };
    if authority.as_str().contains('@') {
        return Err(wrong(&"must hold no credentials"));
    }
    let path = match parsed.path().trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    let url = format!("{}://{authority}{path}", parsed.scheme_str().unwrap_or("https"));
    url.parse().map_err(|error: http::uri::InvalidUri| wrong(&error))
}
