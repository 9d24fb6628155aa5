//! The policy as an index: what is bound to whom.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use imbl::{HashMap, HashSet, OrdMap};
use keelson_api::rbac::Rule;
use keelson_apimachinery::field::quote;
use keelson_apimachinery::{Text, Value};
use parking_lot::Mutex;

use super::allows;
use super::table::Table;
use crate::authz::Attributes;
use crate::request::UserInfo;

/// Up to so many rules are looked at one by one.
const FEW: usize = 32;

/// Who something is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user by name.
    User(Text),
    /// Everyone in a group.
    Group(Text),
    /// A service account, by namespace and name.
    ServiceAccount(Text, Text),
}

impl Subject {
    /// Reads a subject of a binding; `None` for kinds that RBAC doesn't know. A service account without a
    /// namespace is of the binding's, and nobody where that has none either.
    pub fn read(value: &Value, namespace: &str) -> Option<Self> {
        let name = Text::from(value.str_at(&["name"]));
        match value.str_at(&["kind"]) {
            "User" => Some(Subject::User(name)),
            "Group" => Some(Subject::Group(name)),
            "ServiceAccount" => {
                let namespace =
                    Some(value.str_at(&["namespace"])).filter(|own| !own.is_empty()).unwrap_or(namespace);
                (!namespace.is_empty()).then(|| Subject::ServiceAccount(namespace.into(), name))
            }
            _ => None,
        }
    }

    /// Whether it speaks of a user.
    fn is(&self, user: &UserInfo) -> bool {
        match self.key() {
            Key::User(name) => user.name == name,
            Key::Group(name) => user.in_group(&name),
        }
    }

    /// What it is found by.
    fn key(&self) -> Key {
        match self {
            Subject::User(name) => Key::User(name.clone()),
            Subject::Group(name) => Key::Group(name.clone()),
            Subject::ServiceAccount(namespace, name) => {
                Key::User(format!("system:serviceaccount:{namespace}:{name}").into())
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::User(name) => write!(f, "User {}", quote(name)),
            Subject::Group(name) => write!(f, "Group {}", quote(name)),
            Subject::ServiceAccount(namespace, name) => {
                write!(f, "ServiceAccount {}", quote(&format!("{name}/{namespace}")))
            }
        }
    }
}

/// How a subject is found.
enum Key {
    User(Text),
    Group(Text),
}

/// The role that a binding binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRef {
    /// Whether it is a ClusterRole; otherwise it is a Role of the binding's namespace.
    pub cluster: bool,
    /// Its name.
    pub name: Text,
}

impl RoleRef {
    fn kind(&self) -> &'static str {
        if self.cluster { "ClusterRole" } else { "Role" }
    }

    /// What is said of a binding whose role does not exist.
    pub(super) fn not_found(&self) -> String {
        let resource = if self.cluster { "clusterrole" } else { "role" };
        format!("{resource}.rbac.authorization.k8s.io {} not found", quote(&self.name))
    }
}

/// A binding: a RoleBinding of a namespace, or a ClusterRoleBinding where that is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The namespace; empty for a ClusterRoleBinding.
    pub namespace: Text,
    /// The name.
    pub name: Text,
    /// What it binds.
    pub role: RoleRef,
    /// To whom.
    pub subjects: Vec<Subject>,
}

impl Binding {
    /// The namespace (empty for a ClusterRole) and the name of its role.
    fn role_name(&self) -> Name {
        let namespace = if self.role.cluster { Text::default() } else { self.namespace.clone() };
        (namespace, self.role.name.clone())
    }
}

/// A binding that speaks of a user.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound<'a> {
    pub(super) binding: &'a Binding,
    user: &'a UserInfo,
}

impl fmt::Display for Bound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Binding { namespace, name, role, .. } = self.binding;
        match namespace.as_str() {
            "" => write!(f, "ClusterRoleBinding {}", quote(name))?,
            namespace => write!(f, "RoleBinding {}", quote(&format!("{name}/{namespace}")))?,
        }
        write!(f, " of {} {}", role.kind(), quote(&role.name))?;
        match self.binding.subjects.iter().find(|subject| subject.is(self.user)) {
            Some(subject) => write!(f, " to {subject}"),
            None => Ok(()),
        }
    }
}

/// What is bound to a subject in one scope.
#[derive(Clone, Debug, Default)]
struct OfSubject {
    /// By name.
    bindings: OrdMap<Text, Arc<Binding>>,
    /// What they come to, made when it is first asked for. A new cell takes its place with every change of the
    /// bindings or of their roles.
    table: Arc<OnceLock<Option<Table>>>,
}

