//! An unmodified kubectl.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::Process;

/// kubectl with a kubeconfig and a home directory of its own (it caches discovery there).
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: tempfile::TempDir,
}

impl Kubectl {
    /// The kubectl that `KEELSON_KUBECTL` names; `None`, with a printed line, where it is not set.
    pub fn new(kubeconfig: &Path) -> Option<Kubectl> {
        let Some(program) = std::env::var_os("KEELSON_KUBECTL") else {
            println!("skipped: KEELSON_KUBECTL is not set (`make test` sets it)");
            return None;
        };
        let home = tempfile::tempdir().expect("a temporary directory");
        Some(Kubectl { program: program.into(), kubeconfig: kubeconfig.to_owned(), home })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).env("KUBECONFIG", &self.kubeconfig).env("HOME", self.home.path());
        command
    }

    /// What the command printed.
    ///
    /// # Panics
    /// Where it fails; shows what it printed on standard error.
    pub fn run(&self, args: &[&str]) -> String {
        self.run_with_input(args, "")
    }

    /// As [`Kubectl::run`], with standard input.
    pub fn run_with_input(&self, args: &[&str], input: &str) -> String {
        match self.attempt(args, input) {
            Ok(out) => out,
            Err(error) => panic!("kubectl {}: {error}", args.join(" ")),
        }
    }

    /// What the command printed, or, where it failed, what it printed on standard error.
    pub fn attempt(&self, args: &[&str], input: &str) -> Result<String, String> {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{} does not start: {e}", self.program.display()));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // kubectl may end before it has read all: that is its answer's business.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("the child is ours");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// The command's output as JSON.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let text = self.run(args);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("kubectl {}: {e} in {text}", args.join(" ")))
    }

    /// A command that goes on in the background, such as a watch, until the value is dropped.
    pub fn background(&self, args: &[&str]) -> Background {
        Background(Process::start(&mut self.command(args)))
    }
}

/// A kubectl in the background.
pub struct Background(Process);

impl Background {
    /// The first line for which `wanted` says so; panics where none comes in half a minute.
    pub fn line(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.0.wait_for_line(Duration::from_secs(30), wanted)
    }
}
