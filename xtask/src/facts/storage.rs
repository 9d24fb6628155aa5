//! Where in etcd, and in which version, the objects of a resource are stored.
//!
//! Read from the tree: directories and exceptions from `pkg/kubeapiserver/default_storage_factory_builder.go`,
//! the order of versions from each group's `install.go`, the release that introduced a kind from its marker, and
//! the codecs of the aggregator and the custom resource server from where these are set up. The rules that put
//! them together are those of `staging/src/k8s.io/apiserver/pkg/server/storage`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Error;
use super::discovery::Served;
use super::go::marker;
use super::resolve::World;

/// By group and plural: the group and version of stored objects, and the directory below the etcd prefix.
pub(super) type Storage = BTreeMap<(String, String), Place>;

/// Where a resource is stored.
#[derive(Debug)]
pub(super) struct Place {
    pub group: String,
    pub version: String,
    pub path: String,
    /// Whether objects are JSON in storage; else they are protobuf.
    pub json: bool,
}

/// Groups that the aggregator and the custom resource server serve: they store below the group's name
/// (`SimpleRestOptionsFactory` in `staging/src/k8s.io/apiserver/pkg/server/options/etcd.go`).
const BELOW_GROUP: &[&str] = &["apiregistration.k8s.io", "apiextensions.k8s.io"];

/// The files that give those servers a codec for storage: a legacy codec, which writes JSON in the first version
/// that it names.
const LEGACY_CODECS: &[(&str, &str)] = &[
    ("apiregistration.k8s.io", "pkg/controlplane/apiserver/aggregator.go"),
    ("apiextensions.k8s.io", "pkg/controlplane/apiserver/apiextensions.go"),
];

/// Reads the places of all served resources that are stored: what can be watched is.
pub(super) fn read(tree: &Path, served: &[Served], world: &mut World) -> Result<Storage, Error> {
    let factory = text(&tree.join("pkg/kubeapiserver/default_storage_factory_builder.go"))?;
    let directories = directories(&factory);
    let mut storage = Storage::new();
    for gv in served {
        for r in gv.resources.iter().filter(|r| r.verbs.iter().any(|v| v == "watch")) {
            let key = (gv.group.clone(), r.plural.clone());
            if storage.contains_key(&key) {
                continue;
            }
            let (group, plural) = cohabiting(tree, &factory, &gv.group, &r.plural)?;
            let legacy = LEGACY_CODECS.iter().find(|(of, _)| *of == group);
            let version = match (legacy, overridden(tree, &factory, &group, &plural)?) {
                (Some((_, file)), _) => legacy_version(&text(&tree.join(file))?)
                    .ok_or_else(|| Error::Facts(format!("{file}: no LegacyCodec")))?,
                (None, Some(version)) => version,
                (None, None) => preferred(tree, world, &group, &r.kind)?,
            };
            let directory = directories.get(&(group.clone(), plural.clone()));
            let path = match directory {
                Some(directory) => directory.clone(),
                None if BELOW_GROUP.contains(&group.as_str()) => format!("{group}/{plural}"),
                None => plural.to_lowercase(),
            };
            storage.insert(key, Place { group, version, path, json: legacy.is_some() });
        }
    }
    Ok(storage)
}

fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|e| Error::read(path, e))
}

/// `Codecs.LegacyCodec(v1beta1.SchemeGroupVersion, …)`: the first version.
pub(super) fn legacy_version(go: &str) -> Option<String> {
    let (_, versions) = go.split_once(".LegacyCodec(")?;
    versions.split_once(".SchemeGroupVersion").map(|(version, _)| version.to_owned())
}

/// `{Group: "", Resource: "nodes"}: "minions",`
pub(super) fn directories(factory: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for line in factory.lines().filter(|l| l.trim_start().starts_with("{Group: \"")) {
        let parts: Vec<&str> = line.split('"').collect();
        if let [_, group, _, resource, _, path, ..] = parts.as_slice() {
            found.insert(((*group).to_owned(), (*resource).to_owned()), (*path).to_owned());
        }
    }
    found
}

