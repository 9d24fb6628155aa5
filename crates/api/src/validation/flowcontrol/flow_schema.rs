//! FlowSchema.

use super::super::shared::names;
use super::super::shared::numbers::int;
use super::super::shared::render::{Shape, render};
use super::super::{Errors, Node, Rules, same};
use super::{GROUP, conditions, mandatory, update_status};

pub(super) const RULES: Rules =
    Rules::new(GROUP, "flowschemas", check, |object, _, errors| check(object, errors))
        .subresources(&[("status", update_status)])
        .lenient_metadata(&["", "status"]);

const MAX_PRECEDENCE: i64 = 10_000;

const VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

const NAMED: Shape = Shape::Pointer(&Shape::Struct(&[("name", "Name", Shape::Text)]));

const DISTINGUISHER: Shape = Shape::Pointer(&Shape::Struct(&[("type", "Type", Shape::Text)]));

const SUBJECT: Shape = Shape::Struct(&[
    ("kind", "Kind", Shape::Text),
    ("user", "User", NAMED),
    ("group", "Group", NAMED),
    (
        "serviceAccount",
        "ServiceAccount",
        Shape::Pointer(&Shape::Struct(&[
            ("namespace", "Namespace", Shape::Text),
            ("name", "Name", Shape::Text),
        ])),
    ),
]);

const SPEC: Shape = Shape::Struct(&[
    (
        "priorityLevelConfiguration",
        "PriorityLevelConfiguration",
        Shape::Struct(&[("name", "Name", Shape::Text)]),
    ),
    ("matchingPrecedence", "MatchingPrecedence", Shape::Int),
    ("distinguisherMethod", "DistinguisherMethod", DISTINGUISHER),
    (
        "rules",
        "Rules",
        Shape::List(&Shape::Struct(&[
            ("subjects", "Subjects", Shape::List(&SUBJECT)),
            (
                "resourceRules",
                "ResourceRules",
                Shape::List(&Shape::Struct(&[
                    ("verbs", "Verbs", Shape::Json),
                    ("apiGroups", "APIGroups", Shape::Json),
                    ("resources", "Resources", Shape::Json),
                    ("clusterScope", "ClusterScope", Shape::Flag),
                    ("namespaces", "Namespaces", Shape::Json),
                ])),
            ),
            (
                "nonResourceRules",
                "NonResourceRules",
                Shape::List(&Shape::Struct(&[
                    ("verbs", "Verbs", Shape::Json),
                    ("nonResourceURLs", "NonResourceURLs", Shape::Json),
                ])),
            ),
        ])),
    ),
]);

fn check(object: &Node<'_>, errors: &mut Errors) {
    let (metadata, spec) = (object.child("metadata"), object.child("spec"));
    let name = metadata.child("name").text();
    check_spec(name, &spec, errors);
    if let Some(fixed) = mandatory::flow_schema(name)
        && !same(spec.value(), Some(&fixed))
    {
        errors.push(render(&spec, &SPEC).invalid(format!("spec of '{name}' must equal the fixed value")));
    }
    conditions(&object.child("status").child("conditions"), errors);
}

fn check_spec(name: &str, spec: &Node<'_>, errors: &mut Errors) {
    let precedence = spec.child("matchingPrecedence");
    let number = int(&precedence);
    if number <= 0 {
        errors.push(render(&precedence, &Shape::Int).invalid("must be a positive value"));
    }
    if number > MAX_PRECEDENCE {
        errors.push(precedence.invalid(format!("must not be greater than {MAX_PRECEDENCE}")));
    }
    if number == 1 && name != "exempt" {
        let why = "only the schema named 'exempt' may have matchingPrecedence 1";
        errors.push(precedence.invalid(why));
    }
    let method = spec.child("distinguisherMethod");
    let kind = method.child("type");
    if method.is_set() && !matches!(kind.text(), "ByNamespace" | "ByUser") {
        let shown = render(&kind.with(method.value()), &DISTINGUISHER);
        errors.push(shown.not_supported(&["ByNamespace", "ByUser"]));
    }
    let level = spec.child("priorityLevelConfiguration");
    let level = level.child("name");
    if level.text().is_empty() {
        errors.push(level.required("must reference a priority level"));
    } else {
        names::subdomain(&level, errors);
    }
    for rule in spec.child("rules").items() {
        check_rule(&rule, errors);
    }
}

fn check_rule(rule: &Node<'_>, errors: &mut Errors) {
    let subjects = rule.child("subjects");
    if subjects.is_empty() {
        errors.push(subjects.required("subjects must contain at least one value"));
    }
    for subject in subjects.items() {
        check_subject(&subject, errors);
    }
    let (resources, others) = (rule.child("resourceRules"), rule.child("nonResourceRules"));
    if resources.is_empty() && others.is_empty() {
        let why = "at least one of resourceRules and nonResourceRules has to be non-empty";
        errors.push(rule.required(why));
    }
    for resource in resources.items() {
        resource_rule(&resource, errors);
    }
    for other in others.items() {
        non_resource_rule(&other, errors);
    }
}

