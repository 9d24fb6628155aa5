//! Tests of what only the embedded store promises: its directory, its files, its disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keelson_base::clock;

use super::{Embedded, OpenError, Options};
use crate::{Error, ListRange, Storage};

async fn open(directory: &Path) -> Arc<Embedded> {
    Embedded::open(Options::new(directory)).await.expect("opened")
}

/// Every file below a directory with its content.
fn content(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.push((path.clone(), fs::read(&path).expect("read")));
        }
    }
    files.sort();
    files
}

#[tokio::test]
async fn the_directory_is_made_for_its_owner_alone() {
    let root = tempfile::tempdir().expect("a directory");
    let data = root.path().join("a/b");
    open(&data).await.close().await.expect("closed");
    for made in [&data, &data.join("db")] {
        assert_eq!(fs::metadata(made).expect("there").permissions().mode() & 0o777, 0o700, "{made:?}");
    }
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let root = tempfile::tempdir().expect("a directory");
    let first = open(root.path()).await;
    let Err(refused) = Embedded::open(Options::new(root.path())).await else { panic!("opened twice") };
    assert!(matches!(refused, OpenError::InUse(_)));
    assert!(refused.to_string().contains(&root.path().display().to_string()), "{refused}");
    first.close().await.expect("closed");
    assert!(matches!(first.create("a", Bytes::new(), None).await, Err(Error::Unavailable(_))));
    open(root.path()).await.close().await.expect("closed");
}

#[tokio::test]
async fn a_directory_that_is_not_a_store_is_named_and_not_touched() {
    type Make = fn(&Path);
    type Expected = fn(&OpenError) -> bool;
    let cases: [(&str, Make, Expected); 6] = [
        ("a file", |at| fs::write(at, "x").expect("written"), |e| matches!(e, OpenError::NotADirectory(_))),
        (
            "other files",
            |at| {
                fs::create_dir(at).expect("made");
                fs::write(at.join("notes.txt"), "x").expect("written");
            },
            |e| matches!(e, OpenError::Foreign { entry, .. } if entry == "notes.txt"),
        ),
        (
            "a database of somebody else",
            |at| fs::create_dir_all(at.join("db")).expect("made"),
            |e| matches!(e, OpenError::Foreign { .. }),
        ),
        (
            "a later version",
            |at| {
                fs::create_dir(at).expect("made");
                fs::write(at.join("LOCK"), "").expect("written");
                fs::write(at.join("FORMAT"), "keelson storage\nversion: 9\nstate: ready\n").expect("written");
            },
            |e| matches!(e, OpenError::Version { found: 9, .. }),
        ),
        (
            "a torn format file",
            |at| {
                fs::create_dir(at).expect("made");
                fs::write(at.join("LOCK"), "").expect("written");
                fs::write(at.join("FORMAT"), "keelson st\0\0\0").expect("written");
            },
            |e| matches!(e, OpenError::Corrupt { .. }),
        ),
        (
            "no database",
            |at| {
                fs::create_dir(at).expect("made");
                fs::write(at.join("LOCK"), "").expect("written");
                fs::write(at.join("FORMAT"), "keelson storage\nversion: 1\nstate: ready\n").expect("written");
            },
            |e| matches!(e, OpenError::Corrupt { .. }),
        ),
    ];
    for (name, make, expected) in cases {
        let root = tempfile::tempdir().expect("a directory");
        let data = root.path().join("data");
        make(&data);
        let before = content(root.path());
        let Err(failure) = Embedded::open(Options::new(&data)).await else { panic!("{name}: opened") };
        assert!(expected(&failure), "{name}: {failure:?}");
        assert!(failure.to_string().contains(&data.display().to_string()), "{name}: {failure}");
        assert_eq!(content(root.path()), before, "{name}: touched");
    }
}

