//! The data directory: who may use it, and what it says of itself.
//!
//! ```text
//! FORMAT   "keelson storage", the version, and whether it was set up to the end
//! LOCK     held (flock) by the one process that uses the directory
//! db/      the database
//! ```
//!
//! A directory that holds anything else is somebody else's, and nothing in it is touched.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::embedded::OpenError;

const FORMAT: &str = "FORMAT";
const FORMAT_NEW: &str = "FORMAT.new";
const LOCK: &str = "LOCK";
const DATABASE: &str = "db";

const TITLE: &str = "keelson storage";
const VERSION: u32 = 1;

/// The directory, locked. Dropping it lets the lock go.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

/// What was found when the directory was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing yet: the database is to be made, and [`Directory::set_up`] called then.
    New,
    /// A database.
    Ready,
}

impl Directory {
    /// Makes the directory where it is absent (mode 0700), and locks it.
    ///
    /// # Errors
    /// [`OpenError`]; a directory that is not ours was not touched.
    pub(super) fn open(path: &Path) -> Result<(Self, Content), OpenError> {
        let io = |source| OpenError::Io { directory: path.to_owned(), source };
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => return Err(OpenError::NotADirectory(path.to_owned())),
            Ok(found) => {
                refuse_foreign(path)?;
                if found.permissions().mode() & 0o077 != 0 {
                    tracing::warn!(
                        directory = %path.display(),
                        "the data directory can be read by others than its owner; the database in it can't"
                    );
                }
            }
            Err(failure) if failure.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
                if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                    File::open(parent).and_then(|parent| parent.sync_all()).map_err(io)?;
                }
            }
            Err(failure) => return Err(io(failure)),
        }
        let lock = lock(path)?;
        // Under the lock now, so that what is read stays so.
        refuse_foreign(path)?;
        let directory = Self { path: path.to_owned(), _lock: lock };
        let content = match state(path)? {
            Some(State::Ready) if directory.database().is_dir() => Content::Ready,
            Some(State::Ready) => {
                let reason = format!("{} is missing", directory.database().display());
                return Err(OpenError::Corrupt { directory: path.to_owned(), reason });
            }
            unfinished => {
                // The set-up did not get to its end, so nothing was ever stored.
                if unfinished.is_some() && directory.database().exists() {
                    fs::remove_dir_all(directory.database()).map_err(io)?;
                }
                directory.write_state("setting up").map_err(io)?;
                DirBuilder::new().mode(0o700).create(directory.database()).map_err(io)?;
                Content::New
            }
        };
        Ok((directory, content))
    }

    /// Says that the database is made: from now on it must be there.
    pub(super) fn set_up(&self) -> io::Result<()> {
        self.write_state("ready")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    fn write_state(&self, state: &str) -> io::Result<()> {
        let new = self.path.join(FORMAT_NEW);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        write!(file, "{TITLE}\nversion: {VERSION}\nstate: {state}\n")?;
        file.sync_all()?;
        fs::rename(&new, self.path.join(FORMAT))?;
        File::open(&self.path)?.sync_all()
    }
}

enum State {
    SettingUp,
    Ready,
}

/// What the format file says; `None` where there is none.
fn state(path: &Path) -> Result<Option<State>, OpenError> {
    let text = match fs::read_to_string(path.join(FORMAT)) {
        Ok(text) => text,
        Err(failure) if failure.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(failure) if failure.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(source) => return Err(OpenError::Io { directory: path.to_owned(), source }),
    };
    let mut lines = text.lines();
    let version = (lines.next() == Some(TITLE))
        .then(|| lines.next()?.strip_prefix("version: ")?.parse::<u32>().ok())
        .flatten();
    match (version, lines.next()) {
        (Some(VERSION), Some("state: ready")) => Ok(Some(State::Ready)),
        (Some(VERSION), Some("state: setting up")) => Ok(Some(State::SettingUp)),
        (Some(found), _) if found != VERSION => {
            Err(OpenError::Version { directory: path.to_owned(), found, known: VERSION })
        }
        _ => {
            let reason = format!("the file {FORMAT} in it does not read as one");
            Err(OpenError::Corrupt { directory: path.to_owned(), reason })
        }
    }
}

/// Refuses a directory with entries and no format file, and one with entries that are not ours. `lost+found`
/// is what a fresh file system holds.
fn refuse_foreign(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { directory: path.to_owned(), source };
    let mut has_format = false;
    let mut has_database = false;
    for entry in fs::read_dir(path).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        match name.to_str() {
            Some(FORMAT) => has_format = true,
            Some(DATABASE) => has_database = true,
            Some(FORMAT_NEW | LOCK | "lost+found") => {}
            _ => {
                let entry = name.to_string_lossy().into_owned();
                return Err(OpenError::Foreign { directory: path.to_owned(), entry });
            }
        }
    }
    if has_database && !has_format {
        return Err(OpenError::Foreign { directory: path.to_owned(), entry: DATABASE.to_owned() });
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { directory: path.to_owned(), source };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path.join(LOCK))
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}
