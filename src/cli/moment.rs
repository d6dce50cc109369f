//! Moments and spans of time on the command line.

use std::time::Duration;

use crate::base::calendar::Utc;
use crate::base::clock::{Clock, Wall};

/// A moment, or how long ago it was: `2026-11-22T21:00:00Z`, `15m`, `2h`, `1d`.
pub(super) fn moment(text: &str) -> Result<Wall, String> {
    let ago = |span: Duration| {
        let nanos = u64::try_from(span.as_nanos()).ok()?;
        Some(Wall(Clock::start().now().wall.0.saturating_sub(nanos)))
    };
    Utc::parse(text)
        .map(Wall::from)
        .or_else(|| span(text).ok().and_then(ago))
        .ok_or_else(|| "write `2026-11-22T21:00:00Z`, or `15m`, `2h`, `1d` for so long ago".into())
}

/// So long: `90s`, `15m`, `2h`, `1d`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let read = |(unit, seconds): &(char, u64)| {
        let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        count.checked_mul(*seconds).map(Duration::from_secs)
    };
    let span = units.iter().find_map(read);
    span.ok_or_else(|| "write `90s`, `15m`, `2h` or `1d`".into())
}