/// The `alias.Resource("plural")` calls in a line, with what follows each.
pub(super) fn resource_calls(line: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    line.match_indices(".Resource(\"").filter_map(move |(at, call)| {
        let alias = line[..at].rsplit(|c: char| !c.is_alphanumeric()).next()?;
        let (plural, rest) = line[at + call.len()..].split_once('"')?;
        Some((alias, plural, rest))
    })
}

/// The group of an internal API package, by the name it is imported by.
fn group_of(tree: &Path, alias: &str) -> Result<String, Error> {
    let directory = if alias == "api" { "core" } else { alias };
    let register = text(&tree.join("pkg/apis").join(directory).join("register.go"))?;
    let group = register.split_once("GroupName = \"").and_then(|(_, rest)| rest.split_once('"'));
    group
        .map(|(g, _)| g.to_owned())
        .ok_or_else(|| Error::Facts(format!("pkg/apis/{directory}: no GroupName")))
}

/// Resources that share their objects: all are stored as the first one.
fn cohabiting(tree: &Path, factory: &str, group: &str, plural: &str) -> Result<(String, String), Error> {
    for line in factory.lines().filter(|l| l.contains("AddCohabitatingResources(")) {
        let mut members = Vec::new();
        for (alias, resource, _) in resource_calls(line) {
            members.push((group_of(tree, alias)?, resource.to_owned()));
        }
        if members.iter().any(|(g, r)| g == group && r == plural) {
            return Ok(members.swap_remove(0));
        }
    }
    Ok((group.to_owned(), plural.to_owned()))
}

/// `group.Resource("plural").WithVersion("v1beta1"),`
fn overridden(tree: &Path, factory: &str, group: &str, plural: &str) -> Result<Option<String>, Error> {
    for line in factory.lines().filter(|l| !l.trim_start().starts_with("//")) {
        for (alias, resource, rest) in resource_calls(line) {
            if let Some(rest) = rest.strip_prefix(").WithVersion(\"")
                && resource == plural
                && group_of(tree, alias)? == group
            {
                return Ok(rest.split_once('"').map(|(version, _)| version.to_owned()));
            }
        }
    }
    Ok(None)
}

/// The first version, in the group's order of preference, that has the kind and has had it for a release: the
/// release before must be able to read what is stored.
fn preferred(tree: &Path, world: &mut World, group: &str, kind: &str) -> Result<String, Error> {
    let before = release(&world.kubernetes_version()?).map(|(major, minor)| (major, minor - 1));
    for version in versions(tree, world, group)? {
        let Some(path) = world.package_of(group, &version)? else { continue };
        let package = world.package(&path)?;
        let Some(declaration) = package.types.get(kind) else { continue };
        if !package.registered.iter().any(|r| r == kind) {
            continue;
        }
        let introduced = marker(&declaration.markers, "k8s:prerelease-lifecycle-gen:introduced");
        match introduced.and_then(release) {
            Some(introduced) if Some(introduced) > before => continue,
            _ => return Ok(version),
        }
    }
    Err(Error::Facts(format!("no storage version for {kind} in {group:?}")))
}

fn release(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The versions of a group in the order that its `install.go` sets.
fn versions(tree: &Path, world: &mut World, group: &str) -> Result<Vec<String>, Error> {
    let install = world.install_file(group)?;
    let text = text(&tree.join(&install))?;
    let call = text.split_once("SetVersionPriority(").and_then(|(_, rest)| rest.split_once("))"));
    let (list, _) = call.ok_or_else(|| Error::Facts(format!("{install}: no SetVersionPriority")))?;
    let versions = list.split(',').filter_map(|v| v.trim().split_once('.')).map(|(alias, _)| {
        // `v1`, `flowcontrolv1`
        alias.rfind('v').map_or(alias, |at| &alias[at..]).to_owned()
    });
    Ok(versions.collect())
}
