//! Keeps the ConfigMap `kube-system/extension-apiserver-authentication`: whom this server believes, for aggregated
//! API servers and others that want to believe the same.
//!
//! What other servers wrote there is kept beside this server's own, so that during an exchange of authorities all
//! of them are believed; authorities that ran out are left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};
use keelson_base::shutdown::Signal;
use keelson_base::{clock, random};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::sync::watch;
use tracing::{error, info, warn};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::follow::{Follower, Following, Target};
use crate::authn::{ClientAuthorities, front_proxy};
use crate::bootstrap::Milestone;
use crate::registry::{
    Change, DeleteOptions, NoAdmission, Registry, ServerWriter, Store, WriteContext, note_server,
};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "extension-apiserver-authentication";

const CLIENT_CA: &str = "client-ca-file";
const PROXY_CA: &str = "requestheader-client-ca-file";
const USERNAME: &str = "requestheader-username-headers";
const UID: &str = "requestheader-uid-headers";
const GROUP: &str = "requestheader-group-headers";
const EXTRA: &str = "requestheader-extra-headers-prefix";
const ALLOWED: &str = "requestheader-allowed-names";

/// How often the ConfigMap is looked at, whatever is known of it.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long it takes before a write that failed is tried again, at first.
const RETRY: Duration = Duration::from_secs(1);
/// For how long authorities that ran out are still told of, in seconds: clocks differ.
const SLACK: i64 = 5 * 60;

/// What the ConfigMap holds.
type Data = BTreeMap<String, String>;

/// Whom this server believes. See the module.
pub(super) struct Trust {
    store: Arc<Store>,
    clients: Arc<ClientAuthorities>,
    front_proxy: Option<(front_proxy::Config, Arc<ClientAuthorities>)>,
}

impl Trust {
    /// Whom this server believes: clients of these authorities, and front proxies, where there are any.
    ///
    /// # Errors
    /// Where the registry knows no ConfigMaps.
    pub(super) fn new(
        registry: &Registry,
        clients: Arc<ClientAuthorities>,
        front_proxy: Option<(front_proxy::Config, Arc<ClientAuthorities>)>,
    ) -> Result<Self, Status> {
        let store = registry.store("", "configmaps");
        let store = store.ok_or_else(|| Status::internal("there are no configmaps"))?.clone();
        Ok(Trust { store, clients, front_proxy })
    }

    /// Keeps the ConfigMap: looks at it each minute, when authorities are exchanged, and when
    /// it comes or goes.
    /// Passes `told` when that has succeeded once.
    pub(super) fn keep(self, following: &Following<'_>, told: Milestone) {
        let Following { tasks, end, followers } = following;
        let follower = Follower::new(self.store.clone(), Presence(watch::Sender::new(false)));
        let follower = Arc::new(follower.only(NAMESPACE, format!("metadata.name={NAME}")));
        followers.add(&follower);
        let presence = follower.target.0.subscribe();
        let following = async move {
            loop {
                match follower.load().await {
                    Ok(events) => return follower.follow(events).await,
                    Err(_) => clock::sleep(random::jitter(RETRY, 1.0)).await,
                }
            }
        };
        let end_following = Signal::clone(end);
        tasks.spawn("authentication-trust-watch", async move { end_following.unless_begun(following).await });
        let end = Signal::clone(end);
        tasks.spawn("authentication-trust", async move { end.unless_begun(self.run(presence, told)).await });
    }

