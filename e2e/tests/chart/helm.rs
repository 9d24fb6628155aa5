//! helm as a command.

use std::path::{Path, PathBuf};
use std::process::Command;

use keelson_apimachinery::codec::{json, yaml};
use serde_json::Value;

/// helm with directories of its own.
pub(crate) struct Helm {
    program: PathBuf,
    home: tempfile::TempDir,
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    /// The helm that `KEELSON_HELM` names; `None`, with a printed line, where it is not set.
    pub(crate) fn new() -> Option<Helm> {
        let Some(program) = std::env::var_os("KEELSON_HELM") else {
            println!("skipped: KEELSON_HELM is not set (`make test` sets it)");
            return None;
        };
        let home = tempfile::tempdir().expect("a temporary directory");
        Some(Helm { program: program.into(), home, kubeconfig: None })
    }

    /// The same for a cluster.
    pub(crate) fn with_kubeconfig(mut self, path: PathBuf) -> Helm {
        self.kubeconfig = Some(path);
        self
    }

    /// What the command printed, or, where it failed, what it printed on standard error.
    pub(crate) fn attempt(&self, arguments: &[&str]) -> Result<String, String> {
        let none = self.home.path().join("none");
        let output = Command::new(&self.program)
            .args(arguments)
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path())
            .env("XDG_DATA_HOME", self.home.path())
            .env("KUBECONFIG", self.kubeconfig.as_ref().unwrap_or(&none))
            .output()
            .unwrap_or_else(|e| panic!("{} does not start: {e}", self.program.display()));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if output.status.success() {
            return Ok(text(output.stdout));
        }
        Err(text(output.stderr) + &text(output.stdout))
    }

    /// What the command printed.
    ///
    /// # Panics
    /// Where it fails; shows what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.attempt(arguments).unwrap_or_else(|error| panic!("helm {}: {error}", arguments.join(" ")))
    }

    /// What the chart comes to for a release `demo` in the namespace `tenant-a`.
    pub(crate) fn template(&self, more: &[&str]) -> Result<String, String> {
        let chart = chart();
        let mut arguments = vec!["template", "demo", &chart, "--namespace", "tenant-a"];
        arguments.extend(more);
        self.attempt(&arguments)
    }
}

/// The root of the tree.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e is in the tree")
}

/// The chart's directory.
pub(crate) fn chart() -> String {
    root().join("charts/keelson").display().to_string()
}

/// The files of values that are rendered, by name: `ci/NAME-values.yaml`.
pub(crate) fn matrix() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(root().join("charts/keelson/ci")).expect("the chart has values for CI");
    let mut found: Vec<(String, String)> = entries
        .map(|entry| entry.expect("the directory is read").path())
        .map(|path| {
            let file = path.file_name().expect("a file").to_string_lossy().into_owned();
            let name =
                file.strip_suffix("-values.yaml").unwrap_or_else(|| panic!("{file} is no NAME-values.yaml"));
            (name.to_owned(), path.display().to_string())
        })
        .collect();
    found.sort();
    assert!(found.len() > 2, "{found:?}");
    found
}

/// The objects of a rendered text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let parse = |document: &str| {
        let decoded = yaml::decode_untyped(document.as_bytes()).expect("helm renders YAML");
        let mut out = Vec::new();
        json::encode_untyped(&decoded.value, &mut out);
        serde_json::from_slice(&out).expect("what was encoded is JSON")
    };
    format!("\n{text}").split("\n---").map(parse).filter(|object: &Value| !object.is_null()).collect()
}
