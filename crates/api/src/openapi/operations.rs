//! Which paths there are, and which operations each has.

use super::parameters::{self, Location, NAME, NAMESPACE, PRETTY, PROXY_PATH, Parameter};
use crate::{Resource, Subresource};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// A path with its operations.
pub(super) struct PathItem {
    /// The path, with its parameters in braces.
    pub(super) path: String,
    /// The operations, at least one.
    pub(super) operations: Vec<Operation>,
}

/// An operation.
pub(super) struct Operation {
    /// The HTTP method in lower case.
    pub(super) method: &'static str,
    /// The operation's id.
    pub(super) id: String,
    /// `x-kubernetes-action`; empty for none.
    pub(super) action: &'static str,
    /// Group, version and kind of `x-kubernetes-group-version-kind`.
    pub(super) gvk: Option<[String; 3]>,
    /// The tag.
    pub(super) tag: String,
    /// The parameters of path and query.
    pub(super) parameters: Vec<Parameter>,
    /// The body.
    pub(super) body: Body,
    /// The status codes of success.
    pub(super) codes: &'static [&'static str],
    /// What an answer holds: a type's name, or `None` for a string.
    pub(super) answer: Option<String>,
    /// The media types of answers.
    pub(super) produces: Produces,
    /// What OpenAPI v2 says of the media types of bodies.
    pub(super) consumes: Consumes,
}

/// An operation's body.
pub(super) enum Body {
    None,
    /// An object of this type; required.
    Object(String),
    /// `DeleteOptions`; may be absent.
    DeleteOptions,
    /// A patch.
    Patch,
}

/// Media types of answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Produces {
    Standard,
    Watchable,
    Text,
    Anything,
    Json,
    KeySet,
}

/// Media types of bodies, as OpenAPI v2 lists them for operations without a body, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumes {
    Anything,
    Standard,
    Patches,
    Json,
    Nothing,
}

