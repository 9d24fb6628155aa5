//! What a write does to the owners of fields.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::LazyLock;

use super::conflict::Conflicts;
use super::element::equal;
use super::entries::{self, Identity, Managers, Operation, Owned};
use super::merge::{merge, remove_items, with_named_fields};
use super::set::{Filter, Set};
use super::validate::validate;
use super::walk::{Comparison, compare, to_set};
use crate::codec::json;
use crate::meta::Object;
use crate::{Schema, Status, Text, TypeId, Value};

/// How many managers that update an object has before the oldest are thrown together.
const MAX_UPDATE_MANAGERS: usize = 10;
/// The manager that the oldest ones become.
const OLDEST: &str = "ancient-changes";
/// The manager of what an object without managers has when it is applied to first.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";
/// The manager whose applies take over what `kubectl apply` wrote on the client's side.
const KUBECTL: &str = "kubectl";
/// Where `kubectl apply` keeps the configuration that it applied on the client's side.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Bytes that the annotations of an object have room for.
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// What no one owns: who and which version an object is.
static NOT_OWNED: LazyLock<Set> = LazyLock::new(|| {
    Set::of_fields(&[
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ])
});

static MANAGED_FIELDS: LazyLock<Set> = LazyLock::new(|| Set::of_fields(&[&["metadata", "managedFields"]]));

/// The versions of a kind.
pub trait Versions {
    /// The type of its objects in a version, such as `apps/v1`; `None` where there is no such version.
    fn type_of(&self, api_version: &str) -> Option<TypeId>;

    /// An object of one version in another. Both have a type.
    ///
    /// # Errors
    /// A text for an object that can't be converted.
    fn convert(&self, object: &Value, from: &str, to: &str) -> Result<Value, String>;
}

/// Tracks who owns which fields, through writes of one endpoint.
#[derive(Clone, Copy)]
pub struct FieldManager<'a> {
    /// The types.
    pub schema: &'a Schema,
    /// The versions of the kind.
    pub versions: &'a dyn Versions,
    /// The version that the client speaks: objects come and go in it.
    pub api_version: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// The type of the objects.
    pub ty: TypeId,
    /// The subresource; empty for the object itself.
    pub subresource: &'a str,
    /// What writes through this endpoint may own.
    pub filter: &'a Filter,
    /// The time now: RFC 3339 in UTC, to the second.
    pub now: &'a str,
}

/// Why an apply failed.
enum Failure {
    Conflicts(Conflicts),
    Other(String),
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Failure::Other(why)
    }
}