#[tokio::test]
async fn a_set_up_that_was_cut_short_starts_over() {
    let root = tempfile::tempdir().expect("a directory");
    fs::create_dir(root.path().join("db")).expect("made");
    fs::write(root.path().join("db/0.jnl"), "half").expect("written");
    fs::write(root.path().join("FORMAT"), "keelson storage\nversion: 1\nstate: setting up\n")
        .expect("written");
    let store = open(root.path()).await;
    assert_eq!(store.current_revision().await.expect("a revision"), 1);
    store.create("a", Bytes::from_static(b"v"), None).await.expect("created");
    store.close().await.expect("closed");
}

#[tokio::test]
async fn damage_to_acknowledged_writes_is_said() {
    let root = tempfile::tempdir().expect("a directory");
    let data = root.path().join("data");
    let store = open(&data).await;
    for round in 0..10 {
        store.create(&format!("k{round}"), Bytes::from(vec![7; 500]), None).await.expect("created");
    }
    store.close().await.expect("closed");
    let journal = data.join("db/0.jnl");
    let mut whole = fs::read(&journal).expect("read");
    let length = whole.iter().rposition(|byte| *byte != 0).expect("written") + 1;
    // Most of the zeros behind are of no interest.
    whole.truncate(length + 9000);
    // Damage in an early batch, anywhere in it; sevens are in values.
    for place in (0..length / 2).step_by(97) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x55;
        fs::write(&journal, &damaged).expect("written");
        let Err(failure) = Embedded::open(Options::new(&data)).await else { panic!("byte {place}: opened") };
        assert!(matches!(failure, OpenError::Corrupt { .. }), "byte {place}: {failure:?}");
        assert!(fs::read(&journal).expect("read") == damaged, "byte {place}: touched");
    }
    fs::write(&journal, &whole).expect("written");
    let store = open(&data).await;
    assert_eq!(store.count("").await.expect("counted"), 10);
    store.close().await.expect("closed");
}

#[tokio::test]
async fn a_batch_torn_by_a_power_failure_goes_and_nothing_before_it() {
    let root = tempfile::tempdir().expect("a directory");
    let data = root.path().join("data");
    let store = open(&data).await;
    let journal = data.join("db/0.jnl");
    let length = || {
        let bytes = fs::read(&journal).expect("read");
        bytes.iter().rposition(|byte| *byte != 0).expect("written") + 1
    };
    for round in 0..5 {
        store.create(&format!("k{round}"), Bytes::from(vec![7; 20_000]), None).await.expect("created");
    }
    let kept = length();
    store.create("torn", Bytes::from(vec![9; 20_000]), None).await.expect("created");
    let end = length();
    store.close().await.expect("closed");
    let mut whole = fs::read(&journal).expect("read");
    whole.truncate(end + 9000);

    // As if the machine had stopped before the last batch was on disk: some of its pages are there, some not.
    let tear = |keep: &dyn Fn(usize) -> bool| {
        let mut torn = whole.clone();
        for (page, bytes) in torn[kept..end].chunks_mut(4096).enumerate() {
            if !keep(page) {
                bytes.fill(0);
            }
        }
        torn
    };
    for (name, torn) in [
        ("the first page is missing", tear(&|page| page != 0)),
        ("a middle page is missing", tear(&|page| page != 2)),
        ("the last page is missing", tear(&|page| page != 4)),
        ("only the first page is there", tear(&|page| page == 0)),
        ("no page is there", tear(&|_| false)),
        ("the file ends in it", whole[..kept + 5000].to_vec()),
    ] {
        fs::write(&journal, torn).expect("written");
        let store = Embedded::open(Options::new(&data)).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_eq!(store.count("k").await.expect("counted"), 5, "{name}");
        assert!(store.get("torn").await.expect("read").is_none(), "{name}");
        assert_eq!(store.current_revision().await.expect("a revision"), 6, "{name}");
        store.create("next", Bytes::from_static(b"v"), None).await.expect("created");
        store.close().await.expect("closed");
        let store = open(&data).await;
        assert_eq!(store.count("").await.expect("counted"), 6, "{name}");
        store.close().await.expect("closed");
    }
}

