//! The chain: calls its plugins in order, and times them.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use keelson_apimachinery::Status;
use keelson_apimachinery::meta::Object;
use keelson_base::clock::{self, Instant};
use keelson_base::metrics::{Histogram, HistogramVec, MetricError, Registry, Spec, Stability};
use keelson_base::trace;

use super::attributes::{Attributes, Operation};
use super::plugins::Entry;

/// The bounds of both histograms, in seconds.
const BUCKETS: [f64; 6] = [0.005, 0.025, 0.1, 0.5, 1.0, 2.5];

/// When a plugin is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The object may be changed.
    Admit,
    /// The object may only be refused.
    Validate,
}

impl Phase {
    const ALL: [Phase; 2] = [Phase::Admit, Phase::Validate];

    fn as_str(self) -> &'static str {
        match self {
            Phase::Admit => "admit",
            Phase::Validate => "validate",
        }
    }
}

/// A plugin. It is called where [`Plugin::concerns`] says so, which is asked for every write and must be cheap.
#[async_trait]
pub trait Plugin: Send + Sync {
    /// Whether the plugin has anything to say about this write in this phase.
    fn concerns(&self, phase: Phase, attributes: &Attributes<'_>) -> bool;

    /// Changes the object, or refuses the write. There is no object in deletions and connections.
    ///
    /// # Errors
    /// Why the write is refused.
    async fn admit(&self, _: &Attributes<'_>, _: Option<&mut Object>) -> Result<(), Status> {
        Ok(())
    }

    /// Refuses the write, or not.
    ///
    /// # Errors
    /// Why the write is refused.
    async fn validate(&self, _: &Attributes<'_>, _: Option<&Object>) -> Result<(), Status> {
        Ok(())
    }
}

/// The histograms of one plugin, or of all together, by phase, operation and whether the write was refused. Each is made
/// with the first write that needs it.
struct Timings {
    family: HistogramVec,
    /// The plugin; `None` for all together.
    name: Option<&'static str>,
    made: [OnceLock<Histogram>; Phase::ALL.len() * Operation::ALL.len() * 2],
}

impl Timings {
    fn new(family: &HistogramVec, name: Option<&'static str>) -> Self {
        Timings { family: family.clone(), name, made: Default::default() }
    }

    fn observe(&self, phase: Phase, operation: Operation, rejected: bool, seconds: f64) {
        let index = (phase as usize * Operation::ALL.len() + operation as usize) * 2 + usize::from(rejected);
        let Some(made) = self.made.get(index) else { return };
        let rejected = if rejected { "true" } else { "false" };
        let about = [operation.as_str(), rejected, phase.as_str()];
        let make = || match self.name {
            Some(name) => self.family.with_label_values(&[name, about[0], about[1], about[2]]),
            None => self.family.with_label_values(&about),
        };
        made.get_or_init(make).observe(seconds);
    }
}

struct Slot {
    entry: &'static Entry,
    plugin: Arc<dyn Plugin>,
    timings: Timings,
}

/// The plugins that are on, in their order.
pub struct Chain {
    slots: Vec<Slot>,
    steps: Timings,
}

impl Chain {
    /// A chain of these plugins, which counts into `metrics`.
    ///
    /// # Errors
    /// Where the registry has other families under the names.
    pub fn new(
        plugins: Vec<(&'static Entry, Arc<dyn Plugin>)>,
        metrics: &Registry,
    ) -> Result<Self, MetricError> {
        let controllers = metrics.histogram(
            &Spec {
                name: "apiserver_admission_controller_admission_duration_seconds",
                help: "How long a plugin of admission took, in seconds, by plugin, operation, phase and verdict.",
                stability: Stability::Stable,
                labels: &["name", "operation", "rejected", "type"],
            },
            &BUCKETS,
        )?;
        let steps = metrics.histogram(
            &Spec {
                name: "apiserver_admission_step_admission_duration_seconds",
                help: "How long a phase of admission took, in seconds, by operation, phase and verdict.",
                stability: Stability::Stable,
                labels: &["operation", "rejected", "type"],
            },
            &BUCKETS,
        )?;
        let slots = plugins.into_iter().map(|(entry, plugin)| Slot {
            entry,
            plugin,
            timings: Timings::new(&controllers, Some(entry.name)),
        });
        let steps = Timings::new(&steps, None);
        Ok(Chain { slots: slots.collect(), steps })
    }

    /// The names of the plugins that are on, in their order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.slots.iter().map(|slot| slot.entry.name)
    }

    /// Lets the plugins change the object. They run a second time where one of them asks for it.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn admit(
        &self,
        attributes: &Attributes<'_>,
        mut object: Option<&mut Object>,
    ) -> Result<(), Status> {
        let begun = clock::monotonic();
        let span = trace::span("Mutating admission");
        let mut verdict = span.hold(self.admit_once(attributes, object.as_deref_mut())).await;
        if verdict.is_ok() && attributes.reinvocation.take() {
            span.event("again");
            verdict = span.hold(self.admit_once(attributes, object)).await;
        }
        self.step(Phase::Admit, attributes, &verdict, begun);
        verdict
    }

    async fn admit_once(
        &self,
        attributes: &Attributes<'_>,
        mut object: Option<&mut Object>,
    ) -> Result<(), Status> {
        for slot in &self.slots {
            if slot.entry.admits && slot.plugin.concerns(Phase::Admit, attributes) {
                let begun = clock::monotonic();
                let verdict = slot.plugin.admit(attributes, object.as_deref_mut()).await;
                slot.observe(Phase::Admit, attributes, &verdict, begun);
                trace::event(slot.entry.name);
                verdict?;
            }
        }
        Ok(())
    }

    /// Lets the plugins refuse the write. There is no object in deletions and connections.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn validate(&self, attributes: &Attributes<'_>, object: Option<&Object>) -> Result<(), Status> {
        let begun = clock::monotonic();
        let span = trace::span("Validating admission");
        let verdict = span.hold(self.validate_once(attributes, object)).await;
        self.step(Phase::Validate, attributes, &verdict, begun);
        verdict
    }

    async fn validate_once(
        &self,
        attributes: &Attributes<'_>,
        object: Option<&Object>,
    ) -> Result<(), Status> {
        for slot in &self.slots {
            if slot.entry.validates && slot.plugin.concerns(Phase::Validate, attributes) {
                let begun = clock::monotonic();
                let verdict = slot.plugin.validate(attributes, object).await;
                slot.observe(Phase::Validate, attributes, &verdict, begun);
                trace::event(slot.entry.name);
                verdict?;
            }
        }
        Ok(())
    }

    fn step(&self, phase: Phase, attributes: &Attributes<'_>, verdict: &Result<(), Status>, begun: Instant) {
        let seconds = clock::monotonic().duration_since(begun).as_secs_f64();
        self.steps.observe(phase, attributes.operation, verdict.is_err(), seconds);
    }
}

impl Slot {
    fn observe(
        &self,
        phase: Phase,
        attributes: &Attributes<'_>,
        verdict: &Result<(), Status>,
        begun: Instant,
    ) {
        let seconds = clock::monotonic().duration_since(begun).as_secs_f64();
        self.timings.observe(phase, attributes.operation, verdict.is_err(), seconds);
    }
}