impl FieldManager<'_> {
    /// Notes in `new.metadata.managedFields` what `manager` changed. `live` is the current object, `None`
    /// where it is created. `reset` says that the client sent an empty list of managed fields, which forgets
    /// all managers.
    ///
    /// It never fails: entries that can't be read, in either object, count as none.
    pub fn update(&self, live: Option<&Object>, new: &mut Object, reset: bool, manager: &str) {
        let mut managers = self.managers_before(live, new, reset);
        new.set_managed_fields(Vec::new());
        // What was not tracked from the start isn't until it is applied to.
        if managers.is_empty() && live.is_some_and(|live| !live.uid().is_empty()) {
            return;
        }
        let zero;
        let old = match live {
            Some(live) => live.as_value(),
            None => {
                zero = Value::Object(self.schema.zero_struct(self.ty));
                &zero
            }
        };
        let noted = self.note_update(old, new.as_value(), &mut managers, manager);
        if noted.is_ok() {
            cap(&mut managers);
            new.set_managed_fields(entries::encode(&managers));
        }
    }

    /// The managers that an update begins with: those that the client sent, or else the current ones.
    fn managers_before(&self, live: Option<&Object>, new: &Object, reset: bool) -> Managers {
        let current =
            || live.map_or_else(Managers::new, |l| entries::decode(l.managed_fields()).unwrap_or_default());
        if !self.subresource.is_empty() {
            return current();
        }
        let sent = new.managed_fields();
        if reset || entries::asks_reset(sent) {
            return Managers::new();
        }
        // Most clients send back what they read.
        if live.is_some_and(|live| live.managed_fields() == sent) {
            return current();
        }
        match entries::decode(sent) {
            Ok(managers) if !managers.is_empty() => managers,
            _ => current(),
        }
    }

    fn note_update(
        &self,
        old: &Value,
        new: &Value,
        managers: &mut Managers,
        manager: &str,
    ) -> Result<(), String> {
        let changes = match self.reassign(old, new, managers, None, true) {
            Ok(changes) => changes,
            Err(Failure::Other(why)) => return Err(why),
            Err(Failure::Conflicts(_)) => return Err("an update has no conflicts".into()),
        };
        let mut set = match changes.modified.is_empty() {
            true => changes.added,
            false => changes.modified.union(&changes.added),
        };
        set.take_out(&NOT_OWNED, false);
        if set.is_empty() {
            return Ok(());
        }
        let identity = Identity::new(manager, Operation::Update, self.api_version, self.subresource);
        let set = match managers.get(&identity) {
            Some(before) => set.union(&before.set),
            None => set,
        };
        let owned = Owned { set, api_version: self.api_version.into(), time: Some(self.now.into()) };
        managers.insert(identity, owned);
        Ok(())
    }

    /// Takes from all managers but `applying` what `new` removes, and what it changes or adds.
    fn reassign(
        &self,
        old: &Value,
        new: &Value,
        managers: &mut Managers,
        applying: Option<&Identity>,
        force: bool,
    ) -> Result<Comparison, Failure> {
        let mut compared: BTreeMap<Text, Option<Comparison>> = BTreeMap::new();
        compared.insert(self.api_version.into(), Some(self.compared(self.ty, old, new)));
        let mut conflicts = Conflicts::default();
        let mut obsolete = Vec::new();
        for (identity, owned) in managers.iter().filter(|(identity, _)| Some(*identity) != applying) {
            let changes = match compared.entry(owned.api_version.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.compared_in(&owned.api_version, old, new)?),
            };
            let Some(changes) = changes else {
                obsolete.push(identity.clone());
                continue;
            };
            let changed =
                owned.set.intersection(&changes.modified).union(&owned.set.intersection(&changes.added));
            if !changed.is_empty() {
                conflicts.0.insert(identity.clone(), (changed, owned.api_version.clone()));
            }
        }
        if !force && !conflicts.0.is_empty() {
            return Err(Failure::Conflicts(conflicts));
        }
        for identity in obsolete {
            managers.remove(&identity);
        }
        for (identity, owned) in managers.iter_mut() {
            if let Some((changed, _)) = conflicts.0.get(identity) {
                owned.set.take_out(changed, false);
            }
            let removed = compared.get(&owned.api_version).and_then(Option::as_ref).map(|c| &c.removed);
            if let Some(removed) = removed.filter(|r| !r.is_empty() && Some(identity) != applying) {
                owned.set.take_out(removed, false);
            }
        }
        managers.retain(|_, owned| !owned.set.is_empty());
        Ok(compared.remove(self.api_version).flatten().unwrap_or_default())
    }

    fn compared(&self, ty: TypeId, old: &Value, new: &Value) -> Comparison {
        let mut changes = compare(self.schema, ty, old, new);
        // What is compared with may have managed fields still, the new object has none.
        changes.removed.take_out(&MANAGED_FIELDS, true);
        changes.removed = self.filter.apply(changes.removed);
        changes.modified = self.filter.apply(changes.modified);
        changes.added = self.filter.apply(changes.added);
        changes
    }

    /// What changed, in the names of another version; `None` where there is no such version.
    fn compared_in(&self, version: &str, old: &Value, new: &Value) -> Result<Option<Comparison>, String> {
        let Some(ty) = self.versions.type_of(version) else { return Ok(None) };
        let old = self.convert(old, self.api_version, version)?;
        let new = self.convert(new, self.api_version, version)?;
        Ok(Some(self.compared(ty, &old, &new)))
    }

    fn convert<'v>(&self, value: &'v Value, from: &str, to: &str) -> Result<Cow<'v, Value>, String> {
        if from == to {
            Ok(Cow::Borrowed(value))
        } else {
            self.versions.convert(value, from, to).map(Cow::Owned)
        }
    }

    /// Applies a configuration: the object with what it says and without what `manager` no longer says and no
    /// one else owns; `metadata.managedFields` says who owns what. `live` is the current object, `None` where
    /// it is created. `decode` makes the canonical object of a merged tree.
    ///
    /// # Errors
    /// 400 for a configuration of another kind or version, or with managed fields; 409 for fields of others,
    /// unless `force`; 500 without a reason for one that does not fit the type; what `decode` says.
    pub fn apply(
        &self,
        live: Option<&Object>,
        config: &Value,
        manager: &str,
        force: bool,
        decode: &dyn Fn(Value) -> Result<Object, Status>,
    ) -> Result<Object, Status> {
        let mut managers = match live.map(|live| entries::decode(live.managed_fields())) {
            Some(Ok(managers)) => managers,
            Some(Err(why)) => return Err(Status::opaque(format!("failed to decode managed fields: {why}"))),
            None => Managers::new(),
        };
        self.check_kind(config)?;
        let mut current = match live {
            Some(live) => live.clone(),
            None => Object::from(self.schema.zero_struct(self.ty)),
        };
        current.set_managed_fields(Vec::new());
        current.set_type(self.api_version, self.kind);
        if managers.is_empty() {
            let mut zero = Object::from(self.schema.zero_struct(self.ty));
            zero.set_type(self.api_version, self.kind);
            self.note_update(zero.as_value(), current.as_value(), &mut managers, BEFORE_FIRST_APPLY)
                .map_err(|why| {
                    Status::opaque(format!("failed to create manager for existing fields: {why}"))
                })?;
            cap(&mut managers);
        }
        if matches!(config.at(&["metadata", "managedFields"]), Some(Value::Array(_))) {
            return Err(Status::bad_request("metadata.managedFields must be nil"));
        }
        validate(self.schema, self.ty, config).map_err(|why| {
            Status::opaque(format!("failed to create typed patch object ({}): {why}", self.describe(config)))
        })?;

        let identity = Identity::new(manager, Operation::Apply, self.api_version, self.subresource);
        let live = current.as_value();
        let tried = self.merge_and_own(live, config, managers.clone(), &identity, force);
        let (merged, mut managers) = match tried {
            Err(Failure::Conflicts(conflicts)) if manager == KUBECTL => {
                let allowed = self.owned_by_last_applied(&current);
                let left = allowed.map_or_else(|| conflicts.clone(), |allowed| conflicts.without(&allowed));
                if !left.0.is_empty() {
                    return Err(left.status());
                }
                self.merge_and_own(live, config, managers, &identity, true).map_err(Failure::into_status)?
            }
            tried => tried.map_err(Failure::into_status)?,
        };
        if let Some(own) = managers.get_mut(&identity) {
            own.set.take_out(&NOT_OWNED, false);
            if merged.is_some() {
                own.time = Some(self.now.into());
            }
        }
        managers.retain(|_, owned| !owned.set.is_empty());
        let mut object = match merged {
            Some(merged) => decode(merged)?,
            None => current,
        };
        if manager == KUBECTL && !object.annotation(LAST_APPLIED).unwrap_or_default().is_empty() {
            set_last_applied(&mut object, config);
        }
        object.set_managed_fields(entries::encode(&managers));
        Ok(object)
    }

    /// Refuses a configuration of another kind or version.
    fn check_kind(&self, config: &Value) -> Result<(), Status> {
        let (api_version, kind) = (config.str_at(&["apiVersion"]), config.str_at(&["kind"]));
        if api_version == self.api_version && kind == self.kind {
            return Ok(());
        }
        Err(Status::bad_request(format!("invalid object type: {}", group_version_kind(api_version, kind))))
    }

    /// `namespace/name; group/version, Kind=kind`.
    fn describe(&self, config: &Value) -> String {
        let text = |key| config.str_at(&["metadata", key]);
        format!("{}/{}; {}", text("namespace"), text("name"), group_version_kind(self.api_version, self.kind))
    }

    /// The merged object (`None` where it is the current one), and who owns what of it.
    fn merge_and_own(
        &self,
        live: &Value,
        config: &Value,
        mut managers: Managers,
        applying: &Identity,
        force: bool,
    ) -> Result<(Option<Value>, Managers), Failure> {
        let merged = merge(self.schema, self.ty, live, config);
        let set = self.filter.apply(to_set(self.schema, self.ty, config));
        let last = managers.remove(applying);
        let time = last.as_ref().and_then(|last| last.time.clone());
        managers.insert(applying.clone(), Owned { set, api_version: self.api_version.into(), time });
        let merged = match last.filter(|last| !last.set.is_empty()) {
            Some(last) => self.prune(merged, &managers, &last)?,
            None => merged,
        };
        self.reassign(live, &merged, &mut managers, Some(applying), force)?;
        Ok(((!equal(live, &merged)).then_some(merged), managers))
    }

    /// Removes what `last` owned and no one owns now.
    fn prune(&self, merged: Value, managers: &Managers, last: &Owned) -> Result<Value, String> {
        let version = last.api_version.as_str();
        let Some(ty) = self.versions.type_of(version) else { return Ok(merged) };
        let merged = self.convert(&merged, self.api_version, version)?.into_owned();
        let last_set = with_named_fields(self.schema, ty, &last.set);
        let pruned = remove_items(self.schema, ty, &merged, &last_set);
        let pruned = self.keep_owned(&merged, pruned, version, managers)?;
        // What went beyond what was owned comes back.
        let gone = self.named_set(ty, &merged).difference(&self.named_set(ty, &pruned));
        let pruned = remove_items(self.schema, ty, &merged, &gone.intersection(&last_set));
        Ok(self.convert(&pruned, version, self.api_version)?.into_owned())
    }

    /// Puts back into `pruned` what `merged` has and someone owns.
    fn keep_owned(
        &self,
        merged: &Value,
        pruned: Value,
        version: &str,
        managers: &Managers,
    ) -> Result<Value, String> {
        let mut owned: BTreeMap<&str, Set> = BTreeMap::new();
        for manager in managers.values() {
            let of_version = owned.entry(&manager.api_version).or_default();
            *of_version = of_version.union(&manager.set);
        }
        let first = owned.remove_entry(version);
        let (mut pruned, mut at) = (pruned, version.to_owned());
        for (other, owned) in first.into_iter().chain(owned) {
            let Some(ty) = self.versions.type_of(other) else { continue };
            let merged = self.convert(merged, version, other)?;
            let before = self.convert(&pruned, &at, other)?;
            let kept = self.named_set(ty, &before).union(&with_named_fields(self.schema, ty, &owned));
            let gone = self.named_set(ty, &merged).difference(&kept);
            pruned = remove_items(self.schema, ty, &merged, &gone);
            other.clone_into(&mut at);
        }
        Ok(self.convert(&pruned, &at, version)?.into_owned())
    }

    fn named_set(&self, ty: TypeId, value: &Value) -> Set {
        with_named_fields(self.schema, ty, &to_set(self.schema, ty, value))
    }

    /// The fields that the client's side applied last, as far as the object still has them so.
    fn owned_by_last_applied(&self, live: &Object) -> Option<Set> {
        let text = live.annotation(LAST_APPLIED).filter(|text| !text.is_empty())?;
        let last = json::decode_untyped(text.as_bytes()).ok()?.value;
        if last.str_at(&["apiVersion"]) != self.api_version || validate(self.schema, self.ty, &last).is_err()
        {
            return None;
        }
        let changes = compare(self.schema, self.ty, &last, live.as_value());
        let set = to_set(self.schema, self.ty, &last);
        Some(set.difference(&changes.modified).difference(&changes.added).difference(&changes.removed))
    }
}

