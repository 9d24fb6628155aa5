//! Columns as the groups' tables write them.

use super::Column;
use crate::facts::Descriptions;

/// A column whose description is not looked up yet.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    name: &'static str,
    ty: &'static str,
    format: &'static str,
    description: Description,
    priority: i32,
}

/// Where a column's description comes from.
#[derive(Clone, Copy)]
pub(super) enum Description {
    /// It is the column's own.
    Text(&'static str),
    /// It is the documentation of a type's field.
    Field { ty: &'static str, field: &'static str },
    /// The same without this last part, which an older version of the type does not have.
    FieldWithout { ty: &'static str, field: &'static str, end: &'static str },
}

/// A description of the column's own.
pub(super) const fn text(text: &'static str) -> Description {
    Description::Text(text)
}

/// The documentation of a field of a type, such as `core.v1.PodSpec`.
pub(super) const fn field(ty: &'static str, field: &'static str) -> Description {
    Description::Field { ty, field }
}

/// The documentation of a field of a type, without its end.
pub(super) const fn field_without(ty: &'static str, field: &'static str, end: &'static str) -> Description {
    Description::FieldWithout { ty, field, end }
}

const fn column(name: &'static str, ty: &'static str, description: Description) -> Spec {
    Spec { name, ty, format: "", description, priority: 0 }
}

/// A column of strings.
pub(super) const fn string(name: &'static str, description: Description) -> Spec {
    column(name, "string", description)
}

/// A column of integers.
pub(super) const fn integer(name: &'static str, description: Description) -> Spec {
    column(name, "integer", description)
}

/// A column of booleans.
pub(super) const fn boolean(name: &'static str, description: Description) -> Spec {
    column(name, "boolean", description)
}

/// A column of times, which clients turn into ages.
pub(super) const fn date(name: &'static str, description: Description) -> Spec {
    column(name, "date", description)
}

/// The object's name, which most kinds show first.
pub(super) const NAME: Spec = string("Name", NAME_DESCRIPTION).format("name");

/// How old the object is.
pub(super) const AGE: Spec = string("Age", AGE_DESCRIPTION);

/// What `metadata.name` is.
pub(super) const NAME_DESCRIPTION: Description = field("meta.v1.ObjectMeta", "name");

/// What `metadata.creationTimestamp` is.
pub(super) const AGE_DESCRIPTION: Description = field("meta.v1.ObjectMeta", "creationTimestamp");

/// The containers' names, for wide output.
pub(super) const CONTAINERS: Spec =
    string("Containers", text("Names of each container in the template.")).wide();

/// The containers' images, for wide output.
pub(super) const IMAGES: Spec =
    string("Images", text("Images referenced by each container in the template.")).wide();

impl Spec {
    /// The same, for wide output only.
    pub(super) const fn wide(mut self) -> Self {
        self.priority = 1;
        self
    }

    /// The same, for all output.
    pub(super) const fn narrow(mut self) -> Self {
        self.priority = 0;
        self
    }

    /// The same with an OpenAPI format.
    pub(super) const fn format(mut self, format: &'static str) -> Self {
        self.format = format;
        self
    }

    /// The column, with its description looked up.
    pub(super) fn column(&self, texts: &Descriptions) -> Column {
        let description = match self.description {
            Description::Text(text) => text,
            Description::Field { ty, field } => of_field(texts, ty, field),
            Description::FieldWithout { ty, field, end } => {
                let text = of_field(texts, ty, field);
                text.strip_suffix(end).unwrap_or(text)
            }
        };
        Column {
            name: self.name,
            ty: self.ty,
            format: self.format,
            description: description.into(),
            priority: self.priority,
        }
    }
}

/// The documentation of a field; the types' names are short here.
fn of_field<'a>(texts: &'a Descriptions, ty: &str, field: &str) -> &'a str {
    let package = if ty.starts_with("meta.") { "io.k8s.apimachinery.pkg.apis" } else { "io.k8s.api" };
    texts.of_field(&format!("{package}.{ty}"), field).unwrap_or_default()
}
