//! Samples of a process and the table's rows.

use std::time::Duration;

/// CPU time that a process has used, in nanoseconds, by the scheduler's count of all its threads.
pub(crate) struct Cpu(u64);

impl Cpu {
    pub(crate) fn of(pid: u32) -> Cpu {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
        let nanoseconds = tasks.flatten().filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Cpu(nanoseconds.sum())
    }

    /// The time used since this sample. Threads that ended in between are not counted.
    pub(crate) fn since(&self, pid: u32) -> Duration {
        Duration::from_nanos(Cpu::of(pid).0.saturating_sub(self.0))
    }
}

/// Resident memory in MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says VmRSS");
    let kib = line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number");
    kib / 1024.0
}

/// A row of the table.
pub(crate) struct Row {
    name: String,
    target_us: f64,
    cpu_us: f64,
    rate: f64,
    p50: Duration,
    p99: Duration,
}

impl Row {
    pub(crate) fn of(
        name: &str,
        target_us: f64,
        count: usize,
        cpu: Duration,
        elapsed: Duration,
        mut latencies: Vec<Duration>,
    ) -> Row {
        latencies.sort();
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
        Row {
            name: name.to_owned(),
            target_us,
            cpu_us: cpu.as_secs_f64() * 1e6 / count as f64,
            rate: count as f64 / elapsed.as_secs_f64(),
            p50: at(0.50),
            p99: at(0.99),
        }
    }

    pub(crate) fn head() {
        println!(
            "{:<28}{:>14}{:>14}{:>12}{:>12}{:>12}",
            "work", "CPU/unit µs", "target µs", "per second", "p50", "p99"
        );
    }

    pub(crate) fn print(&self) {
        let (p50, p99) = (format!("{:.1?}", self.p50), format!("{:.1?}", self.p99));
        println!(
            "{:<28}{:>14.1}{:>14.0}{:>12.1}{p50:>12}{p99:>12}",
            self.name, self.cpu_us, self.target_us, self.rate
        );
    }
}
