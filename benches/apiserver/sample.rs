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

/// Waits until the process has next to nothing to do, such as the end of many connections; half a minute at
/// most.
pub(crate) async fn settle(pid: u32) {
    for _ in 0..60 {
        let cpu = Cpu::of(pid);
        tokio::time::sleep(Duration::from_millis(500)).await;
        if cpu.since(pid) < Duration::from_millis(10) {
            return;
        }
    }
}

/// What a process has in memory, in MB (10^6 bytes).
pub(crate) struct Memory {
    /// All that is resident, pages of the program's own file included: what `ps` and `top` show.
    pub(crate) resident: f64,
    /// Of that, what is backed by no file: heap and stacks, and data that was written to.
    anonymous: f64,
    /// Of that, pages of files: of the program and of the libraries that it loads.
    file: f64,
    /// All of it, with what other processes have, too, counted in proportion.
    proportional: f64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Memory {
        let read = |file: &str, name: &str| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the process runs");
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says it");
            line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0 / 1e6
        };
        Memory {
            resident: read("status", "VmRSS:"),
            anonymous: read("status", "RssAnon:"),
            file: read("status", "RssFile:"),
            proportional: read("smaps_rollup", "Pss:"),
        }
    }

    /// The memory once the process has nothing to do any more, and the allocator gave back what it holds for later.
    pub(crate) async fn settled(pid: u32) -> Memory {
        settle(pid).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        Memory::of(pid)
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Memory { resident, anonymous, file, proportional } = self;
        write!(
            out,
            "{resident:.1} MB resident ({anonymous:.1} its own, {file:.1} of files; Pss {proportional:.1})"
        )
    }
}

/// A row of the table. A target that is no number is none.
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
            "{:<44}{:>14}{:>14}{:>12}{:>12}{:>12}",
            "work", "CPU/unit µs", "target µs", "per second", "p50", "p99"
        );
    }

    pub(crate) fn print(&self) {
        let target = if self.target_us.is_nan() { "-".to_owned() } else { format!("{:.0}", self.target_us) };
        let (p50, p99) = (format!("{:.1?}", self.p50), format!("{:.1?}", self.p99));
        println!("{:<44}{:>14.1}{target:>14}{:>12.1}{p50:>12}{p99:>12}", self.name, self.cpu_us, self.rate);
    }
}
