//! How versions and schemas show in errors.

use keelson_apimachinery::Value;

use super::super::shared::render::{Shape, write};

/// A rule of a schema in Common Expression Language.
static RULE: Shape = Shape::Struct(&[
    ("rule", "Rule", Shape::Text),
    ("message", "Message", Shape::Text),
    ("messageExpression", "MessageExpression", Shape::Text),
    ("reason", "Reason", Shape::Json),
    ("fieldPath", "FieldPath", Shape::Text),
    ("optionalOldSelf", "OptionalOldSelf", Shape::Json),
]);

static DOCS: Shape =
    Shape::Struct(&[("description", "Description", Shape::Text), ("url", "URL", Shape::Text)]);

/// The members of a schema, as they are declared.
pub(super) const MEMBERS: &[(&str, &str, Shape)] = &[
    ("id", "ID", Shape::Text),
    ("$schema", "Schema", Shape::Text),
    ("$ref", "Ref", Shape::Json),
    ("description", "Description", Shape::Text),
    ("type", "Type", Shape::Text),
    ("nullable", "Nullable", Shape::Flag),
    ("format", "Format", Shape::Text),
    ("title", "Title", Shape::Text),
    ("default", "Default", Shape::Json),
    ("maximum", "Maximum", Shape::Json),
    ("exclusiveMaximum", "ExclusiveMaximum", Shape::Flag),
    ("minimum", "Minimum", Shape::Json),
    ("exclusiveMinimum", "ExclusiveMinimum", Shape::Flag),
    ("maxLength", "MaxLength", Shape::Json),
    ("minLength", "MinLength", Shape::Json),
    ("pattern", "Pattern", Shape::Text),
    ("maxItems", "MaxItems", Shape::Json),
    ("minItems", "MinItems", Shape::Json),
    ("uniqueItems", "UniqueItems", Shape::Flag),
    ("multipleOf", "MultipleOf", Shape::Json),
    ("enum", "Enum", Shape::Json),
    ("maxProperties", "MaxProperties", Shape::Json),
    ("minProperties", "MinProperties", Shape::Json),
    ("required", "Required", Shape::Json),
    ("items", "Items", Shape::Custom(schema_or_list)),
    ("allOf", "AllOf", Shape::Custom(schemas)),
    ("oneOf", "OneOf", Shape::Custom(schemas)),
    ("anyOf", "AnyOf", Shape::Custom(schemas)),
    ("not", "Not", Shape::Custom(schema)),
    ("properties", "Properties", Shape::Custom(schema_map)),
    ("additionalProperties", "AdditionalProperties", Shape::Custom(schema_or_flag)),
    ("patternProperties", "PatternProperties", Shape::Custom(schema_map)),
    ("dependencies", "Dependencies", Shape::Json),
    ("additionalItems", "AdditionalItems", Shape::Custom(schema_or_flag)),
    ("definitions", "Definitions", Shape::Custom(schema_map)),
    ("externalDocs", "ExternalDocs", Shape::Pointer(&DOCS)),
    ("example", "Example", Shape::Json),
    ("x-kubernetes-preserve-unknown-fields", "XPreserveUnknownFields", Shape::Json),
    ("x-kubernetes-embedded-resource", "XEmbeddedResource", Shape::Flag),
    ("x-kubernetes-int-or-string", "XIntOrString", Shape::Flag),
    ("x-kubernetes-list-map-keys", "XListMapKeys", Shape::Json),
    ("x-kubernetes-list-type", "XListType", Shape::Json),
    ("x-kubernetes-map-type", "XMapType", Shape::Json),
    ("x-kubernetes-validations", "XValidations", Shape::List(&RULE)),
];

/// A schema.
pub(super) static SCHEMA: Shape = Shape::Struct(MEMBERS);

static SCHEMA_POINTER: Shape = Shape::Pointer(&SCHEMA);

fn schema(value: Option<&Value>, out: &mut String) {
    write(value, &SCHEMA_POINTER, out);
}

fn schemas(value: Option<&Value>, out: &mut String) {
    write(value, &Shape::List(&SCHEMA), out);
}

fn schema_map(value: Option<&Value>, out: &mut String) {
    write(value, &Shape::Map(&SCHEMA), out);
}

fn schema_or_list(value: Option<&Value>, out: &mut String) {
    let (one, many) = match value {
        None => return out.push_str("null"),
        Some(Value::Array(_)) => (None, value),
        _ => (value, None),
    };
    out.push_str("{\"Schema\":");
    schema(one, out);
    out.push_str(",\"JSONSchemas\":");
    schemas(many, out);
    out.push('}');
}

fn schema_or_flag(value: Option<&Value>, out: &mut String) {
    let (allows, one) = match value {
        None => return out.push_str("null"),
        Some(Value::Bool(allows)) => (*allows, None),
        _ => (true, value),
    };
    out.push_str(if allows { "{\"Allows\":true,\"Schema\":" } else { "{\"Allows\":false,\"Schema\":" });
    schema(one, out);
    out.push('}');
}

/// The versions of a definition.
pub(super) static VERSIONS: Shape = Shape::List(&Shape::Struct(&[
    ("name", "Name", Shape::Text),
    ("served", "Served", Shape::Flag),
    ("storage", "Storage", Shape::Flag),
    ("deprecated", "Deprecated", Shape::Flag),
    ("deprecationWarning", "DeprecationWarning", Shape::Json),
    (
        "schema",
        "Schema",
        Shape::Pointer(&Shape::Struct(&[("openAPIV3Schema", "OpenAPIV3Schema", Shape::Custom(schema))])),
    ),
    (
        "subresources",
        "Subresources",
        Shape::Pointer(&Shape::Struct(&[
            ("status", "Status", Shape::Json),
            (
                "scale",
                "Scale",
                Shape::Pointer(&Shape::Struct(&[
                    ("specReplicasPath", "SpecReplicasPath", Shape::Text),
                    ("statusReplicasPath", "StatusReplicasPath", Shape::Text),
                    ("labelSelectorPath", "LabelSelectorPath", Shape::Json),
                ])),
            ),
        ])),
    ),
    (
        "additionalPrinterColumns",
        "AdditionalPrinterColumns",
        Shape::List(&Shape::Struct(&[
            ("name", "Name", Shape::Text),
            ("type", "Type", Shape::Text),
            ("format", "Format", Shape::Text),
            ("description", "Description", Shape::Text),
            ("priority", "Priority", Shape::Int),
            ("JSONPath", "JSONPath", Shape::Text),
        ])),
    ),
    (
        "selectableFields",
        "SelectableFields",
        Shape::List(&Shape::Struct(&[("jsonPath", "JSONPath", Shape::Text)])),
    ),
]));
