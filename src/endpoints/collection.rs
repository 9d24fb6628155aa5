//! Lists on their way out: frames of [`FRAME`] bytes and more, made when the connection asks for the next.
//!
//! What a list holds in memory is the stored bytes of the items to come (shared with whoever else has them)
//! and one frame. A client that doesn't read stops the making.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use http_body_util::BodyExt;
use keelson_apimachinery::Status;
use keelson_apimachinery::codec::envelope;

use super::negotiation::{MediaType, Shape};
use super::represent::{Item, Representation};
use super::respond::{self, GZIP_FROM, indent, write_json_as_yaml};
use super::{table, wire};
use crate::registry::{Listing, Stored};
use crate::request::{BoxError, Response};

/// Frames are at least this long but for the last: long enough to know whether an answer is worth compressing.
/// From 32 KiB to 1 MiB, and growing from one to the other, the server's CPU for a list of 50 MB over HTTP/2 is
/// the same to a few percent.
const FRAME: usize = GZIP_FROM + 1;

/// The answer that shows a list.
///
/// # Errors
/// 406 where one object's metadata is wanted; 500 where the first items can't be read. Where a later one
/// can't, the body breaks off.
pub(super) fn answer(
    representation: &Representation,
    mut listing: Listing,
    gzip: bool,
) -> Result<Response, Status> {
    if representation.accepted.transform.is_some_and(|t| t.shape == Shape::PartialObjectMetadata) {
        return Err(representation.is_a_list());
    }
    if is_table(representation) {
        table::sort(&representation.served, &mut listing.items)?;
    }
    let content_type = representation.accepted.media_type.name();
    let mut list = ListBody::new(representation.clone(), listing)?;
    list.fill()?;
    if list.done {
        let whole = Bytes::from(std::mem::take(&mut list.buffer));
        return Ok(respond::whole(StatusCode::OK, content_type, whole, gzip));
    }
    Ok(respond::streamed(StatusCode::OK, content_type, list.boxed_unsync(), gzip))
}

fn is_table(representation: &Representation) -> bool {
    representation.accepted.transform.is_some_and(|t| t.shape == Shape::Table)
}

struct ListBody {
    representation: Representation,
    items: std::vec::IntoIter<Stored>,
    suffix: Vec<u8>,
    buffer: Vec<u8>,
    /// Holds an item before it has its final form.
    scratch: Vec<u8>,
    first: bool,
    done: bool,
}

impl ListBody {
    fn new(representation: Representation, listing: Listing) -> Result<Self, Status> {
        let (prefix, suffix) = match representation.accepted.media_type {
            MediaType::Json => json_frame(&representation, &listing),
            MediaType::Yaml => yaml_frame(&representation, &listing)?,
            MediaType::Protobuf => protobuf_frame(&representation, &listing)?,
        };
        Ok(ListBody {
            representation,
            items: listing.items.into_iter(),
            suffix,
            buffer: prefix,
            scratch: Vec::new(),
            first: true,
            done: false,
        })
    }

    /// Adds items until a frame is full or nothing is left.
    fn fill(&mut self) -> Result<(), Status> {
        if self.buffer.capacity() < FRAME && self.items.len() > 16 {
            self.buffer.reserve(FRAME + FRAME / 4);
        }
        while self.buffer.len() < FRAME {
            let Some(stored) = self.items.next() else {
                self.buffer.append(&mut self.suffix);
                self.done = true;
                break;
            };
            self.push(&stored)?;
        }
        Ok(())
    }

    fn push(&mut self, stored: &Stored) -> Result<(), Status> {
        let ListBody { representation, buffer, scratch, .. } = self;
        let (pretty, first) = (representation.accepted.pretty, std::mem::replace(&mut self.first, false));
        scratch.clear();
        match representation.accepted.media_type {
            MediaType::Json if pretty => {
                buffer.extend_from_slice(if first { b"" } else { b",\n    " });
                item_json(representation, stored, scratch)?;
                indent(scratch, 2, buffer);
            }
            MediaType::Json => {
                buffer.extend_from_slice(if first { b"" } else { b"," });
                item_json(representation, stored, buffer)?;
            }
            MediaType::Yaml => {
                // As the only item of a list it has the indentation that it needs.
                scratch.extend_from_slice(b"{\"i\":[");
                item_json(representation, stored, scratch)?;
                scratch.extend_from_slice(b"]}");
                let mut text = Vec::new();
                write_json_as_yaml(scratch, &mut text)?;
                buffer.extend_from_slice(text.strip_prefix(b"i:\n").unwrap_or(&text));
            }
            MediaType::Protobuf => {
                item_message(representation, stored, scratch)?;
                wire::put_bytes(2, scratch, buffer);
            }
        }
        Ok(())
    }
}

impl http_body::Body for ListBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.buffer.is_empty()
            && !self.done
            && let Err(status) = self.fill()
        {
            tracing::error!(error = %status, "a list breaks off");
            self.done = true;
            return Poll::Ready(Some(Err(status.into())));
        }
        if self.buffer.is_empty() {
            return Poll::Ready(None);
        }
        let frame = Bytes::from(std::mem::take(&mut self.buffer));
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.done && self.buffer.is_empty()
    }
}

