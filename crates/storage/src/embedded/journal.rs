//! The check of the database's journals before it reads them.
//!
//! fjall drops what follows a broken entry of a journal without a word, and refuses to open at all where the
//! last batch is complete but for pages that a power failure kept from the disk. Neither will do: a broken
//! entry with whole batches behind it is damage to acknowledged writes and must be said, and a batch that was
//! still being written was promised to nobody and may go. Only the last batch of the newest journal can be
//! such a one, as each batch is on disk before the next begins.
//!
//! The layout is that of fjall's format 3: batches of a start mark (tag 1, item count, sequence number), items
//! (tag 2 puts and removals, tag 4 clearings) and an end mark (tag 3, XXH3 of the items' bytes, `FJL\x03`),
//! behind them zeros or nothing.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

const MAGIC: [u8; 4] = *b"FJL\x03";
const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;

/// Why a journal can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    #[error("reading {path}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path} is damaged at byte {position}, with acknowledged writes behind it")]
    Damaged { path: PathBuf, position: u64 },
}

/// Checks every journal in `directory`, and cuts an unfinished batch from the end of the newest.
///
/// # Errors
/// [`JournalError`]; no file was changed then.
pub(super) fn check(directory: &Path) -> Result<(), JournalError> {
    let mut journals = list(directory).map_err(|source| io(directory, source))?;
    journals.sort_unstable();
    let newest = journals.pop();
    for (_, path) in journals {
        if let Tail::Broken { position, .. } = scan(&path).map_err(|source| io(&path, source))? {
            return Err(JournalError::Damaged { path, position });
        }
    }
    let Some((_, path)) = newest else { return Ok(()) };
    match scan(&path).map_err(|source| io(&path, source))? {
        Tail::Clean => Ok(()),
        Tail::Broken { position, followed: true } => Err(JournalError::Damaged { path, position }),
        Tail::Broken { position, followed: false } => {
            tracing::warn!(
                journal = %path.display(),
                position,
                "cutting off a batch that was being written when the last process or machine stopped"
            );
            cut(&path, position).map_err(|source| io(&path, source))
        }
    }
}

fn io(path: &Path, source: std::io::Error) -> JournalError {
    JournalError::Io { path: path.to_owned(), source }
}

fn list(directory: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jnl")
            && let Some(number) = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok())
        {
            journals.push((number, path));
        }
    }
    Ok(journals)
}

fn cut(path: &Path, position: u64) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(position)?;
    file.sync_all()
}

/// How a journal ends.
#[derive(Debug, PartialEq, Eq)]
enum Tail {
    /// In zeros or with the file, behind a whole batch.
    Clean,
    /// In something else from `position` on; `followed` by a whole batch, or not.
    Broken { position: u64, followed: bool },
}

fn scan(path: &Path) -> std::io::Result<Tail> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut reader = Counting { inner: BufReader::with_capacity(256 << 10, &file), position: 0 };
    let mut scratch = Vec::new();
    loop {
        let position = reader.position;
        match batch(&mut reader, length, &mut scratch)? {
            Parsed::Batch => {}
            Parsed::End if only_zeros(&file, position)? => return Ok(Tail::Clean),
            Parsed::End | Parsed::Broken => {
                return Ok(Tail::Broken { position, followed: followed(path, position)? });
            }
        }
    }
}

/// Whether a whole batch stands anywhere behind `position`: right after some end mark.
fn followed(path: &Path, position: u64) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(position))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    let mut scratch = Vec::new();
    for (index, window) in rest.windows(MAGIC.len()).enumerate() {
        if window == MAGIC {
            let mut behind = Counting { inner: &rest[index + MAGIC.len()..], position: 0 };
            let length = behind.inner.len() as u64;
            if matches!(batch(&mut behind, length, &mut scratch)?, Parsed::Batch) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

enum Parsed {
    Batch,
    /// A zero or the end of the file where a batch would start.
    End,
    Broken,
}

/// Reads one batch and checks it. The end of the file inside of it makes it broken.
fn batch<R: Read>(reader: &mut Counting<R>, length: u64, scratch: &mut Vec<u8>) -> std::io::Result<Parsed> {
    match batch_inner(reader, length, scratch) {
        Err(failure) if failure.kind() == std::io::ErrorKind::UnexpectedEof => Ok(Parsed::Broken),
        other => other,
    }
}

fn batch_inner<R: Read>(
    reader: &mut Counting<R>,
    length: u64,
    scratch: &mut Vec<u8>,
) -> std::io::Result<Parsed> {
    let mut tag = [0];
    if reader.read(&mut tag)? == 0 || tag[0] == 0 {
        return Ok(Parsed::End);
    }
    if tag[0] != START {
        return Ok(Parsed::Broken);
    }
    let items = u32::from_le_bytes(reader.array()?);
    let _sequence: [u8; 8] = reader.array()?;
    let mut sum = Xxh3::new();
    for _ in 0..items {
        let [tag] = reader.array()?;
        match tag {
            ITEM => {
                // Value type, compression, keyspace, key length, value length, stored value length.
                let header: [u8; 20] = reader.array()?;
                let [.., a, b, _, _, _, _, c, d, e, f] = header;
                let key = u64::from(u16::from_le_bytes([a, b]));
                let value = u64::from(u32::from_le_bytes([c, d, e, f]));
                if key + value > length.saturating_sub(reader.position) {
                    return Ok(Parsed::Broken);
                }
                sum.update(&[tag]);
                sum.update(&header);
                scratch.resize(usize::try_from(key + value).unwrap_or(usize::MAX), 0);
                reader.read_exact(scratch)?;
                sum.update(scratch);
            }
            CLEAR => {
                let keyspace: [u8; 8] = reader.array()?;
                sum.update(&[tag]);
                sum.update(&keyspace);
            }
            _ => return Ok(Parsed::Broken),
        }
    }
    let [tag] = reader.array()?;
    let expected = u64::from_le_bytes(reader.array()?);
    let magic: [u8; 4] = reader.array()?;
    let whole = tag == END && magic == MAGIC && expected == sum.digest();
    Ok(if whole { Parsed::Batch } else { Parsed::Broken })
}

/// Whether the file holds nothing but zeros from `position` on. Journals are made large and empty: what was
/// never written is a hole, and passed over.
fn only_zeros(mut file: &File, position: u64) -> std::io::Result<bool> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let mut chunk = vec![0; ZEROS.len()];
    let mut position = position;
    loop {
        position = match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(position)) {
            Ok(data) => data,
            Err(rustix::io::Errno::NXIO) => return Ok(true),
            // A file system without holes.
            Err(_) => file.seek(SeekFrom::Start(position))?,
        };
        match file.read(&mut chunk)? {
            0 => return Ok(true),
            read if chunk[..read] != ZEROS[..read] => return Ok(false),
            read => position += read as u64,
        }
    }
}

/// A reader that knows how far it is.
struct Counting<R> {
    inner: R,
    position: u64,
}

impl<R: Read> Counting<R> {
    fn array<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}