    async fn run(self, mut presence: watch::Receiver<bool>, told: Milestone) {
        let mut clients = self.clients.replacements();
        let mut proxies = self.front_proxy.as_ref().map(|(_, authorities)| authorities.replacements());
        let mut wait = RETRY;
        loop {
            match self.write().await {
                Ok(()) => {
                    told.pass();
                    wait = LOOK_EVERY;
                }
                Err(status) => {
                    error!(error = %status, "{NAMESPACE}/{NAME} can't be kept");
                    wait = if wait >= LOOK_EVERY { RETRY } else { (wait * 2).min(LOOK_EVERY) };
                }
            }
            let of_proxies = async {
                match &mut proxies {
                    Some(proxies) => drop(proxies.changed().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = clock::sleep(random::jitter(wait, 0.1)) => {}
                _ = clients.changed() => {}
                _ = presence.changed() => {}
                () = of_proxies => {}
            }
        }
    }

    /// Writes what is missing.
    pub(super) async fn write(&self) -> Result<(), Status> {
        let server = ServerWriter::new();
        let context = WriteContext { create_missing: true, ..server.context(Some(NAMESPACE)) };
        let mut change = Combine { trust: self, changed: false };
        let written = self.store.update(&context, NAME, &mut change, &NoAdmission).await;
        let changed = change.changed;
        match written {
            Ok(_) => {
                if changed {
                    info!("wrote whom this server believes to {NAMESPACE} configmaps/{NAME}");
                }
                Ok(())
            }
            // Too much was gathered: it begins anew, and every server adds its own.
            Err(status) if is_too_large(&status) => {
                warn!("{NAMESPACE} configmaps/{NAME} is too large: it is made anew");
                let context = server.context(Some(NAMESPACE));
                let deleted =
                    self.store.delete(&context, NAME, &DeleteOptions::default(), &NoAdmission).await;
                deleted.map(drop)?;
                Err(status)
            }
            Err(status) => Err(status),
        }
    }

    fn data(&self, existing: &Data) -> Result<Data, String> {
        let bundle = |authorities: &ClientAuthorities| authorities.bundle().unwrap_or_default();
        let front_proxy = self.front_proxy.as_ref().map(|(config, theirs)| (config, bundle(theirs)));
        let front_proxy = front_proxy.as_ref().map(|(config, bundle)| (*config, &**bundle));
        combined(existing, &bundle(&self.clients), front_proxy, clock::now().as_second())
    }
}

fn is_too_large(status: &Status) -> bool {
    status.code() == 413 || status.reason() == "Invalid" && status.message().contains("Too long")
}

/// Whether the ConfigMap is there.
struct Presence(watch::Sender<bool>);

impl Presence {
    fn is(&self, there: bool) {
        self.0.send_if_modified(|was| std::mem::replace(was, there) != there);
    }
}

impl Target for Presence {
    type Kept = ();

    fn keep(&self, _: Object) {}

    fn replace(&self, all: Vec<()>) {
        self.is(!all.is_empty());
    }

    fn set(&self, (): ()) {
        self.is(true);
    }

    fn remove(&self, _: &Object) {
        self.is(false);
    }
}

/// Adds what this server believes.
struct Combine<'a> {
    trust: &'a Trust,
    changed: bool,
}

impl Change for Combine<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let map = current.and_then(|object| object.get("data")).and_then(Value::as_object);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let existing: Data =
            map.into_iter().flat_map(Map::iter).map(|(key, value)| (key.to_string(), text(value))).collect();
        let data = self.trust.data(&existing).map_err(Status::internal)?;
        self.changed = current.is_none() || data != existing;
        if let Some(current) = current.filter(|_| !self.changed) {
            return Ok(current.clone());
        }
        let mut object = current.cloned().unwrap_or_default();
        object.set_name(NAME);
        object.set_namespace(NAMESPACE);
        let mut map = Map::new();
        for (key, value) in data {
            map.insert(key.as_str(), value);
        }
        object.members_mut().insert("data", map);
        note_server(self.trust.store.resource(), "", current, &mut object);
        Ok(object)
    }
}

/// What several servers believe: what `existing` says and, behind it, what this one does. `now` is in seconds since
/// 1970.
fn combined(
    existing: &Data,
    clients: &[u8],
    front_proxy: Option<(&front_proxy::Config, &[u8])>,
    now: i64,
) -> Result<Data, String> {
    let text = |key: &str| existing.get(key).map_or("", String::as_str);
    let authorities = |key: &str, own: &[u8]| -> Result<String, String> {
        let mut all = Vec::new();
        for pem in [text(key).as_bytes(), own].into_iter().filter(|pem| !pem.is_empty()) {
            for certificate in certificates(pem).map_err(|why| format!("{key}: {why}"))? {
                if !all.contains(&certificate) && is_valid(&certificate, now) {
                    all.push(certificate);
                }
            }
        }
        Ok(all.iter().map(|certificate| to_pem(certificate)).collect())
    };
    let (config, proxies) = front_proxy.unzip();
    let names = |key: &str, own: fn(&front_proxy::Config) -> &[String]| -> Result<Vec<String>, String> {
        let mut all: Vec<String> = match text(key) {
            "" => Vec::new(),
            json => serde_json::from_str(json).map_err(|why| format!("{key}: {why}"))?,
        };
        all.extend_from_slice(config.map(own).unwrap_or_default());
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|name| seen.insert(name.clone()));
        Ok(all)
    };
    let lists = [
        (USERNAME, names(USERNAME, |config| &config.username_headers)?),
        (UID, names(UID, |config| &config.uid_headers)?),
        (GROUP, names(GROUP, |config| &config.group_headers)?),
        (EXTRA, names(EXTRA, |config| &config.extra_prefixes)?),
        (ALLOWED, names(ALLOWED, |config| &config.allowed_names)?),
    ];
    let mut data = Data::new();
    let clients = authorities(CLIENT_CA, clients)?;
    if !clients.is_empty() {
        data.insert(CLIENT_CA.to_owned(), clients);
    }
    let proxies = authorities(PROXY_CA, proxies.unwrap_or_default())?;
    if !proxies.is_empty() {
        data.insert(PROXY_CA.to_owned(), proxies);
        for (key, list) in lists.into_iter().filter(|(key, list)| *key != UID || !list.is_empty()) {
            data.insert(key.to_owned(), serde_json::to_string(&list).map_err(|why| why.to_string())?);
        }
    }
    Ok(data)
}

