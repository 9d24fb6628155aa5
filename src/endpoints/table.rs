//! Tables: the rows and columns that `kubectl get` shows.
//!
//! Source: "Receiving resources as Tables" in the API concepts. The columns and cells are the printers' of
//! `keelson_api`; they print objects of the stored version.

use keelson_api::printers;
use keelson_apimachinery::codec::json;
use keelson_apimachinery::{Status, Value};
use keelson_base::clock;

use super::represent::{Item, Representation};
use super::served::Served;
use crate::registry::Stored;
use crate::request::IncludeObject;

/// The group and kind whose printer shows the objects.
fn printed<'a>(served: &'a Served, item: Option<Item<'_>>) -> (&'a str, &'a str) {
    match (item, &served.store) {
        (Some(Item::Tree(object, _)), _) if object.kind() == "Scale" => ("autoscaling", "Scale"),
        (_, Some(store)) => (&store.resource().group, &store.resource().kind),
        (_, None) => (&served.resource.group, &served.resource.kind),
    }
}

/// A table of one object as a JSON document; without `columns` it has none, as the later ones of a watch.
pub(super) fn document(
    representation: &Representation,
    item: Item<'_>,
    columns: bool,
    out: &mut Vec<u8>,
) -> Result<(), Status> {
    let api_version = representation.accepted.transform.map_or("meta.k8s.io/v1", |t| t.api_version);
    let version = match item {
        Item::Stored(stored) if stored.revision != 0 => stored.revision.to_string(),
        Item::Stored(_) => String::new(),
        Item::Tree(object, _) => object.resource_version().to_owned(),
    };
    let meta = if version.is_empty() { String::new() } else { format!("\"resourceVersion\":{version:?}") };
    let head = format!("{{\"kind\":\"Table\",\"apiVersion\":\"{api_version}\",\"metadata\":{{{meta}}},");
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(b"\"columnDefinitions\":");
    if columns {
        let (group, kind) = printed(&representation.served, Some(item));
        write_columns(printers::columns(group, kind), out);
    } else {
        out.extend_from_slice(b"null");
    }
    out.extend_from_slice(b",\"rows\":[");
    row(representation, item, out)?;
    out.extend_from_slice(b"]}");
    Ok(())
}

/// The column definitions of a resource's objects as a JSON list.
pub(super) fn columns(served: &Served, out: &mut Vec<u8>) {
    let (group, kind) = printed(served, None);
    write_columns(printers::columns(group, kind), out);
}

/// Whether an empty table of this resource has `null` for rows.
pub(super) fn empty_is_null(served: &Served) -> bool {
    let (group, kind) = printed(served, None);
    !printers::has_own_columns(group, kind)
}

/// Puts objects in the order of their table, where it is not that of the list.
pub(super) fn sort(served: &Served, items: &mut Vec<Stored>) -> Result<(), Status> {
    let (group, kind) = printed(served, None);
    let Some(order) = printers::order(group, kind) else { return Ok(()) };
    let decode = |stored: Stored| Ok((Value::from(stored.decode(served.stored_ty())?), stored));
    let mut decoded = items.drain(..).map(decode).collect::<Result<Vec<_>, Status>>()?;
    decoded.sort_by(|(a, _), (b, _)| order(a, b));
    items.extend(decoded.into_iter().map(|(_, stored)| stored));
    Ok(())
}

/// One row as JSON.
pub(super) fn row(representation: &Representation, item: Item<'_>, out: &mut Vec<u8>) -> Result<(), Status> {
    let served = &representation.served;
    let (group, kind) = printed(served, Some(item));
    let decoded;
    let object = match item {
        Item::Stored(stored) => {
            decoded = stored.decode(served.stored_ty())?;
            decoded.as_value()
        }
        Item::Tree(object, _) => object.as_value(),
    };
    out.extend_from_slice(b"{\"cells\":");
    let cells = printers::cells(group, kind, object, clock::now().as_microsecond());
    json::encode_untyped(&Value::Array(cells), out);
    if let Some(conditions) = printers::conditions(group, kind, object) {
        out.extend_from_slice(b",\"conditions\":");
        json::encode_untyped(&conditions, out);
    }
    out.extend_from_slice(b",\"object\":");
    // The bookmark that ends initial events has to be told from others.
    let marked =
        matches!(item, Item::Tree(object, _) if object.annotation("k8s.io/initial-events-end").is_some());
    match representation.include {
        IncludeObject::Object => representation.object_json(item, true, out)?,
        IncludeObject::None if !marked => out.extend_from_slice(b"null"),
        IncludeObject::None | IncludeObject::Metadata => representation.partial_json(item, out)?,
    }
    out.push(b'}');
    Ok(())
}

fn write_columns(columns: &[printers::Column], out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, column) in columns.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"{" } else { b",{" });
        for (key, text) in [
            ("\"name\":", column.name),
            (",\"type\":", column.ty),
            (",\"format\":", column.format),
            (",\"description\":", &*column.description),
        ] {
            out.extend_from_slice(key.as_bytes());
            json::encode_untyped(&Value::from(text), out);
        }
        out.extend_from_slice(format!(",\"priority\":{}}}", column.priority).as_bytes());
    }
    out.push(b']');
}
