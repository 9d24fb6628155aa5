//! What a write is: the facts that plugins decide by.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;

use crate::request::UserInfo;

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is created.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// A connection to it is opened (`exec`, `proxy`).
    Connect,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 4] =
        [Operation::Create, Operation::Update, Operation::Delete, Operation::Connect];

    /// The word that texts, metrics and webhooks have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Connect => "CONNECT",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What plugins say beside their verdict.
pub trait Notes: Send + Sync {
    /// A warning for the client.
    fn warn(&self, text: &str);

    /// An annotation of the request's audit event; the key carries the plugin's prefix.
    fn audit(&self, key: &str, value: &str);
}

/// Takes no notes.
impl Notes for () {
    fn warn(&self, _: &str) {}

    fn audit(&self, _: &str, _: &str) {}
}

/// Whether plugins that ran already shall see the object once more, as one after them changed it.
#[derive(Debug, Default)]
pub struct Reinvocation(AtomicBool);

impl Reinvocation {
    /// Asks for another round; the chain grants one.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// A write, apart from the new object.
#[derive(Clone, Copy)]
pub struct Attributes<'a> {
    /// What is done.
    pub operation: Operation,
    /// The group of the resource; empty for the core group.
    pub group: &'a str,
    /// The version of the resource that the request speaks.
    pub version: &'a str,
    /// The plural of the resource.
    pub resource: &'a str,
    /// The subresource; may be empty.
    pub subresource: &'a str,
    /// The kind of the object.
    pub kind: &'a str,
    /// The namespace; empty for what is in none.
    pub namespace: &'a str,
    /// The object's name as the request has it; empty where the object itself says it.
    pub name: &'a str,
    /// The object as it is now, where there is one.
    pub old: Option<&'a Object>,
    /// The name under which changed fields are noted; empty where there is none.
    pub field_manager: &'a str,
    /// Whether nothing will be written.
    pub dry_run: bool,
    /// Who asks.
    pub user: &'a UserInfo,
    /// Takes what plugins say beside their verdict.
    pub notes: &'a dyn Notes,
    /// Takes the wish for another round.
    pub reinvocation: &'a Reinvocation,
}

impl Attributes<'_> {
    /// Whether the request is about this resource itself, not one of its subresources.
    pub fn is(&self, group: &str, resource: &str) -> bool {
        self.subresource.is_empty() && self.is_any(group, resource)
    }

    /// Whether the request is about this resource or one of its subresources.
    pub fn is_any(&self, group: &str, resource: &str) -> bool {
        self.resource == resource && self.group == group
    }

    /// Whether an object is created or changed.
    pub fn writes(&self) -> bool {
        matches!(self.operation, Operation::Create | Operation::Update)
    }

    /// 403 with this reason.
    pub fn forbidden(&self, object: Option<&Object>, why: impl fmt::Display) -> Status {
        Status::forbidden(self.group, self.resource, self.name_for(object), why)
    }

    /// 404 for the object.
    pub fn not_found(&self, object: Option<&Object>) -> Status {
        Status::not_found(self.group, self.resource, self.name_for(object))
    }

    /// The name that texts have for the object, which may have none yet.
    fn name_for<'b>(&'b self, object: Option<&'b Object>) -> &'b str {
        if !self.name.is_empty() {
            return self.name;
        }
        match object.map(|object| (object.name(), object.generate_name())) {
            None | Some(("", "")) => "Unknown",
            Some(("", prefix)) => prefix,
            Some((name, _)) => name,
        }
    }
}

/// The text of several failures as one: alone as it is, else in brackets, each once.
pub(super) fn aggregate(texts: &[String]) -> String {
    let mut seen: Vec<&str> = Vec::with_capacity(texts.len());
    for text in texts {
        if !seen.contains(&text.as_str()) {
            seen.push(text);
        }
    }
    match seen.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("[{}]", many.join(", ")),
    }
}
