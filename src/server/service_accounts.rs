//! The tokens of service accounts, as this server issues and believes them: its keys, and the objects that
//! tokens depend on.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status};
use tracing::{error, warn};

use super::StartError;
use super::certificates::CertificateDirectory;
use super::config::Config;
use super::objects::Snapshots;
use crate::admission::{Objects, Resource, objects};
use crate::authn::service_account::discovery::{CONFIGURATION_PATH, Documents, KEYS_PATH, documents};
use crate::authn::service_account::{Issuer, KeyError, Kind, LAST_USED, PublicKeys, SigningKey, Subjects};
use crate::endpoints::respond;
use crate::registry::{Change, NoAdmission, Registry, ServerWriter};
use crate::request::{Response, full};

/// Seconds that others may keep the documents for.
const KEEP: &str = "public, max-age=3600";

const SECRETS: Resource = Resource { group: "", plural: "secrets" };

/// The keys.
pub(super) struct Keys {
    pub(super) issuer: Issuer,
    pub(super) public: PublicKeys,
}

impl Keys {
    /// Reads the keys that the configuration names, or the server's own, which it makes where there is none.
    pub(super) fn load(config: &Config) -> Result<Self, StartError> {
        let accounts = &config.authentication.service_accounts;
        let mut public = PublicKeys::default();
        for path in &accounts.key_files {
            let failed = |reason: String| StartError::Keys {
                flag: "--service-account-key-file",
                path: path.clone(),
                reason,
            };
            let pem = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
            public.add(&pem).map_err(|e: KeyError| failed(e.to_string()))?;
        }
        let (pem, path) = match &accounts.signing_key_file {
            Some(path) => {
                let failed = |e: std::io::Error| signing(path.clone(), e.to_string());
                (std::fs::read(path).map_err(failed)?, path.clone())
            }
            None => {
                let pem = CertificateDirectory::new(config.data_dir.clone()).service_account_key()?;
                let path = config.data_dir.join("service-account.key");
                public.add(&pem).map_err(|e| signing(path.clone(), e.to_string()))?;
                (pem, path)
            }
        };
        let key = SigningKey::from_pem(&pem).map_err(|e| signing(path, e.to_string()))?;
        if let Some(max) = accounts.max_expiration.filter(|_| accounts.extend_expiration) {
            let year = std::time::Duration::from_secs(365 * 24 * 60 * 60);
            if max < year {
                warn!(
                    ?max,
                    "service-account-extend-token-expiration is true, enabling tokens valid up to a year, which is \
                     longer than service-account-max-token-expiration"
                );
            }
        }
        let issuer = Issuer::new(
            accounts.issuers.first().cloned().unwrap_or_default(),
            key,
            config.authentication.api_audiences.clone(),
            accounts.max_expiration,
            accounts.extend_expiration,
        );
        Ok(Keys { issuer, public })
    }
}

fn signing(path: PathBuf, reason: String) -> StartError {
    StartError::Keys { flag: "--service-account-signing-key-file", path, reason }
}

/// What tokens depend on, as the registry has it.
pub(super) struct Stored {
    pub(super) snapshots: Arc<Snapshots>,
    pub(super) registry: Arc<Registry>,
}

impl Stored {
    /// The object that the watch cache has, if it is the wanted one, else what storage has.
    async fn at_hand(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        if let Some(store) = self.registry.store(resource.group, resource.plural).filter(|_| !uid.is_empty())
            && let Ok(stored) = store.get_at(Some(namespace), name, "0").await
        {
            let object = stored.decode(store.resource().type_id)?;
            if object.uid() == uid {
                return Ok(Some(Arc::new(object)));
            }
        }
        self.snapshots.get_now(resource, namespace, name).await
    }
}

#[async_trait]
impl Subjects for Stored {
    async fn find(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        let resource = match kind {
            Kind::ServiceAccount => objects::SERVICE_ACCOUNTS,
            Kind::Node => objects::NODES,
            // These are many: the watch cache has them, encoded.
            Kind::Pod => return self.at_hand(objects::PODS, namespace, name, uid).await,
            Kind::Secret => return self.at_hand(SECRETS, namespace, name, uid).await,
        };
        let known = self.snapshots.get(resource, namespace, name).await?;
        match known.filter(|object| uid.is_empty() || object.uid() == uid) {
            Some(object) => Ok(Some(object)),
            // Another server may have made it a moment ago.
            None => self.snapshots.get_now(resource, namespace, name).await,
        }
    }

