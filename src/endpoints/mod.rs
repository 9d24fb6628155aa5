//! The endpoints: negotiation, decoding and the verbs, between the filters and the registry.
//!
//! [`Endpoints::call`] takes a request that the filters have checked (it carries its `RequestInfo` and the
//! evidence), finds the resource and the verb, and answers. Every failure is a `Status` until [`respond`]
//! turns it into bytes, in one place.
//!
//! - Reads go from stored bytes to sent bytes; trees are built for tables, YAML and versions other than the
//!   stored one. Lists and watches are made as the client reads them ([`collection`], [`watch`]).
//! - Writes decode the body strictly ([`decode`]), convert it to the stored version, and hand the registry a
//!   callback that makes the new object from the current one.
//!
//! The room knows HTTP and media types, and nothing of storage keys, revisions' meaning or what a kind allows.

mod admission;
pub mod body;
mod call;
mod collection;
mod component_statuses;
mod create;
mod decode;
mod delete;
mod discovery;
mod documents;
mod eviction;
mod get;
mod list;
mod managed_fields;
pub mod negotiation;
mod openapi;
mod patch;
mod pods;
mod represent;
pub mod respond;
mod reviews;
mod route;
mod scale;
mod served;
mod streams;
mod table;
mod token_request;
mod unstructured;
mod update;
pub mod version;
mod watch;
mod web_socket;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use keelson_api::Resource;
use keelson_apimachinery::Status;
use keelson_base::task::TaskGroup;
use keelson_base::trace::{self, Span};
use tokio::sync::oneshot;

pub use self::component_statuses::{ComponentHealth, Components};

use self::admission::Admission;
use self::call::Call;
use self::documents::Documents;
use self::negotiation::Restrictions;
use self::respond::Format;
use self::route::{Action, Target};
use self::served::Catalogue;
use crate::admission::Chain;
use crate::authn::Authenticator;
use crate::authn::service_account::Issuer;
use crate::authz::Authorizer;
use crate::authz::rbac::Escalation;
use crate::registry::{Registry, Warnings, WriteContext};
use crate::request::{Authenticated, Authorized, Body, Held, Query, Request, RequestInfo, Response};
use crate::telemetry::Metrics;

/// How the endpoints are set up.
#[derive(Clone)]
pub struct EndpointsConfig {
    /// What is served; of other resources nothing is known (`--runtime-config`).
    pub resources: Vec<&'static Resource>,
    /// Whether watches may say whether they want initial events (feature gate `WatchList`).
    pub watch_list: bool,
    /// A watch without a timeout of its own lasts this long, and up to twice that
    /// (`--min-request-timeout`).
    pub min_request_timeout: Duration,
    /// Holds the writes that run, so that the server's end can wait for those whose clients are gone.
    pub writes: TaskGroup,
    /// What writes have to pass.
    pub admission: Arc<Chain>,
    /// Judges what endpoints have to ask beyond the request itself: reviews, and updates that create.
    pub authorizer: Arc<dyn Authorizer>,
    /// Keeps who writes roles and bindings from giving rights that they don't have.
    pub escalation: Arc<Escalation>,
    /// Counts what watches send.
    pub metrics: Metrics,
    /// Says whose tokens are that somebody asks about.
    pub authenticator: Arc<Authenticator>,
    /// Issues the tokens of service accounts.
    pub token_issuer: Arc<Issuer>,
    /// The components beside the server.
    pub components: Arc<dyn Components>,
    /// Paths that the server answers itself, for the index at `/`.
    pub server_paths: Vec<String>,
    /// Where clients outside find the server: a host with a port.
    pub external_address: String,
}

/// All endpoints of the built-in kinds that are served.
pub struct Endpoints {
    catalogue: Catalogue,
    documents: Documents,
    config: EndpointsConfig,
}

impl Endpoints {
    /// Endpoints over the stores of a registry.
    pub fn new(registry: Arc<Registry>, config: EndpointsConfig) -> Self {
        let documents = Documents::new(&config.resources, &config.server_paths, &config.external_address)
            .expect("the documents are made of constant tables, and tests make them, too");
        let catalogue = Catalogue::new(&config.resources, |r| registry.store(&r.group, &r.plural).cloned());
        Endpoints { catalogue, documents, config }
    }

