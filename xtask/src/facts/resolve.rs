//! From declarations to facts: follows types through packages, starting at what is served, and checks each
//! struct against its protobuf message.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Error;
use super::discovery::Served;
use super::go::{self, Body, GoField, GoType, Package, marker};
use super::model::{FieldFacts, SPECIAL, Shape, TypeFacts};
use super::openapi::Documents;
use super::proto::{self, Messages};
use super::storage::Storage;

/// The import path of the kinds that every group-version shares.
pub(super) const META: &str = "k8s.io/apimachinery/pkg/apis/meta/v1";

/// Packages whose kinds the server speaks besides those it serves: to webhooks, and in
/// answers of discovery.
const ALSO: &[&str] = &[
    META,
    "k8s.io/apimachinery/pkg/apis/meta/v1beta1",
    "k8s.io/api/admission/v1",
    "k8s.io/api/admission/v1beta1",
    "k8s.io/api/apidiscovery/v2",
    "k8s.io/api/apidiscovery/v2beta1",
    "k8s.io/api/authentication/v1beta1",
    "k8s.io/api/authorization/v1beta1",
    "k8s.io/api/imagepolicy/v1alpha1",
];

/// Kinds that `AddToGroupVersion` registers in each group-version, and those it registers in `v1` alone.
/// From `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/register.go`.
const IN_EVERY_VERSION: &[&str] = &[
    "WatchEvent",
    "ListOptions",
    "GetOptions",
    "DeleteOptions",
    "CreateOptions",
    "UpdateOptions",
    "PatchOptions",
];
const UNVERSIONED: &[&str] = &["Status", "APIVersions", "APIGroupList", "APIGroup", "APIResourceList"];

/// The source tree, read as needed.
pub(super) struct World {
    tree: PathBuf,
    packages: BTreeMap<String, Package>,
    messages: Messages,
    /// By group and version: import path.
    group_versions: BTreeMap<(String, String), String>,
}

impl World {
    pub(super) fn new(tree: &Path) -> Self {
        World {
            tree: tree.into(),
            packages: BTreeMap::new(),
            messages: Messages::new(),
            group_versions: BTreeMap::new(),
        }
    }

    fn directory(&self, path: &str) -> PathBuf {
        self.tree.join("staging/src").join(path)
    }

    /// The package with this import path.
    pub(super) fn package(&mut self, path: &str) -> Result<&Package, Error> {
        if !self.packages.contains_key(path) {
            let directory = self.directory(path);
            let package = go::read_package(&directory)?;
            let proto = directory.join("generated.proto");
            if proto.exists() {
                proto::read(&proto, &mut self.messages)?;
            }
            self.packages.insert(path.into(), package);
        }
        Ok(&self.packages[path])
    }

    /// `1.36`.
    pub(super) fn kubernetes_version(&self) -> Result<String, Error> {
        let path = self.tree.join("staging/src/k8s.io/component-base/version/base.go");
        let text = fs::read_to_string(&path).map_err(|e| Error::read(&path, e))?;
        let version = text.split_once("DefaultKubeBinaryVersion = \"").and_then(|(_, r)| r.split_once('"'));
        let (version, _) = version.ok_or_else(|| Error::Facts(format!("{}: no version", path.display())))?;
        Ok(version.to_owned())
    }

    fn read_group_versions(&mut self) -> Result<(), Error> {
        if !self.group_versions.is_empty() {
            return Ok(());
        }
        let mut groups: Vec<String> = subdirectories(&self.directory("k8s.io/api"))?
            .into_iter()
            .map(|group| format!("k8s.io/api/{group}"))
            .collect();
        groups.push("k8s.io/apiextensions-apiserver/pkg/apis/apiextensions".into());
        groups.push("k8s.io/kube-aggregator/pkg/apis/apiregistration".into());
        groups.push("k8s.io/apimachinery/pkg/apis/meta".into());
        for group_path in groups {
            for version in subdirectories(&self.directory(&group_path))? {
                let path = format!("{group_path}/{version}");
                let doc = self.directory(&path).join("doc.go");
                let register = self.directory(&path).join("register.go");
                if !doc.exists() || !register.exists() {
                    continue;
                }
                let text = fs::read_to_string(&register).map_err(|e| Error::read(&register, e))?;
                let Some(group) = text.split_once("GroupName = \"").and_then(|(_, r)| r.split_once('"'))
                else {
                    continue;
                };
                self.group_versions.insert((group.0.to_owned(), version), path);
            }
        }
        Ok(())
    }