impl Failure {
    fn into_status(self) -> Status {
        match self {
            Failure::Conflicts(conflicts) => conflicts.status(),
            Failure::Other(why) => Status::opaque(why),
        }
    }
}

/// Keeps the annotation of client-side apply in step with what is applied.
fn set_last_applied(object: &mut Object, config: &Value) {
    let mut config = config.clone();
    if let Some(annotations) = config.as_object_mut().and_then(|config| {
        config.get_mut("metadata")?.as_object_mut()?.get_mut("annotations")?.as_object_mut()
    }) {
        annotations.remove(LAST_APPLIED);
    }
    let mut text = Vec::new();
    json::encode_untyped(&config, &mut text);
    text.push(b'\n');
    object.set_annotation(LAST_APPLIED, Some(&String::from_utf8_lossy(&text)));
    let size: usize = object.annotations().map_or(0, |annotations| {
        annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum()
    });
    if size > MAX_ANNOTATIONS {
        object.set_annotation(LAST_APPLIED, None);
    }
}

/// `group/version, Kind=kind`; a version that has more parts is none.
fn group_version_kind(api_version: &str, kind: &str) -> String {
    match api_version.split('/').collect::<Vec<_>>().as_slice() {
        [""] if kind.is_empty() => "/, Kind=".into(),
        [version] => format!("/{version}, Kind={kind}"),
        [group, version] => format!("{group}/{version}, Kind={kind}"),
        _ => "/, Kind=".into(),
    }
}

