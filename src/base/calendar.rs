//! Wall-clock times as people and protocols write them: RFC 3339, UTC, proleptic Gregorian.

use super::clock::Wall;
use std::fmt;

const DAY: u64 = 86_400;

/// A moment in UTC; its text form is `2026-11-22T21:04:05Z`, with `{:#}` to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    seconds: u64,
    millis: u64,
}

impl Utc {
    /// The moment `seconds` after the Unix epoch.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Utc {
        Utc { seconds, millis: 0 }
    }

    /// Reads `YYYY-MM-DDTHH:MM:SSZ`, a date alone (its first second), or either without seconds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Utc> {
        let text = text.strip_suffix('Z').unwrap_or(text);
        let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
        let (year, month, day) = three(date, '-')?;
        let (hour, minute, second) =
            three(time, ':').or_else(|| three(&format!("{time}:00"), ':'))?;
        let days = days_from_civil(year, month, day)?;
        if civil_from_days(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Some(Utc::from_unix(
            days * DAY + hour * 3600 + minute * 60 + second,
        ))
    }
}

impl From<Wall> for Utc {
    fn from(wall: Wall) -> Utc {
        Utc {
            seconds: wall.unix_seconds(),
            millis: wall.0 / 1_000_000 % 1000,
        }
    }
}

/// The last moment that a [`Wall`] can hold is in the year 2554.
impl From<Utc> for Wall {
    fn from(utc: Utc) -> Wall {
        let millis = utc.seconds.saturating_mul(1000).saturating_add(utc.millis);
        Wall(millis.saturating_mul(1_000_000))
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds;
        let (year, month, day) = civil_from_days(seconds / DAY);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if f.alternate() {
            write!(f, ".{:03}", self.millis)?;
        }
        f.write_str("Z")
    }
}

fn three(text: &str, separator: char) -> Option<(u64, u64, u64)> {
    let mut numbers = text.split(separator).map(|part| {
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    });
    let three = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(three)
}

/// Days since 1970-01-01 to year, month, day: Howard Hinnant's `civil_from_days`, for days that are
/// not negative. The year begins in March, so that the leap day is its last.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

/// The other way; `None` before 1970 and for numbers that are no month and day.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year / 400, year % 400);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year * 365 + year / 4 - year / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_read_and_write() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_795_381_445, "2026-11-22T21:04:05Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Utc::from_unix(seconds).to_string(), text);
            assert_eq!(Utc::parse(text), Some(Utc::from_unix(seconds)), "{text}");
        }
        let precise = Utc::from(Wall(1_795_381_445_123_456_789));
        assert_eq!(format!("{precise:#}"), "2026-11-22T21:04:05.123Z");
        assert_eq!(Wall::from(precise), Wall(1_795_381_445_123_000_000));
    }

    #[test]
    fn shorter_forms_are_read_and_nonsense_is_not() {
        let midnight = Utc::parse("2026-11-22T00:00:00Z");
        assert_eq!(Utc::parse("2026-11-22"), midnight);
        assert_eq!(Utc::parse("2026-11-22 00:00"), midnight);
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-11-22T24:00",
            "1969-12-31",
            "2026-11",
        ] {
            assert_eq!(Utc::parse(text), None, "{text}");
        }
    }
}