#[tokio::test]
async fn a_damaged_table_is_said_or_does_no_harm() {
    let root = tempfile::tempdir().expect("a directory");
    let data = root.path().join("data");
    let store = open(&data).await;
    let value = |number: usize| Bytes::from(vec![u8::try_from(number % 251).expect("small"); 60_000]);
    // Enough for the database to write tables.
    for number in 0..250 {
        store.create(&format!("k{number:04}"), value(number), None).await.expect("created");
    }
    let tables = data.join("db/keyspaces/1/tables");
    let deadline = clock::monotonic() + Duration::from_secs(30);
    while content(&tables).is_empty() {
        assert!(clock::monotonic() < deadline, "no table was written");
        clock::sleep(Duration::from_millis(10)).await;
    }
    store.close().await.expect("closed");
    let (table, whole) = content(&tables).into_iter().next().expect("a table");
    let mut said = 0;
    for part in 0..12 {
        let mut damaged = whole.clone();
        damaged[whole.len() * part / 12 + 100] ^= 0x55;
        fs::write(&table, &damaged).expect("written");
        match Embedded::open(Options::new(&data)).await {
            Err(failure) => {
                assert!(matches!(failure, OpenError::Corrupt { .. }), "part {part}: {failure:?}");
                said += 1;
            }
            Ok(store) => {
                for number in 0..250 {
                    let state = store.get(&format!("k{number:04}")).await.expect("read");
                    assert!(state.is_some_and(|state| state.value == value(number)), "part {part}: {number}");
                }
                store.close().await.expect("closed");
            }
        }
    }
    assert!(said > 0, "none of it was noticed");
}

#[tokio::test]
async fn compaction_forgets_on_disk_too_and_revisions_stay() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path()).await;
    let mut revision = store.create("a", Bytes::from(vec![1; 4096]), None).await.expect("created");
    let gone = store.create("gone", Bytes::from(vec![1; 4096]), None).await.expect("created");
    for _ in 0..300 {
        revision = store.update("a", revision, Bytes::from(vec![2; 4096]), None).await.expect("updated");
    }
    let last = store.delete("gone", gone).await.expect("deleted");
    store.compact(last).await.expect("compacted");
    let records = |store: &Embedded| {
        let count = store.shared.with_engine(|engine| Ok(engine.records(0).count()));
        count.expect("open")
    };
    // Only the state of `a` is needed.
    let deadline = clock::monotonic() + Duration::from_secs(30);
    while records(&store) > 1 {
        assert!(clock::monotonic() < deadline, "{} records are left", records(&store));
        clock::sleep(Duration::from_millis(10)).await;
    }
    store.close().await.expect("closed");
    let store = open(root.path()).await;
    assert_eq!(store.current_revision().await.expect("a revision"), last);
    assert_eq!(store.get("a").await.expect("read").expect("there").revision, revision);
    let old = store.list(&ListRange { revision: last - 1, ..ListRange::default() }).await;
    assert!(matches!(old, Err(Error::Compacted { oldest }) if oldest == last), "{old:?}");
    store.close().await.expect("closed");
}

