//! What is done to the cluster.

use std::time::{Duration, Instant};

use keelson_e2e::proxy;

use crate::Size;
use crate::control_plane::{ControlPlane, PATIENCE, eventually};
use crate::load::{Load, WORKERS, now};
use crate::outcome::{Allowed, Fault, Outcome};

/// A scenario: what it does, and what it came to.
type Scenario = fn(&mut ControlPlane, Size) -> Outcome;

/// Those on a cluster with a balancer, by their names.
pub(crate) const BEHIND_A_BALANCER: [(&str, Scenario); 5] = [
    ("rolling-restart", rolling_restart),
    ("kill-servers", kill_servers),
    ("restart-etcd", restart_etcd),
    ("cut-etcd", cut_etcd),
    ("hang-etcd", hang_etcd),
];

/// The one without.
pub(crate) const PORT_SHARING: &str = "port-sharing";

/// How long the load runs before anything happens, and at least after the last thing.
const CALM: Duration = Duration::from_secs(4);
/// How long errors may go on after all is whole.
const HEALED_WITHIN: Duration = Duration::from_secs(15);

const SERVERS: [&str; 2] = ["server-0", "server-1"];

/// A scenario while it runs.
struct Run<'p> {
    plane: &'p mut ControlPlane,
    name: &'static str,
    load: Load,
    start: Instant,
    length: Duration,
    faults: Vec<Fault>,
    scaling: Vec<Duration>,
    restarts: u32,
    problems: Vec<String>,
}

impl<'p> Run<'p> {
    fn start(plane: &'p mut ControlPlane, name: &'static str, rate: u64, length: Duration) -> Run<'p> {
        plane.wait_up(&[true, true]);
        let restarts = plane.controllers.restarts;
        let load = Load::start(plane, rate, length);
        Run {
            plane,
            name,
            load,
            start: Instant::now(),
            length,
            faults: Vec::new(),
            scaling: Vec::new(),
            restarts,
            problems: Vec::new(),
        }
    }

    /// Waits until so much of the length is over.
    fn until(&self, part: f64) {
        let due = self.length.mul_f64(part).max(CALM);
        std::thread::sleep(due.saturating_sub(self.start.elapsed()));
    }

    fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(Fault { what: what.into(), at: now(), measured: Vec::new() });
    }

    fn measure(&mut self, what: &'static str) {
        let fault = self.faults.last_mut().expect("something was done");
        fault.measured.push((what, Duration::from_millis(now() - fault.at)));
    }

    /// Does something while controllers scale a Deployment.
    fn while_scaling(&mut self, act: impl FnOnce(&mut Self)) {
        let asked = self.plane.controllers.ask(&self.plane.cluster);
        act(self);
        match self.plane.controllers.finish(&self.plane.cluster) {
            Ok(()) => self.scaling.push(asked.elapsed()),
            Err(problem) => self.problems.push(problem),
        }
    }

    /// Ends a server gracefully and starts it again, as soon as it has ended.
    fn restart(&mut self, server: usize) {
        self.fault(format!("{} restarts", SERVERS[server]));
        self.plane.cluster.ask_to_end(SERVERS[server]);
        self.while_scaling(|run| {
            let code = run.plane.cluster.wait_end(SERVERS[server], PATIENCE);
            assert_eq!(code, Some(0), "{} ends well", SERVERS[server]);
            run.measure("ended");
            run.back(server);
        });
    }

    fn back(&mut self, server: usize) {
        self.plane.cluster.launch(SERVERS[server]);
        self.plane.cluster.wait_ready(SERVERS[server], PATIENCE);
        self.measure("ready");
        self.plane.wait_up(&[true, true]);
        self.measure("up");
    }

    /// Waits for the load's end; controllers have to be at work then.
    fn finish(self, allowed: Allowed) -> Outcome {
        let report = self.load.finish();
        self.plane.controllers.wait_renewed(&self.plane.cluster);
        Outcome {
            name: self.name,
            faults: self.faults,
            report,
            allowed,
            scaling: self.scaling,
            problems: self.problems,
            leaders_restarted: self.plane.controllers.restarts - self.restarts,
        }
    }
}

