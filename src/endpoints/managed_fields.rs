//! Managed fields: who owns what a request writes, and server-side apply.
//!
//! Objects are tracked in the version that the client speaks, before they go to be stored. What the endpoint
//! takes back of a write anyway (`status` from writes of the object, `spec` from those of its status) no one
//! comes to own through it.

use std::borrow::Cow;

use keelson_api::{Resource, defaults};
use keelson_apimachinery::codec::{Decoded, json, yaml};
use keelson_apimachinery::managed_fields::{FieldManager, Filter, Set, Versions};
use keelson_apimachinery::meta::{GroupVersion, Object};
use keelson_apimachinery::{Status, TypeId, Value};
use keelson_base::clock;

use super::call::Call;
use super::decode::{go_kind, warn};
use super::negotiation::MediaType;
use super::served::Served;
use crate::registry::{Warnings, encode_strings};
use crate::request::FieldValidation;

/// Tracks one request's write.
pub(super) struct Tracker<'a> {
    api_version: &'a str,
    kind: &'a str,
    ty: TypeId,
    subresource: &'a str,
    filter: Filter,
    now: String,
}

impl<'a> Tracker<'a> {
    /// Tracks objects of the call's resource.
    pub(super) fn new(call: &'a Call<'_>) -> Self {
        let (served, subresource) = (call.served, call.info.subresource.as_str());
        Tracker {
            api_version: &served.api_version,
            kind: &served.resource.kind,
            ty: served.ty(),
            subresource,
            filter: filter(served.resource, subresource),
            now: now(),
        }
    }

    /// Tracks what is sent to a subresource and has a kind of its own.
    pub(super) fn of_kind(api_version: &'a str, kind: &'a str, ty: TypeId, subresource: &'a str) -> Self {
        Tracker { api_version, kind, ty, subresource, filter: Filter::All, now: now() }
    }

    /// Tracks scales of the call's resource; `ty` is their type.
    pub(super) fn of_scale(api_version: &'a str, ty: TypeId) -> Self {
        Self::of_kind(api_version, "Scale", ty, "scale")
    }

    /// Notes what `manager` changed. `resets` says that the client sent an empty list of managed fields.
    pub(super) fn update(&self, live: Option<&Object>, new: &mut Object, resets: bool, manager: &str) {
        // What is owned is what a body becomes when it is read.
        if (self.api_version, self.kind) == ("v1", "Secret") {
            encode_strings(new);
        }
        self.fields(&KindVersions(self.kind)).update(live, new, resets, manager);
    }

    /// The object that a configuration makes of the current one.
    ///
    /// # Errors
    /// Those of [`FieldManager::apply`], and 500 for a result that is no object of the kind.
    pub(super) fn apply(&self, live: Option<&Object>, config: &Configuration<'_>) -> Result<Object, Status> {
        let decode = |merged: Value| {
            let text = |key: &str| merged.str_at(&["metadata", key]).to_owned();
            let (namespace, name) = (text("namespace"), text("name"));
            let decoded = json::canonicalize(keelson_api::schema(), self.ty, merged).map_err(|why| {
                let (api_version, kind) = (self.api_version, self.kind);
                let slash = if api_version.contains('/') { "" } else { "/" };
                Status::opaque(format!(
                    "failed to convert new object ({namespace}/{name}; {slash}{api_version}, Kind={kind}) to \
                     proper version: {why}"
                ))
            })?;
            let mut object = Object::try_from(decoded.value)
                .map_err(|_| Status::internal("the applied object is no object"))?;
            object.set_type(self.api_version, self.kind);
            defaults::apply(self.ty, &mut object);
            Ok(object)
        };
        let versions = KindVersions(self.kind);
        let fields = self.fields(&versions);
        let object = fields.apply(live, &config.decoded.value, &config.manager, config.force, &decode)?;
        config.check_strict()?;
        Ok(object)
    }

    fn fields<'f>(&'f self, versions: &'f KindVersions<'f>) -> FieldManager<'f> {
        FieldManager {
            schema: keelson_api::schema(),
            versions,
            api_version: self.api_version,
            kind: self.kind,
            ty: self.ty,
            subresource: self.subresource,
            filter: &self.filter,
            now: &self.now,
        }
    }
}

/// The current object in the version that the client speaks.
pub(super) fn live<'o>(served: &Served, current: &'o Object) -> Result<Cow<'o, Object>, Status> {
    if served.stored_as_served {
        return Ok(Cow::Borrowed(current));
    }
    served.to_served(current.clone()).map(Cow::Owned)
}

fn now() -> String {
    clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A configuration that is to be applied.
pub(super) struct Configuration<'a> {
    decoded: Decoded,
    manager: String,
    force: bool,
    validation: FieldValidation,
    warnings: &'a Warnings,
}

