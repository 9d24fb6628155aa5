//! What a client does, step by step: from the seed and the client's number alone.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::selection::{Key, Kind, NAMESPACES, NODES, Selection, Selector, TIERS};

/// How many names each namespace has for each kind: few, so that clients meet.
const NAMES: usize = 9;

/// A step of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Which server is asked, counted over those that run then.
    pub(crate) server: usize,
    pub(crate) pause: Duration,
    pub(crate) op: Op,
}

/// A label to be set (or removed), or left.
pub(crate) type Tier = Option<Option<&'static str>>;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create {
        key: Key,
        tier: Option<&'static str>,
        node: &'static str,
        padding: usize,
    },
    /// A read, and a write of what was read with a change.
    Update {
        key: Key,
        tier: Tier,
    },
    /// A write that names no version.
    Overwrite {
        key: Key,
        tier: Option<&'static str>,
    },
    Patch {
        key: Key,
        patch: Patch,
        tier: Tier,
    },
    Apply {
        key: Key,
    },
    Bind {
        key: Key,
        node: &'static str,
    },
    Delete {
        key: Key,
        /// Whether the version that was read just before is named.
        guarded: bool,
    },
    Get {
        key: Key,
        as_of: AsOf,
    },
    List {
        selection: Selection,
        as_of: AsOf,
    },
    Pages {
        selection: Selection,
        limit: usize,
        as_of: AsOf,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Patch {
    Merge,
    Strategic,
    Json,
}

/// Which state a read asks for, counted from the newest version that any client knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AsOf {
    Now,
    Any,
    NotOlderThan { back: u64 },
    Exactly { back: u64 },
}

/// The steps of one client.
pub(crate) struct Plan(StdRng);

impl Plan {
    pub(crate) fn new(seed: u64, client: u64) -> Plan {
        Plan(StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ client))
    }

    /// The next step of one that writes.
    pub(crate) fn write(&mut self) -> Step {
        let (key, rng) = (self.key(), &mut self.0);
        let (tier, node) = (pick_tier(rng), pick(rng, &NODES));
        let label: Tier = if rng.random_bool(0.4) { Some(tier) } else { None };
        let op = match rng.random_range(0..100) {
            0..24 => {
                let node = if key.kind == Kind::Pod && rng.random_bool(0.5) { node } else { "" };
                let padding = if rng.random_bool(0.1) { rng.random_range(0..20_000) } else { 0 };
                Op::Create { key, tier, node, padding }
            }
            24..38 => Op::Update { key, tier: label },
            38..42 if key.kind == Kind::ConfigMap => Op::Overwrite { key, tier },
            38..46 if key.kind == Kind::Pod => Op::Bind { key, node },
            38..64 => {
                let patch = pick(rng, &[Patch::Merge, Patch::Strategic, Patch::Json]);
                Op::Patch { key, patch, tier: label }
            }
            64..78 => Op::Apply { key },
            78..94 => Op::Delete { key, guarded: rng.random_bool(0.3) },
            _ => Op::Get { key, as_of: AsOf::Now },
        };
        self.step(op)
    }

    /// The next step of one that reads.
    pub(crate) fn read(&mut self) -> Step {
        let (key, selection) = (self.key(), self.selection());
        let as_of = self.as_of();
        let op = match self.0.random_range(0..100) {
            0..25 => Op::Get {
                key,
                as_of: match as_of {
                    AsOf::Exactly { back } => AsOf::NotOlderThan { back },
                    other => other,
                },
            },
            25..70 => Op::List { selection, as_of },
            _ => Op::Pages { selection, limit: self.0.random_range(1..8), as_of: self.first_page() },
        };
        self.step(op)
    }

    pub(crate) fn selection(&mut self) -> Selection {
        let key = self.key();
        let rng = &mut self.0;
        let mut namespace = rng.random_bool(0.5).then(|| key.namespace.clone());
        let selector = match rng.random_range(0..10) {
            0..4 => Selector::All,
            4 => Selector::Tier(pick(rng, &TIERS)),
            5 => Selector::TierIn(TIERS[2], pick(rng, &TIERS[..2])),
            6 => Selector::NoTier,
            7 => Selector::NotTier(pick(rng, &TIERS[..2])),
            8 if key.kind == Kind::Pod => Selector::Node(pick(rng, &NODES)),
            _ => {
                // A name is of one namespace in most watches, and of all of them in some.
                namespace = namespace.or_else(|| rng.random_bool(0.7).then_some(key.namespace));
                Selector::Name(key.name)
            }
        };
        Selection { kind: key.kind, namespace, selector }
    }

    /// A number below the bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.random_range(0..bound)
    }

    fn as_of(&mut self) -> AsOf {
        let back = if self.0.random_bool(0.5) { 0 } else { self.0.random_range(0..60) };
        match self.0.random_range(0..10) {
            0..4 => AsOf::Now,
            4..6 => AsOf::Any,
            6..8 => AsOf::NotOlderThan { back },
            _ => AsOf::Exactly { back },
        }
    }

    fn first_page(&mut self) -> AsOf {
        match self.0.random_range(0..4) {
            0 => AsOf::Exactly { back: self.0.random_range(0..60) },
            _ => AsOf::Now,
        }
    }

    fn key(&mut self) -> Key {
        let rng = &mut self.0;
        Key {
            kind: pick(rng, &Kind::ALL),
            namespace: pick(rng, &NAMESPACES).to_owned(),
            name: format!("k{}", rng.random_range(0..NAMES)),
        }
    }

    fn step(&mut self, op: Op) -> Step {
        let rng = &mut self.0;
        let pause = if rng.random_bool(0.3) { rng.random_range(0..15) } else { 0 };
        Step { server: rng.random_range(0..6), pause: Duration::from_millis(pause), op }
    }
}

fn pick<T: Copy>(rng: &mut StdRng, of: &[T]) -> T {
    *of.choose(rng).expect("there are some")
}

fn pick_tier(rng: &mut StdRng) -> Option<&'static str> {
    rng.random_bool(0.8).then(|| pick(rng, &TIERS))
}
