//! A program of the control plane that can be stopped, killed and started again.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// So many characters of a line are shown.
const LINE: usize = 300;

/// How a part shows that it serves.
pub(super) enum Ready {
    /// It has written a line with this text since it was started.
    Line(&'static str),
    /// It takes connections at this loopback port.
    Port(u16),
}

/// A program, with what it is started with and where it writes its log.
pub(super) struct Part {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(&'static str, String)>,
    pub(super) log: PathBuf,
    pub(super) ready: Ready,
    child: Option<Child>,
    /// Where in the log the present run begins.
    begin: u64,
}

impl Part {
    pub(super) fn new(program: PathBuf, args: Vec<String>, log: PathBuf, ready: Ready) -> Part {
        Part { program, args, env: Vec::new(), log, ready, child: None, begin: 0 }
    }

    /// Starts the program; what it writes is appended to its log.
    pub(super) fn launch(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.program.display());
        let open = || {
            let file = fs::OpenOptions::new().create(true).append(true).open(&self.log);
            file.unwrap_or_else(|e| panic!("{}: {e}", self.log.display()))
        };
        self.begin = open().metadata().map_or(0, |file| file.len());
        let child = Command::new(&self.program)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(open())
            .stderr(open())
            .spawn();
        self.child = Some(child.unwrap_or_else(|e| panic!("{} does not start: {e}", self.program.display())));
    }

    /// Whether it serves now; an error where it has ended by itself.
    pub(super) fn is_ready(&mut self) -> Result<bool, String> {
        if let Some(status) = self.ended() {
            return Err(format!("ended with {status}"));
        }
        Ok(match self.ready {
            Ready::Line(text) => self.written().contains(text),
            Ready::Port(port) => std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(),
        })
    }

    /// How it ended, where it was started and has ended by itself.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().expect("the child is ours");
        if status.is_some() {
            self.child = None;
        }
        status
    }

    /// The process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Sends a signal such as `TERM`.
    pub(super) fn signal(&self, signal: &str) {
        let pid = self.pid().expect("a part that runs");
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} takes a signal", self.program.display());
    }

    /// Waits until it has ended, and returns its exit code, or minus the signal that ended it.
    pub(super) fn wait(&mut self, within: Duration) -> Option<i32> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.ended() {
                return Some(status.code().unwrap_or_else(|| -status.signal().unwrap_or_default()));
            }
            if Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it has written since it was started last.
    fn written(&self) -> String {
        let mut bytes = Vec::new();
        if let Ok(mut file) = fs::File::open(&self.log) {
            let _ = file.seek(SeekFrom::Start(self.begin)).and_then(|_| file.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// All that it has written.
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The last lines of its log, as far as each is of use.
    pub(super) fn tail(&self, lines: usize) -> String {
        let mut text = String::new();
        let whole = self.log();
        let all: Vec<&str> = whole.lines().collect();
        for line in &all[all.len().saturating_sub(lines)..] {
            let shown: String = line.chars().take(LINE).collect();
            let _ = writeln!(text, "  {shown}");
        }
        text
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}
