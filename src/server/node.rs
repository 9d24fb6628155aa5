//! Keeps the graph of the Node authorizer as the registry has it: a watch of every resource that makes edges, from
//! the start until the end.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use keelson_api::rbac::Rule;
use keelson_apimachinery::meta::Object;
use keelson_base::shutdown::Signal;
use keelson_base::task::TaskGroup;
use tracing::warn;

use super::StartError;
use super::follow::{Follower, Target};
use crate::authz::node::{Edges, Feeder, Graph, Node};
use crate::authz::rbac::Freshness;
use crate::authz::{Authorizer, Mode};
use crate::bootstrap;
use crate::registry::Registry;
use crate::telemetry::Metrics;

/// How long the start of a server waits for the graph. What a node asks for while something is missing is refused,
/// and kubelets ask again.
const FILL: Duration = Duration::from_secs(30);

/// What Node's authorizers are made of.
pub(super) struct Parts {
    graph: Arc<Graph>,
    followed: Arc<Followed>,
    rules: Vec<Rule>,
    pod_certificates: bool,
}

/// Follows what the graph is made of in `tasks` until `end`, if Node is among the modes. Waits for the graph, but
/// not for long.
///
/// # Errors
/// Where the metrics are there already.
pub(super) async fn begin(
    modes: &[Mode],
    registry: &Registry,
    metrics: &Metrics,
    tasks: &TaskGroup,
    end: &Signal,
) -> Result<Parts, StartError> {
    let mut sources = Vec::new();
    let graph = match modes.contains(&Mode::Node) {
        true => Arc::new(Graph::new(metrics.registry())?),
        false => Arc::default(),
    };
    for feeder in Feeder::ALL.into_iter().filter(|_| modes.contains(&Mode::Node)) {
        let (group, plural) = feeder.resource();
        // What is not served makes no edges.
        let Some(store) = registry.store(group, plural) else { continue };
        let source = Source { graph: graph.clone(), feeder };
        let follower = Arc::new(Follower::new(store.clone(), source));
        let (running, end) = (follower.clone(), end.clone());
        tasks.spawn("node-graph", async move { end.unless_begun(running.run()).await });
        sources.push(follower);
    }
    let all = join_all(sources.iter().map(|source| source.loaded()));
    if tokio::time::timeout(FILL, all).await.is_err() {
        warn!("the graph of the node authorizer is not complete: nodes are refused what can't be seen yet");
    }
    let (group, plural) = Feeder::PodCertificateRequests.resource();
    Ok(Parts {
        graph,
        followed: Arc::new(Followed { sources }),
        rules: bootstrap::node_rules(),
        pod_certificates: registry.store(group, plural).is_some(),
    })
}

impl Parts {
    /// An authorizer of mode Node.
    pub(super) fn authorizer(&self) -> Box<dyn Authorizer> {
        let node = Node::new(self.graph.clone(), self.followed.clone(), self.rules.clone());
        Box::new(node.with_pod_certificates(self.pod_certificates))
    }
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
}

impl Target for Source {
    type Kept = Edges;

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