/// Throws the oldest managers that updated together, a version at a time, until there are few enough.
fn cap(managers: &mut Managers) {
    let updaters = managers.keys().filter(|identity| identity.operation == Operation::Update);
    let mut updaters: Vec<Identity> = updaters.cloned().collect();
    let mut count = updaters.len();
    if count <= MAX_UPDATE_MANAGERS {
        return;
    }
    let time = |identity: &Identity| managers.get(identity).and_then(|owned| owned.time.clone());
    updaters.sort_by_cached_key(|identity| time(identity).unwrap_or_default());
    let mut first_of: BTreeMap<Text, Identity> = BTreeMap::new();
    for identity in updaters {
        if count <= MAX_UPDATE_MANAGERS {
            return;
        }
        let Some(version) = managers.get(&identity).map(|owned| owned.api_version.clone()) else { continue };
        let Some(first) = first_of.get(&version) else {
            first_of.insert(version, identity);
            continue;
        };
        let bucket = Identity::new(OLDEST, Operation::Update, &version, "");
        if !managers.contains_key(&bucket)
            && let Some(owned) = managers.remove(first)
        {
            managers.insert(bucket.clone(), owned);
        }
        if identity == bucket {
            continue;
        }
        if let Some(newer) = managers.remove(&identity)
            && let Some(bucket) = managers.get_mut(&bucket)
        {
            bucket.set = bucket.set.union(&newer.set);
            bucket.time = newer.time;
        }
        count -= 1;
    }
}
