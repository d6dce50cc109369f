//! The disk as the recorder sees it: one directory, and operations that can fail.
//!
//! Everything the recorder does to files goes through [`Disk`], so that a test can fail any
//! operation, cut the power behind it, and look at what is left.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One writer's directory.
pub trait Disk: Send {
    /// The names of its files.
    fn names(&mut self) -> io::Result<Vec<String>>;
    /// All bytes of a file.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;
    /// Writes some of `bytes` at `offset`, and answers how many; makes the file where it is missing.
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize>;
    /// Makes the file this long; what is added is zero.
    fn set_length(&mut self, name: &str, length: u64) -> io::Result<()>;
    /// Returns once the file's bytes are on disk.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Returns once the directory's names are on disk.
    fn sync_names(&mut self) -> io::Result<()>;
    /// Gives a file another name, replacing what had it.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Bytes that can still be written.
    fn free(&mut self) -> io::Result<u64>;
}

/// Writes all of `bytes`, in as many writes as the disk takes.
pub(super) fn write_all(
    disk: &mut impl Disk,
    name: &str,
    mut offset: u64,
    mut bytes: &[u8],
) -> io::Result<()> {
    while !bytes.is_empty() {
        match disk.write(name, offset, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                offset += count as u64;
                bytes = bytes.get(count..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A directory of the file system, locked for as long as this lives.
pub struct Directory {
    path: PathBuf,
    lock: File,
    open: HashMap<String, File>,
}

impl Directory {
    /// Locks the directory; `None` when another process has it.
    pub fn lock(path: &Path) -> io::Result<Option<Directory>> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Directory {
                path: path.to_owned(),
                lock,
                open: HashMap::new(),
            })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn file(&mut self, name: &str) -> io::Result<&File> {
        if !self.open.contains_key(name) {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .mode(0o600)
                .open(self.path.join(name))?;
            self.open.insert(name.to_owned(), file);
        }
        self.open.get(name).ok_or(io::ErrorKind::NotFound.into())
    }
}

impl Disk for Directory {
    fn names(&mut self) -> io::Result<Vec<String>> {
        std::fs::read_dir(&self.path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path.join(name))
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.file(name)?.write_at(bytes, offset)
    }

    fn set_length(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.file(name)?.set_len(length)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()
    }

    fn sync_names(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.open.remove(from);
        self.open.remove(to);
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open.remove(name);
        std::fs::remove_file(self.path.join(name))
    }

    fn free(&mut self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.lock)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
