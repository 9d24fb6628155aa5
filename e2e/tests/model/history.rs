//! What happened to the store, in the order of its revisions: as one unbroken watch of everything saw it, and
//! held to etcd's own account where there is an etcd.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{EventType, WatchOptions};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::actor::version;
use crate::http::{Client, Opened, Target};
use crate::record::{Change, Item, Record};
use crate::selection::{Facts, Key, Kind, NAMESPACES, Selection};

/// An object at a version.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) revision: u64,
    pub(crate) digest: u64,
    pub(crate) facts: Arc<Facts>,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) revision: u64,
    pub(crate) key: Key,
    pub(crate) before: Option<State>,
    pub(crate) after: Option<State>,
}

impl Entry {
    /// Whether it is about what the clients write.
    pub(crate) fn of_the_model(&self) -> bool {
        NAMESPACES.contains(&self.key.namespace.as_str())
    }
}

/// Every change, in order.
pub(crate) struct History {
    pub(crate) entries: Vec<Entry>,
    base: HashMap<Key, State>,
    by_key: HashMap<Key, Vec<usize>>,
    by_revision: HashMap<u64, usize>,
}

impl History {
    /// The version of the last change before the history.
    pub(crate) fn begins(&self) -> u64 {
        self.base.values().map(|state| state.revision).max().unwrap_or(0)
    }

    /// The object as it was at a revision.
    pub(crate) fn at(&self, key: &Key, revision: u64) -> Option<&State> {
        let changes = self.by_key.get(key).map_or(&[][..], Vec::as_slice);
        let past = changes.partition_point(|at| self.entries[*at].revision <= revision);
        match past.checked_sub(1) {
            Some(last) => self.entries[changes[last]].after.as_ref(),
            None => self.base.get(key).filter(|state| state.revision <= revision),
        }
    }

    /// The states that the object had from the revision `low` to `high`.
    pub(crate) fn between(&self, key: &Key, low: u64, high: u64) -> Vec<Option<&State>> {
        let changes = self.changes(key).filter(|e| low < e.revision && e.revision <= high);
        std::iter::once(self.at(key, low)).chain(changes.map(|e| e.after.as_ref())).collect()
    }

    /// The changes of one object.
    pub(crate) fn changes(&self, key: &Key) -> impl Iterator<Item = &Entry> {
        self.by_key.get(key).into_iter().flatten().map(|at| &self.entries[*at])
    }

    pub(crate) fn by_revision(&self, revision: u64) -> Option<&Entry> {
        self.by_revision.get(&revision).map(|at| &self.entries[*at])
    }

    /// All objects that there ever were, sorted.
    pub(crate) fn keys(&self) -> Vec<&Key> {
        let mut keys: Vec<&Key> = self.base.keys().chain(self.by_key.keys()).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn build(record: &Record, base: Vec<Item>, mut told: Vec<(Change, Item)>) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        told.sort_by_key(|(_, item)| item.revision);
        let state = |item: &Item| State {
            revision: item.revision,
            digest: item.digest,
            facts: Arc::new(record.facts(item.digest)),
        };
        let base: HashMap<Key, State> = base.iter().map(|item| (item.key.clone(), state(item))).collect();
        let mut current = base.clone();
        let mut history =
            History { entries: Vec::new(), base, by_key: HashMap::new(), by_revision: HashMap::new() };
        for (change, item) in told {
            let before = current.remove(&item.key);
            let fits = match (change, &before) {
                (Change::Added, None) => true,
                (Change::Modified, Some(before)) => before.facts.uid == state(&item).facts.uid,
                (Change::Deleted, Some(before)) => before.digest == item.digest,
                _ => false,
            };
            if !fits {
                faults.push(format!("the watch of everything tells {change:?} {item:?} after {before:?}"));
            }
            let after = (change != Change::Deleted).then(|| state(&item));
            current.extend(after.clone().map(|after| (item.key.clone(), after)));
            let at = history.entries.len();
            if history.by_revision.insert(item.revision, at).is_some() {
                faults.push(format!("two events of revision {}", item.revision));
            }
            history.by_key.entry(item.key.clone()).or_default().push(at);
            history.entries.push(Entry { revision: item.revision, key: item.key, before, after });
        }
        if faults.is_empty() { Ok(history) } else { Err(faults) }
    }
}

type Told = Arc<Mutex<Vec<(Change, Item)>>>;

/// What etcd did to a key: revision, key, and whether it was deleted.
type Kept = Arc<Mutex<Vec<(u64, String, bool)>>>;

/// The watches that the history is made of.
pub(crate) struct Oracle {
    base: Vec<Item>,
    told: Vec<Told>,
    kept: Option<Kept>,
    tasks: Vec<JoinHandle<()>>,
}

