//! The graph: what has to do with which node.
//!
//! Pods, attachments, slices and requests lead to one node, and pods take along what they name. Volumes lead to a
//! claim, and from there to the nodes of the pods that name it. Readers want to know one thing: whether an object
//! leads to their node. So the ways are walked when the graph changes: it keeps, by node, all that leads there, and
//! counts by whom each of it does, so that something is gone when the last of those is.
//!
//! Readers take no lock: a change makes a new version of the persistent maps, in which all of it shows at once.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use keelson_base::clock;
use keelson_base::metrics::{HistogramVec, MetricError, Registry, Spec, Stability};
use parking_lot::Mutex;

use super::references::Feeder;

/// The kinds of objects in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as the API names them")]
pub enum Kind {
    ConfigMap,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodCertificateRequest,
    ResourceClaim,
    ResourceSlice,
    Secret,
    ServiceAccount,
    VolumeAttachment,
}

impl Kind {
    /// What ids of this kind begin with.
    fn prefix(self) -> &'static str {
        match self {
            Kind::ConfigMap => "configmap/",
            Kind::PersistentVolume => "pv/",
            Kind::PersistentVolumeClaim => "pvc/",
            Kind::Pod => "pod/",
            Kind::PodCertificateRequest => "podcertificaterequest/",
            Kind::ResourceClaim => "resourceclaim/",
            Kind::ResourceSlice => "resourceslice/",
            Kind::Secret => "secret/",
            Kind::ServiceAccount => "serviceaccount/",
            Kind::VolumeAttachment => "volumeattachment/",
        }
    }

    /// Whether its objects are in a namespace.
    pub fn is_namespaced(self) -> bool {
        !matches!(self, Kind::PersistentVolume | Kind::ResourceSlice | Kind::VolumeAttachment)
    }
}

/// What an object is called in the graph. Namespaces and names of objects have no slash, so that no two objects
/// have the same id, and nothing that is referred to by a name with a slash is ever found.
pub(super) fn id(kind: Kind, namespace: &str, name: &str) -> String {
    let mut id = String::with_capacity(kind.prefix().len() + namespace.len() + 1 + name.len());
    id.push_str(kind.prefix());
    id.push_str(namespace);
    id.push('/');
    id.push_str(name);
    id
}

/// The edges that one object makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edges {
    /// The object itself, and what it takes along where it leads, each once.
    things: Vec<String>,
    to: Option<To<String>>,
}

/// Where something leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum To<T> {
    Node(T),
    Claim(T),
}

impl Edges {
    /// An object that leads nowhere.
    pub(super) fn none(own: String) -> Self {
        Edges { things: vec![own], to: None }
    }

    /// An object that leads to a node, and takes `others`, each once, along.
    pub(super) fn to_node(own: String, node: &str, others: Vec<String>) -> Self {
        Edges { things: [vec![own], others].concat(), to: Some(To::Node(node.to_owned())) }
    }

    /// The same object, as it leads to another node.
    #[must_use]
    pub fn elsewhere(&self, node: &str) -> Self {
        Edges { things: self.things.clone(), to: Some(To::Node(node.to_owned())) }
    }

    /// An object that leads to a claim, and takes `others`, each once, along.
    pub(super) fn to_claim(own: String, claim: String, others: Vec<String>) -> Self {
        Edges { things: [vec![own], others].concat(), to: Some(To::Claim(claim)) }
    }
}

/// By id what leads to a node, and how many make it lead there.
type Related = imbl::OrdMap<Arc<str>, u32>;

/// By node what leads there.
type Now = imbl::HashMap<Arc<str>, Related>;

/// The edges of an object as they are kept.
struct Made {
    things: Box<[Arc<str>]>,
    to: To<Arc<str>>,
}

impl Made {
    fn is(&self, edges: &Edges) -> bool {
        let same = match (&self.to, &edges.to) {
            (To::Node(to), Some(To::Node(wanted))) | (To::Claim(to), Some(To::Claim(wanted))) => {
                **to == **wanted
            }
            _ => false,
        };
        same && self.things.iter().map(|thing| &**thing).eq(&edges.things)
    }
}

/// What it takes to change the graph.
#[derive(Default)]
struct State {
    /// By id, who makes edges.
    makers: HashMap<Arc<str>, Made>,
    /// By claim, the volumes that lead there.
    volumes: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// By claim and node, how many pods of the node name it.
    claims: HashMap<Arc<str>, BTreeMap<Arc<str>, u32>>,
    names: Names,
}

