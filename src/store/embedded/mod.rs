//! The store in a file: SQLite, written ahead and synced at every commit.

mod revocations;
mod schema;
mod tasks;
mod tools;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{Approval, Approved, KeptRevocation, Revoke, Store, StoreError, Surprise, Tool};
use crate::base::clock::Wall;
use crate::mcp::pins::ToolSeen;
use crate::mcp::tasks::TaskBound;

/// The file's name in the data directory.
pub const FILE: &str = "store.sqlite";

/// How long one process waits for another's transaction. They take milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two attempts to copy, when another process has the store.
const PAUSE: Duration = Duration::from_millis(10);

/// A store in a file of its own.
pub struct Embedded {
    database: Connection,
    /// The engine's own count of what other processes have committed, as it was asked for last.
    version: i64,
}

impl Embedded {
    /// Opens the store in a data directory, which must exist; makes it when there is none.
    ///
    /// # Errors
    /// [`StoreError`]: a file that is not a store, is damaged, or is of a later version is left as
    /// it is.
    pub fn open(data: &Path) -> Result<Embedded, StoreError> {
        let path = data.join(FILE);
        // Made here, since SQLite would leave it to the umask who may read it; the files beside it
        // get the same mode.
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match made {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(StoreError::File(path, error))
            }
            _ => Embedded::open_file(&path),
        }
    }

    /// Opens the store in a data directory where there is one.
    ///
    /// # Errors
    /// [`StoreError::Missing`], and as [`Embedded::open`].
    pub fn open_existing(data: &Path) -> Result<Embedded, StoreError> {
        let path = data.join(FILE);
        match path.metadata() {
            Ok(_) => Embedded::open_file(&path),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::Missing(path)),
            Err(error) => Err(StoreError::File(path, error)),
        }
    }

    fn open_file(path: &Path) -> Result<Embedded, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut database = Connection::open_with_flags(path, flags)?;
        database.busy_timeout(PATIENCE)?;
        // The file may be anybody's work: nothing in its schema runs, and damage is looked for.
        database.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        database.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        schema::check(&database)?;
        let mode: String =
            database.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            return Err(StoreError::Engine(format!("the journal is {mode}")));
        }
        database.pragma_update(None, "synchronous", "FULL")?;
        schema::migrate(&mut database)?;
        Ok(Embedded {
            version: version(&database)?,
            database,
        })
    }

    /// Copies the store, as it is at one moment, to a file that is new; others may write meanwhile.
    ///
    /// # Errors
    /// [`StoreError`]; then a file may be left that is no whole store.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = made.map_err(|error| StoreError::File(path.to_owned(), error))?;
        let mut copy = Connection::open(path)?;
        copy.busy_timeout(PATIENCE)?;
        // All pages in one step: whoever writes meanwhile would have it begin again for ever.
        Backup::new(&self.database, &mut copy)?.run_to_completion(i32::MAX, PAUSE, None)?;
        // A file that needs none beside it.
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        schema::check(&copy)?;
        drop(copy);
        file.sync_all()
            .map_err(|error| StoreError::File(path.to_owned(), error))
    }

    /// Does something whole: it takes the lock at its beginning, so that what it reads is what it
    /// changes.
    fn whole<T>(
        &mut self,
        act: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let behaviour = TransactionBehavior::Immediate;
        let transaction = self.database.transaction_with_behavior(behaviour)?;
        let done = act(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

impl Store for Embedded {
    fn keep(
        &mut self,
        tools: &[ToolSeen],
        tasks: &[TaskBound],
        now: Wall,
    ) -> Result<Vec<Surprise>, StoreError> {
        self.whole(|database| {
            for bound in tasks {
                tasks::keep(database, bound)?;
            }
            let mut surprises = Vec::new();
            for seen in tools {
                surprises.extend(tools::keep(database, seen, now)?);
            }
            Ok(surprises)
        })
    }

    fn tools_since(&mut self, revision: u64) -> Result<Vec<Tool>, StoreError> {
        tools::since(&self.database, revision)
    }

    fn tools_of(&mut self, connection: &str) -> Result<Vec<Tool>, StoreError> {
        tools::of(&self.database, connection)
    }

    fn approve(&mut self, approval: &Approval<'_>, now: Wall) -> Result<Approved, StoreError> {
        self.whole(|database| tools::approve(database, approval, now))
    }

    fn tasks(&mut self, now: Wall) -> Result<Vec<TaskBound>, StoreError> {
        self.whole(|database| {
            tasks::forget(database, now)?;
            tasks::all(database)
        })
    }

    fn revoke(&mut self, revoke: &Revoke<'_>, now: Wall) -> Result<u64, StoreError> {
        self.whole(|database| revocations::add(database, revoke, now))
    }

    fn lift(&mut self, id: u64) -> Result<bool, StoreError> {
        self.whole(|database| revocations::lift(database, id))
    }

    fn revocations(&mut self, now: Wall) -> Result<Vec<KeptRevocation>, StoreError> {
        revocations::all(&self.database, now)
    }

    fn changed(&mut self) -> Result<bool, StoreError> {
        let version = version(&self.database)?;
        Ok(std::mem::replace(&mut self.version, version) != version)
    }
}

fn version(database: &Connection) -> Result<i64, StoreError> {
    Ok(database.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests;
