//! Watches: the events of a store as JSON lines or length-delimited protobuf, until the client, the server or
//! the clock ends them.
//!
//! Events are made into bytes when the connection asks for more, so that a client that doesn't read holds one
//! frame; the store ends a watcher whose events pile up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use http::StatusCode;
use http::header::{CONNECTION, UPGRADE};
use http_body::Frame;
use http_body_util::BodyExt;
use keelson_apimachinery::codec::{envelope, json};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};
use keelson_base::{clock, random};

use super::Endpoints;
use super::call::Call;
use super::event_cache::EventCache;
use super::negotiation::{self, MediaType, Shape};
use super::represent::{Item, Representation};
use super::respond::{self, status_tree};
use super::{table, wire};
use crate::registry::{ListOptions, WatchEvent, WatchEventKind, WatchStream};
use crate::request::{Body, BoxError, IncludeObject, ListParameters, Response};

/// No frame grows much past this: what one client may hold.
const FRAME: usize = 64 * 1024;

/// Serves a watch.
pub(super) async fn serve(
    endpoints: &Endpoints,
    call: &Call<'_>,
    parameters: &ListParameters,
    options: &ListOptions,
) -> Result<Response, Status> {
    let events = call.served.store()?.watch(call.namespace(), options).await?;
    let include = match negotiation::wants_table(&call.accepted) {
        true => IncludeObject::parse(&call.query)?,
        false => IncludeObject::default(),
    };
    let accepted = negotiation::accepted_stream(&call.parts.headers)?;
    refuse_web_socket(call)?;
    let timeout = match parameters.timeout_seconds {
        None | Some(0) => random::jitter(endpoints.config.min_request_timeout, 1.0),
        Some(seconds) => Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
    };
    let signal = endpoints.config.shutdown.clone();
    let end = Box::pin(async move {
        tokio::select! {
            () = clock::sleep(timeout) => {}
            () = signal.begun() => {}
        }
    });
    let representation = Representation { served: call.served.clone(), accepted, include };
    let body = body(representation, endpoints.event_cache.clone(), events, end);
    let content_type = match accepted.media_type {
        MediaType::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        _ => "application/json",
    };
    Ok(respond::streamed(StatusCode::OK, content_type, body, false))
}

/// The events as a body, until `end` is ready.
pub(super) fn body(
    representation: Representation,
    cache: Arc<EventCache>,
    events: WatchStream,
    end: BoxFuture<'static, ()>,
) -> Body {
    representation.served.watchers.fetch_add(1, Ordering::Relaxed);
    let encoder = Encoder { representation, cache, columns_sent: false, scratch: Vec::new() };
    WatchBody { events: Some(events), encoder, end, buffer: Vec::new() }.boxed_unsync()
}

fn refuse_web_socket(call: &Call<'_>) -> Result<(), Status> {
    let has = |name, token: &str| {
        let value = call.parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        value.split(',').any(|t| t.trim().eq_ignore_ascii_case(token))
    };
    if has(CONNECTION, "upgrade") && has(UPGRADE, "websocket") {
        return Err(Status::bad_request("watching over a WebSocket is not supported by this version"));
    }
    Ok(())
}

struct WatchBody {
    /// `None` after the end.
    events: Option<WatchStream>,
    encoder: Encoder,
    end: BoxFuture<'static, ()>,
    buffer: Vec<u8>,
}

impl http_body::Body for WatchBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.events.is_some() && this.end.as_mut().poll(context).is_ready() {
            this.events = None;
        }
        while let Some(events) = &mut this.events
            && this.buffer.len() < FRAME
        {
            let event = match events.poll_next_unpin(context) {
                Poll::Pending if this.buffer.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(None) => {
                    this.events = None;
                    break;
                }
                Poll::Ready(Some(event)) => event,
            };
            match event.and_then(|event| this.encoder.event(&event, &mut this.buffer)) {
                Ok(None) => {}
                // What is shared goes out as it is.
                Ok(Some(shared)) if this.buffer.is_empty() => return frame(shared),
                Ok(Some(shared)) => this.buffer.extend_from_slice(&shared),
                Err(status) => {
                    this.encoder.error(&status, &mut this.buffer)?;
                    this.events = None;
                }
            }
        }
        if this.buffer.is_empty() {
            return Poll::Ready(None);
        }
        frame(std::mem::take(&mut this.buffer).into())
    }
}

fn frame(bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
    Poll::Ready(Some(Ok(Frame::data(bytes))))
}