/// The certificates of a PEM text, at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|why| why.to_string())?;
    if all.is_empty() {
        return Err("data does not contain any valid RSA or ECDSA certificates".to_owned());
    }
    if let Some(Err(why)) = all.iter().map(|der| X509Certificate::from_der(der)).find(Result::is_err) {
        return Err(why.to_string());
    }
    Ok(all)
}

/// Whether a certificate has not run out, or has just.
fn is_valid(certificate: &CertificateDer<'_>, now: i64) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, parsed)| parsed.validity().not_after.timestamp() > now - SLACK)
}

fn to_pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    // Base64 is ASCII: it may be cut anywhere.
    for at in (0..text.len()).step_by(64) {
        pem.push_str(&text[at..text.len().min(at + 64)]);
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    /// A certificate that runs out in this year.
    fn authority(name: &str, year: i32) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").pem()
    }

    fn data(lines: &[(&str, &str)]) -> Data {
        lines.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_others_wrote_is_kept() {
        let [old, new, proxy, past] = [("old", 2999), ("new", 2999), ("proxy", 2999), ("past", 2020)]
            .map(|(name, year)| authority(name, year));
        let now = clock::now().as_second();
        let config = front_proxy::Config {
            allowed_names: strings(&["front-proxy-client"]),
            username_headers: strings(&["X-Remote-User"]),
            group_headers: strings(&["X-Remote-Group"]),
            extra_prefixes: strings(&["X-Remote-Extra-"]),
            ..front_proxy::Config::default()
        };
        let normal = |pem: &str| pem.replace("\r\n", "\n");
        let alone = combined(&Data::new(), new.as_bytes(), None, now).expect("good");
        assert_eq!(alone, data(&[(CLIENT_CA, &normal(&new))]));
        let first =
            combined(&Data::new(), old.as_bytes(), Some((&config, proxy.as_bytes())), now).expect("good");
        let mut expected = data(&[
            (CLIENT_CA, &normal(&old)),
            (PROXY_CA, &normal(&proxy)),
            (USERNAME, r#"["X-Remote-User"]"#),
            (GROUP, r#"["X-Remote-Group"]"#),
            (EXTRA, r#"["X-Remote-Extra-"]"#),
            (ALLOWED, r#"["front-proxy-client"]"#),
        ]);
        assert_eq!(first, expected);
        let both = format!("{past}{old}{new}{new}");
        let other = front_proxy::Config {
            allowed_names: strings(&["other", "front-proxy-client"]),
            uid_headers: strings(&["X-Remote-Uid"]),
            ..front_proxy::Config::default()
        };
        let second = combined(&first, both.as_bytes(), Some((&other, proxy.as_bytes())), now).expect("good");
        expected.insert(CLIENT_CA.to_owned(), normal(&format!("{old}{new}")));
        expected.insert(ALLOWED.to_owned(), r#"["front-proxy-client","other"]"#.to_owned());
        expected.insert(UID.to_owned(), r#"["X-Remote-Uid"]"#.to_owned());
        assert_eq!(second, expected);
        // A server without front proxies leaves theirs, and what nobody knows goes.
        expected.insert("more".to_owned(), "x".to_owned());
        let third = combined(&expected, old.as_bytes(), None, now).expect("good");
        expected.remove("more");
        assert_eq!(third, expected);
        // Who believes nobody says nothing.
        assert_eq!(combined(&Data::new(), past.as_bytes(), None, now), Ok(Data::new()));
    }

    #[test]
    fn what_cannot_be_read_is_not_overwritten() {
        let own = authority("own", 2999);
        let check = |key: &str, value: &str| {
            let why = combined(&data(&[(key, value)]), own.as_bytes(), None, clock::now().as_second());
            assert!(why.as_ref().is_err_and(|why| why.starts_with(key)), "{why:?}");
        };
        check(CLIENT_CA, "nothing");
        check(PROXY_CA, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        check(USERNAME, "X-Remote-User");
        check(ALLOWED, r#"{"a":1}"#);
    }
}
