//! Durations, sizes and rates as people write them: `25s`, `15m`, `64KiB`, `60/m`.

use std::num::NonZeroU32;
use std::time::Duration;

/// Reads a duration: a whole number and `ms`, `s`, `m`, `h` or `d`. Zero is refused.
///
/// # Errors
/// What was expected, when the text is not that.
pub fn duration(text: &str) -> Result<Duration, String> {
    const WANT: &str = "expected a duration such as `500ms`, `25s`, `15m`, `24h`";
    let (count, unit) = split(text).ok_or(WANT)?;
    let millis = match unit {
        "ms" => Some(count),
        "s" => count.checked_mul(1_000),
        "m" => count.checked_mul(60_000),
        "h" => count.checked_mul(3_600_000),
        "d" => count.checked_mul(86_400_000),
        _ => None,
    };
    match millis {
        Some(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err(WANT.into()),
    }
}

/// Reads a size in bytes: a whole number, and `B`, `KiB`, `MiB` or `GiB` or nothing. Zero is refused.
///
/// # Errors
/// What was expected, when the text is not that.
pub fn size(text: &str) -> Result<u64, String> {
    const WANT: &str = "expected a size such as `512`, `64KiB`, `16MiB`";
    let (count, unit) = split(text).ok_or(WANT)?;
    let bytes = match unit {
        "" | "B" => Some(count),
        "KiB" => count.checked_mul(1 << 10),
        "MiB" => count.checked_mul(1 << 20),
        "GiB" => count.checked_mul(1 << 30),
        _ => None,
    };
    match bytes {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(WANT.into()),
    }
}

/// Reads how many bytes there are to be in a second: a size, or `0`.
///
/// # Errors
/// What was expected, when the text is not that.
pub fn bytes_per_second(text: &str) -> Result<u64, String> {
    match text {
        "0" => Ok(0),
        _ => size(text)
            .map_err(|_| "expected bytes in a second such as `100`, `1KiB`, or `0`".into()),
    }
}

/// Reads a rate: a whole number, a slash, and `s`, `m`, `h` or `d`; the number and its time. Zero is
/// refused.
///
/// # Errors
/// What was expected, when the text is not that.
pub fn rate(text: &str) -> Result<(NonZeroU32, Duration), String> {
    const WANT: &str = "expected a rate such as `5/s`, `60/m`, `1000/h`";
    let (count, unit) = text.split_once('/').ok_or(WANT)?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(WANT.into()),
    };
    let count = count.trim().parse().map_err(|_| WANT)?;
    Ok((count, Duration::from_secs(seconds)))
}

/// A duration as [`duration`] reads it, in the largest unit that leaves nothing over.
#[must_use]
pub fn shown_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    let unit = units
        .iter()
        .find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

/// A size as [`size`] reads it, in the largest unit that leaves nothing over.
#[must_use]
pub fn shown_size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units
        .iter()
        .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let count = text[..digits].parse().ok()?;
    Some((count, text[digits..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(duration("25s"), Ok(Duration::from_secs(25)));
        assert_eq!(duration("1500 ms"), Ok(Duration::from_millis(1500)));
        for text in ["1ms", "1500ms", "25s", "90s", "15m", "36h", "7d"] {
            assert_eq!(shown_duration(duration(text).unwrap()), text);
        }
        assert_eq!(shown_duration(Duration::from_secs(120)), "2m");
        for text in ["1", "1023", "64KiB", "65KiB", "16MiB", "1024GiB"] {
            assert_eq!(shown_size(size(text).unwrap()), text);
        }
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("512"), Ok(512));
        let per_minute = (NonZeroU32::new(60).unwrap(), Duration::from_secs(60));
        assert_eq!(rate("60/m"), Ok(per_minute));
        assert_eq!(rate("60 / m"), Ok(per_minute));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "s",
            "25",
            "25 minutes",
            "-1s",
            "0s",
            "99999999999999999999s",
            "213503982334602d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "KiB", "64kb", "0", "18446744073709551615GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in [
            "",
            "/m",
            "60",
            "60/",
            "60/min",
            "0/m",
            "-1/m",
            "4294967296/m",
            "6/m/m",
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
