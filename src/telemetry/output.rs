//! Where log lines go: to standard error, without anybody waiting for its reader.
//!
//! A line is written at once, by whoever logs it, as long as standard error takes it: what was logged is out of the
//! process before it goes on, so nothing is lost where it crashes or is killed. Where standard error takes no more (a
//! full pipe whose reader is stuck), lines are kept, and a thread writes them as fast as they are read; where more
//! would have to be kept than [`KEPT`] bytes, lines are dropped and counted, and a line tells of them as soon as one
//! can be written. Errors, and so panics, have as much room again for themselves.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use keelson_base::clock;
use parking_lot::{Condvar, Mutex};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How many bytes of lines are kept for a reader that is slow.
const KEPT: usize = 4 << 20;

/// So many bytes can be written to a pipe that is ready without waiting (POSIX: `PIPE_BUF`, on Linux).
const ATOMIC: usize = 4096;

/// Tells of lines that were dropped.
pub(super) type TellDropped = fn(u64) -> String;

/// An output that nobody waits for. Clones share it.
#[derive(Clone)]
pub(super) struct Output {
    shared: Arc<Shared>,
}

struct Shared {
    file: File,
    state: Mutex<State>,
    /// Something is kept.
    wanted: Condvar,
    /// Nothing is kept any more.
    written: Condvar,
    tell_dropped: TellDropped,
}

#[derive(Default)]
struct State {
    kept: VecDeque<u8>,
    dropped: u64,
    /// Whether the thread runs that writes what is kept.
    has_thread: bool,
}

impl Output {
    /// To this file, pipe or terminal.
    pub(super) fn new(file: OwnedFd, tell_dropped: TellDropped) -> Self {
        Output {
            shared: Arc::new(Shared {
                file: file.into(),
                state: Mutex::default(),
                wanted: Condvar::new(),
                written: Condvar::new(),
                tell_dropped,
            }),
        }
    }

    /// To standard error.
    ///
    /// # Errors
    /// Where the process has none.
    pub(super) fn standard_error(tell_dropped: TellDropped) -> io::Result<Self> {
        Ok(Output::new(io::stderr().as_fd().try_clone_to_owned()?, tell_dropped))
    }

    /// Writes a line, or keeps or drops it.
    fn write(&self, line: &[u8], important: bool) {
        let shared = &self.shared;
        let mut state = shared.state.lock();
        let mut rest = line;
        if state.kept.is_empty() && state.dropped == 0 {
            rest = shared.write_ready(line);
            if rest.is_empty() {
                return;
            }
        }
        let room = if important { 2 * KEPT } else { KEPT };
        // A line that has begun is ended, else the next one would stand in its middle.
        if rest.len() == line.len() && state.kept.len() + rest.len() > room {
            state.dropped += 1;
        } else {
            state.kept.extend(rest);
        }
        if state.has_thread {
            shared.wanted.notify_one();
            return;
        }
        let thread = Arc::clone(shared);
        let spawned = std::thread::Builder::new().name("log".to_owned()).spawn(move || thread.write_kept());
        state.has_thread = spawned.is_ok();
    }

    /// Waits until everything is written, so long at most.
    pub(super) fn flush(&self, patience: Duration) {
        let deadline = clock::monotonic() + patience;
        let mut state = self.shared.state.lock();
        while !state.kept.is_empty() || state.dropped > 0 {
            let left = deadline.saturating_duration_since(clock::monotonic());
            if left.is_zero() {
                return;
            }
            self.shared.written.wait_for(&mut state, left);
        }
    }
}

impl Shared {
    /// Writes as much as can be without waiting, and returns the rest. What can't be written at all, as nobody is
    /// there any more to read it, counts as written.
    fn write_ready<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        while !rest.is_empty() && self.is_ready(Some(&Timespec::default())) {
            match rustix::io::write(&self.file, &rest[..rest.len().min(ATOMIC)]) {
                Ok(written) => rest = &rest[written..],
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => return &[],
            }
        }
        rest
    }

    /// Whether a write goes through, or fails, at once; waits for that where there is no limit.
    fn is_ready(&self, limit: Option<&Timespec>) -> bool {
        let mut polled = [PollFd::new(&self.file, PollFlags::OUT)];
        loop {
            match poll(&mut polled, limit) {
                Ok(ready) => return ready > 0,
                Err(rustix::io::Errno::INTR) => {}
                // Not something to wait for: a write shows what it is.
                Err(_) => return true,
            }
        }
    }

    /// Writes what is kept, for as long as the process lives.
    fn write_kept(&self) {
        loop {
            let mut state = self.state.lock();
            while state.kept.is_empty() {
                if state.dropped > 0 {
                    let told = (self.tell_dropped)(std::mem::take(&mut state.dropped));
                    state.kept.extend(told.as_bytes());
                    continue;
                }
                state.kept.shrink_to(ATOMIC);
                self.written.notify_all();
                self.wanted.wait(&mut state);
            }
            drop(state);
            self.is_ready(None);
            let mut state = self.state.lock();
            let (front, _) = state.kept.as_slices();
            let left = self.write_ready(front).len();
            let written = front.len() - left;
            state.kept.drain(..written);
        }
    }
}

/// One line on its way.
pub(super) struct Line<'a> {
    output: &'a Output,
    important: bool,
}

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.output.write(line, self.important);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { output: self, important: false }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line { output: self, important: *metadata.level() == Level::ERROR }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};

    use super::*;

    fn tell(dropped: u64) -> String {
        format!("dropped {dropped}\n")
    }

    fn pipe() -> (io::PipeReader, Output) {
        let (reader, writer) = io::pipe().expect("a pipe");
        (reader, Output::new(writer.into(), tell))
    }

    #[test]
    fn lines_are_out_when_they_are_logged() {
        let (mut reader, output) = pipe();
        output.write(b"one\n", false);
        output.write(b"two\n", true);
        let mut read = [0; 8];
        reader.read_exact(&mut read).expect("both are there");
        assert_eq!(&read, b"one\ntwo\n");
        assert!(!output.shared.state.lock().has_thread);
    }

    #[test]
    fn a_stuck_reader_stops_nobody_and_hears_what_was_dropped() {
        let (reader, output) = pipe();
        let line = [vec![b'x'; 9_999], vec![b'\n']].concat();
        let logged = 2 * KEPT / line.len();
        for _ in 0..logged {
            output.write(&line, false);
        }
        output.write(b"panic\n", true);
        output.flush(Duration::from_millis(1));
        let reading = std::thread::spawn(move || {
            let (mut whole, mut last) = (0, String::new());
            let mut panicked = false;
            for line in BufReader::new(reader).lines() {
                last = line.expect("text");
                whole += usize::from(last.len() == 9_999);
                panicked |= last == "panic";
                if last.starts_with("dropped") {
                    break;
                }
            }
            (whole, panicked, last)
        });
        output.flush(Duration::from_secs(60));
        let (whole, panicked, last) = reading.join().expect("it is told of what was dropped");
        assert!(panicked, "errors have room of their own");
        assert!(whole >= KEPT / line.len(), "{whole}");
        assert_eq!(last, format!("dropped {}", logged - whole));
    }

    #[test]
    fn where_nobody_reads_any_more_lines_go_nowhere() {
        let (reader, output) = pipe();
        drop(reader);
        output.write(b"one\n", false);
        output.flush(Duration::ZERO);
        assert!(output.shared.state.lock().kept.is_empty());
    }
}
