//! What holds for every kind that is stored, with a row a kind in `kinds.json`:
//!
//! - `least` is the least of an object that is taken, in the first version that discovery lists. Its name is
//!   `every` where it has none.
//! - `fixed` are changes that updates refuse though a new object may be so: where (a JSON pointer), to what
//!   (`null` takes the member away), and the field that the refusal names.
//! - `free` are changes that updates take: where, and to what.
//! - `born_incomplete` says that a creation stores less than reads show, and the first update the rest: the
//!   status is emptied behind the defaults, as upstream does it.
//! - `cases` are changes of objects that have more (`over`, a merge patch of the least).

mod filled;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use keelson_api::{Resource, conversion, defaults, resources, schema};
use keelson_apimachinery::codec::protobuf;
use serde::Deserialize;
use serde_json::Value as Json;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    least: Json,
    #[serde(default)]
    fixed: Vec<(String, Json, String)>,
    #[serde(default)]
    free: Vec<(String, Json)>,
    #[serde(default)]
    cases: Vec<Case>,
    #[serde(default)]
    born_incomplete: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    over: Json,
    #[serde(default)]
    fixed: Vec<(String, Json, String)>,
    #[serde(default)]
    free: Vec<(String, Json)>,
}

/// By `group/plural`, or `plural` in the core group.
static ROWS: LazyLock<BTreeMap<String, Row>> =
    LazyLock::new(|| serde_json::from_str(include_str!("kinds.json")).expect("a table of kinds"));

fn key(resource: &Resource) -> String {
    match resource.group.as_str() {
        "" => resource.plural.to_string(),
        group => format!("{group}/{}", resource.plural),
    }
}

/// The stored kinds: every served version of each, in discovery's order.
fn kinds() -> BTreeMap<String, Vec<&'static Resource>> {
    let mut kinds = BTreeMap::<String, Vec<_>>::new();
    for resource in resources().iter().filter(|resource| !resource.storage_path.is_empty()) {
        kinds.entry(key(resource)).or_default().push(resource);
    }
    kinds
}

#[test]
fn every_stored_kind_has_a_row() {
    let (kinds, rows) = (kinds(), BTreeSet::from_iter(ROWS.keys()));
    assert_eq!(BTreeSet::from_iter(kinds.keys()), rows);
    for (key, row) in ROWS.iter() {
        assert!(!(row.fixed.is_empty() && row.free.is_empty()), "{key} says nothing of updates");
    }
}

fn name_of(resource: &Resource) -> (&str, &str) {
    (resource.group.as_str(), resource.version.as_str())
}

/// Reads what a client sends in a version: strictly, with the version's defaults.
fn read(of: &Resource, sent: &Json) -> Object {
    let text = sent.to_string();
    let decoded = json::decode(schema(), of.type_id, text.as_bytes());
    let decoded = decoded.unwrap_or_else(|error| panic!("{}: {error} in {text}", key(of)));
    assert!(decoded.strict.is_empty(), "{}: {:?} in {text}", key(of), decoded.strict);
    let mut object = Object::try_from(decoded.value).expect("a JSON object");
    defaults::apply(of.type_id, &mut object);
    object.set_type(&api_version(of), &of.kind);
    object
}

