//! Formats of strings and numbers in schemas: unknown ones are let pass and warned of.

use super::super::Node;
use super::schema::each;

/// Without the dashes that some are written with.
const STRINGS: &[&str] = &[
    "bsonobjectid",
    "uri",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "cidr",
    "mac",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
    "isbn",
    "isbn10",
    "isbn13",
    "creditcard",
    "ssn",
    "hexcolor",
    "rgbcolor",
    "byte",
    "password",
    "date",
    "duration",
    "datetime",
    "k8sshortname",
    "k8slongname",
];

fn is_known(schema: &Node<'_>, format: &str) -> bool {
    match schema.child("type").text() {
        "" | "string" => STRINGS.contains(&format.replace('-', "").as_str()),
        "integer" => matches!(format, "int32" | "int64"),
        "number" => matches!(format, "float" | "double"),
        _ => false,
    }
}

/// The unknown formats of a schema.
pub(super) fn unknown(root: &Node<'_>) -> Vec<String> {
    let mut found = Vec::new();
    each(root, &mut |schema| {
        let format = schema.child("format");
        if !format.text().is_empty() && !is_known(schema, format.text()) {
            found.push(format.text().to_owned());
        }
    });
    found
}
