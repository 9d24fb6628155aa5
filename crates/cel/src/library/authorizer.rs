//! Checks of authorization: `authorizer.group('').resource('pods').namespace('ns').check('get').allowed()`.
//!
//! Who asks and who decides is the host's: it gives an [`Authorizer`] as a variable of [`Type::authorizer`].

use std::fmt;
use std::sync::Arc;

use keelson_apimachinery::content::names::{self, NameRule};

use super::Row;
use super::extension::Extension;
use crate::meter::{Meter, Outcome};
use crate::types::Type;
use crate::value::{Val, error, no_overload};

const AUTHORIZER: &str = "kubernetes.authorization.Authorizer";
const PATH_CHECK: &str = "kubernetes.authorization.PathCheck";
const GROUP_CHECK: &str = "kubernetes.authorization.GroupCheck";
const RESOURCE_CHECK: &str = "kubernetes.authorization.ResourceCheck";
const DECISION: &str = "kubernetes.authorization.Decision";

/// The types' names.
pub(super) const TYPES: [&str; 5] = [AUTHORIZER, PATH_CHECK, GROUP_CHECK, RESOURCE_CHECK, DECISION];

impl Type {
    /// The type of the variable `authorizer`.
    pub fn authorizer() -> Self {
        Type::Opaque(AUTHORIZER)
    }

    /// The type of the variable `authorizer.requestResource`.
    pub fn resource_check() -> Self {
        Type::Opaque(RESOURCE_CHECK)
    }
}

/// Decides whether the user that an expression is evaluated for, or a service account, may do something.
pub trait Authorizer: fmt::Debug + Send + Sync {
    /// The decision. It is asked at most a few times in an evaluation: a check costs 350,000.
    fn check(&self, check: &Check) -> Decision;
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Namespace and name of the service account that asks; `None`: the user does.
    pub service_account: Option<(String, String)>,
    /// The verb.
    pub verb: String,
    /// What is to be done with it.
    pub target: Target,
}

/// What a check is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A path that is no resource.
    Path(String),
    /// A resource, in any version.
    Resource(Resource),
}

impl Default for Target {
    fn default() -> Self {
        Target::Resource(Resource::default())
    }
}

/// A resource. What wasn't said is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// The API group.
    pub group: String,
    /// The resource, in the plural.
    pub resource: String,
    /// The subresource.
    pub subresource: String,
    /// The namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The text of a field selector, which may be none.
    pub field_selector: String,
    /// The text of a label selector, which may be none.
    pub label_selector: String,
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why.
    pub reason: String,
    /// What went wrong while deciding.
    pub error: Option<String>,
}

pub(super) const TABLE: &[Row] = &[
    (
        "path",
        "authorizer_path",
        "kubernetes.authorization.Authorizer.(string) -> kubernetes.authorization.PathCheck",
        path,
    ),
    (
        "group",
        "authorizer_group",
        "kubernetes.authorization.Authorizer.(string) -> kubernetes.authorization.GroupCheck",
        group,
    ),
    (
        "serviceAccount",
        "authorizer_serviceaccount",
        "kubernetes.authorization.Authorizer.(string, string) -> kubernetes.authorization.Authorizer",
        service_account,
    ),
    (
        "resource",
        "groupcheck_resource",
        "kubernetes.authorization.GroupCheck.(string) -> kubernetes.authorization.ResourceCheck",
        resource,
    ),
    (
        "subresource",
        "resourcecheck_subresource",
        "kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.ResourceCheck",
        |_, args| narrowed(args, |resource| &mut resource.subresource),
    ),
    (
        "namespace",
        "resourcecheck_namespace",
        "kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.ResourceCheck",
        |_, args| narrowed(args, |resource| &mut resource.namespace),
    ),
    (
        "name",
        "resourcecheck_name",
        "kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.ResourceCheck",
        |_, args| narrowed(args, |resource| &mut resource.name),
    ),
    (
        "fieldSelector",
        "authorizer_fieldselector",
        "kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.ResourceCheck",
        |_, args| narrowed(args, |resource| &mut resource.field_selector),
    ),
    (
        "labelSelector",
        "authorizer_labelselector",
        "kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.ResourceCheck",
        |_, args| narrowed(args, |resource| &mut resource.label_selector),
    ),
    (
        "check",
        "pathcheck_check",
        "kubernetes.authorization.PathCheck.(string) -> kubernetes.authorization.Decision",
        check,
    ),
    (
        "check",
        "resourcecheck_check",
        "kubernetes.authorization.ResourceCheck.(string) -> kubernetes.authorization.Decision",
        check,
    ),
    ("errored", "decision_errored", "kubernetes.authorization.Decision.() -> bool", |_, args| {
        decided(args, |decision| Val::Bool(decision.error.is_some()))
    }),
    ("error", "decision_error", "kubernetes.authorization.Decision.() -> string", |_, args| {
        decided(args, |decision| Val::from(decision.error.clone().unwrap_or_default()))
    }),
    ("allowed", "decision_allowed", "kubernetes.authorization.Decision.() -> bool", |_, args| {
        decided(args, |decision| Val::Bool(decision.allowed))
    }),
    ("reason", "decision_reason", "kubernetes.authorization.Decision.() -> string", |_, args| {
        decided(args, |decision| Val::from(decision.reason.clone()))
    }),
];

