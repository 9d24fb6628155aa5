//! What the registry hands out: stored bytes, with the revision that they were read or written at.

use bytes::Bytes;
use futures::stream::BoxStream;
use keelson_apimachinery::codec::{self, envelope, scan};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, TypeId};

/// An object as storage keeps it, in its resource's storage version. Cloning is cheap.
///
/// The bytes are the protobuf envelope that kube-apiserver writes, or JSON text where an older cluster or a
/// custom resource stored that. `metadata.resourceVersion` is empty in them: it is [`Stored::revision`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The value in storage.
    pub value: Bytes,
    /// The revision of its last write (of its deletion, in a deletion event): the resource version. 0 for
    /// what a dry run would have created, which has none.
    pub revision: u64,
}

/// How a [`Stored`] value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded<'a> {
    /// The message inside of the envelope.
    Protobuf(&'a [u8]),
    /// JSON text.
    Json(&'a [u8]),
}

impl Stored {
    /// The encoded object inside of the value.
    ///
    /// # Errors
    /// 500 for bytes that are neither.
    pub fn encoded(&self) -> Result<Encoded<'_>, Status> {
        if self.value.first() == Some(&b'{') {
            return Ok(Encoded::Json(&self.value));
        }
        let envelope = envelope::open(&self.value).map_err(unreadable)?;
        Ok(Encoded::Protobuf(envelope.raw))
    }

    /// The tree of the object, whose type is `ty`, with `apiVersion`, `kind` and (where the revision is not
    /// 0) `metadata.resourceVersion`.
    ///
    /// # Errors
    /// 500 for bytes that are no such object.
    pub fn decode(&self, ty: TypeId) -> Result<Object, Status> {
        let schema = keelson_api::schema();
        let mut object = if self.value.first() == Some(&b'{') {
            let value = codec::json::decode(schema, ty, &self.value).map_err(unreadable)?.value;
            Object::try_from(value).map_err(|_| unreadable("it is no JSON object"))?
        } else {
            let envelope = envelope::open(&self.value).map_err(unreadable)?;
            let value = codec::protobuf::decode(schema, ty, envelope.raw).map_err(unreadable)?;
            let mut object = Object::try_from(value).map_err(|_| unreadable("it is no object"))?;
            object.set_type(envelope.api_version, envelope.kind);
            object
        };
        if self.revision > 0 {
            object.set_resource_version(&self.revision.to_string());
        }
        Ok(object)
    }

    /// Name, labels and the like of a protobuf value, borrowed; `None` for JSON.
    pub(crate) fn scan(&self, ty: TypeId) -> Result<Option<scan::MetaScan<'_>>, Status> {
        match self.encoded()? {
            Encoded::Protobuf(raw) => {
                scan::metadata(keelson_api::schema(), ty, raw).map(Some).map_err(unreadable)
            }
            Encoded::Json(_) => Ok(None),
        }
    }
}

/// What happened to an object that a watcher selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchEvent {
    /// What happened.
    pub kind: WatchEventKind,
    /// The object after it happened (before, where it was deleted). For bookmarks the value is empty, and
    /// the revision is what counts.
    pub object: Stored,
}

/// See [`WatchEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEventKind {
    /// It came to be, or into the selection.
    Added,
    /// It changed.
    Modified,
    /// It was deleted, or left the selection.
    Deleted,
    /// Nothing more happened up to this revision.
    Bookmark,
    /// A bookmark that says that all initial events were sent (`sendInitialEvents`): sent with the
    /// annotation `k8s.io/initial-events-end: "true"`.
    InitialEventsEnd,
}

/// The events of one watch in order. After an error it ends.
pub type WatchStream = BoxStream<'static, Result<WatchEvent, Status>>;

/// The failure to read what storage holds.
pub(crate) fn unreadable(error: impl std::fmt::Display) -> Status {
    Status::internal(format!("a stored object can't be decoded: {error}"))
}