fn api_version(of: &Resource) -> String {
    let (group, version) = name_of(of);
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn convert(object: Object, from: &Resource, to: &Resource) -> Object {
    conversion::convert(object, name_of(from), name_of(to))
        .unwrap_or_else(|error| panic!("{} to {}: {error}", key(from), api_version(to)))
}

/// What a client sees of an object in its version.
fn show(of: &Resource, object: &Object) -> Json {
    let mut text = Vec::new();
    json::encode(schema(), of.type_id, object.as_value(), &mut text);
    serde_json::from_slice(&text).expect("JSON")
}

/// An object in a version, as protobuf says it.
fn through_protobuf(of: &Resource, object: &Object) -> Object {
    let message = protobuf::encode(schema(), of.type_id, object.as_value())
        .unwrap_or_else(|error| panic!("{}: {error}", key(of)));
    let value = protobuf::decode(schema(), of.type_id, &message)
        .unwrap_or_else(|error| panic!("{}: {error}", key(of)));
    let mut read = Object::try_from(value).expect("an object");
    defaults::apply(of.type_id, &mut read);
    read.set_type(object.api_version(), object.kind());
    read
}

/// `base` after a merge patch.
fn merged(base: &Json, over: &Json) -> Json {
    let Json::Object(over) = over else { return over.clone() };
    let mut all = base.as_object().cloned().unwrap_or_default();
    for (key, over) in over {
        match all.remove(key) {
            _ if over.is_null() => {}
            below => {
                all.insert(key.clone(), merged(&below.unwrap_or_default(), over));
            }
        }
    }
    Json::Object(all)
}

/// Sets what is at a pointer, with objects above it where they are missing; `null` takes it away.
fn place(object: &mut Json, pointer: &str, to: &Json) {
    let (above, last) = pointer.rsplit_once('/').expect("a pointer");
    let mut at = object;
    for step in above.split('/').skip(1) {
        at = match at {
            Json::Array(items) => &mut items[step.parse::<usize>().expect("an index")],
            object => &mut object[step],
        };
    }
    match at {
        Json::Array(items) => items[last.parse::<usize>().expect("an index")] = to.clone(),
        Json::Object(members) if to.is_null() => {
            assert!(members.remove(last).is_some(), "there is nothing at {pointer}");
        }
        other => other[last] = to.clone(),
    }
}

/// Whether `now` says what was sent: defaults may add to it, and what is empty may be absent.
fn holds(now: &Json, sent: &Json) -> bool {
    match (now, sent) {
        (Json::Object(now), Json::Object(sent)) => {
            sent.iter().all(|(key, sent)| now.get(key).is_some_and(|now| holds(now, sent)))
        }
        (Json::Array(now), Json::Array(sent)) => {
            now.len() == sent.len() && now.iter().zip(sent).all(|(now, sent)| holds(now, sent))
        }
        (Json::Null, Json::Array(sent)) => sent.is_empty(),
        (now, sent) => now == sent,
    }
}

/// One kind under test.
struct Kind<'a> {
    cluster: &'a Cluster,
    key: &'a str,
    versions: &'a [&'static Resource],
}