    /// The import path of a group-version.
    pub(super) fn package_of(&mut self, group: &str, version: &str) -> Result<Option<String>, Error> {
        self.read_group_versions()?;
        Ok(self.group_versions.get(&(group.to_owned(), version.to_owned())).cloned())
    }

    fn group_version_of(&self, path: &str) -> Option<(String, String)> {
        self.group_versions.iter().find(|(_, p)| *p == path).map(|(gv, _)| gv.clone())
    }

    /// The file, relative to the tree, that registers a group in the server's scheme.
    pub(super) fn install_file(&mut self, group: &str) -> Result<String, Error> {
        self.read_group_versions()?;
        let of_group = |(gv, _): &(&(String, String), &String)| gv.0 == group;
        let path = self.group_versions.iter().find(of_group).map(|(_, path)| install_file(path));
        path.ok_or_else(|| Error::Facts(format!("no package for group {group:?}")))
    }

    /// All group-versions that the server's scheme knows, served or not, in order.
    pub(super) fn registered(&mut self) -> Result<Vec<(String, String)>, Error> {
        self.read_group_versions()?;
        let installed = |path: &str| self.tree.join(install_file(path)).exists();
        let known = self.group_versions.iter().filter(|(_, path)| installed(path));
        Ok(known.map(|(gv, _)| gv.clone()).collect())
    }

    fn openapi_package(&mut self, path: &str) -> Result<String, Error> {
        let package = self.package(path)?;
        if let Some(name) = marker(&package.markers, "k8s:openapi-model-package") {
            return Ok(name.to_owned());
        }
        // As openapi-gen names types without that marker: the domain reversed, slashes as dots.
        let (domain, rest) = path.split_once('/').unwrap_or((path, ""));
        let mut parts: Vec<&str> = domain.split('.').collect();
        parts.reverse();
        Ok(format!("{}.{}", parts.join("."), rest.replace('/', ".")))
    }
}

fn install_file(path: &str) -> String {
    let (group, _) = path.rsplit_once('/').unwrap_or((path, ""));
    match group.strip_prefix("k8s.io/api/") {
        Some(group) => format!("pkg/apis/{group}/install/install.go"),
        None => format!("staging/src/{group}/install/install.go"),
    }
}

