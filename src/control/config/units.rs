//! Durations and sizes as people write them: `25s`, `15m`, `64KiB`.

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
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("512"), Ok(512));
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
    }
}
