//! The server under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::etcd::Etcd;
use crate::process::{Process, free_port};

/// Where the server keeps its objects.
pub enum Store {
    /// In its data directory.
    Embedded,
    /// In this etcd, which lives as long as the server.
    Etcd(Etcd),
}

/// A running server. Ends with this value.
pub struct Server {
    /// Where it listens, such as `https://127.0.0.1:40001`.
    pub url: String,
    /// Where its objects are.
    pub store: Store,
    /// When its process was started.
    pub started: Instant,
    flags: Vec<String>,
    process: Process,
    data: tempfile::TempDir,
}

impl Server {
    /// Starts the server and waits until it says that it is ready.
    pub fn start(store: Store) -> Server {
        Server::start_with(store, &[])
    }

    /// The same with more flags.
    pub fn start_with(store: Store, flags: &[&str]) -> Server {
        let server = Server::launch(store, flags);
        server.wait_until_ready();
        server
    }

    /// Starts the server with more flags, and does not wait for it.
    pub fn launch(store: Store, flags: &[&str]) -> Server {
        let data = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        let mut flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        flags.push(format!("--data-dir={}", data.path().display()));
        flags.extend([format!("--secure-port={port}"), "--bind-address=127.0.0.1".to_owned()]);
        if let Store::Etcd(etcd) = &store {
            flags.push(format!("--etcd-servers={}", etcd.endpoint));
        }
        let (started, process) = (Instant::now(), launch(&flags));
        Server { url: format!("https://127.0.0.1:{port}"), store, started, flags, process, data }
    }

    /// Ends the server and starts it again on the same data, port and flags.
    pub fn restart(self) -> Server {
        let server = self.relaunch();
        server.wait_until_ready();
        server
    }

    /// The same, and does not wait for it.
    pub fn relaunch(self) -> Server {
        let (url, flags, mut process, data, store) =
            (self.url, self.flags, self.process, self.data, self.store);
        assert_eq!(terminate(&mut process), 0, "the server ends cleanly");
        let (started, process) = (Instant::now(), launch(&flags));
        Server { url, store, started, flags, process, data }
    }

    /// Waits until the server says that it is ready.
    ///
    /// # Panics
    /// Where it does not within half a minute.
    pub fn wait_until_ready(&self) {
        self.process.wait_for_line(Duration::from_secs(30), |line| line.contains("ready at https://"));
    }

    /// The kubeconfig of an administrator, which the server wrote.
    pub fn kubeconfig(&self) -> PathBuf {
        self.data.path().join("admin.kubeconfig")
    }

    /// The server's data directory.
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks the server to end, and returns its exit code.
    ///
    /// # Panics
    /// Where it has not ended after half a minute.
    pub fn stop(mut self) -> i32 {
        terminate(&mut self.process)
    }
}

fn launch(flags: &[String]) -> Process {
    Process::start(Command::new(binary()).args(flags))
}

fn terminate(process: &mut Process) -> i32 {
    let sent = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().expect("kill starts");
    assert!(sent.success(), "the server runs until it is asked to end");
    process.wait(Duration::from_secs(30)).expect("the server ends when it is asked to")
}

/// The server's program: `KEELSON_BINARY`, or the one that cargo built beside this test.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("KEELSON_BINARY") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test has a program");
    let profile = test.parent().and_then(Path::parent).expect("tests are in PROFILE/deps");
    let program = profile.join("kube-apiserver");
    assert!(
        program.exists(),
        "{} is missing: `cargo build --bin kube-apiserver` makes it",
        program.display()
    );
    program
}
