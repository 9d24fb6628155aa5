//! Where in the schema a merge stands.

use super::PatchError;
use super::opaque;
use crate::field::quote;
use crate::schema::{Field, Kind};
use crate::{Schema, Text, TypeId};

/// The type of the value that is being merged.
pub(super) struct Place<'a> {
    schema: &'a Schema,
    at: At<'a>,
}

enum At<'a> {
    Struct(TypeId),
    /// A struct in Go that has no members that a patch could name.
    Opaque(&'static str),
    Kind(&'a Kind),
}

/// How a field merges.
#[derive(Clone, Default)]
pub(super) struct Strategy {
    /// Lists merge rather than replace.
    pub(super) merge: bool,
    /// Objects replace rather than merge.
    pub(super) replace: bool,
    /// The member that tells a list's objects apart; `None` for lists that do not merge by one.
    pub(super) key: Option<Text>,
}

impl<'a> Place<'a> {
    pub(super) fn object(schema: &'a Schema, ty: TypeId) -> Self {
        Place { schema, at: At::Struct(ty) }
    }

    fn of(schema: &'a Schema, kind: &'a Kind) -> Self {
        let at = match kind {
            Kind::Struct(id) => At::Struct(*id),
            Kind::RawExtension => At::Opaque("RawExtension"),
            Kind::FieldsV1 => At::Opaque("FieldsV1"),
            Kind::Json => At::Opaque("JSON"),
            Kind::SchemaOrArray(_) => At::Opaque("JSONSchemaPropsOrArray"),
            Kind::SchemaOrBool(_) => At::Opaque("JSONSchemaPropsOrBool"),
            Kind::SchemaOrStringArray(_) => At::Opaque("JSONSchemaPropsOrStringArray"),
            Kind::Time => At::Opaque("Time"),
            Kind::MicroTime => At::Opaque("MicroTime"),
            Kind::Duration => At::Opaque("Duration"),
            Kind::Quantity => At::Opaque("Quantity"),
            Kind::IntOrString => At::Opaque("IntOrString"),
            other => At::Kind(other),
        };
        Place { schema, at }
    }

    /// What Go calls this kind of type.
    pub(super) fn go_kind(&self) -> &'static str {
        match &self.at {
            At::Struct(_) | At::Opaque(_) => "struct",
            At::Kind(kind) => match kind {
                Kind::Bool => "bool",
                Kind::Int32 => "int32",
                Kind::Int64 => "int64",
                Kind::Float64 => "float64",
                Kind::String => "string",
                Kind::Bytes | Kind::List(_) | Kind::ListMessage(_) => "slice",
                Kind::Map(_) => "map",
                _ => "interface",
            },
        }
    }

    fn field(&self, key: &str) -> Result<&'a Field, PatchError> {
        let (field, name) = match &self.at {
            At::Struct(id) => {
                let name = self.schema.get(*id).go_name.as_str();
                let name = name.rsplit('.').next().unwrap_or(name);
                (self.schema.json_field(*id, key).map(|(_, field)| field), name)
            }
            At::Opaque(name) => (None, *name),
            At::Kind(_) => {
                let kind = self.go_kind();
                let text = "merging an object in json but data type is not struct, instead is";
                return Err(opaque(format!("{text}: {kind}")));
            }
        };
        let unknown = || {
            let key = quote(key);
            opaque(format!("unable to find api field in struct {name} for the json field {key}"))
        };
        field.ok_or_else(unknown)
    }

    /// The type of the member `key`, and how it merges.
    pub(super) fn member(&self, key: &str) -> Result<(Place<'a>, Strategy), PatchError> {
        let field = self.field(key)?;
        Ok((Place::of(self.schema, &field.kind), Strategy::of(field)))
    }

    /// The type of the elements of the list `key`, and how the list merges.
    pub(super) fn list(&self, key: &str) -> Result<(Place<'a>, Strategy), PatchError> {
        let field = self.field(key)?;
        match &field.kind {
            Kind::List(inner) | Kind::ListMessage(inner) => match **inner {
                Kind::List(_) | Kind::ListMessage(_) => Err(opaque("unexpected slice of slice")),
                _ => Ok((Place::of(self.schema, inner), Strategy::of(field))),
            },
            _ => Err(opaque(format!("expected slice or array type, but got: {}", self.go_kind()))),
        }
    }
}

impl Strategy {
    fn of(field: &Field) -> Self {
        let merge = &field.merge;
        Strategy {
            merge: merge.patch_merge,
            replace: merge.patch_replace,
            key: merge.patch_merge_key.clone(),
        }
    }
}