#[tokio::test]
async fn the_compactor_keeps_the_last_interval() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path()).await;
    let mut revision = store.create("a", Bytes::new(), None).await.expect("created");
    let first = revision;
    let writer = async {
        loop {
            revision = store.update("a", revision, Bytes::new(), None).await.expect("updated");
            let at = |revision| ListRange { revision, ..ListRange::default() };
            match store.list(&at(first)).await {
                Err(Error::Compacted { .. }) => {
                    assert!(store.list(&at(revision)).await.is_ok());
                    return;
                }
                _ => clock::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::select! {
        () = store.run_compactor(Duration::from_millis(100)) => {}
        done = tokio::time::timeout(Duration::from_secs(30), writer) => done.expect("compacted in time"),
    }
    store.close().await.expect("closed");
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_ended_alone() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path()).await;
    let mut slow = store.watch("", 1).await.expect("a watch");
    let mut other = store.watch("quiet/", 1).await.expect("a watch");
    // Registered, and then never read again.
    use futures::StreamExt;
    slow.next().await.expect("open").expect("progress");
    other.next().await.expect("open").expect("progress");
    let mut revision = store.create("a", Bytes::new(), None).await.expect("created");
    let large = Bytes::from(vec![1; 1 << 20]);
    for _ in 0..40 {
        revision = store.update("a", revision, large.clone(), None).await.expect("updated");
    }
    let quiet = store.create("quiet/a", Bytes::new(), None).await.expect("created");
    assert!(matches!(slow.next().await, Some(Err(Error::Unavailable(_)))));
    assert!(slow.next().await.is_none());
    assert_eq!(other.next().await.expect("open").expect("an event").revision(), quiet);
    store.close().await.expect("closed");
    assert!(matches!(other.next().await, Some(Err(Error::Unavailable(_)))));
}

/// A file system of its own, where the user may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(directory.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(directory)),
            _ => {
                println!("skipped: a tmpfs can't be mounted here");
                None
            }
        }
    }

    /// Takes all but about this much.
    fn fill(&self, leave: u64) -> PathBuf {
        let path = self.0.path().join("ballast");
        let disk = rustix::fs::statvfs(self.0.path()).expect("a file system");
        let free = disk.f_bavail * disk.f_frsize;
        let size = usize::try_from(free.saturating_sub(leave)).expect("small");
        fs::write(&path, vec![1; size]).expect("written");
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

/// Writes until the store refuses; what was acknowledged, and the refusal.
async fn write_until_refused(store: &Embedded, from: usize) -> (usize, Error) {
    for round in from..from + 10_000 {
        if let Err(failure) = store.create(&format!("k{round:05}"), Bytes::from(vec![5; 20_000]), None).await
        {
            return (round, failure);
        }
    }
    panic!("the disk does not fill")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_keeps_reads_and_is_left_again() {
    // With the reserve, the store stops before the disk is full; without, the database meets the end of it.
    // With it, too little is written for the database to write tables in the background: they would take from
    // the reserve while the test counts on it.
    for (name, reserve_bytes, leave) in [("with a reserve", 4 << 20, 6 << 20), ("without", 0, 12 << 20)] {
        let Some(disk) = SmallDisk::mount(48) else { return };
        let data = disk.0.path().join("data");
        let store = Embedded::open(Options { reserve_bytes, ..Options::new(&data) }).await.expect("opened");
        let ballast = disk.fill(leave);
        let (written, failure) = write_until_refused(&store, 0).await;
        assert!(matches!(failure, Error::NoSpace(_)), "{name}: {failure:?}");
        assert!(written > 10, "{name}: {written}");
        // Reads go on, comparisons too, and nothing of the refused write shows.
        assert_eq!(store.count("").await.expect("counted"), written as u64, "{name}");
        let first = store.get("k00000").await.expect("read").expect("there");
        assert!(matches!(store.create("k00000", Bytes::new(), None).await, Err(Error::Exists)), "{name}");
        if reserve_bytes > 0 {
            store.delete("k00000", first.revision).await.expect("deletions may use the reserve");
            store.create("k00000", Bytes::new(), None).await.expect_err("creations may not");
        }
        fs::remove_file(ballast).expect("removed");
        let deadline = clock::monotonic() + Duration::from_secs(30);
        while let Err(failure) = store.create("after", Bytes::from_static(b"v"), None).await {
            assert!(clock::monotonic() < deadline, "{name}: {failure}");
            clock::sleep(Duration::from_millis(50)).await;
        }
        store.probe().await.expect("healthy again");
        store.close().await.expect("closed");
        let store = open_on(&data, reserve_bytes).await;
        let expected = written + usize::from(reserve_bytes == 0);
        assert_eq!(store.count("").await.expect("counted"), expected as u64, "{name}: after a restart");
        assert!(store.get("after").await.expect("read").is_some(), "{name}");
        store.close().await.expect("closed");
    }
}

async fn open_on(directory: &Path, reserve_bytes: u64) -> Arc<Embedded> {
    Embedded::open(Options { reserve_bytes, ..Options::new(directory) }).await.expect("opened")
}