fn subdirectories(dir: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| Error::read(dir, e))? {
        let entry = entry.map_err(|e| Error::read(dir, e))?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn split(qualified: &str) -> (&str, &str) {
    qualified.rsplit_once('.').unwrap_or(("", qualified))
}

/// `k8s.io/api/core/v1.Pod` → `v1.Pod`.
fn short(qualified: &str) -> String {
    qualified.rsplit('/').next().unwrap_or(qualified).to_owned()
}

/// Facts of all types that can be reached from the kinds of served group-versions, of the versions that their
/// objects are stored in, of the packages in [`ALSO`], and from definitions of served documents.
pub(super) fn types(
    world: &mut World,
    served: &[Served],
    storage: &Storage,
    documents: &Documents,
) -> Result<BTreeMap<String, TypeFacts>, Error> {
    let mut paths: BTreeSet<String> = ALSO.iter().map(|p| (*p).to_owned()).collect();
    let versions = served.iter().map(|s| (&s.group, &s.version));
    for (group, version) in versions.chain(storage.values().map(|p| (&p.group, &p.version))) {
        let path = world.package_of(group, version)?;
        paths.insert(path.ok_or_else(|| Error::Facts(format!("no package for {group}/{version}")))?);
    }
    let mut pending: Vec<String> = Vec::new();
    for path in &paths {
        for name in registered(world, path)? {
            pending.push(format!("{path}.{name}"));
        }
    }
    // Definitions that no kind leads to, such as `Patch` and `Info`, and types with a form of their own.
    for path in paths.iter().cloned().chain(["k8s.io/apimachinery/pkg/version".to_owned()]) {
        let package = world.openapi_package(&path)?;
        for name in documents.definitions.keys() {
            if let Some(local) = name.strip_prefix(&package).and_then(|r| r.strip_prefix('.')) {
                pending.push(format!("{path}.{local}"));
            }
        }
    }
    pending.extend(SPECIAL.iter().map(|(name, _)| (*name).to_owned()));
    let mut resolver = Resolver { world, found: BTreeMap::new(), pending, complaints: Vec::new() };
    while let Some(name) = resolver.pending.pop() {
        if !resolver.found.contains_key(&name) {
            let facts = resolver.resolve(&name)?;
            resolver.found.insert(name, facts);
        }
    }
    if !resolver.complaints.is_empty() {
        return Err(Error::Disagree(resolver.complaints));
    }
    Ok(resolver.found)
}

/// A group and version that the server's scheme knows, and its kinds where no type in the tables is one of them.
pub(super) type Registered = (String, String, Vec<String>);

/// All that the scheme knows, in order. Kinds without types matter by name: bodies may say that they are of one.
pub(super) fn all_registered(
    world: &mut World,
    types: &BTreeMap<String, TypeFacts>,
) -> Result<Vec<Registered>, Error> {
    let mut all = Vec::new();
    for (group, version) in world.registered()? {
        let is_here = |(g, v, _): &(String, String, String)| (g, v) == (&group, &version);
        let mut kinds = match world.package_of(&group, &version)? {
            Some(path) if !types.values().any(|facts| facts.kinds.iter().any(is_here)) => {
                registered(world, &path)?
            }
            _ => Vec::new(),
        };
        kinds.sort();
        all.push((group, version, kinds));
    }
    Ok(all)
}

/// The names of the kinds that a package declares and registers, or for `meta.v1` others register.
fn registered(world: &mut World, path: &str) -> Result<Vec<String>, Error> {
    let package = world.package(path)?;
    if path == META {
        let all = IN_EVERY_VERSION.iter().chain(UNVERSIONED).map(|s| (*s).to_owned());
        let own = ["Table", "TableOptions", "PartialObjectMetadata", "PartialObjectMetadataList"];
        return Ok(all.chain(own.map(str::to_owned)).collect());
    }
    let declared = |name: &&String| {
        package.types.get(*name).is_some_and(|declaration| !matches!(declaration.body, Body::Alias(_)))
    };
    Ok(package.registered.iter().filter(declared).cloned().collect())
}

struct Resolver<'a> {
    world: &'a mut World,
    found: BTreeMap<String, TypeFacts>,
    pending: Vec<String>,
    complaints: Vec<String>,
}

