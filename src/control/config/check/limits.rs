//! The bounds an operator may change.

use std::time::Duration;

use super::super::errors::Mistake;
use super::super::schema::{At, Named, Scalar};
use super::super::units;
use super::Checker;
use crate::base::limits::{CLOCK_SKEW_MAX, KEY_SET_AGE_MAX, Limits, SEGMENT_BYTES_MIN};

/// How one limit is read from its text.
type Reader = fn(&mut Limits, &str) -> Result<(), String>;

/// Every limit by its name, with the range it may be set to.
const KNOWN: [(&str, Reader); 18] = [
    ("head_time", |limits, text| {
        time(&mut limits.head_time, text)
    }),
    ("body_idle_time", |limits, text| {
        time(&mut limits.body_idle_time, text)
    }),
    ("keep_alive_time", |limits, text| {
        time(&mut limits.keep_alive_time, text)
    }),
    ("write_idle_time", |limits, text| {
        time(&mut limits.write_idle_time, text)
    }),
    ("connect_time", |limits, text| {
        time(&mut limits.connect_time, text)
    }),
    ("first_byte_time", |limits, text| {
        time(&mut limits.first_byte_time, text)
    }),
    ("reply_idle_time", |limits, text| {
        time(&mut limits.reply_idle_time, text)
    }),
    ("request_body_bytes", |limits, text| {
        limits.request_body_bytes = at_most(units::size(text)?, 1 << 40, "1024GiB")?;
        Ok(())
    }),
    ("key_set_age", |limits, text| {
        let age = at_least(units::duration(text)?, Duration::from_secs(60), "1m")?;
        limits.key_set_age = at_most(age, KEY_SET_AGE_MAX, "7d")?;
        Ok(())
    }),
    ("clock_skew", |limits, text| {
        // More would let tokens live on long after their end.
        limits.clock_skew = at_most(units::duration(text)?, CLOCK_SKEW_MAX, "5m")?;
        Ok(())
    }),
    ("wait_time", |limits, text| {
        time(&mut limits.wait_time, text)
    }),
    ("drain_time", |limits, text| {
        time(&mut limits.drain_time, text)
    }),
    ("upstream_idle_time", |limits, text| {
        time(&mut limits.upstream_idle_time, text)
    }),
    ("requests_per_connection", |limits, text| {
        count(&mut limits.requests_per_connection, text)
    }),
    ("connections_per_worker", |limits, text| {
        count(&mut limits.connections_per_worker, text)
    }),
    ("segment_bytes", |limits, text| {
        let size = at_least(units::size(text)?, SEGMENT_BYTES_MIN, "1MiB")?;
        limits.segment_bytes = at_most(size, 1 << 30, "1GiB")?;
        Ok(())
    }),
    ("retention_bytes", |limits, text| {
        limits.retention_bytes = at_most(units::size(text)?, 1 << 50, "1024TiB")?;
        Ok(())
    }),
    ("reserve_bytes", |limits, text| {
        limits.reserve_bytes = at_most(units::size(text)?, 1 << 50, "1024TiB")?;
        Ok(())
    }),
];

/// The names of all limits.
pub(in super::super) fn limit_names() -> Vec<&'static str> {
    KNOWN.iter().map(|(name, _)| *name).collect()
}

impl Checker<'_> {
    pub(super) fn limits(&mut self, section: Option<Named<At<Scalar>>>) -> Option<Limits> {
        let mut limits = Limits::default();
        let mut good = Some(());
        for (name, value) in section.map(|section| section.0).unwrap_or_default() {
            let known = KNOWN.iter().find(|(known, _)| *known == name.value);
            let Some((_, read)) = known else {
                let mistake = Mistake::new(name.at, format!("unknown limit `{}`", name.value))
                    .near(&name.value, KNOWN.iter().map(|(known, _)| *known));
                self.mistakes.push(mistake);
                good = None;
                continue;
            };
            if let Err(why) = read(&mut limits, &value.value.0) {
                good = self.refuse(value.at, why);
            }
        }
        good.map(|()| limits)
    }
}

fn time(limit: &mut Duration, text: &str) -> Result<(), String> {
    let day = Duration::from_secs(24 * 3600);
    *limit = at_most(units::duration(text)?, day, "1d")?;
    Ok(())
}

fn count(limit: &mut u64, text: &str) -> Result<(), String> {
    let count = text.parse().map_err(|_| "expected a number".to_owned())?;
    *limit = at_least(count, 1, "1")?;
    Ok(())
}

fn at_least<T: PartialOrd>(value: T, least: T, shown: &str) -> Result<T, String> {
    if value < least {
        return Err(format!("this must be at least {shown}"));
    }
    Ok(value)
}

fn at_most<T: PartialOrd>(value: T, most: T, shown: &str) -> Result<T, String> {
    if value > most {
        return Err(format!("this can be at most {shown}"));
    }
    Ok(value)
}
