//! Wall-clock times as people and Entra write them (RFC 3339, UTC).

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch, now.
#[must_use]
pub fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A moment of the proleptic Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
    nanos: u64,
}

impl Moment {
    /// The moment `seconds` after the Unix epoch.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Moment {
        let (year, month, day) = civil_from_days(seconds / 86_400);
        Moment {
            year,
            month,
            day,
            second_of_day: seconds % 86_400,
            nanos: 0,
        }
    }

    /// The moment `nanos` nanoseconds after the Unix epoch.
    #[must_use]
    pub fn from_unix_nanos(nanos: u64) -> Moment {
        let mut moment = Moment::from_unix(nanos / 1_000_000_000);
        moment.nanos = nanos % 1_000_000_000;
        moment
    }

    /// Time of day with milliseconds: `21:04:05.123`.
    #[must_use]
    pub fn time_of_day(self) -> String {
        let (hour, minute, second) = self.clock();
        let millis = self.nanos / 1_000_000;
        format!("{hour:02}:{minute:02}:{second:02}.{millis:03}")
    }

    fn clock(self) -> (u64, u64, u64) {
        let second = self.second_of_day;
        (second / 3600, second / 60 % 60, second % 60)
    }
}

/// `2026-11-22T21:04:05Z`.
impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hour, minute, second) = self.clock();
        let Moment {
            year, month, day, ..
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// Days since 1970-01-01 to year, month, day: Howard Hinnant's `civil_from_days`, for days that are
/// not negative.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        let text = |seconds| Moment::from_unix(seconds).to_string();
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(text(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(text(1_795_381_445), "2026-11-22T21:04:05Z");
        assert_eq!(text(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(
            Moment::from_unix_nanos(1_795_381_445_123_456_789).time_of_day(),
            "21:04:05.123"
        );
    }
}
