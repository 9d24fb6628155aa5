//! What differs between resources on the write path: a row of the table ([`Behaviour`]) and, for the few that
//! need code, hooks ([`Hooks`]).
//!
//! The order of a creation: [`Hooks::begin_create`], [`Strategy::prepare_for_create`],
//! [`Strategy::validate`], warnings. Of an update: [`Hooks::begin_update`],
//! [`Strategy::prepare_for_update`], [`Strategy::validate_update`], warnings. Preparing changes the object and
//! can't fail; validating can't change it.

mod behaviour;
mod status;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keelson_api::validation::{Node, Rules, metadata};
use keelson_apimachinery::content::names::NameRule;
use keelson_apimachinery::field::FieldError;
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Map, Status, Value};

pub use behaviour::{
    Behaviour, FieldLabel, FieldLabels, FieldSource, GarbageCollection, Generation, NEW_EVENT_FIELDS,
    StatusMetadata,
};

use super::options::{DeleteOptions, WriteContext};

/// What is special about one kind. Defaults do nothing.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Takes what the object needs from elsewhere (addresses, ports). The returned hold is told how the
    /// creation ended.
    async fn begin_create(
        &self,
        _: &WriteContext<'_>,
        _: &mut Object,
    ) -> Result<Option<Box<dyn Hold>>, Status> {
        Ok(None)
    }

    /// As [`Hooks::begin_create`], for an update from `old`.
    async fn begin_update(
        &self,
        _: &WriteContext<'_>,
        _: &mut Object,
        _old: &Object,
    ) -> Result<Option<Box<dyn Hold>>, Status> {
        Ok(None)
    }

    /// Gives back what the object held, after its deletion.
    async fn after_delete(&self, _: &Object) {}

    /// Sets what only the server sets, after the table's rules.
    fn prepare_for_create(&self, _: &WriteContext<'_>, _: &mut Object) {}

    /// Keeps what an update of the object itself may not change, after the table's rules but before the
    /// generation is compared.
    fn prepare_for_update(&self, _: &WriteContext<'_>, _: &mut Object, _old: &Object) {}

    /// As `prepare_for_update`, for the subresource in the context. The default is the table's rule for
    /// `status`, and none for others.
    fn prepare_subresource(&self, _: &WriteContext<'_>, _: &mut Object, _old: &Object) {}

    /// What is wrong with a new object, beside its metadata.
    fn validate(&self, _: &WriteContext<'_>, _: &Object) -> Vec<FieldError> {
        Vec::new()
    }

    /// What is wrong with an update, beside the metadata.
    fn validate_update(&self, _: &WriteContext<'_>, _: &Object, _old: &Object) -> Vec<FieldError> {
        Vec::new()
    }

    /// Warnings for who writes the object itself; `old` is `None` for creations.
    fn warnings(&self, _: &Object, _old: Option<&Object>) -> Vec<String> {
        Vec::new()
    }

    /// Warnings for who deletes.
    fn deletion_warnings(&self, _: &DeleteOptions) -> Vec<String> {
        Vec::new()
    }

    /// The grace period in seconds for a kind that knows graceful deletion; `requested` is what the client
    /// asked for.
    fn grace_period(&self, _: &Object, _requested: Option<i64>) -> Option<i64> {
        None
    }

    /// Refuses the deletion of an object by its name alone.
    ///
    /// # Errors
    /// What the client is answered.
    fn check_deletion(&self, _name: &str) -> Result<(), Status> {
        Ok(())
    }

    /// Whether an object that is being deleted and has no finalizers left may go.
    fn may_vanish(&self, _: &Object) -> bool {
        true
    }

    /// Whether the first deletion only marks the object as terminating: namespaces.
    fn terminates(&self) -> bool {
        false
    }
}

/// What [`Hooks::begin_create`] and [`Hooks::begin_update`] took.
#[async_trait]
pub trait Hold: Send {
    /// The write happened: what it no longer needs is given back.
    async fn keep(self: Box<Self>);

    /// The write failed or was a dry run: what was taken is given back.
    async fn release(self: Box<Self>);
}

/// A kind about which nothing is special.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Hooks for Plain {}

/// The rules and hooks of one resource.
#[derive(Clone)]
pub struct Strategy {
    /// The resource's row.
    pub behaviour: &'static Behaviour,
    /// What its objects must keep to; `None` where only their metadata is checked.
    pub rules: Option<&'static Rules>,
    /// What is special about its kind.
    pub hooks: Arc<dyn Hooks>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The status of a new object: the canonical tree of its type's zero value.
    pub zero_status: Value,
}

impl fmt::Debug for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strategy").field("behaviour", self.behaviour).finish_non_exhaustive()
    }
}

