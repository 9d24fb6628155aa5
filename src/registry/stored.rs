//! What the registry hands out: stored bytes, with the revision that they were read or written at.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use keelson_api::{Resource, conversion, defaults};
use keelson_apimachinery::codec::protobuf::Part;
use keelson_apimachinery::codec::{self, envelope, scan};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, TypeId};
pub use keelson_storage::cacher::{CacheEvent, EncodingKey, Encodings};

/// An object as storage keeps it, in its resource's storage version. Cloning is cheap.
///
/// The bytes are the protobuf envelope that kube-apiserver writes, or JSON text where the resource is stored as
/// that or an older cluster did. They may be of another version than the resource's. `metadata.resourceVersion` is empty in them: it is [`Stored::revision`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The value in storage.
    pub value: Bytes,
    /// The revision of its last write (of its deletion, in a deletion event): the resource version. 0 for
    /// what a dry run would have created, which has none.
    pub revision: u64,
}

impl Stored {
    /// The protobuf message inside of the value; `None` where it is JSON, of another version than `resource`
    /// is, or without defaults that are never stored: then there is no way round [`Stored::decode`].
    ///
    /// # Errors
    /// 500 for bytes that are neither JSON nor an envelope.
    pub fn message(&self, resource: &Resource) -> Result<Option<&[u8]>, Status> {
        if self.is_json() {
            return Ok(None);
        }
        let envelope = envelope::open(&self.value).map_err(unreadable)?;
        let (group, version) = group_version(envelope.api_version);
        let same = group == resource.group && version == resource.version;
        Ok(Some(envelope.raw).filter(|raw| same && defaults::is_complete(resource.type_id, raw)))
    }

    fn is_json(&self) -> bool {
        self.value.first() == Some(&b'{')
    }

    /// The tree of the object, whose type is `ty`, with `apiVersion`, `kind`, defaults (a release that knew
    /// fewer may have written it) and (where the revision is not 0) `metadata.resourceVersion`.
    ///
    /// # Errors
    /// 500 for bytes that are no such object.
    pub fn decode(&self, ty: TypeId) -> Result<Object, Status> {
        let schema = keelson_api::schema();
        let mut object = if self.is_json() {
            let stored_ty = json_type(&self.value).unwrap_or(ty);
            let value = codec::json::decode(schema, stored_ty, &self.value).map_err(unreadable)?.value;
            Object::try_from(value).map_err(|_| unreadable("it is no JSON object"))?
        } else {
            let envelope = envelope::open(&self.value).map_err(unreadable)?;
            let stored_ty = type_named(envelope.api_version, envelope.kind).unwrap_or(ty);
            let value = codec::protobuf::decode(schema, stored_ty, envelope.raw).map_err(unreadable)?;
            let mut object = Object::try_from(value).map_err(|_| unreadable("it is no object"))?;
            object.set_type(envelope.api_version, envelope.kind);
            object
        };
        object = converted(object, ty)?;
        defaults::apply(ty, &mut object);
        if self.revision > 0 {
            object.set_resource_version(&self.revision.to_string());
        }
        Ok(object)
    }

    /// As [`Stored::decode`], for who reads a few members of many objects: no more than `part`, without defaults.
    /// What is stored as JSON, or in another version, is decoded whole.
    ///
    /// # Errors
    /// As of [`Stored::decode`].
    pub(crate) fn decode_part(&self, resource: &Resource, part: &Part) -> Result<Object, Status> {
        if self.is_json() {
            return self.decode(resource.type_id);
        }
        let envelope = envelope::open(&self.value).map_err(unreadable)?;
        if group_version(envelope.api_version) != (resource.group.as_str(), resource.version.as_str()) {
            return self.decode(resource.type_id);
        }
        let schema = keelson_api::schema();
        let value = codec::protobuf::decode_part(schema, resource.type_id, envelope.raw, part);
        Object::try_from(value.map_err(unreadable)?).map_err(|_| unreadable("it is no object"))
    }

    /// Name, labels and the like of a protobuf value, borrowed; `None` for JSON.
    pub(crate) fn scan(&self, resource: &Resource) -> Result<Option<scan::MetaScan<'_>>, Status> {
        let scan = |raw| scan::metadata(keelson_api::schema(), resource.type_id, raw).map_err(unreadable);
        self.message(resource)?.map(scan).transpose()
    }
}

/// The string at `path` of a stored value of `resource`; empty where there is none, or the value can't be read:
/// whoever reads the object is told.
pub(crate) fn text_at<'v>(
    value: &'v Bytes,
    revision: u64,
    resource: &Resource,
    path: &[&str],
) -> Cow<'v, str> {
    if value.first() != Some(&b'{')
        && let Ok(envelope) = envelope::open(value)
        && group_version(envelope.api_version) == (resource.group.as_str(), resource.version.as_str())
    {
        let found = scan::text_at(keelson_api::schema(), resource.type_id, envelope.raw, path);
        return found.ok().flatten().unwrap_or_default();
    }
    let stored = Stored { value: value.clone(), revision };
    let text = stored.decode(resource.type_id).map(|object| object.str_at(path).to_owned());
    Cow::Owned(text.unwrap_or_default())
}

fn group_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The type of a stored object that says what it is; `None` for versions that are not known: they are read as
/// the version that is stored today.
fn type_named(api_version: &str, kind: &str) -> Option<TypeId> {
    let (group, version) = group_version(api_version);
    keelson_api::facts::kind(group, version, kind)
}

/// The type that JSON text names.
fn json_type(text: &[u8]) -> Option<TypeId> {
    // Reads what every object has, and skips the rest.
    let any = keelson_api::facts::kind("meta.k8s.io", "v1", "PartialObjectMetadata")?;
    let value = codec::json::decode(keelson_api::schema(), any, text).ok()?.value;
    type_named(value.str_at(&["apiVersion"]), value.str_at(&["kind"]))
}

/// The object in the version whose type is `ty`.
fn converted(object: Object, ty: TypeId) -> Result<Object, Status> {
    if type_named(object.api_version(), object.kind()).is_none_or(|stored| stored == ty) {
        return Ok(object);
    }
    let kinds = keelson_api::facts::kinds_of(ty);
    let Some((group, version, _)) = kinds.first().filter(|(_, _, kind)| *kind == object.kind()) else {
        return Err(unreadable(format_args!("it is a {} of {}", object.kind(), object.api_version())));
    };
    let api_version = object.api_version().to_owned();
    conversion::convert(object, group_version(&api_version), (group, version)).map_err(unreadable)
}

/// What happened to an object that a watcher selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchEvent {
    /// What happened.
    pub kind: WatchEventKind,
    /// The object after it happened (before, where it was deleted). For bookmarks the value is empty, and
    /// the revision is what counts.
    pub object: Stored,
    /// The change that led to it, which all its watchers share; `None` for bookmarks, the initial state, and
    /// what no cache holds.
    pub shared: Option<Arc<CacheEvent>>,
}

impl WatchEvent {
    /// An event that is shared with nobody.
    pub(crate) fn new(kind: WatchEventKind, object: Stored) -> Self {
        WatchEvent { kind, object, shared: None }
    }

    /// Where the bytes that are made of this event are kept for its other watchers. They depend on
    /// [`WatchEvent::kind`]: a change is an addition to the watcher whose selector it begins to match.
    pub fn encodings(&self) -> Option<&Encodings> {
        self.shared.as_deref().map(|event| &event.encodings)
    }
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
