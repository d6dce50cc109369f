//! Counts by names that nobody knows beforehand: tools, and who calls. Bounded: what comes beyond
//! the bound is counted together.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{Equivalent, HashMap};

use super::limits::TALLY_ROWS;

/// Counts of one core. The lock is its core's, and contended only while metrics are read.
#[derive(Debug, Default)]
pub struct Tally(Mutex<HashMap<Row, u64>>);

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// The connection's name.
    pub connection: Arc<str>,
    /// What is told apart first, such as the method.
    pub first: Box<str>,
    /// And then, such as the tool; may be empty.
    pub second: Box<str>,
}

/// A row that need not be owned to be found.
struct Lent<'l>(&'l str, &'l str, &'l str);

impl Hash for Lent<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Lent(connection, first, second) = self;
        (connection, first, second).hash(state);
    }
}

impl Equivalent<Row> for Lent<'_> {
    fn equivalent(&self, row: &Row) -> bool {
        let Lent(connection, first, second) = *self;
        *row.connection == *connection && *row.first == *first && *row.second == *second
    }
}

/// Under what the rest is counted.
pub const OTHERS: &str = "other";

impl Tally {
    /// One more. Allocates for a row that is new only.
    pub fn add(&self, connection: &Arc<str>, first: &str, second: &str) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = rows.get_mut(&Lent(connection, first, second)) {
            *count = count.wrapping_add(1);
            return;
        }
        let row = match rows.len() < TALLY_ROWS {
            true => Row {
                connection: Arc::clone(connection),
                first: first.into(),
                second: second.into(),
            },
            false => Row {
                connection: OTHERS.into(),
                first: OTHERS.into(),
                second: OTHERS.into(),
            },
        };
        let count = rows.entry(row).or_default();
        *count = count.wrapping_add(1);
    }

    /// Adds the counts to `sums`.
    pub fn sum(&self, sums: &mut std::collections::BTreeMap<Row, u64>) {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, count) in rows.iter() {
            let sum = sums.entry(row.clone()).or_default();
            *sum = sum.wrapping_add(*count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_bounded_and_cores_add_up() {
        let (one, other) = (Tally::default(), Tally::default());
        let connection: Arc<str> = "tickets".into();
        for tool in 0..2 * TALLY_ROWS {
            one.add(&connection, "tools/call", &tool.to_string());
        }
        other.add(&connection, "tools/call", "0");
        let mut sums = std::collections::BTreeMap::new();
        one.sum(&mut sums);
        other.sum(&mut sums);
        assert_eq!(sums.len(), TALLY_ROWS + 1);
        let row = |connection: &str, first: &str, second: &str| Row {
            connection: connection.into(),
            first: first.into(),
            second: second.into(),
        };
        assert_eq!(sums[&row("tickets", "tools/call", "0")], 2);
        assert_eq!(sums[&row(OTHERS, OTHERS, OTHERS)], TALLY_ROWS as u64);
    }
}