impl Resolver<'_> {
    fn resolve(&mut self, qualified: &str) -> Result<TypeFacts, Error> {
        let (path, local) = split(qualified);
        let name = format!("{}.{local}", self.world.openapi_package(path)?);
        let mut facts = TypeFacts {
            name,
            go_name: short(qualified),
            kinds: self.kinds(path, local)?,
            in_every_version: path == META && IN_EVERY_VERSION.contains(&local),
            form: SPECIAL.iter().find(|(name, _)| *name == qualified).map_or("", |(_, form)| form),
            atomic: false,
            fields: Vec::new(),
            unions: None,
            definition: None,
        };
        if !facts.form.is_empty() {
            return Ok(facts);
        }
        let package = self.world.package(path)?;
        let declaration =
            package.types.get(local).ok_or_else(|| Error::Facts(format!("no declaration of {qualified}")))?;
        facts.atomic =
            ["structType", "mapType"].iter().any(|name| marker(&declaration.markers, name) == Some("atomic"));
        let (of_path, fields) = match &declaration.body {
            Body::Struct(_) => (path.to_owned(), local.to_owned()),
            // `type List metav1.List`: a struct with the fields of another.
            Body::Named(GoType::Name(of)) if of.contains('.') => {
                let (path, local) = split(of);
                (path.to_owned(), local.to_owned())
            }
            Body::Other(why) => return Err(Error::Facts(format!("{qualified} has no wire form: {why}"))),
            _ => return Err(Error::Facts(format!("{qualified} is no struct"))),
        };
        self.world.package(&of_path)?;
        let fields = match self.world.packages[&of_path].types.get(&fields).map(|d| &d.body) {
            Some(Body::Struct(fields)) => fields.iter().map(clone_field).collect::<Vec<_>>(),
            _ => return Err(Error::Facts(format!("{qualified} is no struct"))),
        };
        for field in &fields {
            if let Some(field) = self.field(&of_path, field)? {
                facts.fields.push(field);
            }
        }
        self.check_message(qualified, &mut facts.fields);
        Ok(facts)
    }

    fn kinds(&mut self, path: &str, local: &str) -> Result<Vec<(String, String, String)>, Error> {
        let kind = |group: &str, version: &str| (group.to_owned(), version.to_owned(), local.to_owned());
        if path == META {
            if UNVERSIONED.contains(&local) {
                return Ok(vec![kind("", "v1")]);
            }
            if ["Table", "TableOptions", "PartialObjectMetadata"].contains(&local) {
                // `meta.k8s.io/v1beta1` declares them as aliases of these.
                return Ok(vec![kind("meta.k8s.io", "v1"), kind("meta.k8s.io", "v1beta1")]);
            }
            if local == "PartialObjectMetadataList" {
                return Ok(vec![kind("meta.k8s.io", "v1")]);
            }
            return Ok(Vec::new());
        }
        let known = self.world.package(path)?.registered.iter().any(|n| n == local);
        let of = if known { self.world.group_version_of(path) } else { None };
        Ok(of.map(|(group, version)| kind(&group, &version)).into_iter().collect())
    }

    fn field(&mut self, path: &str, field: &GoField) -> Result<Option<FieldFacts>, Error> {
        let refuse = |what: &str| Error::Go { place: format!("{path}/{}", field.place), what: what.into() };
        let json = field.tag.get("json").map(String::as_str).unwrap_or_default();
        let mut options = json.split(',');
        let name = options.next().unwrap_or_default();
        let options: Vec<&str> = options.collect();
        let number = match field.tag.get("protobuf") {
            Some(tag) if tag == "-" => 0,
            Some(tag) => {
                let number = tag.split(',').nth(1).and_then(|n| n.parse().ok());
                number.ok_or_else(|| refuse("the protobuf number"))?
            }
            None => 0,
        };
        if name == "-" {
            return if number == 0 { Ok(None) } else { Err(refuse("a field that only protobuf has")) };
        }
        let inline = name.is_empty() && field.name.is_empty();
        if name.is_empty() && !inline {
            return Err(refuse("a field without a JSON name"));
        }
        let mut facts = FieldFacts { json: name.into(), number, inline, ..FieldFacts::default() };
        let go_type = match &field.go_type {
            GoType::Pointer(to) => {
                facts.pointer = true;
                to.as_ref()
            }
            other => other,
        };
        facts.kind = self.shape(path, go_type, &mut facts.enum_values)?;
        let natural = natural(&facts.kind, path);
        let declared = self.declared(path, go_type);
        if declared != natural && !matches!(facts.kind, Shape::Struct(_)) {
            facts.go_type = declared;
        }
        facts.omit_empty = options.contains(&"omitempty");
        facts.omit_zero = options.contains(&"omitzero");
        let has = |name: &str| marker(&field.markers, name).is_some();
        let value = |name: &str| marker(&field.markers, name).unwrap_or_default().to_owned();
        facts.required =
            !inline && (has("required") || !(has("optional") || facts.omit_empty || facts.omit_zero));
        facts.list_type = value("listType");
        facts.list_map_keys =
            field.markers.iter().filter(|(n, _)| n == "listMapKey").map(|(_, v)| v.clone()).collect();
        facts.map_type = value("mapType");
        facts.struct_type = value("structType");
        let tag = |name: &str| field.tag.get(name).cloned().unwrap_or_default();
        facts.patch_strategy = tag("patchStrategy");
        facts.patch_merge_key = tag("patchMergeKey");
        if let Some(text) = marker(&field.markers, "default") {
            let default = self.default(path, text)?.ok_or_else(|| refuse(&format!("the default {text}")))?;
            facts.default = Some(default);
        }
        Ok(Some(facts))
    }

    /// A marker's constant: JSON, or `ref(Constant)`.
    fn default(&mut self, path: &str, text: &str) -> Result<Option<Value>, Error> {
        let Some(name) = text.strip_prefix("ref(").and_then(|t| t.strip_suffix(')')) else {
            return Ok(serde_json::from_str(text).ok());
        };
        Ok(self.text(path, &go::Text::Constant(name.to_owned()))?.map(Value::String))
    }

    /// A constant's text, through constants that name others.
    fn text(&mut self, path: &str, text: &go::Text) -> Result<Option<String>, Error> {
        let mut path = path.to_owned();
        let mut text = text.clone();
        loop {
            let name = match text {
                go::Text::Literal(text) => return Ok(Some(text)),
                go::Text::Constant(name) => name,
            };
            let local = match name.rsplit_once('.') {
                Some((of, local)) => {
                    path = of.to_owned();
                    local
                }
                None => &name,
            };
            match self.world.package(&path)?.constants.iter().find(|c| c.name == local) {
                Some(constant) => text = constant.value.clone(),
                None => return Ok(None),
            }
        }
    }

    fn shape(&mut self, path: &str, go_type: &GoType, values: &mut Vec<String>) -> Result<Shape, Error> {
        let shape = match go_type {
            GoType::List(of) if **of == GoType::Name("byte".into()) => Shape::Plain("bytes"),
            GoType::List(of) => Shape::List(Box::new(self.shape(path, of, values)?)),
            GoType::Map(key, value) => {
                match self.shape(path, key, &mut Vec::new())? {
                    Shape::Plain("string") => {}
                    other => return Err(Error::Facts(format!("{path}: a map with keys of {other:?}"))),
                }
                Shape::Map(Box::new(self.shape(path, value, values)?))
            }
            GoType::Pointer(_) => return Err(Error::Facts(format!("{path}: a pointer inside {go_type}"))),
            GoType::Name(name) => match name.as_str() {
                "bool" => Shape::Plain("bool"),
                "int32" => Shape::Plain("int32"),
                "int" | "int64" => Shape::Plain("int64"),
                "float64" => Shape::Plain("float64"),
                "string" => Shape::Plain("string"),
                "any" => Shape::Plain("any"),
                name => return self.named(path, name, values),
            },
        };
        Ok(shape)
    }

    fn named(&mut self, path: &str, name: &str, values: &mut Vec<String>) -> Result<Shape, Error> {
        let qualified = if name.contains('.') { name.to_owned() } else { format!("{path}.{name}") };
        if let Some((_, special)) = SPECIAL.iter().find(|(n, _)| *n == qualified) {
            return Ok(Shape::Plain(special));
        }
        let (path, local) = split(&qualified);
        let package = self.world.package(path)?;
        let declaration =
            package.types.get(local).ok_or_else(|| Error::Facts(format!("no declaration of {qualified}")))?;
        if marker(&declaration.markers, "enum").is_some() {
            let of_type = package.constants.iter().filter(|c| c.go_type == local);
            for constant in of_type.map(|c| c.value.clone()).collect::<Vec<_>>() {
                let text = self.text(path, &constant)?;
                values.push(text.ok_or_else(|| Error::Facts(format!("{qualified}: a value {constant:?}")))?);
            }
            values.sort();
            values.dedup();
        }
        match &self.world.packages[path].types[local].body {
            Body::Struct(_) => {
                self.pending.push(qualified.clone());
                Ok(Shape::Struct(qualified))
            }
            Body::Alias(of) | Body::Named(of) => {
                let named = matches!(self.world.packages[path].types[local].body, Body::Named(_));
                let of = of.clone();
                let shape = self.shape(path, &of, values)?;
                match shape {
                    Shape::List(item) if named && self.world.messages.contains_key(&message(&qualified)) => {
                        Ok(Shape::ListMessage(item, qualified))
                    }
                    Shape::Struct(_) if named => Err(Error::Facts(format!("{qualified} renames a struct"))),
                    shape => Ok(shape),
                }
            }
            Body::Other(why) => Err(Error::Facts(format!("{qualified} has no wire form: {why}"))),
        }
    }

    /// The Go type as an error message of the JSON decoder shows it.
    fn declared(&self, path: &str, go_type: &GoType) -> String {
        match go_type {
            GoType::Name(name) if name == "any" => "interface {}".into(),
            GoType::Name(name) => {
                let (path, local) = if name.contains('.') { split(name) } else { (path, name.as_str()) };
                let declaration = self.world.packages.get(path).and_then(|p| p.types.get(local));
                match declaration.map(|d| &d.body) {
                    Some(Body::Alias(of)) => self.declared(path, of),
                    Some(_) => short(&format!("{path}.{local}")),
                    None => local.to_owned(),
                }
            }
            GoType::Pointer(to) => format!("*{}", self.declared(path, to)),
            GoType::List(of) if **of == GoType::Name("byte".into()) => "[]uint8".into(),
            GoType::List(of) => format!("[]{}", self.declared(path, of)),
            GoType::Map(key, value) => {
                format!("map[{}]{}", self.declared(path, key), self.declared(path, value))
            }
        }
    }

    /// Compares a struct with its message, where it has one.
    fn check_message(&mut self, qualified: &str, fields: &mut [FieldFacts]) {
        let Some(message) = self.world.messages.get(&message(qualified)) else {
            // Structs that protobuf leaves out (`+protobuf=false`) carry numbers at times: they mean nothing.
            let known = self.world.messages.keys().any(|m| m.starts_with(&message_package(qualified)));
            if !known && fields.iter().any(|f| f.number != 0) {
                self.complaints.push(format!("{qualified} has protobuf numbers but no message"));
            }
            fields.iter_mut().for_each(|f| f.number = 0);
            return;
        };
        let numbered = fields.iter().filter(|f| f.number != 0);
        let mut seen = BTreeSet::new();
        for field in numbered {
            let what = format!("{qualified}, {:?} ({})", field.json, field.number);
            seen.insert(field.number);
            let Some(proto) = message.get(&field.number) else {
                self.complaints.push(format!("{what}: not in generated.proto"));
                continue;
            };
            let (repeated, expected) = proto_type(&field.kind, split(qualified).0);
            if proto.repeated != repeated || proto.proto_type != expected {
                let found = (proto.repeated, &proto.proto_type);
                self.complaints
                    .push(format!("{what}: {:?}, in generated.proto {found:?}", (repeated, expected)));
            }
            if !field.inline && proto.name != field.json && !ProtoName(&field.json).like(&proto.name) {
                self.complaints.push(format!("{what}: named {} in generated.proto", proto.name));
            }
        }
        for (number, proto) in message.iter().filter(|(n, _)| !seen.contains(n)) {
            self.complaints
                .push(format!("{qualified}: {} ({number}) is only in generated.proto", proto.name));
        }
    }
}

