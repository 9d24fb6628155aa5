//! How a resource's objects are written to storage: as kube-apiserver does.

use bytes::Bytes;
use keelson_api::{Resource, conversion};
use keelson_apimachinery::codec::{envelope, json, protobuf};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, TypeId};

/// The version and encoding of a resource's stored objects.
pub(crate) struct StoredForm {
    /// The resource in the version that objects come in.
    resource: &'static Resource,
    /// Its own version.
    own_version: String,
    /// The version that is stored.
    api_version: String,
    ty: TypeId,
    as_json: bool,
}

impl StoredForm {
    /// That of a resource; JSON where its facts or `as_json` say so.
    pub(crate) fn of(resource: &'static Resource, as_json: bool) -> Self {
        let (group, version) = &resource.storage_version;
        let known = keelson_api::facts::kind(group, version, &resource.kind);
        StoredForm {
            resource,
            own_version: joined(&resource.group, &resource.version),
            api_version: joined(group, version),
            ty: known.unwrap_or(resource.type_id),
            as_json: as_json || resource.stored_as_json,
        }
    }

    /// The bytes for an object of the resource's version.
    ///
    /// # Errors
    /// 500 for an object that is not of the resource's kind.
    pub(crate) fn encode(&self, mut object: Object) -> Result<Bytes, Status> {
        let cant = |error: &dyn std::fmt::Display| Status::internal(format_args!("can't encode: {error}"));
        let resource = self.resource;
        let (group, version) = &resource.storage_version;
        let from = (resource.group.as_str(), resource.version.as_str());
        object.set_type(&self.own_version, &resource.kind);
        let mut object = conversion::convert(object, from, (group, version)).map_err(|error| cant(&error))?;
        if self.as_json {
            object.set_type(&self.api_version, &resource.kind);
            let mut text = Vec::new();
            json::encode(keelson_api::schema(), self.ty, object.as_value(), &mut text);
            text.push(b'\n');
            return Ok(text.into());
        }
        let message = protobuf::encode(keelson_api::schema(), self.ty, object.as_value());
        let message = message.map_err(|error| cant(&error))?;
        Ok(envelope::seal(&self.api_version, &resource.kind, &message).into())
    }
}

fn joined(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
