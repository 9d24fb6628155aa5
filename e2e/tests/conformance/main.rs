//! Recordings of a kube-apiserver, replayed against the built server: how many steps of each file get the
//! recorded answer. A file may not fall below its floor in `testdata/conformance.tsv`; where one rises for good,
//! its floor is raised with it.
#![allow(missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use keelson_e2e::{Etcd, Server, Store};

/// File, steps, and how many of them have to pass.
const FLOORS: &str = include_str!("../../testdata/conformance.tsv");
/// Who the recordings' steps are sent by.
const TOKENS: &str = "admintoken,admin,admin-uid,\"system:masters\"\nalicetoken,alice,alice-uid,\"devs\"\n";

#[test]
fn recorded_answers_are_given() {
    let Some(recordings) = Recordings::find() else { return };
    recordings.check("embedded store", Store::Embedded);
    if std::env::var_os("KEELSON_E2E_FULL").is_some()
        && let Some(etcd) = Etcd::start()
    {
        recordings.check("etcd", Store::Etcd(etcd));
    }
}

#[test]
fn floors_are_in_order_and_possible() {
    let floors = floors();
    assert_eq!(floors.len(), FLOORS.lines().count() - 1, "each file once, below one heading");
    for (file, floor) in &floors {
        assert!(AREAS.iter().any(|area| file.starts_with(area)), "{file}");
        assert!(
            0 < floor.passed && floor.passed <= floor.steps,
            "{file}: {} of {}",
            floor.passed,
            floor.steps
        );
    }
}

#[derive(Clone, Copy, Default)]
struct Floor {
    steps: usize,
    passed: usize,
}

fn floors() -> BTreeMap<&'static str, Floor> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [file, steps, passed] = cells[..] else { panic!("three columns: {line:?}") };
        let number = |cell: &str| cell.parse().unwrap_or_else(|e| panic!("{line:?}: {e}"));
        (file, Floor { steps: number(steps), passed: number(passed) })
    };
    FLOORS.lines().skip(1).map(row).collect()
}

/// The areas whose recordings are replayed, by the beginnings of their names: others are to come.
const AREAS: [&str; 5] = ["disc-", "kctl-", "kind-", "mach-", "sec-"];

/// The program that replays, and what it is to replay.
struct Recordings {
    replay: PathBuf,
    files: Vec<PathBuf>,
    kubectl: Option<String>,
}

/// What came of a file.
#[derive(Default)]
struct Outcome {
    passed: usize,
    failed: Vec<String>,
}

impl Recordings {
    /// Those beside the workspace; `None`, with a printed line, where there are none.
    fn find() -> Option<Recordings> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
        let replay = root.join("replay");
        if !replay.exists() {
            println!("skipped: there are no recordings beside the workspace");
            return None;
        }
        if !Command::new("python3").arg("--version").output().is_ok_and(|out| out.status.success()) {
            println!("skipped: there is no python3 to replay the recordings");
            return None;
        }
        let entries = std::fs::read_dir(root.join("recordings")).expect("a folder of recordings");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.retain(|file| AREAS.iter().any(|area| name(file).starts_with(area)));
        files.sort();
        Some(Recordings { replay, files, kubectl: std::env::var("KEELSON_KUBECTL").ok() })
    }

    fn check(&self, place: &str, store: Store) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tokens = directory.path().join("tokens.csv");
        std::fs::write(&tokens, TOKENS).expect("a file of tokens");
        let tokens = format!("--token-auth-file={}", tokens.display());
        let server = Server::start_with(
            store,
            &[
                &tokens,
                "--service-cluster-ip-range=10.0.0.0/24",
                "--authorization-mode=Node,RBAC",
                "--external-hostname=127.0.0.1",
                "--enable-admission-plugins=NodeRestriction",
                "--allow-privileged=true",
            ],
        );

        let floors = floors();
        let mut fallen = Vec::new();
        println!("{place}\nfile\tsteps\tpassed\tfloor");
        for file in &self.files {
            let Some(outcome) = self.replay(&server, file) else { continue };
            let (name, steps) = (name(file), outcome.passed + outcome.failed.len());
            let floor = floors.get(name).copied().unwrap_or_default();
            println!("{name}\t{steps}\t{}\t{}", outcome.passed, floor.passed);
            if steps != floor.steps {
                println!("{name} has {steps} steps, and its floor is for {}", floor.steps);
            }
            if outcome.passed < floor.passed {
                let failed = outcome.failed.join("\n  ");
                fallen.push(format!(
                    "{name}: {} of at least {} steps passed; not these:\n  {failed}",
                    outcome.passed, floor.passed
                ));
            }
        }
        assert_eq!(server.stop(), 0, "the server ends cleanly when it is asked to");
        assert!(fallen.is_empty(), "on the {place}, {}", fallen.join("\n"));
    }

    /// Replays one file; `None`, with a printed line, where it needs kubectl and there is none.
    fn replay(&self, server: &Server, file: &Path) -> Option<Outcome> {
        let text = std::fs::read_to_string(file).expect("a recording");
        let kubectl = self.kubectl.as_deref().unwrap_or("kubectl");
        if self.kubectl.is_none() && text.contains("\"kubectl\": [") {
            println!("skipped: {} needs kubectl, and KEELSON_KUBECTL is not set", name(file));
            return None;
        }
        let authority = server.data_dir().join("server-ca.crt");
        let output = Command::new("python3")
            .arg(&self.replay)
            .args(["check", "--format=json", "--token=admintoken", "--server", &server.url])
            .args(["--kubectl", kubectl, "--ca"])
            .args([&authority, file])
            .output()
            .expect("python3 starts");
        let mut outcome = Outcome::default();
        for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with('{')) {
            let step: serde_json::Value = serde_json::from_str(line).expect("a line of JSON a step");
            if step["ok"] == true {
                outcome.passed += 1;
            } else {
                let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
                outcome.failed.push(format!("{} {}: {}", text("scenario"), step["step"], text("what")));
            }
        }
        // Whoever replays fails where a step does, but must have come to the end.
        let complete = String::from_utf8_lossy(&output.stdout).contains(" passed, ");
        assert!(complete, "{} was not replayed: {}", name(file), String::from_utf8_lossy(&output.stderr));
        Some(outcome)
    }
}

fn name(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