impl<'a> Configuration<'a> {
    /// Reads the body of an apply patch.
    ///
    /// # Errors
    /// 400 for what is no YAML, or no object.
    pub(super) fn read(
        body: &[u8],
        manager: String,
        force: bool,
        validation: FieldValidation,
        warnings: &'a Warnings,
    ) -> Result<Self, Status> {
        let refuse = |why: String| Status::bad_request(format!("error decoding YAML: {why}"));
        let mut decoded = yaml::decode_untyped(body)
            .map_err(|why| refuse(format!("error converting YAML to JSON: {why}")))?;
        match &decoded.value {
            Value::Object(_) => {}
            Value::Null => decoded.value = Value::Object(Default::default()),
            other => {
                let found = go_kind(other);
                return Err(refuse(format!(
                    "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value \
                     of type map[string]interface {{}}"
                )));
            }
        }
        Ok(Configuration { decoded, manager, force, validation, warnings })
    }

    /// Refuses fields that are there twice, or warns of them, as the client wants it.
    fn check_strict(&self) -> Result<(), Status> {
        let errors = &self.decoded.strict;
        match self.validation {
            FieldValidation::Strict if !errors.is_empty() => {
                let texts: Vec<&str> = errors.iter().map(|e| e.0.as_str()).collect();
                let texts = texts.join(", ");
                Err(Status::bad_request(format!(
                    "error strict decoding YAML: error converting YAML to JSON: {texts}"
                )))
            }
            FieldValidation::Warn => {
                warn(errors, self.warnings);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The versions of a kind, across groups where it is in several (`Event`).
struct KindVersions<'a>(&'a str);

impl Versions for KindVersions<'_> {
    fn type_of(&self, api_version: &str) -> Option<TypeId> {
        let parsed = GroupVersion::parse(api_version).ok()?;
        keelson_api::facts::kind(&parsed.group, &parsed.version, self.0)
    }

    fn convert(&self, object: &Value, from: &str, to: &str) -> Result<Value, String> {
        let ty = self.type_of(from).ok_or_else(|| format!("no kind {:?} in {from}", self.0))?;
        let decoded = json::canonicalize(keelson_api::schema(), ty, object.clone());
        let canonical = decoded.map_err(|why| why.to_string())?.value;
        let object = Object::try_from(canonical).map_err(|_| "no object".to_owned())?;
        let (from, to) = (GroupVersion::parse(from)?, GroupVersion::parse(to)?);
        let converted =
            keelson_api::conversion::convert(object, (&from.group, &from.version), (&to.group, &to.version));
        converted.map(Value::from).map_err(|why| why.to_string())
    }
}

/// Whether a body says `managedFields: []`, which canonical trees don't show.
pub(super) fn sends_empty_list(body: &[u8], media_type: MediaType) -> bool {
    const KEY: &[u8] = b"managedFields";
    if memchr::memmem::find(body, KEY).is_none() {
        return false;
    }
    let decoded = match media_type {
        MediaType::Json => json::decode_untyped(body),
        MediaType::Yaml => yaml::decode_untyped(body),
        // An empty list leaves no trace in protobuf.
        MediaType::Protobuf => return false,
    };
    decoded.is_ok_and(|decoded| is_empty_list(&decoded.value))
}

/// Whether a tree says `managedFields: []`.
pub(super) fn is_empty_list(tree: &Value) -> bool {
    matches!(tree.at(&["metadata", "managedFields"]), Some(Value::Array(list)) if list.is_empty())
}

/// Kinds whose status writes leave all metadata as it is.
const STATUS_ALONE: [&str; 11] = [
    "apiservices",
    "customresourcedefinitions",
    "devicetaintrules",
    "flowschemas",
    "prioritylevelconfigurations",
    "resourceclaims",
    "servicecidrs",
    "storageversionmigrations",
    "storageversions",
    "validatingadmissionpolicies",
    "volumeattachments",
];

/// What writes through an endpoint may own: all but the fields that it resets.
///
/// Source: the reset fields of kube-apiserver's strategies.
fn filter(resource: &Resource, subresource: &str) -> Filter {
    let exclude = |paths: &[&[&str]]| Filter::Exclude(Set::of_fields(paths));
    let has_status = resource.subresources.iter().any(|s| s.name == "status");
    match (subresource, resource.plural.as_str()) {
        ("", "certificatesigningrequests") => exclude(&[&["spec"], &["status"]]),
        ("", "podcertificaterequests") => Filter::All,
        ("", _) if has_status => exclude(&[&["status"]]),
        ("status", "certificatesigningrequests") => exclude(&[&["spec"], &["status", "conditions"]]),
        ("status", "deployments") => exclude(&[&["spec"], &["metadata", "labels"]]),
        ("status", "pods") => {
            exclude(&[&["spec"], &["metadata", "deletionTimestamp"], &["metadata", "ownerReferences"]])
        }
        ("status", plural) if STATUS_ALONE.contains(&plural) => exclude(&[&["spec"], &["metadata"]]),
        ("status", _) => exclude(&[&["spec"]]),
        ("approval", _) => exclude(&[&["spec"], &["status", "certificate"]]),
        ("finalize", _) => exclude(&[&["status"]]),
        ("ephemeralcontainers", _) => Filter::Include(vec![vec![Some("spec"), Some("ephemeralContainers")]]),
        ("resize", _) => {
            let mut paths = Vec::new();
            for list in ["containers", "initContainers"] {
                for field in ["resources", "resizePolicy"] {
                    paths.push(vec![Some("spec"), Some(list), None, Some(field)]);
                }
            }
            Filter::Include(paths)
        }
        _ => Filter::All,
    }
}