impl Kind<'_> {
    fn store(&self) -> &Store {
        self.cluster.store(self.key)
    }

    fn namespace(&self) -> &'static str {
        if self.versions[0].namespaced { "ns" } else { "" }
    }

    /// The least object, then those of the cases, each with a name of its own.
    fn objects(&self) -> impl Iterator<Item = Json> {
        let row = &ROWS[self.key];
        let cases = row.cases.iter().enumerate();
        let cases = cases.map(|(i, case)| merged(&self.named(&format!("every-{i}")), &case.over));
        [self.named("every")].into_iter().chain(cases)
    }

    /// The least object, with a name where it has none.
    fn named(&self, name: &str) -> Json {
        merged(&serde_json::json!({"metadata": {"name": name}}), &ROWS[self.key].least)
    }

    /// Creates what is sent in a version.
    async fn create(&self, of: &Resource, sent: &Json, dry_run: bool) -> Result<Stored, Status> {
        let object = convert(read(of, sent), of, self.store().resource());
        let context = WriteContext { dry_run, ..self.cluster.context(self.namespace()) };
        self.store().create(&context, object, &NoAdmission).await
    }

    /// Replaces an object by what is sent in a version.
    async fn update(&self, of: &Resource, sent: &Json, dry_run: bool) -> Result<Stored, Status> {
        let object = convert(read(of, sent), of, self.store().resource());
        let context = WriteContext { dry_run, ..self.cluster.context(self.namespace()) };
        let name = object.name().to_owned();
        let mut change = Put { uid: None, object };
        let (stored, created) = self.store().update(&context, &name, &mut change, &NoAdmission).await?;
        assert!(!created, "{}", self.key);
        Ok(stored)
    }

    /// What is stored, in a version.
    fn tree(&self, of: &Resource, stored: &Stored) -> Object {
        let resource = self.store().resource();
        convert(stored.decode(resource.type_id).expect("what was stored"), resource, of)
    }

    /// That who reads an object and writes it back changes nothing, whatever version it speaks.
    async fn writes_back(&self, stored: &Stored) {
        for of in self.versions {
            let tree = self.tree(of, stored);
            assert_eq!(through_protobuf(of, &tree), tree, "{} as protobuf of {}", self.key, of.version);
            let text = show(of, &tree);
            assert_eq!(read(of, &text), tree, "{} as JSON of {}", self.key, of.version);
            let again = self.update(of, &text, false).await;
            let again = again.unwrap_or_else(|error| panic!("{} {}: {error}", self.key, of.version));
            let difference = || (self.tree(of, &again), &tree);
            assert!(again == *stored, "{} {}: {:?}", self.key, of.version, difference());
        }
    }

    /// That updates of an object refuse the fixed changes, which new objects may have, and take the free ones.
    async fn updates(
        &self,
        sent: &Json,
        fixed: &[(String, Json, String)],
        free: &[(String, Json)],
        wrong: &mut Vec<String>,
    ) {
        let (of, key) = (self.versions[0], self.key);
        let stored = match self.create(of, sent, false).await {
            Ok(stored) => stored,
            Err(status) => return wrong.push(format!("{key} is refused: {}", status.message())),
        };
        let seen = show(of, &self.tree(of, &stored));
        for (pointer, to, field) in fixed {
            let mut new = sent.clone();
            place(&mut new, pointer, to);
            new["metadata"]["name"] = sent["metadata"]["name"].clone();
            // The name is taken, which is found out behind the rules.
            match self.create(of, &new, true).await {
                Err(status) if status.reason() != "AlreadyExists" => {
                    wrong.push(format!("{key} {pointer}: can't even be born so: {}", status.message()));
                }
                _ => {}
            }
            let mut changed = seen.clone();
            place(&mut changed, pointer, to);
            match self.update(of, &changed, true).await {
                Ok(_) => wrong.push(format!("{key} {pointer}: the change to {to} is taken")),
                Err(status) => {
                    let named = [" ", "["]
                        .iter()
                        .any(|before| status.message().contains(&format!("{before}{field}: ")));
                    if status.code() != 422 || !named {
                        wrong.push(format!("{key} {pointer}: not about {field}: {}", status.message()));
                    }
                }
            }
        }
        let label = ("/metadata/labels".to_owned(), serde_json::json!({"every": "kind"}));
        for (pointer, to) in free.iter().chain([&label]) {
            let mut changed = seen.clone();
            place(&mut changed, pointer, to);
            match self.update(of, &changed, true).await {
                Err(status) => wrong.push(format!("{key} {pointer}: {}", status.message())),
                Ok(stored) => {
                    let now = show(of, &self.tree(of, &stored));
                    let now = now.pointer(pointer).unwrap_or(&Json::Null);
                    if !holds(now, to) {
                        wrong.push(format!("{key} {pointer}: the change to {to} came to {now}"));
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_least_of_every_kind_is_taken_and_no_version_loses_anything() {
    let cluster = Cluster::new().await;
    for (key, versions) in kinds() {
        let (kind, row) = (Kind { cluster: &cluster, key: &key, versions: &versions }, &ROWS[&key]);
        for sent in kind.objects() {
            for of in &versions {
                let told = show(of, &convert(read(versions[0], &sent), versions[0], of));
                let born = kind.create(of, &told, true).await;
                assert!(born.is_ok(), "{key} {}: {:?}", of.version, born.err());
            }
            let born = kind.create(versions[0], &sent, false).await.expect("what a dry run took");
            let stored = if row.born_incomplete {
                let seen = show(versions[0], &kind.tree(versions[0], &born));
                kind.update(versions[0], &seen, false).await.expect("an update without a change")
            } else {
                born.clone()
            };
            assert_eq!(stored != born, row.born_incomplete, "{key}: whether it is born complete");
            kind.writes_back(&stored).await;
        }
    }
    cluster.close().await;
}

#[tokio::test]
async fn fixed_fields_stay_and_others_change() {
    let cluster = Cluster::new().await;
    let mut wrong = Vec::new();
    for (key, versions) in kinds() {
        let kind = Kind { cluster: &cluster, key: &key, versions: &versions };
        let row = &ROWS[&key];
        let uid = ("/metadata/uid".to_owned(), Json::from("other"), "metadata.uid".to_owned());
        let least: Vec<_> = row.fixed.iter().cloned().chain([uid]).collect();
        let of_cases = row.cases.iter().map(|case| (&case.fixed, &case.free));
        let changes = [(&least, &row.free)].into_iter().chain(of_cases);
        for (sent, (fixed, free)) in kind.objects().zip(changes) {
            kind.updates(&sent, fixed, free, &mut wrong).await;
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    cluster.close().await;
}
