//! The table of tasks.

use rusqlite::{Connection, params};

use super::StoreError;
use crate::base::clock::Wall;
use crate::base::limits::TASKS;
use crate::mcp::tasks::{TaskBound, TaskName};

pub(super) fn keep(database: &Connection, bound: &TaskBound) -> Result<(), StoreError> {
    let mut write = database.prepare(
        "INSERT INTO tasks (name, owner, until) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until",
    )?;
    write.execute(params![bound.task.0, bound.owner, nanoseconds(bound.until)])?;
    Ok(())
}

/// Forgets what is over, and of the rest what ends first beyond the bound.
pub(super) fn forget(database: &Connection, now: Wall) -> Result<(), StoreError> {
    let now = nanoseconds(now);
    database.execute("DELETE FROM tasks WHERE until <= ?1", [now])?;
    database.execute(
        "DELETE FROM tasks WHERE name IN
         (SELECT name FROM tasks ORDER BY until DESC LIMIT -1 OFFSET ?1)",
        [TASKS as i64],
    )?;
    Ok(())
}

pub(super) fn all(database: &Connection) -> Result<Vec<TaskBound>, StoreError> {
    let mut read = database.prepare("SELECT name, owner, until FROM tasks")?;
    let rows = read.query_map([], |row| {
        Ok(TaskBound {
            task: TaskName(row.get(0)?),
            owner: row.get(1)?,
            until: Wall(row.get::<_, i64>(2)?.unsigned_abs()),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// SQLite's numbers have a sign; time runs out of them in 2262.
fn nanoseconds(at: Wall) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}
