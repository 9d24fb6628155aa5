//! Flow schemas and priority levels: the mandatory ones are always as the server knows them, the suggested
//! ones as long as their annotation (or, without one, their first generation) says that nobody changed them.
//! What an earlier release made and nobody changed is removed.
//!
//! Flow schemas are told in their status whether the priority level that they name exists.

use std::collections::HashSet;
use std::time::Duration;

use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};
use keelson_base::clock;

use super::{Present, Revision, Wanted, key};
use crate::bootstrap::BootstrapError;
use crate::registry::{Change, NoAdmission, Registry, ServerChange, ServerWriter, WriteContext};

const AUTO_UPDATE: &str = "apf.kubernetes.io/autoupdate-spec";
const GROUP: &str = "flowcontrol.apiserver.k8s.io";

const FLOW_SCHEMAS: &str = include_str!("flowschemas.json");
const PRIORITY_LEVELS: &str = include_str!("prioritylevelconfigurations.json");

/// Those that every server needs.
const MANDATORY: [&str; 2] = ["catch-all", "exempt"];

/// How often everything is looked at.
const INTERVAL: Duration = Duration::from_secs(60);

/// Keeps the objects as they should be, and tells flow schemas of their priority levels. Ends when it is
/// dropped.
pub(in crate::bootstrap) async fn maintain(registry: &Registry) {
    loop {
        if let Err(error) = look(registry).await {
            tracing::warn!(%error, "flow control objects can't be maintained");
        }
        clock::sleep(INTERVAL).await;
    }
}

async fn look(registry: &Registry) -> Result<(), BootstrapError> {
    let (schemas, levels) = read(registry)?;
    let (mut present_schemas, mut present_levels) = ensure_both(&schemas, &levels).await?;
    // What was just created is there, too.
    if present_levels.len() < levels.objects.len() || present_schemas.len() < schemas.objects.len() {
        present_levels = levels.present().await?;
        present_schemas = schemas.present().await?;
    }
    let names: HashSet<&str> = present_levels.values().map(Object::name).collect();
    for schema in present_schemas.values() {
        let level = schema.str_at(&["spec", "priorityLevelConfiguration", "name"]);
        let told = Dangling { found: names.contains(level) };
        if told.condition(schema).is_none() {
            continue;
        }
        tell(&schemas, schema.name(), told).await?;
    }
    Ok(())
}

pub(super) async fn ensure(registry: &Registry) -> Result<(), BootstrapError> {
    let (schemas, levels) = read(registry)?;
    ensure_both(&schemas, &levels).await.map(|_| ())
}

fn read(registry: &Registry) -> Result<(Wanted<'_>, Wanted<'_>), BootstrapError> {
    let read =
        |plural, table| Wanted::read(registry, (GROUP, plural), table, Some((AUTO_UPDATE, "true")), None);
    Ok((read("flowschemas", FLOW_SCHEMAS)?, read("prioritylevelconfigurations", PRIORITY_LEVELS)?))
}

async fn ensure_both(
    schemas: &Wanted<'_>,
    levels: &Wanted<'_>,
) -> Result<(Present, Present), BootstrapError> {
    let levels_now = levels.ensure(revise).await?;
    let schemas_now = schemas.ensure(revise).await?;
    remove_unwanted(schemas, &schemas_now).await?;
    remove_unwanted(levels, &levels_now).await?;
    Ok((schemas_now, levels_now))
}

/// Deletes what an earlier release made, where nobody changed it since.
async fn remove_unwanted(wanted: &Wanted<'_>, present: &Present) -> Result<(), BootstrapError> {
    let names: HashSet<_> = wanted.objects.iter().map(key).collect();
    for (_, object) in present.iter().filter(|(name, _)| !names.contains(*name)) {
        if object.annotation(AUTO_UPDATE).and_then(flag) == Some(true) {
            let failed = |status| BootstrapError { what: object.name().to_owned(), status };
            wanted.delete(object).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// A boolean as Go reads it.
fn flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

pub(super) fn revise(current: &Object, wanted: &Object) -> Option<Revision> {
    let says = current.annotation(AUTO_UPDATE).and_then(flag);
    let mandatory = MANDATORY.contains(&wanted.name());
    let update = mandatory || says.unwrap_or(current.generation() == 1);
    let annotate = says != Some(update);
    let differs = update && current.get("spec") != wanted.get("spec");
    if !annotate && !differs {
        return None;
    }
    let mut object = current.clone();
    if let (true, Some(spec)) = (differs, wanted.get("spec")) {
        object.members_mut().insert("spec", spec.clone());
    }
    if annotate {
        object.set_annotation(AUTO_UPDATE, Some(if update { "true" } else { "false" }));
    }
    Some(Revision::Update(object))
}

async fn tell(schemas: &Wanted<'_>, name: &str, mut told: Dangling) -> Result<(), BootstrapError> {
    let failed = |status| BootstrapError { what: format!("flowschemas/{name}"), status };
    let server = ServerWriter::new();
    let context = WriteContext { subresource: "status", ..server.context(None) };
    let resource = schemas.store.resource();
    let mut change = ServerChange { change: &mut told, resource, subresource: "status" };
    match schemas.store.update(&context, name, &mut change, &NoAdmission).await {
        Err(status) if status.code() != 404 => Err(failed(status)),
        _ => Ok(()),
    }
}

/// Whether a flow schema's priority level was found.
#[derive(Clone, Copy)]
struct Dangling {
    found: bool,
}

impl Dangling {
    /// The condition to set; `None` where the schema has it.
    fn condition(self, schema: &Object) -> Option<Map> {
        let level = schema.str_at(&["spec", "priorityLevelConfiguration", "name"]);
        let names = format!(
            "This FlowSchema references the PriorityLevelConfiguration object named {}",
            keelson_apimachinery::field::quote(level)
        );
        let (status, reason, message) = match self.found {
            true => ("False", "Found", format!("{names} and it exists")),
            false => ("True", "NotFound", format!("{names} but there is no such object")),
        };
        let now = conditions(schema).iter().find(|c| c.str_at(&["type"]) == "Dangling");
        let has = |key: &str, text: &str| now.is_some_and(|c| c.str_at(&[key]) == text);
        if has("status", status) && has("reason", reason) && has("message", &message) {
            return None;
        }
        let since = now.filter(|_| has("status", status)).map(|c| c.str_at(&["lastTransitionTime"]));
        let time = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut condition = Map::new();
        let texts = [
            ("type", "Dangling"),
            ("status", status),
            ("reason", reason),
            ("message", &message),
            ("lastTransitionTime", since.unwrap_or(&time)),
        ];
        for (key, text) in texts {
            condition.insert(key, text);
        }
        Some(condition)
    }
}

fn conditions(schema: &Object) -> &[Value] {
    schema.at(&["status", "conditions"]).and_then(Value::as_array).unwrap_or_default()
}

impl Change for Dangling {
    fn apply(&mut self, current: Option<&Object>) -> Result<Object, Status> {
        let current = current.ok_or_else(|| Status::not_found(GROUP, "flowschemas", ""))?;
        let Some(condition) = self.condition(current) else { return Ok(current.clone()) };
        let mut all: Vec<Value> = conditions(current).to_vec();
        all.retain(|c| c.str_at(&["type"]) != "Dangling");
        all.push(Value::Object(condition));
        let mut object = current.clone();
        let mut status = Map::new();
        status.insert("conditions", all);
        object.members_mut().insert("status", status);
        Ok(object)
    }
}