impl Strategy {
    /// Sets what the server sets on a new object.
    pub fn prepare_for_create(&self, context: &WriteContext<'_>, object: &mut Object) {
        match self.behaviour.generation {
            Generation::Untracked | Generation::Rises { from_one: false, .. } => {}
            _ => object.set_generation(1),
        }
        if self.behaviour.status && !self.behaviour.status_on_create {
            status::reset(object, &self.zero_status);
        }
        self.hooks.prepare_for_create(context, object);
    }

    /// What is wrong with a new object by the kind's own rules.
    pub fn validate(&self, context: &WriteContext<'_>, object: &Object) -> Vec<FieldError> {
        let mut errors = metadata::validate(object, self.namespaced, self.behaviour.names);
        if self.behaviour.qualified_finalizers {
            errors.extend(metadata::validate_finalizer_names(object));
        }
        if let Some(rules) = self.rules {
            rules.create(&Node::root(object.as_value()), &mut errors);
        }
        errors.extend(self.hooks.validate(context, object));
        errors
    }

    /// What is wrong with a new object's metadata for any kind, once its own rules are content.
    pub fn validate_path_segment(&self, object: &Object) -> Vec<FieldError> {
        metadata::validate(object, self.namespaced, NameRule::PathSegment)
    }

    /// Keeps what an update may not change.
    pub fn prepare_for_update(&self, context: &WriteContext<'_>, object: &mut Object, old: &Object) {
        match context.subresource {
            "" | "scale" => {
                if self.behaviour.status {
                    status::copy_member(object, old, "status");
                }
                self.hooks.prepare_for_update(context, object, old);
                self.raise_generation(object, old);
            }
            subresource => {
                if subresource == "status" {
                    status::keep_all_but_status(object, old);
                    status::keep_metadata(object, old, self.behaviour.status_metadata);
                }
                self.hooks.prepare_subresource(context, object, old);
            }
        }
    }

    fn raise_generation(&self, object: &mut Object, old: &Object) {
        let changed = |member: &str| object.get(member) != old.get(member);
        let rises = match self.behaviour.generation {
            Generation::Untracked | Generation::Fixed => false,
            Generation::Rises { members, .. } => members.iter().any(|m| changed(m)),
            Generation::SpecAndAnnotations => {
                let annotations = |o: &Object| o.annotations().cloned().unwrap_or_default();
                changed("spec") || annotations(object) != annotations(old)
            }
            Generation::AllButMetadata => {
                let labels = |o: &Object| o.labels().cloned().unwrap_or_default();
                let rest = |o: &Object| -> Map {
                    let members = o.members().iter().filter(|(key, _)| *key != "metadata");
                    members.map(|(key, value)| (key.into(), value.clone())).collect::<Map>()
                };
                rest(object) != rest(old) || labels(object) != labels(old)
            }
        };
        if rises {
            object.set_generation(old.generation() + 1);
        }
    }

    /// What is wrong with an update. The checks of the metadata come twice, as most kinds upstream repeat
    /// what is checked for all.
    pub fn validate_update(
        &self,
        context: &WriteContext<'_>,
        object: &Object,
        old: &Object,
    ) -> Vec<FieldError> {
        let mut errors = metadata::validate(object, self.namespaced, NameRule::PathSegment);
        errors.extend(metadata::validate_update(object, old));
        if self.rules.is_none_or(|rules| rules.repeats_metadata(context.subresource)) {
            errors.extend(metadata::validate_update(object, old));
            if self.behaviour.qualified_finalizers {
                errors.extend(metadata::validate_finalizer_names(object));
            }
        }
        if let Some(rules) = self.rules {
            let (object, old) = (Node::root(object.as_value()), Node::root(old.as_value()));
            rules.update(context.subresource, &object, &old, &mut errors);
        }
        errors.extend(self.hooks.validate_update(context, object, old));
        errors
    }

    /// Warnings for who writes the object; `old` is `None` for creations.
    pub fn warnings(&self, context: &WriteContext<'_>, object: &Object, old: Option<&Object>) -> Vec<String> {
        let node = Node::root(object.as_value());
        let before = old.map(|old| Node::root(old.as_value()));
        let by_rules = self.rules.map(|rules| rules.warn(context.subresource, &node, before.as_ref()));
        let mut warnings = by_rules.unwrap_or_default();
        if matches!(context.subresource, "" | "scale") {
            warnings.extend(self.hooks.warnings(object, old));
        }
        warnings
    }
}

/// The object at a key of a map, made where it is absent.
pub(crate) fn member<'a>(map: &'a mut Map, key: &'static str) -> &'a mut Map {
    let value = map.entry(keelson_apimachinery::Text::const_new(key), || Value::Object(Map::new()));
    if !matches!(value, Value::Object(_)) {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("made an object above")
}
