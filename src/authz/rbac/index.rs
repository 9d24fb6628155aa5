//! The policy as an index: what is bound to whom.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use imbl::{HashMap, OrdMap};
use keelson_api::rbac::Rule;
use keelson_apimachinery::field::quote;
use keelson_apimachinery::{Text, Value};
use parking_lot::Mutex;

use crate::request::UserInfo;

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

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// What is bound to a subject: bindings by name.
type OfSubject = OrdMap<Text, Arc<Binding>>;

/// The policy at one moment. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub(super) struct Now {
    /// Rules by namespace (empty for cluster roles) and name.
    roles: HashMap<(Text, Text), Arc<[Rule]>>,
    /// By namespace (empty for cluster role bindings) and name.
    bindings: HashMap<(Text, Text), Arc<Binding>>,
    /// By namespace and subject.
    subjects: HashMap<(Text, Key), OfSubject>,
}

impl Now {
    /// The bindings that speak of a user: those of the cluster, then those of the namespace, where there is one.
    pub(super) fn bound_to<'a>(
        &'a self,
        user: &'a UserInfo,
        namespace: &'a str,
    ) -> impl Iterator<Item = Bound<'a>> {
        let scopes = [""].into_iter().chain((!namespace.is_empty()).then_some(namespace));
        scopes.flat_map(move |scope| {
            let keys = std::iter::once(Key::User(user.name.as_str().into()))
                .chain(user.groups.iter().map(|group| Key::Group(group.as_str().into())));
            keys.filter_map(move |key| self.subjects.get(&(Text::from(scope), key)))
                .flat_map(|of_subject| of_subject.values())
                .map(|binding| Bound { binding, user })
        })
    }

    /// The rules of the role that is bound; `None` where it does not exist.
    pub(super) fn rules(&self, binding: &Binding) -> Option<&[Rule]> {
        let namespace = if binding.role.cluster { Text::default() } else { binding.namespace.clone() };
        self.roles.get(&(namespace, binding.role.name.clone())).map(|rules| &**rules)
    }

    fn remove_binding(&mut self, key: &(Text, Text)) {
        let Some(binding) = self.bindings.remove(key) else { return };
        for subject in &binding.subjects {
            let place = (key.0.clone(), subject.key());
            let Some(of_subject) = self.subjects.get_mut(&place) else { continue };
            of_subject.remove(&key.1);
            if of_subject.is_empty() {
                self.subjects.remove(&place);
            }
        }
    }

    fn set_binding(&mut self, binding: Binding) {
        let key = (binding.namespace.clone(), binding.name.clone());
        self.remove_binding(&key);
        let binding = Arc::new(binding);
        for subject in &binding.subjects {
            let of_subject = self.subjects.entry((key.0.clone(), subject.key())).or_default();
            of_subject.insert(key.1.clone(), Arc::clone(&binding));
        }
        self.bindings.insert(key, binding);
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
        self.change(|now| {
            now.roles.insert((namespace.into(), name.into()), rules.into());
        });
    }

    /// A role is gone.
    pub fn remove_role(&self, namespace: &str, name: &str) {
        self.change(|now| {
            now.roles.remove(&(namespace.into(), name.into()));
        });
    }

    /// These are all ClusterRoles (`cluster`) or all Roles: namespace, name and rules.
    pub fn replace_roles(&self, cluster: bool, roles: Vec<(Text, Text, Vec<Rule>)>) {
        self.change(|now| {
            now.roles.retain(|(namespace, _), _| namespace.is_empty() != cluster);
            for (namespace, name, rules) in roles {
                now.roles.insert((namespace, name), rules.into());
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
            let gone: Vec<(Text, Text)> =
                now.bindings.keys().filter(|(ns, _)| ns.is_empty() == cluster).cloned().collect();
            gone.iter().for_each(|key| now.remove_binding(key));
            bindings.into_iter().for_each(|binding| now.set_binding(binding));
        });
    }
}