/// The paths of one group and version: those of its resources among these, and the list of them.
pub(super) fn of_version(group: &str, version: &str, resources: &[&'static Resource]) -> Vec<PathItem> {
    let prefix = match group {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    };
    let names = Names::new(group, version);
    let mut items = vec![PathItem {
        path: format!("{prefix}/"),
        operations: vec![names.document(format!("get{}APIResources", names.id), "APIResourceList")],
    }];
    for resource in resources.iter().filter(|r| r.group == group && r.version == version) {
        items.extend(of_resource(&names, &prefix, resource));
    }
    items
}

/// The path of a group: `/apis/apps/`.
pub(super) fn of_group(group: &str) -> Vec<PathItem> {
    let names = Names::new(group, "");
    let operation = names.document(format!("get{}APIGroup", names.id), "APIGroup");
    vec![PathItem { path: format!("/apis/{group}/"), operations: vec![operation] }]
}

/// `/api/`.
pub(super) fn of_legacy_versions() -> Vec<PathItem> {
    let names = Names { id: String::new(), tag: "core".into() };
    let operation = names.document("getCoreAPIVersions".into(), "APIVersions");
    vec![PathItem { path: "/api/".into(), operations: vec![operation] }]
}

/// `/apis/`.
pub(super) fn of_groups() -> Vec<PathItem> {
    let names = Names { id: String::new(), tag: "apis".into() };
    let operation = names.document("getAPIVersions".into(), "APIGroupList");
    vec![PathItem { path: "/apis/".into(), operations: vec![operation] }]
}

/// `/version/`.
pub(super) fn of_server_version() -> Vec<PathItem> {
    let names = Names { id: String::new(), tag: "version".into() };
    let mut operation = names.document("getCodeVersion".into(), "");
    operation.answer = Some("io.k8s.apimachinery.pkg.version.Info".into());
    (operation.produces, operation.consumes) = (Produces::Json, Consumes::Json);
    vec![PathItem { path: "/version/".into(), operations: vec![operation] }]
}

/// `/.well-known/openid-configuration/`.
pub(super) fn of_issuer() -> Vec<PathItem> {
    issuer_document("/.well-known/openid-configuration/", "WellKnown", "OpenIDConfiguration", Produces::Json)
}

/// `/openid/v1/jwks/`.
pub(super) fn of_issuer_keys() -> Vec<PathItem> {
    issuer_document("/openid/v1/jwks/", "openid", "OpenIDKeyset", Produces::KeySet)
}

fn issuer_document(path: &str, tag: &str, what: &str, produces: Produces) -> Vec<PathItem> {
    let names = Names { id: String::new(), tag: tag.into() };
    let mut operation = names.document(format!("getServiceAccountIssuer{what}"), "");
    (operation.answer, operation.produces, operation.consumes) = (None, produces, Consumes::Nothing);
    vec![PathItem { path: path.into(), operations: vec![operation] }]
}

/// What names of operations start with.
struct Names {
    /// `AppsV1`.
    id: String,
    /// `apps_v1`.
    tag: String,
}

impl Names {
    fn new(group: &str, version: &str) -> Self {
        let label = match group {
            "" => "core",
            group => group.strip_suffix(".k8s.io").unwrap_or(group),
        };
        let joined: String = label.split('.').map(capitalized).collect();
        let tag = format!("{}{}", joined[..1].to_lowercase(), &joined[1..]);
        let tag = if version.is_empty() { tag } else { format!("{tag}_{version}") };
        Names { id: format!("{joined}{}", capitalized(version)), tag }
    }

    /// The operation that reads a document of discovery.
    fn document(&self, id: String, kind: &str) -> Operation {
        Operation {
            method: "get",
            id,
            action: "",
            gvk: None,
            tag: self.tag.clone(),
            parameters: Vec::new(),
            body: Body::None,
            codes: &["200"],
            answer: Some(format!("{META}.{kind}")),
            produces: Produces::Standard,
            consumes: Consumes::Standard,
        }
    }
}

fn of_resource(names: &Names, prefix: &str, resource: &Resource) -> Vec<PathItem> {
    let has = |verb: &str| resource.verbs.iter().any(|v| v == verb);
    let ty = type_name(&resource.group, &resource.version, &resource.kind);
    let kind = resource.kind.as_str();
    let gvk = [&resource.group, &resource.version, &resource.kind].map(ToString::to_string);
    let make = Make { names, gvk, scope: if resource.namespaced { "Namespaced" } else { "" } };
    let (plural, in_namespace) = (&resource.plural, resource.namespaced);
    let base = if in_namespace {
        format!("{prefix}/namespaces/{{namespace}}/{plural}")
    } else {
        format!("{prefix}/{plural}")
    };
    let watch_base = base.replacen(prefix, &format!("{prefix}/watch"), 1);
    let place: &[Parameter] = if in_namespace { &[NAMESPACE] } else { &[] };
    let list_type = format!("{ty}List");
    let list = |id: String, action, answer: &str, place: &[Parameter]| {
        let mut operation = make.operation("get", id, action, &[place, parameters::LIST]);
        operation.answer = Some(answer.to_owned());
        operation.produces = Produces::Watchable;
        operation
    };
    let watch_event = format!("{META}.WatchEvent");
    let (all, watch_all) = (format!("{prefix}/{plural}"), format!("{prefix}/watch/{plural}"));

    let mut items = Vec::new();
    let mut add = |path: &str, operations: Vec<Operation>| {
        if !operations.is_empty() {
            items.push(PathItem { path: path.to_owned(), operations });
        }
    };
    let mut collection = Vec::new();
    if has("list") {
        collection.push(list(make.id("list", kind, ""), "list", &list_type, place));
    }
    if has("create") {
        let mut post =
            make.write("post", make.id("create", kind, ""), "post", &[place, parameters::WRITE], &ty);
        post.codes = &["200", "201", "202"];
        collection.push(post);
    }
    if has("deletecollection") {
        let id = format!("delete{}Collection{}{kind}", names.id, make.scope);
        let mut delete =
            make.operation("delete", id, "deletecollection", &[place, parameters::DELETE_COLLECTION]);
        (delete.body, delete.answer) = (Body::DeleteOptions, Some(format!("{META}.Status")));
        collection.push(delete);
    }
    add(&base, collection);

    let item = format!("{base}/{{name}}");
    let named: &[Parameter] = if in_namespace { &[NAME, NAMESPACE] } else { &[NAME] };
    add(&item, object_operations(&make, kind, "", &ty, &resource.verbs, named, deletes_to_object(resource)));
    if has("list") && in_namespace {
        add(&all, vec![list(format!("list{}{kind}ForAllNamespaces", names.id), "list", &list_type, &[])]);
    }
    if has("watch") {
        add(&watch_base, vec![list(make.id("watch", kind, "List"), "watchlist", &watch_event, place)]);
        if has("get") {
            let one = list(make.id("watch", kind, ""), "watch", &watch_event, named);
            add(&format!("{watch_base}/{{name}}"), vec![one]);
        }
        if in_namespace {
            let id = format!("watch{}{kind}ListForAllNamespaces", names.id);
            add(&watch_all, vec![list(id, "watchlist", &watch_event, &[])]);
        }
    }
    for subresource in &resource.subresources {
        items.extend(of_subresource(&make, &item, kind, subresource, named));
    }
    items
}

fn of_subresource(
    make: &Make<'_>,
    item: &str,
    kind: &str,
    subresource: &Subresource,
    named: &[Parameter],
) -> Vec<PathItem> {
    let gvk = [&subresource.group, &subresource.version, &subresource.kind].map(ToString::to_string);
    let make = Make { names: make.names, gvk, scope: make.scope };
    let suffix = capitalized(&subresource.name);
    let path = format!("{item}/{}", subresource.name);
    let options = parameters::of_options(&subresource.kind, &subresource.name);
    if subresource.kind.ends_with("Options") {
        let methods: &[&'static str] = match subresource.verbs.len() {
            2 => &["get", "post"],
            _ => &["delete", "get", "head", "options", "patch", "post", "put"],
        };
        let connect = |with_path: bool| {
            let place: &[Parameter] = if with_path { &[PROXY_PATH] } else { &[] };
            let operations = methods.iter().map(|method| {
                let with = if with_path { "WithPath" } else { "" };
                let id = format!(
                    "connect{}{}{}{kind}{suffix}{with}",
                    make.names.id,
                    capitalized(method),
                    make.scope
                );
                let mut operation = make.operation(method, id, "connect", &[named, place, options]);
                operation.parameters.retain(|p| p.name != PRETTY.name);
                operation.produces = Produces::Anything;
                operation
            });
            operations.collect::<Vec<_>>()
        };
        let mut items = vec![PathItem { path: path.clone(), operations: connect(false) }];
        if subresource.name == "proxy" {
            items.push(PathItem { path: format!("{path}/{{path}}"), operations: connect(true) });
        }
        return items;
    }
    if subresource.name == "log" {
        let mut read = make.operation("get", make.id("read", kind, &suffix), "get", &[named, options]);
        read.produces = Produces::Text;
        return vec![PathItem { path, operations: vec![read] }];
    }
    let ty = type_name(&subresource.group, &subresource.version, &subresource.kind);
    let operations = object_operations(&make, kind, &suffix, &ty, &subresource.verbs, named, false);
    vec![PathItem { path, operations }]
}

/// The operations on one object or on a subresource of it.
fn object_operations(
    make: &Make<'_>,
    kind: &str,
    suffix: &str,
    ty: &str,
    verbs: &[keelson_apimachinery::Text],
    place: &[Parameter],
    deletes_to_object: bool,
) -> Vec<Operation> {
    let id = |verb: &str| make.id(verb, kind, suffix);
    let mut operations = Vec::new();
    for verb in verbs {
        operations.push(match verb.as_str() {
            "get" => {
                let mut read = make.operation("get", id("read"), "get", &[place]);
                read.answer = Some(ty.to_owned());
                read
            }
            "update" => make.write("put", id("replace"), "put", &[place, parameters::WRITE], ty),
            "patch" => {
                let mut patch = make.write("patch", id("patch"), "patch", &[place, parameters::PATCH], ty);
                (patch.body, patch.consumes) = (Body::Patch, Consumes::Patches);
                patch
            }
            "delete" => {
                let mut delete =
                    make.operation("delete", id("delete"), "delete", &[place, parameters::DELETE]);
                let status = format!("{META}.Status");
                delete.answer = Some(if deletes_to_object { ty.to_owned() } else { status });
                (delete.body, delete.codes) = (Body::DeleteOptions, &["200", "202"]);
                delete
            }
            "create" if !suffix.is_empty() => {
                let mut post = make.write("post", id("create"), "post", &[place, parameters::WRITE], ty);
                post.codes = &["200", "201", "202"];
                post
            }
            _ => continue,
        });
    }
    operations
}

/// What the operations on one resource share.
struct Make<'a> {
    names: &'a Names,
    gvk: [String; 3],
    scope: &'static str,
}