fn item_json(representation: &Representation, stored: &Stored, out: &mut Vec<u8>) -> Result<(), Status> {
    match representation.accepted.transform.map(|t| t.shape) {
        None => representation.object_json(Item::Stored(stored), false, out),
        Some(Shape::Table) => table::row(representation, Item::Stored(stored), out),
        Some(_) => representation.partial_json(Item::Stored(stored), out),
    }
}

fn item_message(representation: &Representation, stored: &Stored, out: &mut Vec<u8>) -> Result<(), Status> {
    match representation.accepted.transform {
        None => representation.object_message(Item::Stored(stored), out),
        Some(_) => representation.partial_message(Item::Stored(stored), out),
    }
}

fn names(representation: &Representation) -> (&str, &str) {
    match representation.accepted.transform {
        None => (&representation.served.api_version, &representation.served.list_kind),
        Some(t) if t.shape == Shape::Table => (t.api_version, "Table"),
        Some(t) => (t.api_version, "PartialObjectMetadataList"),
    }
}

/// `ListMeta` as JSON. The texts in it need no escapes: digits and a token in the URL's alphabet.
fn list_meta(listing: &Listing) -> String {
    let mut text = String::from("{");
    if listing.revision != 0 {
        text.push_str(&format!("\"resourceVersion\":\"{}\"", listing.revision));
    }
    if !listing.continue_token.is_empty() {
        let comma = if text.len() > 1 { "," } else { "" };
        text.push_str(&format!("{comma}\"continue\":\"{}\"", listing.continue_token));
    }
    if let Some(remaining) = listing.remaining {
        let comma = if text.len() > 1 { "," } else { "" };
        text.push_str(&format!("{comma}\"remainingItemCount\":{remaining}"));
    }
    text.push('}');
    text
}

/// The document up to its items, compact.
fn json_head(representation: &Representation, listing: &Listing) -> Vec<u8> {
    let (api_version, kind) = names(representation);
    let meta = list_meta(listing);
    let mut head =
        format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":{meta},").into_bytes();
    if is_table(representation) {
        head.extend_from_slice(b"\"columnDefinitions\":");
        table::columns(&representation.served, &mut head);
        head.extend_from_slice(b",\"rows\":");
    } else {
        head.extend_from_slice(b"\"items\":");
    }
    if !listing.items.is_empty() {
        head.push(b'[');
    } else if is_table(representation) && table::empty_is_null(&representation.served) {
        head.extend_from_slice(b"null}");
    } else {
        head.extend_from_slice(b"[]}");
    }
    head
}

fn json_frame(representation: &Representation, listing: &Listing) -> (Vec<u8>, Vec<u8>) {
    let head = json_head(representation, listing);
    let empty = listing.items.is_empty();
    if !representation.accepted.pretty {
        return (head, if empty { b"\n".to_vec() } else { b"]}\n".to_vec() });
    }
    let mut prefix = Vec::new();
    indent(&head, 0, &mut prefix);
    (prefix, if empty { Vec::new() } else { b"\n  ]\n}".to_vec() })
}

fn yaml_frame(representation: &Representation, listing: &Listing) -> Result<(Vec<u8>, Vec<u8>), Status> {
    let mut head = json_head(representation, listing);
    let mut text = Vec::new();
    if listing.items.is_empty() {
        write_json_as_yaml(&head, &mut text)?;
        return Ok((text, Vec::new()));
    }
    head.extend_from_slice(b"]}");
    write_json_as_yaml(&head, &mut text)?;
    // Keys are sorted: `items` stand behind `apiVersion`, `rows` at the end.
    let table = is_table(representation);
    let (mark, key) = if table { ("rows: []\n", "rows:\n") } else { ("items: []\n", "items:\n") };
    let finder = if table { memchr::memmem::rfind } else { memchr::memmem::find };
    let at = finder(&text, mark.as_bytes()).ok_or_else(|| Status::internal("a list without items"))?;
    let suffix = text[at + mark.len()..].to_vec();
    text.truncate(at);
    text.extend_from_slice(key.as_bytes());
    Ok((text, suffix))
}

/// The envelope and the list's metadata. The length of all items goes in front of them, so that they are
/// measured here, one at a time.
fn protobuf_frame(representation: &Representation, listing: &Listing) -> Result<(Vec<u8>, Vec<u8>), Status> {
    let mut meta = Vec::new();
    wire::put_bytes(1, b"", &mut meta);
    let revision = if listing.revision == 0 { String::new() } else { listing.revision.to_string() };
    wire::put_bytes(2, revision.as_bytes(), &mut meta);
    wire::put_bytes(3, listing.continue_token.as_bytes(), &mut meta);
    if let Some(remaining) = listing.remaining {
        wire::put_varint(4 << 3, &mut meta);
        wire::put_varint(remaining as u64, &mut meta);
    }
    let mut list = Vec::new();
    wire::put_bytes(1, &meta, &mut list);

    let (mut length, mut scratch) = (list.len(), Vec::new());
    for stored in &listing.items {
        scratch.clear();
        item_message(representation, stored, &mut scratch)?;
        length += 1 + wire::varint_length(scratch.len() as u64) + scratch.len();
    }
    let (api_version, kind) = names(representation);
    let (mut prefix, suffix) = envelope::around(api_version, kind, length);
    prefix.extend_from_slice(&list);
    Ok((prefix, suffix.to_vec()))
}
