//! What stands in the file, and how a file of an earlier version becomes one of this.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::StoreError;

/// Marks the file as ours ("SLUI"); SQLite keeps it in the file's header for that purpose.
const APPLICATION: i64 = 0x534c_5549;

/// Each takes the schema one version further. What has been released is never edited.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE tools (
        connection TEXT NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        definition TEXT,                -- the trusted one, and its fingerprint
        fingerprint BLOB,
        other_definition TEXT,          -- the last one that was not the trusted one
        other_fingerprint BLOB,
        seen BLOB NOT NULL,             -- the fingerprint of the one that was shown last
        first_seen INTEGER NOT NULL,    -- Unix seconds
        changed_at INTEGER NOT NULL,
        approved_by TEXT,
        revision INTEGER NOT NULL UNIQUE,
        PRIMARY KEY (connection, name)
    ) STRICT;
    CREATE TABLE tasks (
        name BLOB NOT NULL PRIMARY KEY, -- SHA-256 over connection and id
        owner BLOB NOT NULL,
        until INTEGER NOT NULL          -- Unix nanoseconds
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tasks_by_end ON tasks (until);
",
    "
    CREATE TABLE revocations (
        id INTEGER PRIMARY KEY AUTOINCREMENT, -- no number is used twice
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        issuer TEXT,                          -- the only one that is meant
        issued_before INTEGER,                -- Unix seconds
        until INTEGER,
        reason TEXT,
        revoked_by TEXT NOT NULL,
        revoked_at INTEGER NOT NULL
    ) STRICT;
",
];

/// Refuses a file that is not ours, is damaged, or is of a later version; changes nothing.
pub(super) fn check(database: &Connection) -> Result<(), StoreError> {
    let tables: i64 =
        database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(());
    }
    let application: i64 = database.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION {
        return Err(StoreError::Foreign);
    }
    let verdict: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt(verdict));
    }
    version(database).map(drop)
}

/// Brings the file to this version.
pub(super) fn migrate(database: &mut Connection) -> Result<(), StoreError> {
    let whole = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    whole.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema (
            version INTEGER NOT NULL PRIMARY KEY,
            reached_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
        ) STRICT;",
    )?;
    whole.pragma_update(None, "application_id", APPLICATION)?;
    let reached = version(&whole)?;
    for (version, migration) in (1u32..).zip(MIGRATIONS).skip(reached as usize) {
        whole.execute_batch(migration)?;
        whole.execute("INSERT INTO schema (version) VALUES (?1)", [version])?;
    }
    whole.commit()?;
    Ok(())
}

/// The version that the file has reached; zero for a new one.
fn version(database: &Connection) -> Result<u32, StoreError> {
    let reached: Option<Option<u32>> = database
        .query_row("SELECT max(version) FROM schema", [], |row| row.get(0))
        .optional()?;
    let found = reached.flatten().unwrap_or(0);
    let known = MIGRATIONS.len() as u32;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(found)
}
