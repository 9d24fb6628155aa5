//! Child processes whose output is read by lines, with a deadline.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Lines that a reader may be behind by before the child has to wait.
const LINES: usize = 10_000;

/// A child process that is killed and reaped when this value is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// Starts the command; its standard output and error are both read.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
        let (send, lines) = sync_channel(LINES);
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("stdout is piped")),
            Box::new(child.stderr.take().expect("stderr is piped")),
        ];
        for output in outputs {
            let send = send.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // Nobody reads any more: go on draining, so that the child is never blocked.
                    let _ = send.try_send(line);
                }
            });
        }
        Process { child, lines }
    }

    /// The first line for which `wanted` says so.
    ///
    /// # Panics
    /// Where none comes within the time, or the process ends before; shows what it printed.
    pub(crate) fn wait_for_line(&self, within: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = std::time::Instant::now() + within;
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(std::time::Instant::now())) {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => seen.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no such line in {within:?}; got:\n{}", seen.join("\n"))
                }
                Err(RecvTimeoutError::Disconnected) => panic!("ended; it said:\n{}", seen.join("\n")),
            }
        }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the process to end by itself; its exit code, or `None` after the time.
    pub(crate) fn wait(&mut self, within: Duration) -> Option<i32> {
        let deadline = std::time::Instant::now() + within;
        while std::time::Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                return Some(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that are given out: below those that Linux gives outgoing connections, any of which could take one before
/// whoever it is meant for listens there.
const PORTS: Range<u16> = 15_000..32_000;

/// A loopback port that was free a moment ago, and that this process gives nobody else for long.
///
/// # Panics
/// Where none is free.
pub fn free_port() -> u16 {
    // Processes begin at different places.
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(std::process::id().wrapping_mul(97)));
    let count = u32::from(PORTS.end - PORTS.start);
    (0..count)
        .map(|_| PORTS.start + (NEXT.fetch_add(1, Ordering::Relaxed) % count) as u16)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("loopback has a free port")
}