fn clone_field(field: &GoField) -> GoField {
    GoField {
        markers: field.markers.clone(),
        name: field.name.clone(),
        go_type: field.go_type.clone(),
        tag: field.tag.clone(),
        place: field.place.clone(),
    }
}

/// Protobuf names are JSON names, but for signs (`$ref`) and a few that differ in the case of letters.
struct ProtoName<'a>(&'a str);

impl ProtoName<'_> {
    fn like(&self, name: &str) -> bool {
        let letters = |s: &str| s.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        letters(self.0).eq_ignore_ascii_case(&letters(name))
    }
}

fn message(qualified: &str) -> String {
    let (path, local) = split(qualified);
    format!("{}.{local}", path.replace('/', ".").replace('-', "_"))
}

fn message_package(qualified: &str) -> String {
    format!("{}.", split(qualified).0.replace('/', ".").replace('-', "_"))
}

/// The type with this wire form: the package's own where it has one.
fn special(form: &str, path: &str) -> Option<&'static str> {
    let all = || SPECIAL.iter().filter(|(_, special)| *special == form).map(|(qualified, _)| *qualified);
    all().find(|qualified| split(qualified).0 == path).or_else(|| all().next())
}

/// Whether it is repeated, and the type in `generated.proto`.
fn proto_type(shape: &Shape, path: &str) -> (bool, String) {
    match shape {
        Shape::Plain("float64") => (false, "double".into()),
        Shape::Plain(name) => (false, special(name, path).map_or((*name).to_owned(), message)),
        Shape::Struct(qualified) | Shape::ListMessage(_, qualified) => (false, message(qualified)),
        Shape::List(item) => (true, proto_type(item, path).1),
        Shape::Map(value) => (false, format!("map<string, {}>", proto_type(value, path).1)),
    }
}

/// The Go type that a shape has where no type is named.
fn natural(shape: &Shape, path: &str) -> String {
    match shape {
        Shape::Plain("bytes") => "[]uint8".into(),
        Shape::Plain("any") => "interface {}".into(),
        Shape::Plain(name) => special(name, path).map_or((*name).to_owned(), short),
        Shape::Struct(qualified) => short(qualified),
        Shape::List(item) | Shape::ListMessage(item, _) => format!("[]{}", natural(item, path)),
        Shape::Map(value) => format!("map[string]{}", natural(value, path)),
    }
}