fn check_subject(subject: &Node<'_>, errors: &mut Errors) {
    let kind = subject.child("kind");
    let members = [("ServiceAccount", "serviceAccount"), ("User", "user"), ("Group", "group")];
    let Some((_, own)) = members.iter().find(|(name, _)| *name == kind.text()) else {
        errors.push(kind.not_supported(&["Group", "ServiceAccount", "User"]));
        return;
    };
    let node = subject.child(own);
    if !node.is_set() {
        errors.push(node.required(format!("{own} is required when subject kind is '{}'", kind.text())));
    } else if kind.text() == "ServiceAccount" {
        service_account(&node, errors);
    } else if node.child("name").text().is_empty() {
        errors.push(node.child("name").required(""));
    }
    for (name, member) in members.iter().filter(|(_, member)| member != own) {
        let other = subject.child(member);
        if other.is_set() {
            let why = format!("{member} is forbidden when subject kind is not '{name}'");
            errors.push(other.forbidden(why));
        }
    }
}

fn service_account(account: &Node<'_>, errors: &mut Errors) {
    let (name, namespace) = (account.child("name"), account.child("namespace"));
    match name.text() {
        "" => errors.push(name.required("")),
        "*" => {}
        _ => names::subdomain(&name, errors),
    }
    if namespace.text().is_empty() {
        errors.push(namespace.required("must specify namespace for service account"));
    } else {
        names::label(&namespace, errors);
    }
}

fn has_wildcard(list: &Node<'_>) -> bool {
    list.items().any(|item| item.text() == "*")
}

/// Refuses a wildcard among others.
fn wildcard_alone(list: &Node<'_>, others: &str, errors: &mut Errors) {
    if list.len() > 1 && has_wildcard(list) {
        errors.push(list.invalid(format!("if '*' is present, must not specify other {others}")));
    }
}

fn check_verbs(verbs: &Node<'_>, errors: &mut Errors) {
    if verbs.is_empty() {
        errors.push(verbs.required("verbs must contain at least one value"));
    } else if has_wildcard(verbs) {
        wildcard_alone(verbs, "verbs", errors);
    } else if !verbs.items().all(|verb| VERBS.contains(&verb.text())) {
        errors.push(render(verbs, &Shape::Json).not_supported(VERBS));
    }
}

fn resource_rule(rule: &Node<'_>, errors: &mut Errors) {
    check_verbs(&rule.child("verbs"), errors);
    let groups = rule.child("apiGroups");
    if groups.is_empty() {
        errors.push(groups.required("resource rules must supply at least one api group"));
    }
    wildcard_alone(&groups, "api groups", errors);
    let resources = rule.child("resources");
    if resources.is_empty() {
        errors.push(resources.required("resource rules must supply at least one resource"));
    }
    wildcard_alone(&resources, "resources", errors);
    let namespaces = rule.child("namespaces");
    if namespaces.is_empty() && !rule.child("clusterScope").is_true() {
        let why = "resource rules that are not cluster scoped must supply at least one namespace";
        errors.push(namespaces.required(why));
    } else if has_wildcard(&namespaces) {
        wildcard_alone(&namespaces, "namespaces", errors);
    } else {
        use keelson_apimachinery::content::names::dns_label;
        for namespace in namespaces.items() {
            let say =
                |why: String| format!("each member of this list must be '*' or a DNS-1123 label; {why}");
            let wrong: Vec<String> = dns_label(namespace.text()).into_iter().map(say).collect();
            names::refuse(&namespace, wrong, errors);
        }
    }
}

fn non_resource_rule(rule: &Node<'_>, errors: &mut Errors) {
    check_verbs(&rule.child("verbs"), errors);
    let urls = rule.child("nonResourceURLs");
    if urls.is_empty() {
        errors.push(urls.required("nonResourceURLs must contain at least one value"));
    } else if has_wildcard(&urls) {
        wildcard_alone(&urls, "non-resource URLs", errors);
    } else {
        for url in urls.items() {
            errors.extend(wrong_url(url.text()).map(|why| url.invalid(why)));
        }
    }
}

fn wrong_url(path: &str) -> Option<&'static str> {
    let stars = path.matches('*').count();
    if path.is_empty() {
        Some("must not be empty")
    } else if path == "/" {
        None
    } else if !path.starts_with('/') {
        Some("must start with slash")
    } else if path.contains(' ') {
        Some("must not contain white-space")
    } else if path.contains("//") {
        Some("must not contain double slash")
    } else if stars > 1 || (stars == 1 && !path.ends_with("/*")) {
        Some("wildcard can only do suffix matching")
    } else {
        None
    }
}