/// Every text once.
#[derive(Default)]
struct Names {
    all: HashSet<Arc<str>>,
    /// How many there may be before those that nobody has any more are looked for.
    enough: usize,
}

impl Names {
    fn of(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.all.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.all.insert(new.clone());
        new
    }

    /// Forgets those that nobody else has, once there are many.
    fn sweep(&mut self) {
        if self.all.len() < self.enough.max(1024) {
            return;
        }
        self.all.retain(|name| Arc::strong_count(name) > 1);
        self.all.shrink_to(self.all.len() * 2);
        self.enough = self.all.len() * 2;
    }
}

/// See the module.
#[derive(Default)]
pub struct Graph {
    now: ArcSwap<Now>,
    /// Taken to change it: changes come from several watches.
    state: Mutex<State>,
    durations: Option<HistogramVec>,
}

impl Graph {
    /// An empty graph that tells `metrics` how long its changes take.
    ///
    /// # Errors
    /// Where there is another family of that name.
    pub fn new(metrics: &Registry) -> Result<Self, MetricError> {
        let spec = Spec {
            name: "node_authorizer_graph_actions_duration_seconds",
            help: "How long changes of the graph of the node authorizer take.",
            stability: Stability::Alpha,
            labels: &["operation"],
        };
        let buckets: Vec<f64> = (0..12).map(|power| 0.0001 * f64::from(1 << power)).collect();
        Ok(Graph { durations: Some(metrics.histogram(&spec, &buckets)?), ..Graph::default() })
    }

    /// Whether an object leads to a node.
    pub fn relates(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        let now = self.now.load();
        now.get(node).is_some_and(|related| related.contains_key(id(kind, namespace, name).as_str()))
    }

    /// These are the edges of all objects of one resource.
    pub fn replace(&self, feeder: Feeder, all: Vec<Edges>) {
        self.change(|state, now| {
            let kept: HashSet<&str> = all.iter().map(|edges| edges.things[0].as_str()).collect();
            let prefix = feeder.kind().prefix();
            let gone = |id: &&Arc<str>| id.starts_with(prefix) && !kept.contains(&***id);
            let gone: Vec<Arc<str>> = state.makers.keys().filter(gone).cloned().collect();
            gone.iter().for_each(|id| state.remove(now, id));
            for edges in &all {
                state.set(now, edges);
            }
            true
        });
    }

    /// These are the edges of one object of a resource, new or changed.
    pub fn set(&self, feeder: Feeder, edges: &Edges) {
        let begun = clock::monotonic();
        let changed = self.change(|state, now| state.set(now, edges));
        if changed {
            self.note(feeder, begun, true);
        }
    }

    /// An object of a resource is gone.
    pub fn remove(&self, feeder: Feeder, object: &keelson_apimachinery::meta::Object) {
        let begun = clock::monotonic();
        let id = feeder.id(object);
        let changed = self.change(|state, now| {
            let known = state.makers.contains_key(id.as_str());
            state.remove(now, &id);
            known
        });
        if changed {
            self.note(feeder, begun, false);
        }
    }

    /// Makes a change, and shows it at once if it tells that it was one.
    fn change(&self, change: impl FnOnce(&mut State, &mut Now) -> bool) -> bool {
        let mut state = self.state.lock();
        let mut now = Now::clone(&self.now.load());
        let changed = change(&mut state, &mut now);
        if changed {
            self.now.store(Arc::new(now));
            state.names.sweep();
        }
        changed
    }

    fn note(&self, feeder: Feeder, begun: clock::Instant, added: bool) {
        let Some(durations) = &self.durations else { return };
        let operation = match (feeder, added) {
            (Feeder::Pods, true) => "AddPod",
            (Feeder::Pods, false) => "DeletePod",
            (Feeder::PersistentVolumes, true) => "AddPV",
            (Feeder::PersistentVolumes, false) => "DeletePV",
            (Feeder::VolumeAttachments, true) => "AddVolumeAttachment",
            (Feeder::VolumeAttachments, false) => "DeleteVolumeAttachment",
            (Feeder::ResourceSlices, true) => "AddResourceSlice",
            (Feeder::ResourceSlices, false) => "DeleteResourceSlice",
            (Feeder::PodCertificateRequests, true) => "AddPodCertificateRequest",
            (Feeder::PodCertificateRequests, false) => "DeletePodCertificateRequest",
        };
        let took = clock::monotonic().duration_since(begun).as_secs_f64();
        durations.with_label_values(&[operation]).observe(took);
    }
}