/// Each server restarts, twice where there is time: nobody notices.
fn rolling_restart(plane: &mut ControlPlane, size: Size) -> Outcome {
    let mut run = Run::start(plane, "rolling restart of both servers", size.rate, size.rolling);
    let restarts = if size.rolling >= Duration::from_secs(120) { 4 } else { 2 };
    for turn in 0..restarts {
        run.until(f64::from(turn) / f64::from(restarts));
        run.restart(turn as usize % 2);
    }
    run.finish(Allowed::Nothing)
}

/// The same without a balancer, on one port: the kernel gives connections to either.
pub(crate) fn port_sharing(plane: &mut ControlPlane, size: Size) -> Outcome {
    let mut run = Run::start(plane, "restart of both servers on one shared port", size.rate / 2, size.fault);
    for turn in 0..2 {
        run.until(f64::from(turn) / 2.0);
        run.restart(turn as usize);
    }
    run.finish(Allowed::Nothing)
}

/// Each server is killed: what is under way on its connections fails, and nothing else.
fn kill_servers(plane: &mut ControlPlane, size: Size) -> Outcome {
    let mut run = Run::start(plane, "kill -9 of each server", size.rate / 2, size.fault);
    for (server, (name, at)) in SERVERS.into_iter().zip([0.0, 0.5]).enumerate() {
        run.until(at);
        run.fault(format!("{name} is killed"));
        run.plane.cluster.kill(name);
        run.while_scaling(|run| run.back(server));
    }
    run.finish(Allowed::InFlight { most: WORKERS, sent_within: Duration::from_secs(1) })
}

/// etcd restarts: asked to, and killed.
fn restart_etcd(plane: &mut ControlPlane, size: Size) -> Outcome {
    let mut run = Run::start(plane, "etcd restarts, then kill -9 of etcd", size.rate / 2, size.fault);
    for turn in 0..2 {
        run.until(f64::from(turn) / 2.0);
        if turn == 0 {
            run.fault("etcd ends");
            run.plane.cluster.terminate("etcd");
        } else {
            run.fault("etcd is killed");
            run.plane.cluster.kill("etcd");
        }
        // Long enough for everybody to find out.
        std::thread::sleep(Duration::from_secs(2));
        run.plane.cluster.launch("etcd");
        run.plane.cluster.wait_ready("etcd", PATIENCE);
        run.fault("etcd is back");
        run.while_scaling(|_| ());
        run.measure("scaled");
        run.plane.wait_up(&[true, true]);
        run.measure("up");
    }
    run.finish(Allowed::UntilHealed { within: HEALED_WITHIN })
}

/// The connections between one server and etcd are reset.
fn cut_etcd(plane: &mut ControlPlane, size: Size) -> Outcome {
    away(plane, size, "network between one server and etcd cut", proxy::Fault::Cut)
}

/// Nothing gets through between one server and etcd.
fn hang_etcd(plane: &mut ControlPlane, size: Size) -> Outcome {
    away(plane, size, "network between one server and etcd silent", proxy::Fault::Hang)
}

fn away(plane: &mut ControlPlane, size: Size, name: &'static str, fault: proxy::Fault) -> Outcome {
    // Servers know of each other after ten seconds. Blind watches end after half a minute, and controllers that had
    // theirs there go on then.
    let length = size.fault.mul_f64(1.5);
    let mut run = Run::start(plane, name, size.rate / 2, length);
    run.until(0.2);
    run.fault("server-0 loses etcd");
    run.plane.to_etcd[0].set(fault);
    run.plane.wait_up(&[false, true]);
    run.measure("out of the balancer");
    run.while_scaling(|_| ());
    run.measure("scaled");
    run.until(0.85);
    run.plane.to_etcd[0].heal();
    run.fault("the network is whole");
    let plane = &run.plane;
    eventually("server-0 is ready", || plane.balancer.as_ref().is_some_and(|b| b.up()[0]));
    run.measure("up");
    run.finish(Allowed::UntilHealed { within: HEALED_WITHIN })
}
