//! `patch`: JSON patch, merge patch, strategic merge patch, server-side apply.
//!
//! A patch is made for the version that the client speaks: the current object goes to that version, the patch
//! applies to its tree, and the result is decoded and defaulted as a body would be, before it goes back to be stored.

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use keelson_api::defaults;
use keelson_apimachinery::codec::{Decoded, StrictError, json};
use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Schema, Status, TypeId, Value, patch};

use super::call::{Call, dedup_owner_references};
use super::decode::{go_kind, strict_text, warn};
use super::managed_fields::{self, Configuration, Tracker, is_empty_list};
use super::represent::Item;
use super::unstructured;
use super::{Endpoints, body};
use crate::registry::{Change, Warnings, WriteContext};
use crate::request::{Body, FieldValidation, Response, WriteKind, WriteParameters};

/// A kind of patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

/// The type of the patch in the body.
///
/// # Errors
/// 415, with the router's text.
pub(super) fn patch_type(call: &Call<'_>) -> Result<PatchType, Status> {
    let header = call.parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match header.split(';').next().unwrap_or_default().trim() {
        "application/json-patch+json" => Ok(PatchType::Json),
        "application/merge-patch+json" => Ok(PatchType::Merge),
        "application/strategic-merge-patch+json" => Ok(PatchType::Strategic),
        "application/apply-patch+yaml" => Ok(PatchType::Apply),
        _ => Err(Status::new(415, "UnsupportedMediaType", "415: Unsupported Media Type")
            .with_details(Default::default())),
    }
}

/// Changes an object as the patch in the body says, and answers with the new one.
pub(super) async fn serve(
    endpoints: &Endpoints,
    call: &Call<'_>,
    patch_type: PatchType,
    body: Body,
) -> Result<Response, Status> {
    if patch_type == PatchType::Apply {
        return apply(endpoints, call, body).await;
    }
    let body = body::read(body).await?;
    endpoints.note_body(call, "patch", &body);
    let parameters = WriteParameters::parse(&call.query, WriteKind::Patch)?;
    let served = call.served;
    let mut patcher = Patcher {
        patch_type,
        body,
        parsed: None,
        resets: false,
        api_version: &served.api_version,
        kind: &served.resource.kind,
        ty: served.ty(),
        validation: parameters.field_validation,
        warnings: call.warnings,
    };
    let manager = call.field_manager(&parameters);
    let context = call.context(&parameters, &manager);
    let mut change =
        PatchObject { call, patcher: &mut patcher, tracker: Tracker::new(call), manager: &manager };
    let store = served.store()?;
    let (stored, created) =
        store.update(&context, &call.info.name, &mut change, &endpoints.admit(call, &context)).await?;
    let code = if created { StatusCode::CREATED } else { StatusCode::OK };
    call.representation()?.answer(code, Item::Stored(&stored), call.gzip())
}

/// Applies the configuration in the body, and answers with the object; it is created where it is missing.
async fn apply(endpoints: &Endpoints, call: &Call<'_>, body: Body) -> Result<Response, Status> {
    let body = body::read(body).await?;
    endpoints.note_body(call, "patch", &body);
    let parameters = WriteParameters::parse(&call.query, WriteKind::Apply)?;
    let config = configuration(call, &parameters, &body)?;
    drop(body);
    let manager = call.field_manager(&parameters);
    let create_missing = call.info.subresource.is_empty();
    let context = WriteContext { create_missing, ..call.context(&parameters, &manager) };
    let mut change = ApplyObject { call, tracker: Tracker::new(call), config };
    let store = call.served.store()?;
    let (stored, created) =
        store.update(&context, &call.info.name, &mut change, &endpoints.admit(call, &context)).await?;
    let code = if created { StatusCode::CREATED } else { StatusCode::OK };
    call.representation()?.answer(code, Item::Stored(&stored), call.gzip())
}

/// The configuration in the body of an apply patch.
pub(super) fn configuration<'a>(
    call: &Call<'a>,
    parameters: &WriteParameters,
    body: &[u8],
) -> Result<Configuration<'a>, Status> {
    let manager = parameters.field_manager.clone();
    Configuration::read(body, manager, parameters.force, parameters.field_validation, call.warnings)
}

struct ApplyObject<'a> {
    call: &'a Call<'a>,
    tracker: Tracker<'a>,
    config: Configuration<'a>,
}

