//! Watches: the events of a store as JSON lines, length-delimited protobuf or WebSocket messages, until the
//! client, the server or the clock ends them.
//!
//! Events are made into bytes when the connection asks for more, so that a client that doesn't read holds one
//! frame; the store ends a watcher whose events pile up. Watchers of one event that want the same bytes share
//! them.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::future::BoxFuture;
use http::StatusCode;
use http_body::Frame;
use http_body_util::BodyExt;
use keelson_apimachinery::codec::{envelope, json, protobuf};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};
use keelson_base::{clock, random};

use super::Endpoints;
use super::call::Call;
use super::negotiation::{self, MediaType, Shape};
use super::represent::{Item, Representation};
use super::respond::{self, status_tree};
use super::web_socket::{self, Messages};
use super::{table, wire};
use crate::registry::{EncodingKey, ListOptions, WatchEvent, WatchEventKind, WatchStream};
use crate::request::{
    Body, BoxError, IncludeObject, ListParameters, RequestInfo, Response, wants_web_socket,
};
use crate::telemetry::{WatchCounts, WatchListTimer};

/// No frame grows much past this: what one client may hold.
const FRAME: usize = 64 * 1024;

/// The length in front of a protobuf event, in bytes.
const LENGTH: usize = 4;

/// Serves a watch.
pub(super) async fn serve(
    endpoints: &Endpoints,
    call: &Call<'_>,
    parameters: &ListParameters,
    options: &ListOptions,
) -> Result<Response, Status> {
    let begun = clock::monotonic();
    let timeout = match parameters.timeout_seconds {
        None | Some(0) => random::jitter(endpoints.config.min_request_timeout, 1.0),
        Some(seconds) => Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
    };
    let options = &ListOptions { duration: Some(timeout), ..options.clone() };
    let events = call.served.store()?.watch(call.namespace(), options).await?;
    let include = match negotiation::wants_table(&call.accepted) {
        true => IncludeObject::parse(&call.query)?,
        false => IncludeObject::default(),
    };
    let accepted = negotiation::accepted_stream(&call.parts.headers)?;
    let end = Box::pin(clock::sleep(timeout));
    let resource = call.served.resource;
    let (group, version, plural) = (&resource.group, &resource.version, &resource.plural);
    let metrics = &endpoints.config.metrics;
    let watch = |framing| Watch {
        representation: Representation { served: call.served.clone(), accepted, include },
        framing,
        counts: metrics.watch(group, version, plural),
        initial: (options.send_initial_events == Some(true))
            .then(|| metrics.watch_list(group, version, plural, scope(call.info), begun)),
    };
    if wants_web_socket(&call.parts.headers) {
        let messages = match accepted.media_type {
            MediaType::Protobuf => Messages::Binary,
            _ => Messages::Text,
        };
        return Ok(web_socket::answer(call.parts, messages, || watch(Framing::Messages).body(events, end)));
    }
    let content_type = match accepted.media_type {
        MediaType::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        _ => "application/json",
    };
    let body = watch(Framing::Stream).body(events, end);
    Ok(respond::streamed(StatusCode::OK, content_type, body, false))
}

/// How much is watched, in the words of metrics.
fn scope(info: &RequestInfo) -> &'static str {
    match (info.name.is_empty(), info.namespace.is_empty()) {
        (false, _) => "resource",
        (true, false) => "namespace",
        (true, true) => "cluster",
    }
}

/// What tells events apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// A newline behind each, or its length in front.
    Stream,
    /// A frame for each.
    Messages,
}

/// How a watch's events go out.
pub(super) struct Watch {
    pub(super) representation: Representation,
    pub(super) framing: Framing,
    /// Counts them.
    pub(super) counts: WatchCounts,
    /// Takes the time until the initial state is sent.
    pub(super) initial: Option<WatchListTimer>,
}