/// A check that is being put together.
#[derive(Clone, Debug)]
pub(crate) enum Asking {
    /// Nobody was asked for anything yet.
    Authorizer(Asker),
    Path(Asker, String),
    Group(Asker, String),
    Resource(Asker, Resource),
    Decision(Decision),
}

/// Who decides, and who asks.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) service_account: Option<(String, String)>,
}

impl Asker {
    /// The user that the expression is evaluated for.
    pub(crate) fn user(authorizer: Arc<dyn Authorizer>) -> Self {
        Asker { authorizer, service_account: None }
    }
}

impl Asking {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Asking::Authorizer(_) => AUTHORIZER,
            Asking::Path(..) => PATH_CHECK,
            Asking::Group(..) => GROUP_CHECK,
            Asking::Resource(..) => RESOURCE_CHECK,
            Asking::Decision(_) => DECISION,
        }
    }
}

fn read<'v>(value: &'v Val<'_>) -> Outcome<&'v Asking> {
    match value {
        Val::Extension(extension) => match &**extension {
            Extension::Asking(asking) => Ok(asking),
            _ => no_overload(),
        },
        _ => no_overload(),
    }
}

fn made<'a>(asking: Asking) -> Outcome<Val<'a>> {
    Ok(Val::extension(Extension::Asking(asking)))
}

fn path<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [_, Val::String(path)] if path.trim().is_empty() => error("path must not be empty"),
        [asking, Val::String(path)] => match read(asking)? {
            Asking::Authorizer(asker) => made(Asking::Path(asker.clone(), path.to_string())),
            _ => no_overload(),
        },
        _ => no_overload(),
    }
}

fn group<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [asking, Val::String(group)] => match read(asking)? {
            Asking::Authorizer(asker) => made(Asking::Group(asker.clone(), group.to_string())),
            _ => no_overload(),
        },
        _ => no_overload(),
    }
}

fn service_account<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [asking, Val::String(namespace), Val::String(name)] = args else {
        return no_overload();
    };
    let Asking::Authorizer(asker) = read(asking)? else {
        return no_overload();
    };
    if !NameRule::Subdomain.check(name, false).is_empty() {
        return error("Invalid service account name");
    }
    if !names::dns_label(namespace).is_empty() {
        return error("Invalid service account namespace");
    }
    made(Asking::Authorizer(Asker {
        authorizer: asker.authorizer.clone(),
        service_account: Some((namespace.to_string(), name.to_string())),
    }))
}

fn resource<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [_, Val::String(resource)] if resource.trim().is_empty() => error("resource must not be empty"),
        [asking, Val::String(resource)] => match read(asking)? {
            Asking::Group(asker, group) => {
                let resource =
                    Resource { group: group.clone(), resource: resource.to_string(), ..Resource::default() };
                made(Asking::Resource(asker.clone(), resource))
            }
            _ => no_overload(),
        },
        _ => no_overload(),
    }
}

/// A check of a resource with one more thing said.
fn narrowed<'a>(args: &[Val<'a>], field: impl Fn(&mut Resource) -> &mut String) -> Outcome<Val<'a>> {
    match args {
        [asking, Val::String(value)] => match read(asking)? {
            Asking::Resource(asker, resource) => {
                let mut resource = resource.clone();
                *field(&mut resource) = value.to_string();
                made(Asking::Resource(asker.clone(), resource))
            }
            _ => no_overload(),
        },
        _ => no_overload(),
    }
}

fn check<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    let [asking, Val::String(verb)] = args else {
        return no_overload();
    };
    let (asker, target) = match read(asking)? {
        Asking::Path(asker, path) => (asker, Target::Path(path.clone())),
        Asking::Resource(asker, resource) => (asker, Target::Resource(resource.clone())),
        _ => return no_overload(),
    };
    let check = Check { service_account: asker.service_account.clone(), verb: verb.to_string(), target };
    made(Asking::Decision(asker.authorizer.check(&check)))
}

fn decided<'a>(args: &[Val<'a>], part: impl Fn(&Decision) -> Val<'a>) -> Outcome<Val<'a>> {
    match args {
        [asking] => match read(asking)? {
            Asking::Decision(decision) => Ok(part(decision)),
            _ => no_overload(),
        },
        _ => no_overload(),
    }
}