impl Make<'_> {
    fn id(&self, verb: &str, kind: &str, suffix: &str) -> String {
        format!("{verb}{}{}{kind}{suffix}", self.names.id, self.scope)
    }

    fn operation(
        &self,
        method: &'static str,
        id: String,
        action: &'static str,
        parameters: &[&[Parameter]],
    ) -> Operation {
        let mut parameters: Vec<Parameter> = parameters.concat();
        parameters.push(PRETTY);
        parameters.sort_by_key(|p| (p.name, p.location == Location::Query));
        Operation {
            method,
            id,
            action,
            gvk: Some(self.gvk.clone()),
            tag: self.names.tag.clone(),
            parameters,
            body: Body::None,
            codes: &["200"],
            answer: None,
            produces: Produces::Standard,
            consumes: Consumes::Anything,
        }
    }

    fn write(
        &self,
        method: &'static str,
        id: String,
        action: &'static str,
        parameters: &[&[Parameter]],
        ty: &str,
    ) -> Operation {
        let mut operation = self.operation(method, id, action, parameters);
        operation.body = Body::Object(ty.to_owned());
        operation.answer = Some(ty.to_owned());
        operation.codes = &["200", "201"];
        operation
    }
}

/// Whether the documented answer of a delete is the object and not a `Status`.
fn deletes_to_object(resource: &Resource) -> bool {
    const CORE: [&str; 7] = [
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ];
    const STORAGE: [&str; 5] =
        ["csidrivers", "csinodes", "storageclasses", "volumeattachments", "volumeattributesclasses"];
    match resource.group.as_str() {
        "" => CORE.contains(&resource.plural.as_str()),
        "storage.k8s.io" => STORAGE.contains(&resource.plural.as_str()),
        "resource.k8s.io" => true,
        _ => false,
    }
}

/// The full name of a kind's type.
fn type_name(group: &str, version: &str, kind: &str) -> String {
    let id = crate::facts::kind(group, version, kind);
    id.map(|id| crate::schema().get(id).name.to_string()).unwrap_or_default()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