    /// Answers a request. Its extensions must hold `RequestInfo`, `Authenticated` and `Authorized`.
    ///
    /// Dropping the future abandons a read. A write goes on in a task of its own: a client that goes away
    /// neither undoes what has begun nor leaves it half done.
    pub async fn call(self: Arc<Self>, request: Request) -> Response {
        if !matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE) {
            return self.answer(request).await;
        }
        let format = Format::of(request.headers(), request.uri());
        let writes = self.config.writes.clone();
        let held = request.extensions().get::<Held>().cloned();
        let metrics = self.config.metrics.clone();
        let (answered, _waiting) = oneshot::channel::<()>();
        let write = async move {
            let answer = self.answer(request).await;
            drop(held);
            if answered.is_closed() {
                metrics.ended_after_timeout(
                    !answer.status().is_client_error() && !answer.status().is_server_error(),
                );
            }
            answer
        };
        match writes.spawn("write", trace::carry(write)).await {
            Ok(response) => response,
            // The filters answer for panics.
            Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
            Err(_) => respond::status(&Status::service_unavailable("the server is shutting down"), format),
        }
    }

    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let format = Format::of(&parts.headers, &parts.uri);
        let extensions = &parts.extensions;
        let (Some(info), Some(authenticated), Some(authorized)) = (
            extensions.get::<RequestInfo>(),
            extensions.get::<Authenticated>(),
            extensions.get::<Authorized>(),
        ) else {
            return respond::status(&Status::internal("a request reached the endpoints unchecked"), format);
        };
        if !info.is_resource_request {
            return Box::pin(self.non_resource(&parts, info, format, authorized)).await;
        }
        let warnings = Warnings::default();
        let answer = Box::pin(self.resource(&parts, info, authenticated, authorized, body, &warnings)).await;
        let mut response = answer.unwrap_or_else(|status| respond::status(&status, format));
        add_warnings(&warnings, &mut response);
        response
    }

    /// Paths of no resource.
    async fn non_resource(
        &self,
        parts: &Parts,
        info: &RequestInfo,
        format: Format,
        _: &Authorized,
    ) -> Response {
        let answer = self.documents.respond(parts).await;
        if answer.status() != StatusCode::NOT_FOUND {
            return answer;
        }
        // Of groups that are served, unknown versions are told of as unknown resources are.
        let mut segments = info.path.split('/').skip(1);
        let known = match (segments.next(), segments.next()) {
            (Some("api"), Some(_)) => true,
            (Some("apis"), Some(group)) => self.catalogue.has_group(group),
            _ => false,
        };
        if known { respond::status(&Status::unknown_resource(), format) } else { answer }
    }

    async fn resource(
        &self,
        parts: &Parts,
        info: &RequestInfo,
        authenticated: &Authenticated,
        authorized: &Authorized,
        body: Body,
        warnings: &Warnings,
    ) -> Result<Response, Status> {
        let Some(Target { served, action }) = route::find(&self.catalogue, &parts.method, info)? else {
            return Ok(respond::page_not_found());
        };
        let produced = match action {
            Action::List => route::LISTS_PRODUCE,
            _ => negotiation::MEDIA_TYPES,
        };
        let mut call = Call {
            served,
            info,
            parts,
            query: Query::parse(parts.uri.query()),
            user: authenticated.user(),
            accepted: negotiation::Accepted {
                media_type: negotiation::MediaType::Json,
                pretty: false,
                transform: None,
            },
            warnings,
        };
        let patch_type = match action {
            Action::Patch | Action::PatchScale => Some(patch::patch_type(&call)?),
            _ => None,
        };
        negotiation::check_route_accepts(&parts.headers, produced)?;
        call.accepted = negotiation::accepted(&parts.headers, &parts.uri, Restrictions::Objects)?;
        if let Some(text) = &served.deprecation {
            warnings.add(text.as_str());
        }
        let span = span_of(&call, action);
        span.hold(Box::pin(self.act(&call, action, patch_type, authorized, body))).await
    }

    async fn act(
        &self,
        call: &Call<'_>,
        action: Action,
        patch_type: Option<patch::PatchType>,
        _: &Authorized,
        body: Body,
    ) -> Result<Response, Status> {
        match (action, patch_type) {
            (Action::Get, _) => get::serve(call).await,
            (Action::List, _) => list::serve(self, call).await,
            (Action::Create, _) => create::serve(self, call, body).await,
            (Action::Update, _) => update::serve(self, call, body).await,
            (Action::Patch, Some(patch_type)) => patch::serve(self, call, patch_type, body).await,
            (Action::Delete, _) => delete::serve(self, call, body).await,
            (Action::DeleteCollection, _) => delete::serve_collection(self, call, body).await,
            (Action::GetScale, _) => scale::get(call).await,
            (Action::UpdateScale, _) => scale::update(self, call, body).await,
            (Action::PatchScale, Some(patch_type)) => scale::patch(self, call, patch_type, body).await,
            (Action::Bind, _) => pods::bind(self, call, body).await,
            (Action::Evict, _) => eviction::serve(self, call, body).await,
            (Action::GetComponent, _) => component_statuses::get(self, call).await,
            (Action::ListComponents, _) => component_statuses::list(self, call).await,
            (Action::Log, _) => streams::log(call).await,
            (Action::Stream, _) => streams::stream(call).await,
            (Action::IssueToken, _) => token_request::serve(self, call, body).await,
            (Action::Review(kind), _) => reviews::serve(self, call, kind, body).await,
            (Action::Patch | Action::PatchScale, None) => Err(Status::internal("a patch without a type")),
            (Action::NotSupported, _) => {
                let resource = &call.info.resource;
                Err(match call.info.subresource.as_str() {
                    "" => served::not_supported(resource),
                    subresource => served::not_supported(&format!("{resource}/{subresource}")),
                })
            }
        }
    }

    /// A stored resource that an endpoint of another one works with.
    fn stored(&self, group: &str, version: &str, plural: &str) -> Result<&Arc<served::Served>, Status> {
        match self.catalogue.find(group, version, plural) {
            served::Lookup::Found(served) => Ok(served),
            _ => Err(Status::unknown_resource()),
        }
    }

    /// Notes the size of a write's body.
    fn note_body(&self, call: &Call<'_>, verb: &str, body: &[u8]) {
        let resource = call.served.resource;
        let sizes = self.config.metrics.body_size(&resource.group, &resource.plural, verb);
        sizes.observe(body.len() as f64);
    }

    /// The admission of a write.
    fn admit<'a>(&'a self, call: &'a Call<'a>, context: &WriteContext<'a>) -> Admission<'a> {
        Admission::new(self, call, context)
    }
}

