//! What the tables say of types: the Go declarations, resolved and checked.

use serde_json::Value;

/// A struct type, or a type with a wire form of its own.
#[derive(Debug)]
pub(super) struct TypeFacts {
    /// The OpenAPI definition's name.
    pub name: String,
    /// The Go name with its package, such as `v1.Pod`.
    pub go_name: String,
    /// Group, version and kind under which it is registered.
    pub kinds: Vec<(String, String, String)>,
    /// Whether every group-version registers it (`DeleteOptions`, `WatchEvent`).
    pub in_every_version: bool,
    /// The name in the tables, of a type with a wire form of its own.
    pub form: &'static str,
    /// `+structType=atomic` or `+mapType=atomic` on the type.
    pub atomic: bool,
    pub fields: Vec<FieldFacts>,
    /// `x-kubernetes-unions` of the OpenAPI definition.
    pub unions: Option<Value>,
    /// The whole OpenAPI definition, where it is none of an object with properties.
    pub definition: Option<Value>,
}

/// A field.
#[derive(Debug, Default)]
pub(super) struct FieldFacts {
    /// Empty for an inlined struct.
    pub json: String,
    pub number: u32,
    /// The type in the notation of the tables.
    pub kind: Shape,
    pub pointer: bool,
    pub omit_empty: bool,
    pub omit_zero: bool,
    pub inline: bool,
    pub required: bool,
    /// The named Go type (such as `v1.RestartPolicy`) behind a scalar, list or map.
    pub go_type: String,
    pub list_type: String,
    pub list_map_keys: Vec<String>,
    pub map_type: String,
    pub struct_type: String,
    pub patch_strategy: String,
    pub patch_merge_key: String,
    pub default: Option<Value>,
    /// Whether it refers to a definition and has no description: OpenAPI v3 then needs no `allOf`.
    pub bare: bool,
    /// The values of the string, of the list's items, or of the map's values.
    pub enum_values: Vec<String>,
}

/// A resolved type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A scalar or a type with a wire form of its own, by its name in the tables.
    Plain(&'static str),
    /// A struct, by its Go name with import path.
    Struct(String),
    List(Box<Shape>),
    /// A list that is a protobuf message of its own; the Go name with import path.
    ListMessage(Box<Shape>, String),
    Map(Box<Shape>),
}

impl Default for Shape {
    fn default() -> Self {
        Shape::Plain("any")
    }
}

/// Types with a wire form of their own: Go name with import path, name in the tables.
pub(super) const SPECIAL: &[(&str, &str)] = &[
    ("k8s.io/apimachinery/pkg/apis/meta/v1.Time", "time"),
    ("k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime", "microTime"),
    ("k8s.io/apimachinery/pkg/apis/meta/v1.Duration", "duration"),
    ("k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1", "fieldsV1"),
    ("k8s.io/apimachinery/pkg/api/resource.Quantity", "quantity"),
    ("k8s.io/apimachinery/pkg/util/intstr.IntOrString", "intOrString"),
    ("k8s.io/apimachinery/pkg/runtime.RawExtension", "rawExtension"),
    ("k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON", "json"),
    ("k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray", "schemaOrArray"),
    ("k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool", "schemaOrBool"),
    (
        "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray",
        "schemaOrStringArray",
    ),
    ("k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSON", "json"),
    ("k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSONSchemaPropsOrArray", "schemaOrArray"),
    ("k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSONSchemaPropsOrBool", "schemaOrBool"),
    (
        "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSONSchemaPropsOrStringArray",
        "schemaOrStringArray",
    ),
];