/// What is bound in one scope, by subject.
#[derive(Clone, Debug, Default)]
struct Scope {
    users: HashMap<Text, OfSubject>,
    groups: HashMap<Text, OfSubject>,
}

impl Scope {
    fn of(&mut self, subject: Key) -> (&mut HashMap<Text, OfSubject>, Text) {
        match subject {
            Key::User(name) => (&mut self.users, name),
            Key::Group(name) => (&mut self.groups, name),
        }
    }
}

/// The name of something in a namespace, which is empty for the cluster.
type Name = (Text, Text);

/// The policy at one moment. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub(super) struct Now {
    /// Rules by namespace (empty for cluster roles) and name.
    roles: HashMap<Text, HashMap<Text, Arc<[Rule]>>>,
    bindings: HashMap<Name, Arc<Binding>>,
    /// By namespace (empty for cluster role bindings).
    scopes: HashMap<Text, Scope>,
    /// The bindings of each role.
    of_roles: HashMap<Name, HashSet<Name>>,
}

/// What a user asks of the policy.
pub(super) enum Answer<'a> {
    /// This binding allows it.
    Allowed(Bound<'a>),
    /// None does; these roles are bound, and don't exist.
    Refused(Vec<&'a RoleRef>),
}

impl Now {
    /// What is bound to a user: in the cluster, then in the namespace, where there is one.
    fn bound_to<'a>(&'a self, user: &'a UserInfo, namespace: &'a str) -> impl Iterator<Item = &'a OfSubject> {
        let scopes = [""].into_iter().chain((!namespace.is_empty()).then_some(namespace));
        scopes.filter_map(|scope| self.scopes.get(scope)).flat_map(|scope| {
            let of_groups = user.groups.iter().filter_map(|group| scope.groups.get(group.as_str()));
            scope.users.get(user.name.as_str()).into_iter().chain(of_groups)
        })
    }

    /// The bindings that speak of a user, each once: those of the cluster, then those of the namespace, where
    /// there is one.
    pub(super) fn bindings_of<'a>(&'a self, user: &'a UserInfo, namespace: &'a str) -> Vec<&'a Binding> {
        let mut seen = std::collections::HashSet::new();
        let all = self.bound_to(user, namespace).flat_map(|of_subject| of_subject.bindings.values());
        all.filter(|binding| seen.insert(Arc::as_ptr(binding))).map(|binding| &**binding).collect()
    }

    /// Whether the policy allows what is asked for.
    pub(super) fn judge<'a>(&'a self, attributes: &Attributes<'a>) -> Answer<'a> {
        let user = attributes.user;
        let allowed = |binding: &'a Arc<Binding>| Answer::Allowed(Bound { binding, user });
        let mut lost = Vec::new();
        for of_subject in self.bound_to(user, attributes.namespace) {
            if let Some(table) = of_subject.table.get_or_init(|| self.table(of_subject)) {
                if let Some(binding) = table.allows(attributes) {
                    return allowed(binding);
                }
                lost.extend(table.lost());
                continue;
            }
            for binding in of_subject.bindings.values() {
                match self.rules(binding) {
                    None => lost.push(&binding.role),
                    Some(rules) if rules.iter().any(|rule| allows(rule, attributes)) => {
                        return allowed(binding);
                    }
                    Some(_) => {}
                }
            }
        }
        Answer::Refused(lost)
    }

    /// The table of what is bound to a subject, where there are so many rules that it pays.
    fn table(&self, of_subject: &OfSubject) -> Option<Table> {
        let bindings = || of_subject.bindings.values();
        let rules: usize = bindings().filter_map(|binding| self.rules(binding)).map(<[Rule]>::len).sum();
        (rules.max(of_subject.bindings.len()) > FEW)
            .then(|| Table::new(bindings().map(|binding| (binding, self.rules(binding)))))
    }

    /// The rules of the role that is bound; `None` where it does not exist.
    pub(super) fn rules(&self, binding: &Binding) -> Option<&[Rule]> {
        let namespace = if binding.role.cluster { "" } else { binding.namespace.as_str() };
        self.roles.get(namespace)?.get(binding.role.name.as_str()).map(|rules| &**rules)
    }

    fn set_role(&mut self, name: Name, rules: Vec<Rule>) {
        self.roles.entry(name.0.clone()).or_default().insert(name.1.clone(), rules.into());
        self.forget_tables_of(&name);
    }

    fn remove_role(&mut self, name: &Name) {
        if let Some(of_namespace) = self.roles.get_mut(&name.0) {
            of_namespace.remove(&name.1);
            if of_namespace.is_empty() {
                self.roles.remove(&name.0);
            }
        }
        self.forget_tables_of(name);
    }

    /// What was made of a role counts no more.
    fn forget_tables_of(&mut self, role: &Name) {
        let bound: Vec<Arc<Binding>> = self
            .of_roles
            .get(role)
            .into_iter()
            .flat_map(|bindings| bindings.iter().filter_map(|name| self.bindings.get(name).cloned()))
            .collect();
        for binding in bound {
            let Some(scope) = self.scopes.get_mut(&binding.namespace) else { continue };
            for subject in &binding.subjects {
                let (subjects, name) = scope.of(subject.key());
                if let Some(of_subject) = subjects.get_mut(&name) {
                    of_subject.table = Arc::default();
                }
            }
        }
    }

    fn remove_binding(&mut self, name: &Name) {
        let Some(binding) = self.bindings.remove(name) else { return };
        let role = binding.role_name();
        if let Some(bindings) = self.of_roles.get_mut(&role) {
            bindings.remove(name);
            if bindings.is_empty() {
                self.of_roles.remove(&role);
            }
        }
        let Some(scope) = self.scopes.get_mut(&name.0) else { return };
        for subject in &binding.subjects {
            let (subjects, key) = scope.of(subject.key());
            let Some(of_subject) = subjects.get_mut(&key) else { continue };
            of_subject.bindings.remove(&name.1);
            of_subject.table = Arc::default();
            if of_subject.bindings.is_empty() {
                subjects.remove(&key);
            }
        }
        if scope.users.is_empty() && scope.groups.is_empty() {
            self.scopes.remove(&name.0);
        }
    }

    fn set_binding(&mut self, binding: Binding) {
        let name = (binding.namespace.clone(), binding.name.clone());
        self.remove_binding(&name);
        let binding = Arc::new(binding);
        self.of_roles.entry(binding.role_name()).or_default().insert(name.clone());
        let scope = self.scopes.entry(name.0.clone()).or_default();
        for subject in &binding.subjects {
            let (subjects, key) = scope.of(subject.key());
            let of_subject = subjects.entry(key).or_default();
            of_subject.bindings.insert(name.1.clone(), Arc::clone(&binding));
            of_subject.table = Arc::default();
        }
        self.bindings.insert(name, binding);
    }
}

