//! What the server writes of its own accord (first objects, addresses of services) is noted as its own in
//! `metadata.managedFields`, as what clients write is by the endpoints.

use keelson_api::Resource;
use keelson_apimachinery::managed_fields::{FieldManager, Filter, Set, Versions};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, TypeId, Value};

use super::options::{Change, Warnings, WriteContext};
use super::store::now;
use crate::request::UserInfo;

/// The manager's name, in managed fields and in [`super::WriteContext`].
pub(crate) const SERVER_MANAGER: &str = "kube-apiserver";

/// The user that the server writes as.
pub(crate) fn server_user() -> UserInfo {
    UserInfo {
        name: "system:apiserver".into(),
        groups: vec!["system:masters".into(), "system:authenticated".into()],
        ..UserInfo::default()
    }
}

/// What lies around the server's own writes.
pub(crate) struct ServerWriter {
    user: UserInfo,
    /// Nobody reads them.
    warnings: Warnings,
}

impl ServerWriter {
    /// For any number of writes.
    pub(crate) fn new() -> Self {
        ServerWriter { user: server_user(), warnings: Warnings::default() }
    }

    /// Around a write of an object itself, which must be there if it is an update; `None` and `""` are no
    /// namespace.
    pub(crate) fn context<'a>(&'a self, namespace: Option<&'a str>) -> WriteContext<'a> {
        WriteContext {
            namespace: namespace.filter(|namespace| !namespace.is_empty()),
            user: &self.user,
            subresource: "",
            dry_run: false,
            field_manager: SERVER_MANAGER,
            create_missing: false,
            warnings: &self.warnings,
        }
    }
}

/// Notes what the server changed of an object of `resource`; `live` is the current one, where there is one.
/// `subresource` is the one whose fields it writes; empty for the object itself.
pub(crate) fn note_server(
    resource: &Resource,
    subresource: &'static str,
    live: Option<&Object>,
    new: &mut Object,
) {
    let api_version = match resource.group.as_str() {
        "" => resource.version.to_string(),
        group => format!("{group}/{}", resource.version),
    };
    let reset = if subresource == "status" { "spec" } else { "status" };
    let fields = FieldManager {
        schema: keelson_api::schema(),
        versions: &OneVersion { api_version: &api_version, ty: resource.type_id },
        api_version: &api_version,
        kind: &resource.kind,
        ty: resource.type_id,
        subresource,
        filter: &Filter::Exclude(Set::of_fields(&[&[reset]])),
        now: &now(),
    };
    fields.update(live, new, false, SERVER_MANAGER);
}

/// A change that the server makes.
pub(crate) struct ServerChange<'a> {
    /// What it does.
    pub(crate) change: &'a mut dyn Change,
    /// The resource, as its store has it.
    pub(crate) resource: &'static Resource,
    /// The subresource whose fields it writes; empty for the object itself.
    pub(crate) subresource: &'static str,
}

impl Change for ServerChange<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let mut object = self.change.apply(current)?;
        note_server(self.resource, self.subresource, current, &mut object);
        Ok(object)
    }

    fn precondition_uid(&self) -> Option<&str> {
        self.change.precondition_uid()
    }
}

/// The kinds that the server writes have one version.
struct OneVersion<'a> {
    api_version: &'a str,
    ty: TypeId,
}

impl Versions for OneVersion<'_> {
    fn type_of(&self, api_version: &str) -> Option<TypeId> {
        (api_version == self.api_version).then_some(self.ty)
    }

    fn convert(&self, _: &Value, from: &str, to: &str) -> Result<Value, String> {
        Err(format!("no conversion from {from} to {to}"))
    }
}