impl Watch {
    /// The events as a body, until `end` is ready.
    pub(super) fn body(self, events: WatchStream, end: BoxFuture<'static, ()>) -> Body {
        self.representation.served.watchers.fetch_add(1, Ordering::Relaxed);
        let encoder = Encoder { watch: self, columns_sent: false };
        WatchBody { events: Some(events), encoder, end, buffer: Vec::new() }.boxed_unsync()
    }
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
        let most = match this.encoder.watch.framing {
            Framing::Stream => FRAME,
            Framing::Messages => 1,
        };
        // A shared event goes out as it is, but where more are ready: one write is worth the copy.
        let mut alone: Option<Bytes> = None;
        while let Some(events) = &mut this.events
            && this.buffer.len().max(alone.as_ref().map_or(0, Bytes::len)) < most
        {
            let event = match events.poll_next_unpin(context) {
                Poll::Pending if this.buffer.is_empty() && alone.is_none() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(None) => {
                    this.events = None;
                    break;
                }
                Poll::Ready(Some(event)) => event,
            };
            if let Some(shared) = alone.take() {
                this.buffer.extend_from_slice(&shared);
            }
            match event.and_then(|event| this.encoder.event(&event, &mut this.buffer)) {
                Ok(None) => {}
                Ok(Some(shared)) if this.buffer.is_empty() => alone = Some(shared),
                Ok(Some(shared)) => this.buffer.extend_from_slice(&shared),
                Err(status) => {
                    this.encoder.error(&status, &mut this.buffer)?;
                    this.events = None;
                }
            }
        }
        let mut bytes = alone.unwrap_or_else(|| std::mem::take(&mut this.buffer).into());
        if bytes.is_empty() {
            return Poll::Ready(None);
        }
        bytes.advance(this.encoder.not_in_messages());
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl Drop for WatchBody {
    fn drop(&mut self) {
        self.encoder.watch.representation.served.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Encoder {
    watch: Watch,
    columns_sent: bool,
}

impl Encoder {
    /// Writes the event, or hands it back where it is shared.
    fn event(&mut self, event: &WatchEvent, out: &mut Vec<u8>) -> Result<Option<Bytes>, Status> {
        let representation = &self.watch.representation;
        let start = out.len();
        let name = match event.kind {
            WatchEventKind::Added => "ADDED",
            WatchEventKind::Modified => "MODIFIED",
            WatchEventKind::Deleted => "DELETED",
            WatchEventKind::Bookmark | WatchEventKind::InitialEventsEnd => {
                let initial_end = event.kind == WatchEventKind::InitialEventsEnd;
                let object = bookmark(representation, event.object.revision, initial_end)?;
                self.write("BOOKMARK", Item::Tree(&object, representation.served.ty()), out)?;
                self.count(out.len() - start);
                if initial_end && let Some(timer) = self.watch.initial.take() {
                    timer.done();
                }
                return Ok(None);
            }
        };
        // Alone, one need not keep what nobody else wants.
        let others = representation.served.watchers.load(Ordering::Relaxed) > 1;
        let shared = event.encodings().filter(|_| others).zip(self.key(event.kind));
        let Some((encodings, key)) = shared else {
            self.write(name, Item::Stored(&event.object), out)?;
            self.count(out.len() - start);
            return Ok(None);
        };
        let encoded = encodings.get_or_make(key, || {
            let mut encoded = Vec::with_capacity(event.object.value.len() * 2 + 64);
            self.write(name, Item::Stored(&event.object), &mut encoded)?;
            encoded.shrink_to_fit();
            Ok::<_, Status>(encoded.into())
        })?;
        self.count(encoded.len());
        Ok(Some(encoded))
    }

    /// Names the bytes of an event of this kind; `None` where they depend on more than the event: the first
    /// table has columns.
    fn key(&self, kind: WatchEventKind) -> Option<EncodingKey> {
        let Representation { served, accepted, .. } = &self.watch.representation;
        let shape = match accepted.transform {
            None => 0,
            Some(t) if t.shape == Shape::Table => return None,
            Some(t) => 1 + 2 * t.shape as u64 + u64::from(t.api_version == "meta.k8s.io/v1beta1"),
        };
        let media_type = accepted.media_type as u64;
        Some(EncodingKey(u64::from(served.number) << 32 | shape << 16 | media_type << 8 | kind as u64))
    }

    fn count(&self, bytes: usize) {
        let length = if self.is_protobuf() { LENGTH } else { 0 };
        self.watch.counts.sent(bytes.saturating_sub(length));
    }

    fn is_protobuf(&self) -> bool {
        self.watch.representation.accepted.media_type == MediaType::Protobuf
    }

    /// How much of an event's front tells it from the next, which messages don't need.
    fn not_in_messages(&self) -> usize {
        match self.watch.framing {
            Framing::Messages if self.is_protobuf() => LENGTH,
            _ => 0,
        }
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
        let representation = &self.watch.representation;
        if self.is_protobuf() {
            put_protobuf_event(name, &representation.sealed(item)?, out);
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
        let (schema, start) = (keelson_api::schema(), out.len());
        if self.is_protobuf() {
            let raw = protobuf::encode(schema, ty, &tree)?;
            put_protobuf_event("ERROR", &envelope::seal("v1", "Status", &raw), out);
        } else {
            open_json_event("ERROR", out);
            json::encode(schema, ty, &tree, out);
            out.extend_from_slice(b"}\n");
        }
        self.count(out.len() - start);
        Ok(())
    }
}

fn open_json_event(name: &str, out: &mut Vec<u8>) {
    for part in ["{\"type\":\"", name, "\",\"object\":"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// `WatchEvent {type = 1, object = 2 {raw = 1}}` behind its length in four bytes.
fn put_protobuf_event(name: &str, object: &[u8], out: &mut Vec<u8>) {
    let field = |length: usize| 1 + wire::varint_length(length as u64) + length;
    let raw = field(object.len());
    let length = field(name.len()) + field(raw);
    out.reserve(LENGTH + length);
    out.extend_from_slice(&(length as u32).to_be_bytes());
    wire::put_bytes(1, name.as_bytes(), out);
    wire::put_varint(2 << 3 | 2, out);
    wire::put_varint(raw as u64, out);
    wire::put_bytes(1, object, out);
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
