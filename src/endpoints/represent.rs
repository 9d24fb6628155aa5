//! Objects in the media type and shape that a client wants: from stored bytes to sent bytes, through trees
//! only where nothing else will do.

use std::sync::Arc;

use http::StatusCode;
use keelson_apimachinery::codec::transcode::{self, Overlay};
use keelson_apimachinery::codec::{envelope, json, protobuf};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, TypeId, Value};
use keelson_base::trace;

use super::negotiation::{Accepted, MediaType, Shape};
use super::respond::{self, indent, write_json_as_yaml};
use super::served::Served;
use super::table;
use super::wire;
use crate::registry::Stored;
use crate::request::{IncludeObject, Response};

/// How the objects of one resource go to one client.
#[derive(Clone)]
pub(super) struct Representation {
    /// The resource.
    pub(super) served: Arc<Served>,
    /// Media type and shape.
    pub(super) accepted: Accepted,
    /// What rows of tables hold.
    pub(super) include: IncludeObject,
}

/// An object on its way out.
#[derive(Clone, Copy)]
pub(super) enum Item<'a> {
    /// As it is stored, in the resource's stored version.
    Stored(&'a Stored),
    /// A tree with `apiVersion` and `kind`, of this type: what is made rather than stored, such as a `Scale`.
    Tree(&'a Object, TypeId),
}

/// The type that every version of `PartialObjectMetadata` has.
pub(super) fn partial_type() -> Result<TypeId, Status> {
    let known = keelson_api::facts::kind("meta.k8s.io", "v1", "PartialObjectMetadata");
    known.ok_or_else(|| Status::internal("no type PartialObjectMetadata"))
}

/// Decimal digits of a revision; nothing for 0, which is no revision.
fn digits(revision: u64, buffer: &mut itoa::Buffer) -> &str {
    if revision == 0 { "" } else { buffer.format(revision) }
}

impl Representation {
    /// The whole answer that shows one object.
    ///
    /// # Errors
    /// 406 where a list of metadata is wanted.
    pub(super) fn answer(&self, code: StatusCode, item: Item<'_>, gzip: bool) -> Result<Response, Status> {
        let span = trace::span("SerializeObject");
        span.text("mediaType", self.accepted.media_type.name());
        let mut out = Vec::with_capacity(self.size_hint(item));
        match self.accepted.media_type {
            MediaType::Json if self.accepted.pretty => {
                let mut compact = Vec::with_capacity(out.capacity());
                self.document(item, &mut compact)?;
                indent(&compact, 0, &mut out);
            }
            MediaType::Json => {
                self.document(item, &mut out)?;
                out.push(b'\n');
            }
            MediaType::Yaml => {
                let mut compact = Vec::with_capacity(out.capacity());
                self.document(item, &mut compact)?;
                write_json_as_yaml(&compact, &mut out)?;
            }
            MediaType::Protobuf => out = self.sealed(item)?,
        }
        span.number("size", out.len() as u64);
        Ok(respond::whole(code, self.accepted.media_type.name(), out.into(), gzip))
    }

    fn size_hint(&self, item: Item<'_>) -> usize {
        match item {
            // JSON is about one and a half times as long as protobuf.
            Item::Stored(stored) => stored.value.len() * 2 + 256,
            Item::Tree(..) => 1024,
        }
    }

    /// One object as a JSON document of the wanted shape, without a newline behind it.
    pub(super) fn document(&self, item: Item<'_>, out: &mut Vec<u8>) -> Result<(), Status> {
        match self.accepted.transform.map(|t| t.shape) {
            None => self.object_json(item, true, out),
            Some(Shape::PartialObjectMetadata) => self.partial_json(item, out),
            Some(Shape::PartialObjectMetadataList) => Err(self.not_a_list()),
            Some(Shape::Table) => table::document(self, item, true, out),
        }
    }

    /// One object as an enveloped protobuf message of the wanted shape.
    pub(super) fn sealed(&self, item: Item<'_>) -> Result<Vec<u8>, Status> {
        let mut raw = Vec::new();
        match self.accepted.transform {
            None => {
                self.object_message(item, &mut raw)?;
                let (api_version, kind) = self.type_of(item);
                Ok(envelope::seal(api_version, kind, &raw))
            }
            Some(t) if t.shape == Shape::PartialObjectMetadata => {
                self.partial_message(item, &mut raw)?;
                Ok(envelope::seal(t.api_version, "PartialObjectMetadata", &raw))
            }
            Some(_) => Err(self.not_a_list()),
        }
    }

    fn not_a_list(&self) -> Status {
        let go_type = self.served.go_type("");
        let wanted = "PartialObjectMetadataList";
        not_acceptable(format!("you requested {wanted}, but the requested object is not a list ({go_type})"))
    }

    /// The refusal to show a list as one object's metadata.
    pub(super) fn is_a_list(&self) -> Status {
        let go_type = self.served.go_type("List");
        not_acceptable(format!(
            "you requested PartialObjectMetadata, but the requested object is a list ({go_type})"
        ))
    }

    fn type_of<'a>(&'a self, item: Item<'a>) -> (&'a str, &'a str) {
        match item {
            Item::Stored(_) => (&self.served.api_version, &self.served.resource.kind),
            Item::Tree(object, _) => (object.api_version(), object.kind()),
        }
    }

    /// The object as JSON; items of lists have no `apiVersion` and `kind` (`typed`).
    pub(super) fn object_json(&self, item: Item<'_>, typed: bool, out: &mut Vec<u8>) -> Result<(), Status> {
        let schema = keelson_api::schema();
        match item {
            Item::Stored(stored) => {
                if let Some(raw) = self.served.message(stored)? {
                    let mut buffer = itoa::Buffer::new();
                    let overlay = Overlay {
                        api_version: if typed { &self.served.api_version } else { "" },
                        kind: if typed { &self.served.resource.kind } else { "" },
                        resource_version: digits(stored.revision, &mut buffer),
                    };
                    return transcode::protobuf_to_json(schema, self.served.ty(), raw, &overlay, out)
                        .map_err(unreadable);
                }
                let mut object = self.served.tree(stored)?;
                if typed {
                    object.set_type(&self.served.api_version, &self.served.resource.kind);
                } else {
                    object.set_type("", "");
                }
                json::encode(schema, self.served.ty(), object.as_value(), out);
            }
            Item::Tree(object, ty) => json::encode(schema, ty, object.as_value(), out),
        }
        Ok(())
    }

    /// The object as a protobuf message, without an envelope.
    pub(super) fn object_message(&self, item: Item<'_>, out: &mut Vec<u8>) -> Result<(), Status> {
        let schema = keelson_api::schema();
        match item {
            Item::Stored(stored) => {
                if let Some(raw) = self.served.message(stored)? {
                    let mut buffer = itoa::Buffer::new();
                    let version = digits(stored.revision, &mut buffer);
                    return transcode::with_resource_version(schema, self.served.ty(), raw, version, out)
                        .map_err(unreadable);
                }
                let tree = self.served.tree(stored)?;
                let message = protobuf::encode(schema, self.served.ty(), tree.as_value());
                out.extend(message.map_err(Status::internal)?);
            }
            Item::Tree(object, ty) => {
                out.extend(protobuf::encode(schema, ty, object.as_value()).map_err(Status::internal)?);
            }
        }
        Ok(())
    }

    /// The object's metadata as a `PartialObjectMetadata` in JSON.
    pub(super) fn partial_json(&self, item: Item<'_>, out: &mut Vec<u8>) -> Result<(), Status> {
        let (schema, ty) = (keelson_api::schema(), partial_type()?);
        let api_version = self.accepted.transform.map_or("meta.k8s.io/v1", |t| t.api_version);
        if let Item::Stored(stored) = item
            && let Some(raw) = self.served.message(stored)?
        {
            let mut buffer = itoa::Buffer::new();
            let overlay = Overlay {
                api_version,
                kind: "PartialObjectMetadata",
                resource_version: digits(stored.revision, &mut buffer),
            };
            let metadata = wire::field(raw, 1).unwrap_or_default();
            return transcode::protobuf_to_json(schema, ty, metadata, &overlay, out).map_err(unreadable);
        }
        let mut partial = self.partial_tree(item)?;
        partial.insert("apiVersion", api_version);
        partial.insert("kind", "PartialObjectMetadata");
        json::encode(schema, ty, &Value::Object(partial), out);
        Ok(())
    }

    /// The object's metadata as a `PartialObjectMetadata` message.
    pub(super) fn partial_message(&self, item: Item<'_>, out: &mut Vec<u8>) -> Result<(), Status> {
        let (schema, ty) = (keelson_api::schema(), partial_type()?);
        if let Item::Stored(stored) = item
            && let Some(raw) = self.served.message(stored)?
        {
            let mut buffer = itoa::Buffer::new();
            let version = digits(stored.revision, &mut buffer);
            let metadata = wire::field(raw, 1).unwrap_or_default();
            return transcode::with_resource_version(schema, ty, metadata, version, out).map_err(unreadable);
        }
        let partial = Value::Object(self.partial_tree(item)?);
        out.extend(protobuf::encode(schema, ty, &partial).map_err(Status::internal)?);
        Ok(())
    }

    fn partial_tree(&self, item: Item<'_>) -> Result<Map, Status> {
        let metadata = match item {
            Item::Stored(stored) => self.served.tree(stored)?.metadata().cloned(),
            Item::Tree(object, _) => object.metadata().cloned(),
        };
        let mut partial = Map::new();
        partial.insert("metadata", metadata.unwrap_or_default());
        Ok(partial)
    }
}

fn not_acceptable(message: String) -> Status {
    Status::new(406, "NotAcceptable", message)
}

fn unreadable(error: impl std::fmt::Display) -> Status {
    Status::internal(format_args!("a stored object can't be decoded: {error}"))
}
