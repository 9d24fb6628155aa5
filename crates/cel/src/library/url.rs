//! URLs: `url('https://example.com/')`.

use std::collections::BTreeMap;
use std::sync::Arc;

use keelson_apimachinery::content::url::Url as Parts;

use super::Row;
use super::extension::Extension;
use crate::meter::{Meter, Outcome};
use crate::value::{Key, Map, Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("url", "string_to_url", "(string) -> kubernetes.URL", url),
    ("isURL", "is_url_string", "(string) -> bool", is_url),
    ("getScheme", "url_get_scheme", "kubernetes.URL.() -> string", scheme),
    ("getHost", "url_get_host", "kubernetes.URL.() -> string", host),
    ("getHostname", "url_get_hostname", "kubernetes.URL.() -> string", hostname),
    ("getPort", "url_get_port", "kubernetes.URL.() -> string", port),
    ("getEscapedPath", "url_get_escaped_path", "kubernetes.URL.() -> string", escaped_path),
    ("getQuery", "url_get_query", "kubernetes.URL.() -> map(string, list(string))", query),
];

/// A URL that is absolute or begins with a slash.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) text: String,
    scheme: String,
    host: String,
    path: String,
    query: String,
}

impl Url {
    /// Reads a URL, as Go's `ParseRequestURI` does.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("parse \"\": empty url".to_owned());
        }
        let parts = Parts::parse(text)?;
        let rest = text.split('#').next().unwrap_or_default();
        let rest = rest.split('?').next().unwrap_or_default();
        let behind =
            if parts.scheme.is_empty() { rest } else { rest.get(parts.scheme.len() + 1..).unwrap_or("") };
        let rooted = behind.starts_with('/');
        if parts.scheme.is_empty() && !rooted {
            return Err(format!("parse {text:?}: invalid URI for request"));
        }
        let path = match behind.strip_prefix("//") {
            Some(authority) if !parts.scheme.is_empty() || !authority.starts_with('/') => {
                authority.find('/').map_or("", |at| &authority[at..])
            }
            // What isn't rooted is opaque and has no path.
            _ if rooted => behind,
            _ => "",
        };
        Ok(Url {
            text: text.to_owned(),
            host: parts.host,
            path: escape(path),
            query: parts.query,
            scheme: parts.scheme,
        })
    }

    fn port_at(&self) -> Option<usize> {
        self.host.rfind(':').filter(|at| !self.host[*at..].contains(']'))
    }
}

/// A path with what can't stand in one escaped.
fn escape(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_ascii_alphanumeric() || "-_.~$&+,/:;=@!'()*[]%".contains(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

/// A part of a query: `+` is a space, `%41` is `A`. `None` where an escape is none.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(hex, 16).ok()?);
                rest = &tail[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn one<'v>(args: &'v [Val<'_>]) -> Outcome<&'v Url> {
    match args {
        [Val::Extension(extension)] => match &**extension {
            Extension::Url(url) => Ok(url),
            _ => no_overload(),
        },
        _ => no_overload(),
    }
}

fn url<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => match Url::parse(text) {
            Ok(url) => Ok(Val::extension(Extension::Url(url))),
            Err(why) => error(format!("URL parse error during conversion from string: {why}")),
        },
        _ => no_overload(),
    }
}

fn is_url<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::String(text)] => Ok(Val::Bool(Url::parse(text).is_ok())),
        _ => no_overload(),
    }
}

fn scheme<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::from(one(args)?.scheme.clone()))
}

fn host<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::from(one(args)?.host.clone()))
}

fn hostname<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let url = one(args)?;
    let name = url.port_at().map_or(url.host.as_str(), |at| &url.host[..at]);
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    Ok(Val::from(bare.to_owned()))
}

fn port<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let url = one(args)?;
    Ok(Val::from(url.port_at().map_or("", |at| &url.host[at + 1..]).to_owned()))
}

fn escaped_path<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    Ok(Val::from(one(args)?.path.clone()))
}

fn query<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let url = one(args)?;
    let mut found: BTreeMap<String, Vec<Val<'a>>> = BTreeMap::new();
    for pair in url.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
        meter.allocate(pair.len() + 2 * size_of::<(Key, Val<'_>)>())?;
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let (Some(key), Some(value)) = (unescape(key), unescape(value)) {
            found.entry(key).or_default().push(Val::from(value));
        }
    }
    let entries = found
        .into_iter()
        .map(|(key, values)| (Key::Text(key.as_str().into()), (Val::from(key), Val::from(values))));
    Ok(Val::Map(Map::Made(Arc::new(entries.collect()))))
}
