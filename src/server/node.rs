//! Keeps the graph of the Node authorizer as the registry has it: a watch of every resource that makes edges, from
//! the start until the end.

use std::sync::Arc;

use async_trait::async_trait;
use keelson_apimachinery::codec::protobuf::Part;
use keelson_apimachinery::meta::Object;

use super::StartError;
use super::follow::{Follower, Following, Target};
use crate::authz::node::{Edges, Feeder, Graph, Node};
use crate::authz::rbac::Freshness;
use crate::bootstrap;
use crate::registry::Registry;
use crate::telemetry::Metrics;

/// The Node authorizer. Begins to follow what its graph is made of, and does not wait for it: what a node asks for
/// while something is missing is refused, and kubelets ask again. The server is not ready until it is whole.
///
/// # Errors
/// Where the metrics are there already.
pub(super) fn begin(
    registry: &Registry,
    metrics: &Metrics,
    following: &Following<'_>,
) -> Result<Node, StartError> {
    let graph = Arc::new(Graph::new(metrics.registry())?);
    let mut sources = Vec::new();
    for feeder in Feeder::ALL {
        let (group, plural) = feeder.resource();
        // What is not served makes no edges.
        let Some(store) = registry.store(group, plural) else { continue };
        let ty = store.resource().type_id;
        let part = feeder.reads().map(|paths| Part::of(keelson_api::schema(), ty, paths));
        let source = Source { graph: graph.clone(), feeder, part };
        let follower = Arc::new(Follower::new(store.clone(), source));
        following.followers.add(&follower);
        let (running, end) = (follower.clone(), following.end.clone());
        following.tasks.spawn("node-graph", async move { end.unless_begun(running.run()).await });
        sources.push(follower);
    }
    let (group, plural) = Feeder::PodCertificateRequests.resource();
    let node = Node::new(graph, Arc::new(Followed { sources }), bootstrap::node_rules());
    Ok(node.with_pod_certificates(registry.store(group, plural).is_some()))
}

/// The resources that are followed.
struct Followed {
    sources: Vec<Arc<Follower<Source>>>,
}

#[async_trait]
impl Freshness for Followed {
    async fn catch_up(&self) {
        for source in self.sources.iter().filter(|source| source.is_loaded()) {
            source.catch_up().await;
        }
    }
}

/// What the graph has of one resource.
struct Source {
    graph: Arc<Graph>,
    feeder: Feeder,
    part: Option<Part>,
}

impl Target for Source {
    type Kept = Edges;

    fn part(&self) -> Option<&Part> {
        self.part.as_ref()
    }

    fn keep(&self, object: Object) -> Edges {
        self.feeder.edges(&object)
    }

    fn replace(&self, all: Vec<Edges>) {
        self.graph.replace(self.feeder, all);
    }

    fn set(&self, edges: Edges) {
        self.graph.set(self.feeder, &edges);
    }

    fn remove(&self, object: &Object) {
        self.graph.remove(self.feeder, object);
    }
}
