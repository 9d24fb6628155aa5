//! The load generator as a child process.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::control_plane::ControlPlane;

/// At most so many requests are under way.
pub(crate) const WORKERS: u64 = 400;

/// A running load. Ends with this value.
pub(crate) struct Load {
    child: Child,
    output: BufReader<ChildStdout>,
    input: Option<ChildStdin>,
}

impl Load {
    /// Starts it and waits until requests are sent.
    pub(crate) fn start(plane: &ControlPlane, rate: u64, duration: Duration) -> Load {
        let program = std::env::var_os("KEELSON_LOAD").expect("`make e2e` sets KEELSON_LOAD");
        let mut child = Command::new(program)
            .arg(format!("--kubeconfig={}", plane.cluster.kubeconfig().display()))
            .arg(format!("--servers={}", plane.urls().join(",")))
            .arg(format!("--rate={rate}"))
            .arg(format!("--duration={}s", duration.as_secs()))
            .arg(format!("--workers={WORKERS}"))
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the load generator starts");
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let input = child.stdin.take();
        let mut load = Load { child, output, input };
        assert_eq!(load.line()["event"], "started");
        load
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it writes text");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("the load generator said {line:?}: {e}"))
    }

    /// Waits for its end, and for what it found.
    pub(crate) fn finish(mut self) -> Value {
        let report = self.line();
        assert_eq!(report["event"], "report");
        report
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time, in milliseconds since 1970, as the load generator notes it.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    u64::try_from(since.as_millis()).expect("it fits")
}
