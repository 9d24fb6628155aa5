//! Tasks with an owner.
//!
//! A [`TaskGroup`] starts tasks and waits for their end. Whatever starts work in the background holds a group
//! (or takes one from its caller) and waits for it when it shuts down; [`TaskGroup::wait`] names what did not
//! end in time.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::task::TaskTracker;
use tracing::error;

/// A group of tasks that one owner waits for. Clones share the group.
#[derive(Clone, Debug, Default)]
pub struct TaskGroup {
    tracker: TaskTracker,
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    tasks: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    abort: Option<AbortHandle>,
}

/// Tasks that had not ended when the wait for them did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Their names, in the order they were started.
    pub names: Vec<&'static str>,
}

impl std::fmt::Display for Unfinished {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} tasks did not end in time: {}", self.names.len(), self.names.join(", "))
    }
}

impl std::error::Error for Unfinished {}

/// Takes the task from the list of running ones, however it ends.
struct Registration {
    running: Arc<Mutex<Running>>,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.running.lock().tasks.remove(&self.id);
    }
}

impl TaskGroup {
    /// An empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task. Dropping the handle leaves the task running under the group. A panic in it is logged
    /// with its name and shows as an error on the handle.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let registration = self.register(name);
        let id = registration.id;
        let handle = self.tracker.spawn(async move {
            let _registration = registration;
            match AssertUnwindSafe(future).catch_unwind().await {
                Ok(output) => output,
                Err(panic) => {
                    error!(task = name, "task panicked: {}", panic_text(&*panic));
                    std::panic::resume_unwind(panic)
                }
            }
        });
        if let Some(entry) = self.running.lock().tasks.get_mut(&id) {
            entry.abort = Some(handle.abort_handle());
        }
        handle
    }

    /// Runs blocking work on tokio's blocking threads. It can't be aborted once it runs.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn_blocking<F, T>(&self, name: &'static str, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let registration = self.register(name);
        self.tracker.spawn_blocking(move || {
            let _registration = registration;
            work()
        })
    }

    /// Starts a thread of its own, for work that blocks for as long as the owner lives. The group waits for
    /// its end as for any task. `name` is also the thread's, of which Linux shows 15 bytes.
    ///
    /// # Errors
    /// Where the operating system refuses another thread.
    pub fn spawn_thread<F>(&self, name: &'static str, work: F) -> std::io::Result<()>
    where
        F: FnOnce() + Send + 'static,
    {
        let registration = self.register(name);
        let token = self.tracker.token();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _token = token;
            let _registration = registration;
            if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(work)) {
                error!(task = name, "thread panicked: {}", panic_text(&*panic));
            }
        })?;
        Ok(())
    }

    /// The names of the tasks that run now, in the order they were started.
    pub fn names(&self) -> Vec<&'static str> {
        self.running.lock().tasks.values().map(|entry| entry.name).collect()
    }

    /// Aborts every task at its next await; threads and blocking work run on.
    pub fn abort_all(&self) {
        for entry in self.running.lock().tasks.values() {
            if let Some(abort) = &entry.abort {
                abort.abort();
            }
        }
    }

    /// Waits until every task has ended, those that start meanwhile too, but no longer than `limit`.
    ///
    /// # Errors
    /// The names of the tasks that still run.
    pub async fn wait(&self, limit: Duration) -> Result<(), Unfinished> {
        self.tracker.close();
        match tokio::time::timeout(limit, self.tracker.wait()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Unfinished { names: self.names() }),
        }
    }

    fn register(&self, name: &'static str) -> Registration {
        let mut running = self.running.lock();
        let id = running.next;
        running.next += 1;
        running.tasks.insert(id, Entry { name, abort: None });
        Registration { running: Arc::clone(&self.running), id }
    }
}

/// Runs blocking work on tokio's blocking threads and waits for it. Dropping the future does not stop the
/// work; the runtime waits for it at its own end.
///
/// # Panics
/// Outside a tokio runtime; passes on a panic of `work`.
pub async fn blocking<F, T>(work: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(output) => output,
        Err(failure) => match failure.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that is going away cancels blocking work; nobody waits for the answer then.
            Err(_) => std::future::pending().await,
        },
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wait_ends_when_tasks_threads_and_blocking_work_do() {
        let group = TaskGroup::new();
        let (release, released) = std::sync::mpsc::channel::<()>();
        group.spawn("task", async {});
        group.spawn_blocking("blocking", || {});
        group
            .spawn_thread("thread", move || {
                let _ = released.recv();
            })
            .expect("a thread");
        while group.names() != ["thread"] {
            tokio::task::yield_now().await;
        }
        let unfinished = group.wait(Duration::from_millis(5)).await.expect_err("the thread waits");
        assert_eq!(unfinished.names, ["thread"]);
        drop(release);
        assert_eq!(group.wait(Duration::from_secs(20)).await, Ok(()));
    }

    #[tokio::test]
    async fn aborted_tasks_end() {
        let group = TaskGroup::new();
        let handle = group.spawn("forever", std::future::pending::<()>());
        group.abort_all();
        assert!(handle.await.expect_err("aborted").is_cancelled());
        assert_eq!(group.wait(Duration::from_secs(20)).await, Ok(()));
    }

    #[tokio::test]
    async fn a_panic_reaches_the_handle_and_not_the_group() {
        let group = TaskGroup::new();
        let handle = group.spawn("panics", async { panic!("on purpose") });
        assert!(handle.await.expect_err("panicked").is_panic());
        group.spawn_thread("panics too", || panic!("on purpose")).expect("a thread");
        assert_eq!(group.wait(Duration::from_secs(20)).await, Ok(()));
    }

    #[tokio::test]
    async fn blocking_gives_the_answer() {
        assert_eq!(blocking(|| 6 * 7).await, 42);
    }
}
