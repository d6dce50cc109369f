//! The table of tools.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::StoreError;
use crate::base::clock::Wall;
use crate::mcp::pins::{State, ToolSeen};
use crate::mcp::print::Fingerprint;
use crate::store::{Approval, Approved, Definition, Surprise, Tool};

/// Rows in one answer: with the largest definitions, some ten megabytes.
const ROWS: u32 = 64;

const COLUMNS: &str = "revision, connection, name, state, definition, fingerprint, \
    other_definition, other_fingerprint, seen, first_seen, changed_at, approved_by";

/// Writes what was seen. Judged again by what the file says, since an approval or another gateway
/// may have come between; of two opinions the stricter holds.
pub(super) fn keep(
    database: &Connection,
    seen: &ToolSeen,
    now: Wall,
) -> Result<Option<Surprise>, StoreError> {
    let shown = Definition {
        text: seen.definition.to_string(),
        print: seen.print,
    };
    let now = now.unix_seconds();
    let known = find(database, &seen.connection, &seen.name)?;
    let mut tool = known.clone().unwrap_or_else(|| Tool {
        revision: 0,
        connection: seen.connection.to_string(),
        name: seen.name.to_string(),
        state: seen.state,
        pinned: None,
        other: None,
        seen: seen.print,
        first_seen: now,
        changed_at: now,
        approved_by: None,
    });
    let pinned = tool.pinned.as_ref().map(|pinned| pinned.print);
    tool.seen = seen.print;
    tool.state = match (seen.state, pinned) {
        // Trusted at first sight by one who did not know that something else is trusted.
        (State::Pinned, Some(pinned)) if pinned != seen.print => State::Quarantined,
        (state, _) => match known {
            Some(known) if known.state == State::Quarantined => State::Quarantined,
            _ => state,
        },
    };
    let is_new = pinned != Some(seen.print)
        && tool.other.as_ref().map(|other| other.print) != Some(seen.print);
    match tool.state {
        State::Pinned if pinned.is_none() => {
            tool.pinned = Some(shown);
            tool.other = None;
        }
        _ if is_new => tool.other = Some(shown),
        _ => {}
    }
    if is_new {
        tool.changed_at = now;
    }
    write(database, &tool)?;
    let is_surprise = is_new && matches!(tool.state, State::Changed | State::Quarantined);
    Ok(is_surprise.then_some(Surprise {
        connection: tool.connection,
        name: tool.name,
        state: tool.state,
    }))
}

pub(super) fn approve(
    database: &Connection,
    approval: &Approval<'_>,
    now: Wall,
) -> Result<Approved, StoreError> {
    let Some(mut tool) = find(database, approval.connection, approval.tool)? else {
        return Ok(Approved::Unknown);
    };
    if tool.seen != *approval.seen {
        return Ok(Approved::Moved);
    }
    let shown = tool.shown()?.clone();
    if tool.state == State::Pinned {
        return Ok(Approved::Already);
    }
    tool.state = State::Pinned;
    tool.pinned = Some(shown);
    tool.other = None;
    tool.changed_at = now.unix_seconds();
    tool.approved_by = Some(approval.by.to_owned());
    write(database, &tool)?;
    Ok(Approved::Pinned)
}

pub(super) fn since(database: &Connection, revision: u64) -> Result<Vec<Tool>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM tools WHERE revision > ?1 ORDER BY revision LIMIT {ROWS}");
    let mut read = database.prepare(&sql)?;
    let rows = read.query_map([number(revision)], tool)?;
    rows.map(|row| sound(row?)).collect()
}

pub(super) fn of(database: &Connection, connection: &str) -> Result<Vec<Tool>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM tools WHERE connection = ?1 ORDER BY name");
    let mut read = database.prepare(&sql)?;
    let rows = read.query_map([connection], tool)?;
    rows.map(|row| sound(row?)).collect()
}

fn find(database: &Connection, connection: &str, name: &str) -> Result<Option<Tool>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM tools WHERE connection = ?1 AND name = ?2");
    let mut read = database.prepare(&sql)?;
    let row = read.query_row([connection, name], tool).optional()?;
    row.map(sound).transpose()
}

/// Writes a tool under the next revision.
fn write(database: &Connection, tool: &Tool) -> Result<(), StoreError> {
    let mut write = database.prepare(
        "INSERT INTO tools (connection, name, state, definition, fingerprint, other_definition,
             other_fingerprint, seen, first_seen, changed_at, approved_by, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
             (SELECT coalesce(max(revision), 0) + 1 FROM tools))
         ON CONFLICT (connection, name) DO UPDATE SET
             state = excluded.state, definition = excluded.definition,
             fingerprint = excluded.fingerprint, other_definition = excluded.other_definition,
             other_fingerprint = excluded.other_fingerprint, seen = excluded.seen,
             changed_at = excluded.changed_at, approved_by = excluded.approved_by,
             revision = excluded.revision",
    )?;
    let (pinned, other) = (tool.pinned.as_ref(), tool.other.as_ref());
    write.execute(params![
        tool.connection,
        tool.name,
        tool.state.name(),
        pinned.map(|pinned| &pinned.text),
        pinned.map(|pinned| pinned.print),
        other.map(|other| &other.text),
        other.map(|other| other.print),
        tool.seen,
        number(tool.first_seen),
        number(tool.changed_at),
        tool.approved_by,
    ])?;
    Ok(())
}

fn tool(row: &Row<'_>) -> rusqlite::Result<Tool> {
    Ok(Tool {
        revision: row.get::<_, i64>(0)?.unsigned_abs(),
        connection: row.get(1)?,
        name: row.get(2)?,
        state: row.get(3)?,
        pinned: definition(row.get(4)?, row.get(5)?),
        other: definition(row.get(6)?, row.get(7)?),
        seen: row.get(8)?,
        first_seen: row.get::<_, i64>(9)?.unsigned_abs(),
        changed_at: row.get::<_, i64>(10)?.unsigned_abs(),
        approved_by: row.get(11)?,
    })
}

/// Refuses a tool whose parts contradict each other: a pin that is gone must not make it new.
fn sound(tool: Tool) -> Result<Tool, StoreError> {
    tool.shown()?;
    if tool.pinned.is_none() && tool.state != State::Pending {
        let what = "a tool has lost what was trusted of it";
        return Err(StoreError::Corrupt(what.to_owned()));
    }
    Ok(tool)
}

fn definition(text: Option<String>, print: Option<Fingerprint>) -> Option<Definition> {
    Some(Definition {
        text: text?,
        print: print?,
    })
}

/// SQLite's numbers have a sign; neither revisions nor seconds come near it.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl ToSql for Fingerprint {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Fingerprint {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Fingerprint> {
        <[u8; 32]>::column_result(value).map(Fingerprint)
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<State> {
        State::from_name(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}