impl Drop for WatchBody {
    fn drop(&mut self) {
        self.encoder.representation.served.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Encoder {
    representation: Representation,
    cache: Arc<EventCache>,
    columns_sent: bool,
    scratch: Vec<u8>,
}

impl Encoder {
    /// Writes the event, or hands it back where it is shared.
    fn event(&mut self, event: &WatchEvent, out: &mut Vec<u8>) -> Result<Option<Bytes>, Status> {
        let name = match event.kind {
            WatchEventKind::Added => "ADDED",
            WatchEventKind::Modified => "MODIFIED",
            WatchEventKind::Deleted => "DELETED",
            WatchEventKind::Bookmark | WatchEventKind::InitialEventsEnd => {
                let initial_end = event.kind == WatchEventKind::InitialEventsEnd;
                let object = bookmark(&self.representation, event.object.revision, initial_end)?;
                let ty = self.representation.served.ty();
                self.write("BOOKMARK", Item::Tree(&object, ty), out)?;
                return Ok(None);
            }
        };
        let alone = self.representation.served.watchers.load(Ordering::Relaxed) < 2;
        if alone || negotiation::wants_table(&self.representation.accepted) {
            self.write(name, Item::Stored(&event.object), out)?;
            return Ok(None);
        }
        if let Some(encoded) = self.cache.get(&self.representation, event) {
            return Ok(Some(encoded));
        }
        let mut encoded = Vec::with_capacity(event.object.value.len() * 2 + 64);
        self.write(name, Item::Stored(&event.object), &mut encoded)?;
        let encoded = Bytes::from(encoded);
        self.cache.put(&self.representation, event, &encoded);
        Ok(Some(encoded))
    }

    fn write(&mut self, name: &str, item: Item<'_>, out: &mut Vec<u8>) -> Result<(), Status> {
        let start = out.len();
        let written = self.try_write(name, item, out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn try_write(&mut self, name: &str, item: Item<'_>, out: &mut Vec<u8>) -> Result<(), Status> {
        let representation = &self.representation;
        if representation.accepted.media_type == MediaType::Protobuf {
            let object = representation.sealed(item)?;
            put_protobuf_event(name, &object, &mut self.scratch, out);
            return Ok(());
        }
        open_json_event(name, out);
        match representation.accepted.transform.map(|t| t.shape) {
            Some(Shape::Table) => {
                let with_columns = !std::mem::replace(&mut self.columns_sent, true);
                table::document(representation, item, with_columns, out)?;
            }
            // A list can't be watched as one: the object goes out as it is, as upstream does.
            Some(Shape::PartialObjectMetadataList) => representation.object_json(item, true, out)?,
            _ => representation.document(item, out)?,
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }

    fn error(&mut self, status: &Status, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let (ty, tree) = status_tree(status)?;
        let tree = Value::Object(tree);
        let schema = keelson_api::schema();
        if self.representation.accepted.media_type == MediaType::Protobuf {
            let raw = keelson_apimachinery::codec::protobuf::encode(schema, ty, &tree)?;
            put_protobuf_event("ERROR", &envelope::seal("v1", "Status", &raw), &mut self.scratch, out);
        } else {
            open_json_event("ERROR", out);
            json::encode(schema, ty, &tree, out);
            out.extend_from_slice(b"}\n");
        }
        Ok(())
    }
}

fn open_json_event(name: &str, out: &mut Vec<u8>) {
    for part in ["{\"type\":\"", name, "\",\"object\":"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// `WatchEvent {type = 1, object = 2 {raw = 1}}` behind its length in four bytes.
fn put_protobuf_event(name: &str, object: &[u8], scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    let raw = 1 + wire::varint_length(object.len() as u64) + object.len();
    scratch.clear();
    wire::put_bytes(1, name.as_bytes(), scratch);
    wire::put_varint(2 << 3 | 2, scratch);
    wire::put_varint(raw as u64, scratch);
    wire::put_bytes(1, object, scratch);
    out.extend_from_slice(&(scratch.len() as u32).to_be_bytes());
    out.extend_from_slice(scratch);
}

/// An object of the kind that has nothing but a resource version.
fn bookmark(representation: &Representation, revision: u64, initial_end: bool) -> Result<Object, Status> {
    let mut object = Object::default();
    object.metadata_mut();
    object.set_resource_version(&revision.to_string());
    if initial_end {
        object.set_annotation("k8s.io/initial-events-end", Some("true"));
    }
    let served = &representation.served;
    let value = json::canonicalize(keelson_api::schema(), served.ty(), object.into())
        .map_err(Status::internal)?
        .value;
    let mut object = Object::try_from(value).map_err(|_| Status::internal("a bookmark is no object"))?;
    object.set_type(&served.api_version, &served.resource.kind);
    Ok(object)
}
