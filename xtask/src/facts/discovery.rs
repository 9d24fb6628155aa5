//! Which groups, versions and resources a server with default flags serves.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Error;

/// A served group-version, in discovery's order.
#[derive(Debug)]
pub(super) struct Served {
    pub group: String,
    pub version: String,
    pub resources: Vec<ServedResource>,
}

/// A resource.
#[derive(Debug)]
pub(super) struct ServedResource {
    pub plural: String,
    pub singular: String,
    pub kind: String,
    pub namespaced: bool,
    pub verbs: Vec<String>,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub subresources: Vec<ServedSubresource>,
}

/// A subresource; its kind with group and version.
#[derive(Debug)]
pub(super) struct ServedSubresource {
    pub name: String,
    pub group: String,
    pub version: String,
    pub kind: String,
    pub verbs: Vec<String>,
}

/// Reads a JSON file.
pub(super) fn json(path: &Path) -> Result<Value, Error> {
    let text = fs::read(path).map_err(|e| Error::read(path, e))?;
    serde_json::from_slice(&text).map_err(|error| Error::Json { path: path.into(), error })
}

/// Reads discovery from `explicit`, else from the tree.
pub(super) fn read(tree: &Path, explicit: Option<&Path>) -> Result<Vec<Served>, Error> {
    let mut served = Vec::new();
    match explicit {
        Some(dir) => {
            aggregated(&json(&dir.join("aggregated-api.json"))?, &mut served);
            aggregated(&json(&dir.join("aggregated-apis.json"))?, &mut served);
        }
        None => {
            // The tree has no aggregated form of `/api`, and lists versions that are off by default: of
            // built-in groups that is every alpha and beta version (since 1.24, KEP-3136).
            let dir = tree.join("api/discovery");
            served.push(core(&json(&dir.join("api__v1.json"))?));
            aggregated(&json(&dir.join("aggregated_v2.json"))?, &mut served);
            served.retain(|s| !s.version.contains("alpha") && !s.version.contains("beta"));
        }
    }
    Ok(served)
}

fn string(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn strings(value: &Value, key: &str) -> Vec<String> {
    items(value, key).filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn aggregated(list: &Value, served: &mut Vec<Served>) {
    for item in items(list, "items") {
        let group = string(&item["metadata"], "name");
        for version in items(item, "versions") {
            let name = string(version, "version");
            let resources = items(version, "resources").map(|r| resource(r, &group, &name)).collect();
            served.push(Served { group: group.clone(), version: name, resources });
        }
    }
}

fn resource(r: &Value, group: &str, version: &str) -> ServedResource {
    let subresources = items(r, "subresources").map(|s| {
        let kind = &s["responseKind"];
        // An empty version means the group and version of the resource.
        let (group, version) = match string(kind, "version") {
            v if v.is_empty() => (group.to_owned(), version.to_owned()),
            v => (string(kind, "group"), v),
        };
        ServedSubresource {
            name: string(s, "subresource"),
            group,
            version,
            kind: string(kind, "kind"),
            verbs: strings(s, "verbs"),
        }
    });
    ServedResource {
        plural: string(r, "resource"),
        singular: string(r, "singularResource"),
        kind: string(&r["responseKind"], "kind"),
        namespaced: string(r, "scope") == "Namespaced",
        verbs: strings(r, "verbs"),
        short_names: strings(r, "shortNames"),
        categories: strings(r, "categories"),
        subresources: subresources.collect(),
    }
}

/// The unaggregated form: subresources stand in the list as `pods/log`.
fn core(list: &Value) -> Served {
    let mut resources: Vec<ServedResource> = Vec::new();
    for r in items(list, "resources") {
        let name = string(r, "name");
        match name.split_once('/') {
            None => resources.push(ServedResource {
                plural: name,
                singular: string(r, "singularName"),
                kind: string(r, "kind"),
                namespaced: r["namespaced"] == true,
                verbs: strings(r, "verbs"),
                short_names: strings(r, "shortNames"),
                categories: strings(r, "categories"),
                subresources: Vec::new(),
            }),
            Some((plural, name)) => {
                let (group, version) = match string(r, "version") {
                    v if v.is_empty() => (String::new(), "v1".to_owned()),
                    v => (string(r, "group"), v),
                };
                let sub = ServedSubresource {
                    name: name.to_owned(),
                    group,
                    version,
                    kind: string(r, "kind"),
                    verbs: strings(r, "verbs"),
                };
                if let Some(of) = resources.iter_mut().find(|r| r.plural == plural) {
                    of.subresources.push(sub);
                }
            }
        }
    }
    Served { group: String::new(), version: "v1".into(), resources }
}
