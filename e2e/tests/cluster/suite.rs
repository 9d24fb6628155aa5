//! Runs scenarios on one cluster, and tells which failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keelson_e2e::Plan;
use parking_lot::Mutex;

use crate::world::World;

/// A name, and what is done.
pub(crate) type Scenario = (&'static str, fn(&World));

/// So many scenarios run at a time.
const AT_ONCE: usize = 6;

/// Runs all scenarios, also after one has failed.
///
/// # Panics
/// Where one failed, and where a server has panicked meanwhile.
pub(crate) fn run(plan: Plan, side_by_side: &[Scenario], one_by_one: &[Scenario]) {
    let begin = Instant::now();
    let Some(world) = World::start(plan) else { return };
    println!("the cluster is up after {:.1} s, logs in {}", begin.elapsed().as_secs_f64(), world.logs());
    let only = std::env::var("KEELSON_E2E_ONLY").unwrap_or_default();
    let wanted = |scenario: &&Scenario| only.split(',').any(|part| scenario.0.contains(part));
    let side_by_side: Vec<&Scenario> = side_by_side.iter().filter(wanted).collect();

    let results = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(scenario) = side_by_side.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = run_one(&world, scenario);
                    results.lock().push(result);
                }
            });
        }
    });
    for scenario in one_by_one.iter().filter(wanted) {
        let result = run_one(&world, scenario);
        results.lock().push(result);
    }

    println!("\n{:<28} {:>8}", "scenario", "seconds");
    let results = results.into_inner();
    for (name, took, passed) in &results {
        println!("{name:<28} {:>8.1} {}", took.as_secs_f64(), if *passed { "ok" } else { "FAILED" });
    }
    println!("{:<28} {:>8.1}", "in total", begin.elapsed().as_secs_f64());
    world.assert_servers_are_well();
    let failed: Vec<_> = results.iter().filter(|(_, _, passed)| !passed).map(|(name, ..)| *name).collect();
    assert!(
        failed.is_empty(),
        "{} of {} scenarios failed: {}",
        failed.len(),
        results.len(),
        failed.join(", ")
    );
}

fn run_one(world: &World, (name, scenario): &Scenario) -> (&'static str, Duration, bool) {
    let begin = Instant::now();
    // The message of a failure is printed by the panic itself.
    let passed = catch_unwind(AssertUnwindSafe(|| scenario(world))).is_ok();
    println!("{name}: {} after {:.1} s", if passed { "ok" } else { "FAILED" }, begin.elapsed().as_secs_f64());
    (name, begin.elapsed(), passed)
}
