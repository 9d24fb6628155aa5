//! The expressions of webhooks and policies: they are compiled when they are written.

use std::sync::LazyLock;

use keelson_apimachinery::field::{ErrorType, FieldError};
use keelson_cel::{CompileError, Environment, Type};

use super::super::{Errors, Node};

/// What may be asked of an expression beside what all have: `object`, `oldObject`, `namespaceObject`, `request`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    /// `params`, where a policy has a kind of parameters.
    pub(super) params: bool,
    /// `authorizer` and `authorizer.requestResource`.
    pub(super) authorizer: bool,
    /// The types of patches.
    pub(super) patches: bool,
}

/// The variables of a policy, with the types that their expressions turned out to have.
#[derive(Debug)]
pub(super) struct Variables {
    /// None where a policy has no variables: then there is no `variables`, either.
    found: Option<Vec<(String, Type)>>,
}

impl Variables {
    /// No `variables`.
    pub(super) const NONE: Variables = Variables { found: None };

    /// `variables` without any so far.
    pub(super) fn new() -> Self {
        Variables { found: Some(Vec::new()) }
    }

    /// Compiles a variable, which those behind it may use.
    pub(super) fn add(&mut self, name: &str, expression: &Node<'_>, given: Given, errors: &mut Errors) {
        let type_ = self.compile(expression, expression.text(), given, &[], errors);
        if let Some(found) = &mut self.found {
            found.retain(|(known, _)| known != name);
            found.push((name.to_owned(), type_.map_or(Type::Dyn, declared)));
        }
    }

    /// Compiles `text`, which `expression` holds, and tells what is wrong with it: that it evaluates to none of the
    /// types that are `wanted`, too, unless there are none of those. Returns the type that it evaluates to.
    pub(super) fn compile(
        &self,
        expression: &Node<'_>,
        text: &str,
        given: Given,
        wanted: &[Type],
        errors: &mut Errors,
    ) -> Option<Type> {
        let program = match self.environment(given).compile(text) {
            Ok(program) => program,
            Err(failure @ CompileError::Invalid { .. }) => {
                errors.push(expression.invalid_text(text, format!("compilation failed: {failure}")));
                return None;
            }
            Err(CompileError::Program(why)) => {
                let why = format!("program instantiation failed: {why}");
                errors.push(FieldError::new(ErrorType::Internal, expression, None, why));
                return None;
            }
        };
        let type_ = program.output_type();
        if wanted.is_empty() || wanted.contains(type_) {
            return Some(type_.clone());
        }
        let wanted: Vec<String> = wanted.iter().map(Type::name).collect();
        let got = type_.name();
        let why = match wanted.as_slice() {
            [only] => format!("must evaluate to {only} but got {got}"),
            several => format!("must evaluate to one of [{}] but got {got}", several.join(" ")),
        };
        errors.push(expression.invalid_text(text, why));
        None
    }

    fn environment(&self, given: Given) -> Environment {
        let mut environment = BASE.clone();
        if given.params {
            environment = environment.variable("params", Type::Dyn);
        }
        if given.authorizer {
            environment = environment
                .variable("authorizer", Type::authorizer())
                .variable("authorizer.requestResource", Type::resource_check());
        }
        if given.patches {
            environment = environment.patches();
        }
        if let Some(found) = &self.found {
            let variables = Type::object("kubernetes.variables", found.iter().cloned());
            environment = environment.variable("variables", variables);
        }
        environment
    }
}

/// The type that others see a variable of this type to have: some are known at evaluation only.
fn declared(type_: Type) -> Type {
    match type_ {
        Type::List(element) => Type::list(declared(*element)),
        Type::Map(key, value) => Type::map(declared(*key), declared(*value)),
        Type::Object(_) | Type::Optional(_) | Type::Type(_) | Type::Opaque(_) => Type::Dyn,
        plain => plain,
    }
}

static BASE: LazyLock<Environment> = LazyLock::new(|| {
    Environment::new()
        .variable("object", Type::Dyn)
        .variable("oldObject", Type::Dyn)
        .variable("namespaceObject", namespace())
        .variable("request", request())
});

fn text(name: &'static str) -> (&'static str, Type) {
    (name, Type::String)
}

fn request() -> Type {
    let kind = Type::object("kubernetes.GroupVersionKind", ["group", "version", "kind"].map(text));
    let resource =
        Type::object("kubernetes.GroupVersionResource", ["group", "version", "resource"].map(text));
    let texts = || Type::list(Type::String);
    let extra = Type::map(Type::String, texts());
    let user = [text("username"), text("uid"), ("groups", texts()), ("extra", extra)];
    let texts = ["subResource", "requestSubResource", "name", "namespace", "operation"].map(text);
    let others = [
        ("kind", kind.clone()),
        ("resource", resource.clone()),
        ("requestKind", kind),
        ("requestResource", resource),
        ("userInfo", Type::object("kubernetes.UserInfo", user)),
        ("dryRun", Type::Bool),
        ("options", Type::Dyn),
    ];
    Type::object("kubernetes.AdmissionRequest", texts.into_iter().chain(others))
}

fn namespace() -> Type {
    let map = || Type::map(Type::String, Type::String);
    let texts = ["name", "generateName", "namespace", "UID", "resourceVersion"].map(text);
    let metadata = texts.into_iter().chain([
        ("labels", map()),
        ("annotations", map()),
        ("creationTimestamp", Type::Timestamp),
        ("deletionTimestamp", Type::Timestamp),
        ("deletionGracePeriodSeconds", Type::Int),
        ("generation", Type::Int),
        ("finalizers", Type::list(Type::String)),
    ]);
    let texts = ["status", "type", "message", "reason"].map(text);
    let condition = texts.into_iter().chain([("lastTransitionTime", Type::Timestamp)]);
    let conditions = Type::list(Type::object("kubernetes.NamespaceCondition", condition));
    let finalizers = ("finalizers", Type::list(Type::String));
    Type::object(
        "kubernetes.Namespace",
        [
            ("metadata", Type::object("kubernetes.NamespaceMetadata", metadata)),
            ("spec", Type::object("kubernetes.NamespaceSpec", [finalizers])),
            (
                "status",
                Type::object("kubernetes.NamespaceStatus", [text("phase"), ("conditions", conditions)]),
            ),
        ],
    )
}