impl Oracle {
    pub(crate) async fn start(record: &Arc<Record>, target: &Target, etcd: Option<&str>) -> Oracle {
        let mut oracle = Oracle { base: Vec::new(), told: Vec::new(), kept: None, tasks: Vec::new() };
        let mut since = u64::MAX;
        for kind in Kind::ALL {
            let client = Client::connect(target).await;
            let path = Selection::everything(kind).path();
            let list = client.send("GET", &path, "", None).await;
            assert_eq!(list.code, 200, "{}", list.body);
            let start = version(&list.body);
            since = since.min(start);
            let items = list.body["items"].as_array().into_iter().flatten();
            oracle.base.extend(items.map(|object| record.item(kind, object)));
            let watch = format!("{path}watch=true&timeoutSeconds=3600&resourceVersion={start}");
            let Opened::Stream(mut lines) = client.watch(&watch).await else { panic!("{watch} opens") };
            let told = Told::default();
            let (into, record) = (Arc::clone(&told), Arc::clone(record));
            oracle.told.push(told);
            oracle.tasks.push(tokio::spawn(async move {
                // The connection lives as long as its client.
                let _client = client;
                while let Some(line) = lines.next().await {
                    let change = match line["type"].as_str().unwrap_or_default() {
                        "ADDED" => Change::Added,
                        "MODIFIED" => Change::Modified,
                        "DELETED" => Change::Deleted,
                        _ => return record.fault(format!("the watch of everything ends with {line}")),
                    };
                    let item = record.item(kind, &line["object"]);
                    into.lock().push((change, item));
                }
                record.fault(format!("the watch of all {kind:?} ended"));
            }));
        }
        record.begins_at(since);
        if let Some(etcd) = etcd {
            let (kept, task) = keep(etcd, since).await;
            oracle.kept = Some(kept);
            oracle.tasks.push(task);
        }
        oracle
    }

    /// The history up to the revision `last`, which has happened.
    pub(crate) async fn finish(self, record: &Record, last: u64) -> Result<History, Vec<String>> {
        let complete = || {
            // The last write of each kind had an answer with a revision.
            let writes = record.writes.lock();
            Kind::ALL.iter().zip(&self.told).all(|(kind, told)| {
                let written =
                    writes.iter().filter(|w| w.key.kind == *kind).filter_map(|w| w.written.as_ref());
                let wanted = written.map(|item| item.revision).max().unwrap_or(0);
                told.lock().last().is_some_and(|(_, item)| item.revision >= wanted)
            })
        };
        for _ in 0..600 {
            if complete() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if !complete() {
            return Err(vec!["the watch of everything does not see what was written last".to_owned()]);
        }
        self.tasks.iter().for_each(JoinHandle::abort);
        for told in &self.told {
            if let Some(pair) = told.lock().windows(2).find(|w| w[0].1.revision >= w[1].1.revision) {
                return Err(vec![format!("a watch goes back: {pair:?}")]);
            }
        }
        let told: Vec<_> = self.told.iter().flat_map(|told| told.lock().clone()).collect();
        let history = History::build(record, self.base, told)?;
        if let Some(kept) = self.kept {
            compare(&kept.lock(), &history, last)?;
        }
        Ok(history)
    }
}

/// Holds the history to what etcd itself says.
fn compare(kept: &[(u64, String, bool)], history: &History, last: u64) -> Result<(), Vec<String>> {
    let until = |revision: u64| revision <= last;
    let told = history.entries.iter().filter(|e| until(e.revision)).map(|e| {
        let key = format!("/registry/{}/{}/{}", e.key.kind.plural(), e.key.namespace, e.key.name);
        (e.revision, key, e.after.is_none())
    });
    let mut kept: Vec<_> = kept.iter().filter(|k| until(k.0)).cloned().collect();
    kept.sort();
    let told: Vec<_> = told.collect();
    // etcd's own watch may be behind at its end, which is no fault of the server's.
    let both = told.len().min(kept.len());
    let faults: Vec<String> = (0..both)
        .find(|at| told[*at] != kept[*at])
        .map(|at| format!("the server tells {:?} where etcd has {:?}", told[at], kept[at]))
        .into_iter()
        .collect();
    if kept.len() > told.len() {
        return Err(vec![format!("the server does not tell {:?}", kept[told.len()])]);
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Watches etcd itself.
async fn keep(etcd: &str, since: u64) -> (Kept, JoinHandle<()>) {
    let kept = Kept::default();
    let mut client = etcd_client::Client::connect([etcd], None).await.expect("etcd listens");
    let mut streams = Vec::new();
    for kind in Kind::ALL {
        let options = WatchOptions::new().with_prefix().with_start_revision(since as i64 + 1);
        let prefix = format!("/registry/{}/", kind.plural());
        streams.push(client.watch(prefix, Some(options)).await.expect("etcd watches"));
    }
    let into = Arc::clone(&kept);
    let task = tokio::spawn(async move {
        let _client = client;
        let read = streams.into_iter().map(|mut stream| {
            let into = Arc::clone(&into);
            async move {
                while let Ok(Some(response)) = stream.message().await {
                    for event in response.events() {
                        let Some(item) = event.kv() else { continue };
                        let key = String::from_utf8_lossy(item.key()).into_owned();
                        let deleted = event.event_type() == EventType::Delete;
                        into.lock().push((item.mod_revision() as u64, key, deleted));
                    }
                }
            }
        });
        futures::future::join_all(read).await;
    });
    (kept, task)
}