impl State {
    /// Whether anything changed.
    fn set(&mut self, now: &mut Now, edges: &Edges) -> bool {
        let own = edges.things[0].as_str();
        let known = self.makers.get(own);
        if known.map_or(edges.to.is_none(), |made| made.is(edges)) {
            return false;
        }
        self.remove(now, own);
        let Some(to) = &edges.to else { return true };
        let things = edges.things.iter().map(|thing| self.names.of(thing)).collect::<Box<[_]>>();
        let own = things[0].clone();
        let to = match to {
            To::Node(node) => To::Node(self.names.of(node)),
            To::Claim(claim) => To::Claim(self.names.of(claim)),
        };
        match &to {
            To::Node(node) => {
                for thing in &things {
                    add(now, node, thing);
                    if thing.starts_with(Kind::PersistentVolumeClaim.prefix()) {
                        self.claim(now, thing, node);
                    }
                }
            }
            To::Claim(claim) => {
                for node in self.claims.get(claim).into_iter().flat_map(BTreeMap::keys) {
                    things.iter().for_each(|thing| add(now, node, thing));
                }
                self.volumes.entry(claim.clone()).or_default().push(own.clone());
            }
        }
        self.makers.insert(own, Made { things, to });
        true
    }

    fn remove(&mut self, now: &mut Now, own: &str) {
        let Some(Made { things, to }) = self.makers.remove(own) else { return };
        match &to {
            To::Node(node) => {
                for thing in &things {
                    take(now, node, thing);
                    if thing.starts_with(Kind::PersistentVolumeClaim.prefix()) {
                        self.unclaim(now, thing, node);
                    }
                }
            }
            To::Claim(claim) => {
                for node in self.claims.get(claim).into_iter().flat_map(BTreeMap::keys) {
                    things.iter().for_each(|thing| take(now, node, thing));
                }
                if let Some(volumes) = self.volumes.get_mut(claim) {
                    volumes.retain(|volume| **volume != *own);
                    if volumes.is_empty() {
                        self.volumes.remove(claim);
                    }
                }
            }
        }
    }

    /// One more pod of a node names a claim: with the first, what is behind the claim leads to the node.
    fn claim(&mut self, now: &mut Now, claim: &Arc<str>, node: &Arc<str>) {
        let count = self.claims.entry(claim.clone()).or_default().entry(node.clone()).or_default();
        *count += 1;
        if *count == 1 {
            self.behind(claim).for_each(|thing| add(now, node, thing));
        }
    }

    /// One pod less of a node names a claim.
    fn unclaim(&mut self, now: &mut Now, claim: &Arc<str>, node: &Arc<str>) {
        let Some(nodes) = self.claims.get_mut(claim) else { return };
        let Entry::Occupied(mut count) = nodes.entry(node.clone()) else { return };
        *count.get_mut() -= 1;
        if *count.get() > 0 {
            return;
        }
        count.remove();
        if nodes.is_empty() {
            self.claims.remove(claim);
        }
        self.behind(claim).for_each(|thing| take(now, node, thing));
    }

    /// The volumes of a claim, and what they take along.
    fn behind(&self, claim: &str) -> impl Iterator<Item = &Arc<str>> {
        let volumes = self.volumes.get(claim).into_iter().flatten();
        volumes.filter_map(|volume| self.makers.get(volume)).flat_map(|made| &made.things)
    }
}

/// One more makes a thing lead to a node.
fn add(now: &mut Now, node: &Arc<str>, thing: &Arc<str>) {
    let related = now.entry(node.clone()).or_default();
    match related.get_mut(thing) {
        Some(count) => *count += 1,
        None => drop(related.insert(thing.clone(), 1)),
    }
}

/// One less makes a thing lead to a node.
fn take(now: &mut Now, node: &Arc<str>, thing: &Arc<str>) {
    let Some(related) = now.get_mut(node) else { return };
    match related.get_mut(thing) {
        Some(count) if *count > 1 => *count -= 1,
        Some(_) => drop(related.remove(thing)),
        None => {}
    }
    if related.is_empty() {
        now.remove(node);
    }
}

#[cfg(test)]
impl Graph {
    /// Whether nothing is left of anything.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.state.lock();
        let kept = [state.makers.len(), state.volumes.len(), state.claims.len()];
        self.now.load().is_empty() && kept == [0; 3]
    }
}
