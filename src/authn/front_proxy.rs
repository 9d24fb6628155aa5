//! Requests that a front proxy sends on for its users: whose they are stands in headers.
//!
//! Believed only from clients that show a certificate of the front proxies' own authority, with one of the allowed
//! names. Aggregated API servers are such clients of each other, with kube-apiserver as the proxy.
//!
//! Source: "Authenticating Proxy" in the authentication chapter of the Kubernetes documentation.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use super::x509::{ClientAuthorities, ClientCertificate};
use crate::request::UserInfo;

/// Which front proxies are believed, and where they say whom they speak for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The authorities of their certificates, PEM.
    pub client_ca_file: PathBuf,
    /// The common names that their certificates may have; any, where there are none.
    pub allowed_names: Vec<String>,
    /// The headers with the user's name: the first that is there and not empty counts.
    pub username_headers: Vec<String>,
    /// The headers with the user's uid: the first that is there and not empty counts.
    pub uid_headers: Vec<String>,
    /// The headers with the user's groups: all count.
    pub group_headers: Vec<String>,
    /// What the names of headers begin with that say more of the user: the rest is the member's name.
    pub extra_prefixes: Vec<String>,
}

impl Config {
    /// What an administrator should know of these headers, for the log.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let all = [&self.username_headers, &self.uid_headers, &self.group_headers];
        let odd = all.into_iter().flatten().filter(|name| name.parse::<HeaderName>().is_err());
        let odd = odd.map(|name| format!("{name:?} is no header's name: no front proxy can send it"));
        let lists = [
            ("--requestheader-username-headers", &self.username_headers, "X-Remote-User", "header"),
            ("--requestheader-group-headers", &self.group_headers, "X-Remote-Group", "header"),
            (
                "--requestheader-extra-headers-prefix",
                &self.extra_prefixes,
                "X-Remote-Extra-",
                "header prefix",
            ),
        ];
        let lacking = lists.into_iter().filter_map(|(flag, list, standard, what)| {
            let lacks = !list.is_empty() && !list.iter().any(|name| name.eq_ignore_ascii_case(standard));
            lacks.then(|| {
                format!(
                    "{flag} is set without specifying the standard {standard} {what} - API aggregation will not \
                     work"
                )
            })
        });
        lacking.chain(odd)
    }
}

/// Believes front proxies.
#[derive(Debug)]
pub struct FrontProxy {
    authorities: Arc<ClientAuthorities>,
    allowed_names: Vec<String>,
    username: Vec<HeaderName>,
    uid: Vec<HeaderName>,
    group: Vec<HeaderName>,
    /// In lower case, as names of headers are kept.
    extra_prefixes: Vec<String>,
}

impl FrontProxy {
    /// Believes those whose certificates are of `authorities`. Names that no header can have are passed over.
    pub fn new(authorities: Arc<ClientAuthorities>, config: &Config) -> Self {
        let names = |names: &[String]| names.iter().filter_map(|name| name.parse().ok()).collect();
        FrontProxy {
            authorities,
            allowed_names: config.allowed_names.clone(),
            username: names(&config.username_headers),
            uid: names(&config.uid_headers),
            group: names(&config.group_headers),
            extra_prefixes: config.extra_prefixes.iter().map(|p| p.to_ascii_lowercase()).collect(),
        }
    }

    /// The user that the proxy of this certificate speaks for; `None` where it names nobody.
    ///
    /// # Errors
    /// Why the certificate is not a proxy's, or what is said can't be read. For the log.
    pub(super) fn user_of(
        &self,
        certificate: &ClientCertificate,
        headers: &HeaderMap,
    ) -> Result<Option<UserInfo>, String> {
        let Some(verdict) = self.authorities.verify(certificate) else { return Ok(None) };
        verdict?;
        let name = certificate.common_name()?;
        if !self.allowed_names.is_empty() && !self.allowed_names.iter().any(|allowed| allowed == name) {
            return Err(format!("x509: subject with cn={name} is not in the allowed list"));
        }
        self.user_in(headers)
    }

    /// The user that the headers name.
    ///
    /// # Errors
    /// Where a value is no UTF-8.
    pub fn user_in(&self, headers: &HeaderMap) -> Result<Option<UserInfo>, String> {
        let name = first(headers, &self.username)?;
        if name.is_empty() {
            return Ok(None);
        }
        let mut groups = Vec::new();
        for header in &self.group {
            for value in headers.get_all(header) {
                let group = text(header, value.as_bytes())?;
                if !group.is_empty() {
                    groups.push(group.to_owned());
                }
            }
        }
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for prefix in &self.extra_prefixes {
            for header in headers.keys() {
                let Some(key) = header.as_str().strip_prefix(prefix.as_str()) else { continue };
                let values = extra.entry(unescaped(key).into_owned()).or_default();
                for value in headers.get_all(header) {
                    values.push(text(header, value.as_bytes())?.to_owned());
                }
            }
        }
        let uid = first(headers, &self.uid)?.to_owned();
        Ok(Some(UserInfo { name: name.to_owned(), uid, groups, extra }))
    }

    /// Takes everything out that a proxy may say.
    pub fn clear(&self, headers: &mut HeaderMap) {
        for name in [&self.username, &self.uid, &self.group].into_iter().flatten() {
            headers.remove(name);
        }
        clear_prefixed(headers, |name| self.extra_prefixes.iter().any(|p| name.starts_with(p.as_str())));
    }
}

/// Takes out the headers that front proxies use by default.
pub(super) fn clear_standard(headers: &mut HeaderMap) {
    clear_prefixed(headers, |name| {
        name.strip_prefix("x-remote-")
            .is_some_and(|rest| matches!(rest, "user" | "uid" | "group") || rest.starts_with("extra-"))
    });
}

fn clear_prefixed(headers: &mut HeaderMap, is_meant: impl Fn(&str) -> bool) {
    let meant: Vec<HeaderName> = headers.keys().filter(|name| is_meant(name.as_str())).cloned().collect();
    for name in meant {
        headers.remove(name);
    }
}

/// The value of the first of these headers that has one.
fn first<'a>(headers: &'a HeaderMap, names: &[HeaderName]) -> Result<&'a str, String> {
    for name in names {
        let value = headers.get(name).map_or(Ok(""), |value| text(name, value.as_bytes()))?;
        if !value.is_empty() {
            return Ok(value);
        }
    }
    Ok("")
}

fn text<'a>(name: &HeaderName, value: &'a [u8]) -> Result<&'a str, String> {
    std::str::from_utf8(value).map_err(|_| format!("the value of the header {name} is not UTF-8"))
}

/// A member's name without its escapes; as it is, where they are broken.
fn unescaped(key: &str) -> Cow<'_, str> {
    let digits = |rest: &str| rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    if !key.split('%').skip(1).all(digits) {
        return Cow::Borrowed(key);
    }
    percent_decode_str(key).decode_utf8().unwrap_or(Cow::Borrowed(key))
}