/// The policy, as it changes.
#[derive(Debug, Default)]
pub struct Policy {
    now: ArcSwap<Now>,
    /// Taken to change it: changes come from several watches.
    changing: Mutex<()>,
}

impl Policy {
    pub(super) fn now(&self) -> arc_swap::Guard<Arc<Now>> {
        self.now.load()
    }

    fn change(&self, change: impl FnOnce(&mut Now)) {
        let _changing = self.changing.lock();
        let mut now = Now::clone(&self.now.load());
        change(&mut now);
        self.now.store(Arc::new(now));
    }

    /// A role is there, with these rules; `namespace` is empty for a ClusterRole.
    pub fn set_role(&self, namespace: &str, name: &str, rules: Vec<Rule>) {
        self.change(|now| now.set_role((namespace.into(), name.into()), rules));
    }

    /// A role is gone.
    pub fn remove_role(&self, namespace: &str, name: &str) {
        self.change(|now| now.remove_role(&(namespace.into(), name.into())));
    }

    /// These are all ClusterRoles (`cluster`) or all Roles: namespace, name and rules.
    pub fn replace_roles(&self, cluster: bool, roles: Vec<(Text, Text, Vec<Rule>)>) {
        self.change(|now| {
            let of_kind = now.roles.iter().filter(|(namespace, _)| namespace.is_empty() == cluster);
            let gone: Vec<Name> = of_kind
                .flat_map(|(namespace, roles)| roles.keys().map(|name| (namespace.clone(), name.clone())))
                .collect();
            gone.iter().for_each(|name| now.remove_role(name));
            for (namespace, name, rules) in roles {
                now.set_role((namespace, name), rules);
            }
        });
    }

    /// A binding is there.
    pub fn set_binding(&self, binding: Binding) {
        self.change(|now| now.set_binding(binding));
    }

    /// A binding is gone; `namespace` is empty for a ClusterRoleBinding.
    pub fn remove_binding(&self, namespace: &str, name: &str) {
        self.change(|now| now.remove_binding(&(namespace.into(), name.into())));
    }

    /// These are all ClusterRoleBindings (`cluster`) or all RoleBindings.
    pub fn replace_bindings(&self, cluster: bool, bindings: Vec<Binding>) {
        self.change(|now| {
            let gone: Vec<Name> =
                now.bindings.keys().filter(|(ns, _)| ns.is_empty() == cluster).cloned().collect();
            gone.iter().for_each(|name| now.remove_binding(name));
            bindings.into_iter().for_each(|binding| now.set_binding(binding));
        });
    }
}
