//! What a scenario came to, and what it should have come to.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// Something that was done to the cluster.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) what: String,
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
    /// What was measured, such as how long the server took to be ready again.
    pub(crate) measured: Vec<(&'static str, Duration)>,
}

/// Which requests may fail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Allowed {
    /// None.
    Nothing,
    /// So many for each fault, all sent before this time after it.
    InFlight { most: u64, sent_within: Duration },
    /// Those that end before this time after the cluster was made whole, which is the last fault.
    UntilHealed { within: Duration },
}

/// A scenario that was run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) faults: Vec<Fault>,
    pub(crate) report: Value,
    pub(crate) allowed: Allowed,
    /// How long controllers took for a scaling that was asked for while a part was away.
    pub(crate) scaling: Vec<Duration>,
    pub(crate) leaders_restarted: u32,
    /// What controllers did not do.
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    fn count(&self, path: &str) -> u64 {
        let value = self.report.pointer(path).unwrap_or_else(|| panic!("the report has no {path}"));
        value.as_u64().unwrap_or_else(|| panic!("{path} is {value}"))
    }

    fn list(&self, path: &str) -> Vec<String> {
        let found = self.report.pointer(path).and_then(Value::as_array).into_iter().flatten();
        found.map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect()
    }

    /// Failed requests: when they were sent and when they ended.
    fn failures(&self) -> Vec<(u64, u64)> {
        let found = self.report["failures"].as_array().into_iter().flatten();
        let time = |one: &Value, name: &str| one[name].as_u64().unwrap_or_default();
        found.map(|one| (time(one, "unix_ms"), time(one, "unix_ms") + time(one, "took_ms"))).collect()
    }

    /// For each fault, how many requests failed until the next one, and how long after it the last one did.
    fn failed_by_fault(&self) -> Vec<(u64, Duration)> {
        let failures = self.failures();
        let end = |index: usize| self.faults.get(index + 1).map_or(u64::MAX, |next| next.at);
        let of = |(index, fault): (usize, &Fault)| {
            let within: Vec<u64> = failures
                .iter()
                .filter(|(_, ended)| (fault.at..end(index)).contains(ended))
                .map(|(_, ended)| ended - fault.at)
                .collect();
            let last = within.iter().max().copied().unwrap_or_default();
            (within.len() as u64, Duration::from_millis(last))
        };
        self.faults.iter().enumerate().map(of).collect()
    }

    /// What is not as it should be.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.problems.clone();
        let (sent, failed) = (self.count("/sent"), self.count("/failed"));
        let seconds = (self.count("/ended_unix_ms") - self.count("/started_unix_ms")) / 1000;
        let due = seconds * self.count("/rate");
        match self.allowed {
            Allowed::Nothing => {
                if failed > 0 {
                    problems.push(format!("{failed} requests failed"));
                }
                // Nine of ten: the machine may have other work for a moment, the load must not be another one.
                if sent * 10 < due * 9 {
                    problems.push(format!("{sent} requests were sent, {due} were due"));
                }
            }
            Allowed::InFlight { most, sent_within } => {
                let most = most * self.faults.len() as u64;
                if failed > most {
                    problems.push(format!("{failed} requests failed, at most {most} were under way"));
                }
                let late = sent_within.as_millis() as u64;
                let is_excused =
                    |sent: u64| self.faults.iter().any(|f| sent <= f.at + late && sent + 30_000 > f.at);
                let unexcused = self.failures().iter().filter(|(sent, _)| !is_excused(*sent)).count();
                if unexcused > 0 {
                    problems.push(format!(
                        "{unexcused} requests failed that were sent later than {late} ms after"
                    ));
                }
            }
            Allowed::UntilHealed { within } => {
                let (first, last) = (self.faults.first(), self.faults.last());
                let from = first.map_or(0, |fault| fault.at);
                let until = last.map_or(0, |fault| fault.at) + within.as_millis() as u64;
                let outside =
                    self.failures().iter().filter(|(_, ended)| !(from..=until).contains(ended)).count();
                if outside > 0 {
                    problems
                        .push(format!("{outside} requests failed before, or {within:?} after all was whole"));
                }
            }
        }
        for (path, what) in
            [("/ledger/lost", "acknowledged writes are lost"), ("/ledger/missed", "events did not come")]
        {
            let count = self.count(path);
            if count > 0 {
                problems.push(format!("{count} {what}"));
            }
        }
        for path in ["/ledger/lost_list", "/ledger/reads", "/ledger/watches", "/problems"] {
            problems.extend(self.list(path).into_iter().take(10));
        }
        problems.into_iter().map(|problem| format!("{}: {problem}", self.name)).collect()
    }

    fn seconds(&self, at: u64) -> f64 {
        (at as f64 - self.count("/started_unix_ms") as f64) / 1000.0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {}", self.name)?;
        for (fault, (failed, last)) in self.faults.iter().zip(self.failed_by_fault()) {
            write!(f, "  {:6.1} s  {}", self.seconds(fault.at), fault.what)?;
            for (what, took) in &fault.measured {
                write!(f, "; {what} after {:.1} s", took.as_secs_f64())?;
            }
            if failed > 0 {
                write!(f, "; {failed} requests failed, the last after {:.1} s", last.as_secs_f64())?;
            }
            writeln!(f)?;
        }
        for (error, count) in self.report["errors"].as_object().into_iter().flatten() {
            writeln!(f, "  {count} × {error}")?;
        }
        writeln!(
            f,
            "  sent {}, failed {}, skipped {}; longest time without a success {} ms, at {:.1} s",
            self.count("/sent"),
            self.count("/failed"),
            self.count("/skipped"),
            self.count("/stall_ms"),
            self.seconds(self.count("/stall_unix_ms")),
        )?;
        for (verb, counts) in self.report["verbs"].as_object().into_iter().flatten() {
            writeln!(
                f,
                "  {verb:<7} {:>7} sent, ms: median {}, 99 % {}, 99.9 % {}, most {}",
                counts["sent"], counts["p50_ms"], counts["p99_ms"], counts["p999_ms"], counts["max_ms"],
            )?;
        }
        writeln!(
            f,
            "  retries by client-go {}, connections {}, watches {}",
            self.report["retries"], self.report["connections"], self.report["watches"],
        )?;
        let scaling: Vec<String> =
            self.scaling.iter().map(|took| format!("{:.1} s", took.as_secs_f64())).collect();
        writeln!(
            f,
            "  acknowledged writes {}, uncertain {}; scalings took {}; leaders started again: {}",
            self.count("/ledger/acknowledged"),
            self.count("/ledger/uncertain"),
            scaling.join(", "),
            self.leaders_restarted,
        )?;
        for problem in self.problems() {
            writeln!(f, "  PROBLEM {problem}")?;
        }
        Ok(())
    }
}

/// All of them, a line each.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| scenario | requests | failed | lost | acknowledged writes | errors until | scaled within | p99 of GET |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for one in outcomes {
        let until: Vec<String> = one
            .faults
            .iter()
            .zip(one.failed_by_fault())
            .filter(|(_, (failed, _))| *failed > 0)
            .map(|(fault, (_, last))| format!("{} +{:.1} s", fault.what, last.as_secs_f64()))
            .collect();
        let slowest = one.scaling.iter().max().copied().unwrap_or_default();
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {:.1} s | {} ms |\n",
            one.name,
            one.count("/sent"),
            one.count("/failed"),
            one.count("/ledger/lost"),
            one.count("/ledger/acknowledged"),
            if until.is_empty() { "no errors".to_owned() } else { until.join(", ") },
            slowest.as_secs_f64(),
            one.report["verbs"]["get"]["p99_ms"],
        ));
    }
    text
}
