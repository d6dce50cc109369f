//! The table of what operators have revoked.

use rusqlite::{Connection, Row, params};

use super::StoreError;
use crate::auth::{Revocation, RevokedKind};
use crate::base::clock::Wall;
use crate::base::limits::REVOCATIONS;
use crate::store::{KeptRevocation, Revoke};

/// Writes one more; answers its number. Those whose time is over make room.
pub(super) fn add(
    database: &Connection,
    revoke: &Revoke<'_>,
    now: Wall,
) -> Result<u64, StoreError> {
    let now = now.unix_seconds();
    database.execute(
        "DELETE FROM revocations WHERE until IS NOT NULL AND until <= ?1",
        [signed(now)],
    )?;
    let count: i64 =
        database.query_row("SELECT count(*) FROM revocations", [], |row| row.get(0))?;
    if count.unsigned_abs() >= REVOCATIONS as u64 {
        return Err(StoreError::TooMany(REVOCATIONS));
    }
    database.execute(
        "INSERT INTO revocations
         (kind, name, issuer, issued_before, until, reason, revoked_by, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            revoke.kind.name(),
            revoke.name,
            revoke.issuer,
            revoke.before.map(signed),
            revoke.until.map(signed),
            revoke.reason,
            revoke.by,
            signed(now),
        ],
    )?;
    Ok(database.last_insert_rowid().unsigned_abs())
}

/// Takes one back; false when there is none of that number.
pub(super) fn lift(database: &Connection, id: u64) -> Result<bool, StoreError> {
    let gone = database.execute("DELETE FROM revocations WHERE id = ?1", [signed(id)])?;
    Ok(gone > 0)
}

/// All whose time is not over, in the order of their numbers.
pub(super) fn all(database: &Connection, now: Wall) -> Result<Vec<KeptRevocation>, StoreError> {
    let mut read = database.prepare(
        "SELECT id, kind, name, issuer, issued_before, until, reason, revoked_by, revoked_at
         FROM revocations WHERE until IS NULL OR until > ?1 ORDER BY id",
    )?;
    let mut rows = read.query([signed(now.unix_seconds())])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(kept(row)?);
    }
    Ok(all)
}

fn kept(row: &Row<'_>) -> Result<KeptRevocation, StoreError> {
    let kind: String = row.get(1)?;
    let kind = RevokedKind::of_name(&kind).ok_or_else(|| {
        let what = "a revocation is of no kind that is known";
        StoreError::Corrupt(what.to_owned())
    })?;
    let seconds = |column| -> Result<Option<u64>, StoreError> {
        Ok(row.get::<_, Option<i64>>(column)?.map(i64::unsigned_abs))
    };
    Ok(KeptRevocation {
        revocation: Revocation {
            id: row.get::<_, i64>(0)?.unsigned_abs(),
            kind,
            name: row.get(2)?,
            issuer: row.get(3)?,
            before: seconds(4)?,
            until: seconds(5)?,
        },
        reason: row.get(6)?,
        by: row.get(7)?,
        at: row.get::<_, i64>(8)?.unsigned_abs(),
    })
}

/// SQLite's numbers have a sign.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