impl Change for ApplyObject<'_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let served = self.call.served;
        let live = current.map(|current| managed_fields::live(served, current)).transpose()?;
        let mut object = self.tracker.apply(live.as_deref(), &self.config)?;
        if current.is_none() && !object.uid().is_empty() {
            let (resource, uid) = (served.resource, object.uid());
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            return Err(Status::conflict(&resource.group, &resource.plural, &self.call.info.name, why));
        }
        self.call.settle_namespace(&mut object)?;
        self.call.check_name(&object)?;
        dedup_owner_references(&mut object, true, self.call.warnings);
        served.to_stored(object)
    }
}

struct PatchObject<'a, 'b> {
    call: &'a Call<'a>,
    patcher: &'a mut Patcher<'b>,
    tracker: Tracker<'a>,
    manager: &'a str,
}

impl Change for PatchObject<'_, '_> {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let served = self.call.served;
        let current = current.ok_or_else(|| served.not_found(&self.call.info.name))?;
        let versioned = || {
            let mut object = served.to_served(current.clone())?;
            object.set_type(&served.api_version, &served.resource.kind);
            Ok(object)
        };
        let mut patched = self.patcher.apply(&versioned)?;
        let live = managed_fields::live(served, current)?;
        self.tracker.update(Some(&live), &mut patched, self.patcher.resets, self.manager);
        self.call.settle_namespace(&mut patched)?;
        self.call.check_name(&patched)?;
        dedup_owner_references(&mut patched, true, self.call.warnings);
        served.to_stored(patched)
    }
}

/// A patch and what it is applied to, apart from the object.
pub(super) struct Patcher<'a> {
    pub(super) patch_type: PatchType,
    pub(super) body: Bytes,
    /// The patch and its duplicate fields, once read.
    pub(super) parsed: Option<Decoded>,
    /// Whether the patched object has an empty list of managed fields.
    pub(super) resets: bool,
    pub(super) api_version: &'a str,
    pub(super) kind: &'a str,
    pub(super) ty: TypeId,
    pub(super) validation: FieldValidation,
    pub(super) warnings: &'a Warnings,
}

impl Patcher<'_> {
    /// The object as the patch changes it, with defaults, canonical. `current` makes the object that it applies to, with
    /// `apiVersion` and `kind`; again where a refusal is to show it.
    pub(super) fn apply(&mut self, current: &dyn Fn() -> Result<Object, Status>) -> Result<Object, Status> {
        let strict = self.validation != FieldValidation::Ignore;
        if self.parsed.is_none() {
            self.parsed = Some(read(self.patch_type, &self.body, strict)?);
        }
        let patched = self.patched(current()?)?;
        self.resets = is_empty_list(&patched);
        let decoded = match self.decode(patched) {
            Ok(decoded) => decoded,
            Err(why) => {
                let why = self.reason(current, why)?;
                return Err(self.refuse(current, &why));
            }
        };
        if strict {
            let parsed = self.parsed.iter().flat_map(|p| &p.strict);
            let errors: Vec<StrictError> = parsed.cloned().chain(decoded.strict).collect();
            if !errors.is_empty() && self.validation == FieldValidation::Strict {
                return Err(self.refuse(current, &strict_text(&errors)));
            }
            warn(&errors, self.warnings);
        }
        let mut object = Object::try_from(decoded.value)
            .map_err(|_| Status::internal("the patched object is no object"))?;
        object.set_type(self.api_version, self.kind);
        defaults::apply(self.ty, &mut object);
        Ok(object)
    }

    fn patched(&self, current: Object) -> Result<Value, Status> {
        let null = Value::Null;
        let patch = self.parsed.as_ref().map_or(&null, |p| &p.value);
        Ok(match self.patch_type {
            PatchType::Json => patch::json_patch(current.into(), patch)?,
            PatchType::Merge => patch::merge_patch(current.into(), patch.clone()),
            PatchType::Strategic => {
                patch::strategic(keelson_api::schema(), self.ty, current.into(), patch.clone())?
            }
            PatchType::Apply => return Err(Status::internal("an apply is no patch of the object")),
        })
    }

    /// Why the result can't be decoded: that of a strategic patch doesn't go through JSON upstream.
    fn reason(&self, current: &dyn Fn() -> Result<Object, Status>, why: String) -> Result<String, Status> {
        if self.patch_type != PatchType::Strategic {
            return Ok(why);
        }
        let patched = self.patched(current()?)?;
        Ok(unstructured::mismatch(keelson_api::schema(), self.ty, &patched).unwrap_or(why))
    }

    /// 422 for a result that can't be decoded: it echoes the patch (strategic) or the patched object.
    fn refuse(&self, current: &dyn Fn() -> Result<Object, Status>, why: &str) -> Status {
        let text = if self.patch_type == PatchType::Strategic {
            self.parsed.as_ref().map(|p| patch::printed(&p.value)).unwrap_or_default()
        } else {
            let shown = current().and_then(|original| {
                let patched = self.patched(original.clone())?;
                let mut out = Vec::new();
                let schema = keelson_api::schema();
                write_patched(schema, Some(self.ty), original.as_value(), &patched, &mut out);
                Ok(String::from_utf8_lossy(&out).into_owned())
            });
            match shown {
                Ok(text) => text,
                Err(status) => return status,
            }
        };
        let error = FieldError::invalid(&Path::new("patch"), &text, why);
        Status::invalid("", "", "", &[error])
    }

    /// The patched tree as an object of the kind.
    fn decode(&self, patched: Value) -> Result<Decoded, String> {
        let schema = keelson_api::schema();
        let canonical = |value| json::canonicalize(schema, self.ty, value).map_err(|e| e.to_string());
        if self.patch_type == PatchType::Strategic {
            return canonical(patched);
        }
        let Value::Object(members) = &patched else { return canonical(patched) };
        let text = |key: &str| members.get(key).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        if api_version.is_empty() {
            // Without a version it counts as one of the internal version, which has no such fields.
            let unknown = members.keys().filter(|k| !matches!(*k, "kind" | "apiVersion"));
            let strict = unknown.map(|k| StrictError(format!("unknown field \"{k}\""))).collect();
            return Ok(Decoded { value: Value::Object(Map::new()), strict });
        }
        if api_version != self.api_version || !(kind.is_empty() || kind == self.kind) {
            let kind = if kind.is_empty() { self.kind } else { kind };
            return Err(format!(
                "unable to decode {api_version}, Kind={kind} into {}, Kind={}",
                self.api_version, self.kind
            ));
        }
        canonical(patched)
    }
}