    async fn note_use(&self, secret: &Object, day: &str) {
        let server = ServerWriter::new();
        let context = server.context(Some(secret.namespace()));
        let Some(store) = self.registry.store("", "secrets") else { return };
        let mut change = SetLastUsed { uid: secret.uid(), day };
        if let Err(status) = store.update(&context, secret.name(), &mut change, &NoAdmission).await {
            let (namespace, name) = (secret.namespace(), secret.name());
            error!(namespace, name, error = %status, "Failed to label legacy service account token with last-used date");
        }
    }
}

/// Labels the secret of this uid.
struct SetLastUsed<'a> {
    uid: &'a str,
    day: &'a str,
}

impl Change for SetLastUsed<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let current = current.ok_or_else(|| Status::not_found("", "secrets", ""))?;
        let mut secret = current.clone();
        let mut labels: Map = secret.labels().cloned().unwrap_or_default();
        labels.insert(LAST_USED, self.day);
        secret.set_labels(labels);
        Ok(secret)
    }

    fn precondition_uid(&self) -> Option<&str> {
        Some(self.uid)
    }
}

/// The documents that others verify tokens by, at their paths.
pub(super) struct OpenId {
    documents: Option<Documents>,
}

impl OpenId {
    /// The documents of the first issuer; `address` is where others find this server, a host with a port. There are none where the
    /// issuer is no URL that OpenID allows.
    pub(super) fn new(config: &Config, keys: &PublicKeys, address: &str) -> Self {
        let accounts = &config.authentication.service_accounts;
        let issuer = accounts.issuers.first().map_or("", String::as_str);
        let here = || format!("https://{address}{KEYS_PATH}");
        let url = accounts.keys_url.clone().unwrap_or_else(here);
        let made = documents(issuer, &url, keys);
        if let Err(why) = &made {
            error!(error = why, "the documents of service account issuer discovery are not served");
        }
        OpenId { documents: made.ok() }
    }

    /// The paths that are served.
    pub(super) fn paths(&self) -> Vec<String> {
        let paths = self.documents.iter().flat_map(|_| [CONFIGURATION_PATH, KEYS_PATH]);
        paths.map(str::to_owned).collect()
    }

    /// The answer, where the path is one of these.
    pub(super) fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<Result<Response, Status>> {
        let documents = self.documents.as_ref()?;
        let (text, media_type) = match path.strip_suffix('/').unwrap_or(path) {
            CONFIGURATION_PATH => (&documents.configuration, "application/json"),
            KEYS_PATH => (&documents.keys, "application/jwk-set+json"),
            _ => return None,
        };
        if method != Method::GET {
            return Some(Err(Status::method_not_allowed()));
        }
        if !accepts(headers, media_type) {
            let text = format!("406: Not Acceptable\n\nAvailable representations: {media_type}");
            return Some(Err(Status::new(406, "NotAcceptable", text).with_details(Default::default())));
        }
        let mut response = Response::new(full(text.clone()));
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(KEEP));
        Some(Ok(response))
    }

    /// The answer, with failures as answers, too.
    pub(super) fn respond(&self, request: &crate::request::Request) -> Option<Response> {
        let (headers, uri) = (request.headers(), request.uri());
        let answer = self.answer(request.method(), uri.path(), headers)?;
        Some(answer.unwrap_or_else(|status| respond::status(&status, respond::Format::of(headers, uri))))
    }
}

/// Whether a client takes this media type, by name or by `*/*`.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let header = headers.get(ACCEPT).map_or("", |value| value.to_str().unwrap_or_default());
    let mut named = header.split(',').map(|clause| clause.split(';').next().unwrap_or_default().trim());
    header.is_empty() || named.any(|name| name == "*/*" || name == media_type)
}