/// The part of a request's trace that one action is.
fn span_of(call: &Call<'_>, action: Action) -> Span {
    let span = trace::span(match action {
        Action::Get | Action::GetScale | Action::GetComponent | Action::Log => "Get",
        Action::List | Action::ListComponents if call.info.verb == "watch" => "Watch",
        Action::List | Action::ListComponents => "List",
        Action::Create | Action::Bind | Action::Evict | Action::IssueToken | Action::Review(_) => "Create",
        Action::Update | Action::UpdateScale => "Update",
        Action::Patch | Action::PatchScale => "Patch",
        Action::Delete | Action::DeleteCollection => "Delete",
        Action::Stream => "Connect",
        Action::NotSupported => "NotSupported",
    });
    if span.is_recorded() {
        let (info, resource) = (call.info, call.served.resource);
        span.text("api-group", &info.api_group)
            .text("api-version", &info.api_version)
            .text("namespace", &info.namespace)
            .text("resource", &info.resource)
            .text("subresource", &info.subresource)
            .text("name", &info.name)
            .text("kind", &resource.kind)
            .text("verb", &info.verb)
            .text("url", call.parts.uri.path());
    }
    span
}

/// Characters of warnings that an answer carries before they are cut.
const WARNING_TOTAL: usize = 4 * 1024;
/// Characters of one warning where they are cut.
const WARNING_CUT: usize = 256;

/// Adds the warnings as headers: `299 - "text"`. Texts with control characters are left out; where they are
/// long together, each is cut, and then the last ones are left out.
fn add_warnings(warnings: &Warnings, response: &mut Response) {
    let texts = warnings.take();
    let total: usize = texts.iter().map(|t| t.chars().count()).sum();
    let mut written = 0;
    for text in texts.iter().filter(|t| !t.is_empty() && !t.chars().any(char::is_control)) {
        if written >= WARNING_TOTAL {
            break;
        }
        let cut = if total > WARNING_TOTAL { WARNING_CUT } else { usize::MAX };
        let mut value = String::with_capacity(text.len() + 10);
        value.push_str("299 - \"");
        for c in text.chars().take(cut) {
            written += 1;
            if matches!(c, '"' | '\\') {
                value.push('\\');
            }
            value.push(c);
        }
        value.push('"');
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            response.headers_mut().append(http::header::WARNING, value);
        }
    }
}
