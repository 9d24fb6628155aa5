//! What the registry hands out: stored bytes, with the revision that they were read or written at.

use bytes::Bytes;
use futures::stream::BoxStream;
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
    /// The revision of its last write (of its deletion, in a deletion event): the resource version.
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
    pub fn encoded(&self) -> Result<Encoded<'_>, Status> {
        unimplemented!()
    }

    /// The tree of the object, whose type is `ty`, with `apiVersion`, `kind` and `metadata.resourceVersion`.
    pub fn decode(&self, ty: TypeId) -> Result<Object, Status> {
        let _ = ty;
        unimplemented!()
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