/// The patch in a body, with its strict errors where they are wanted.
fn read(patch_type: PatchType, body: &[u8], strict: bool) -> Result<Decoded, Status> {
    let prefix = match patch_type {
        PatchType::Strategic | PatchType::Apply => "",
        PatchType::Json | PatchType::Merge => "error decoding patch: ",
    };
    let mut decoded =
        json::decode_untyped(body).map_err(|error| Status::bad_request(format!("{prefix}{error}")))?;
    match patch_type {
        PatchType::Json if strict => {
            for StrictError(text) in &mut decoded.strict {
                text.insert_str(0, "json patch ");
            }
            let unknown = patch::json_patch_strict_errors(&decoded.value)?;
            decoded.strict.extend(unknown);
        }
        PatchType::Json => {}
        PatchType::Merge => patch::check_merge_patch(&decoded.value, strict)?,
        PatchType::Strategic if matches!(decoded.value, Value::Object(_) | Value::Null) => {
            if decoded.value.is_null() {
                decoded.value = Value::Object(Map::new());
            }
        }
        PatchType::Strategic | PatchType::Apply => {
            let found = go_kind(&decoded.value);
            let why =
                format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}");
            return Err(Status::bad_request(why));
        }
    }
    Ok(decoded)
}

/// A patched tree as upstream's patch library prints it: what the patch touched with sorted keys, what it
/// left alone in the order of its type's fields.
fn write_patched(schema: &Schema, ty: Option<TypeId>, original: &Value, patched: &Value, out: &mut Vec<u8>) {
    use keelson_apimachinery::schema::Kind;
    if original == patched
        && let Some(ty) = ty
    {
        return json::encode(schema, ty, patched, out);
    }
    let (Value::Object(before), Value::Object(after)) = (original, patched) else {
        return json::encode_untyped(patched, out);
    };
    out.push(b'{');
    for (i, (key, value)) in after.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        json::encode_untyped(&Value::from(key), out);
        out.push(b':');
        let field_type = ty.and_then(|ty| match schema.json_field(ty, key)?.1.kind {
            Kind::Struct(inner) => Some(inner),
            _ => None,
        });
        write_patched(schema, field_type, before.get(key).unwrap_or(&Value::Null), value, out);
    }
    out.push(b'}');
}
