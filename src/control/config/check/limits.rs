//! The bounds an operator may change: their names, what they mean, and in which range they may be set.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::errors::Mistake;
use super::super::schema::{At, Named, Scalar};
use super::super::units;
use super::Checker;
use crate::base::limits::{
    CLOCK_SKEW_MAX, DPOP_WINDOW_MAX, KEY_SET_AGE_MAX, Limits, MEMORY_BYTES_MIN, SEGMENT_BYTES_MIN,
};

/// One bound.
struct Known {
    name: &'static str,
    about: &'static str,
    field: Field,
}

/// Where a bound is, and what it may be.
enum Field {
    Time(fn(&mut Limits) -> &mut Duration, RangeInclusive<Duration>),
    Size(fn(&mut Limits) -> &mut u64, RangeInclusive<u64>),
    Count(fn(&mut Limits) -> &mut u64),
    /// Bytes in a second; 0 for no bound.
    Rate(fn(&mut Limits) -> &mut u64),
}

const LEAST: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const TIB: u64 = 1 << 40;

const fn time(
    name: &'static str,
    at: fn(&mut Limits) -> &mut Duration,
    about: &'static str,
) -> Known {
    let field = Field::Time(at, LEAST..=DAY);
    Known { name, about, field }
}

const fn count(name: &'static str, at: fn(&mut Limits) -> &mut u64, about: &'static str) -> Known {
    let field = Field::Count(at);
    Known { name, about, field }
}

const fn rate(name: &'static str, at: fn(&mut Limits) -> &mut u64, about: &'static str) -> Known {
    let field = Field::Rate(at);
    Known { name, about, field }
}

const fn size(
    name: &'static str,
    at: fn(&mut Limits) -> &mut u64,
    range: RangeInclusive<u64>,
    about: &'static str,
) -> Known {
    let field = Field::Size(at, range);
    Known { name, about, field }
}

/// Every bound, in the order in which a request meets them.
static KNOWN: &[Known] = &[
    count(
        "connections_per_worker",
        |limits| &mut limits.connections_per_worker,
        "Caller connections that one worker holds.",
    ),
    count(
        "connections_per_listener",
        |limits| &mut limits.connections_per_listener,
        "Caller connections through one listener, over all workers.",
    ),
    count(
        "connections_per_address",
        |limits| &mut limits.connections_per_address,
        "Of these, those from one address, or from 64 bits of IPv6.",
    ),
    size(
        "memory_bytes",
        |limits| &mut limits.memory_bytes,
        MEMORY_BYTES_MIN..=1024 * TIB,
        "Memory in use beyond which no connection is taken and no request begins.",
    ),
    count(
        "handshakes_per_worker",
        |limits| &mut limits.handshakes_per_worker,
        "TLS handshakes that one worker begins in a second, and at once.",
    ),
    time(
        "handshake_time",
        |limits| &mut limits.handshake_time,
        "From a connection's beginning to the end of its handshake, a proxy's introduction included.",
    ),
    time(
        "head_time",
        |limits| &mut limits.head_time,
        "From the first byte of a request's head to its blank line.",
    ),
    size(
        "request_body_bytes",
        |limits| &mut limits.request_body_bytes,
        1..=TIB,
        "A request's body; a larger one gets 413.",
    ),
    time(
        "body_idle_time",
        |limits| &mut limits.body_idle_time,
        "Between two pieces of a request's body.",
    ),
    rate(
        "body_rate",
        |limits| &mut limits.body_rate,
        "Bytes of it in a second, on average over that time, while only the caller is waited for; 0 sets no bound.",
    ),
    time(
        "wait_time",
        |limits| &mut limits.wait_time,
        "A call that waits for keys, an upstream token, room in the recording or the disk.",
    ),
    time(
        "connect_time",
        |limits| &mut limits.connect_time,
        "Opening a connection upstream, TLS included.",
    ),
    time(
        "first_byte_time",
        |limits| &mut limits.first_byte_time,
        "From the request's end to the first byte of the upstream's reply.",
    ),
    time(
        "reply_idle_time",
        |limits| &mut limits.reply_idle_time,
        "Between two pieces of a reply's body that is no event stream.",
    ),
    time(
        "upgraded_idle_time",
        |limits| &mut limits.upgraded_idle_time,
        "Between two pieces, either way, on a connection that was switched to another protocol.",
    ),
    time(
        "write_idle_time",
        |limits| &mut limits.write_idle_time,
        "A peer, caller or upstream, that takes no byte of what it is sent.",
    ),
    rate(
        "read_rate",
        |limits| &mut limits.read_rate,
        "Bytes in a second that a caller takes, on average over that time, while it is waited for; 0 sets no bound.",
    ),
    time(
        "keep_alive_time",
        |limits| &mut limits.keep_alive_time,
        "Between two requests on a caller's connection.",
    ),
    count(
        "requests_per_connection",
        |limits| &mut limits.requests_per_connection,
        "Requests on one caller's connection; then it is closed, so that load spreads again.",
    ),
    time(
        "upstream_idle_time",
        |limits| &mut limits.upstream_idle_time,
        "How long a connection upstream is kept for the next call.",
    ),
    time(
        "drain_time",
        |limits| &mut limits.drain_time,
        "From SIGTERM to the end of calls under way.",
    ),
    Known {
        name: "key_set_age",
        about: "How long keys of an issuer that cannot be reached any more serve.",
        field: Field::Time(
            |limits| &mut limits.key_set_age,
            Duration::from_secs(60)..=KEY_SET_AGE_MAX,
        ),
    },
    Known {
        name: "clock_skew",
        // More would let tokens live on long after their end.
        about: "How far an issuer's clock may be from ours.",
        field: Field::Time(|limits| &mut limits.clock_skew, LEAST..=CLOCK_SKEW_MAX),
    },
    Known {
        name: "dpop_window",
        about: "How far the second in which a DPoP proof was made may be from ours, either way.",
        field: Field::Time(
            |limits| &mut limits.dpop_window,
            Duration::from_secs(1)..=DPOP_WINDOW_MAX,
        ),
    },
    size(
        "segment_bytes",
        |limits| &mut limits.segment_bytes,
        SEGMENT_BYTES_MIN..=1 << 30,
        "A file of the recording.",
    ),
    size(
        "retention_bytes",
        |limits| &mut limits.retention_bytes,
        1..=1024 * TIB,
        "What the files of one worker's recording take together; the oldest are reused.",
    ),
    size(
        "reserve_bytes",
        |limits| &mut limits.reserve_bytes,
        1..=1024 * TIB,
        "Free space on the recording's disk below which no session begins.",
    ),
];

/// Every bound with its meaning and its default.
pub(in super::super) fn limits() -> Vec<(&'static str, String)> {
    let told = |known: &Known| {
        let (about, default) = (known.about, known.field.shown(&mut Limits::default()));
        (known.name, format!("{about} By default {default}."))
    };
    KNOWN.iter().map(told).collect()
}

impl Field {
    fn read(&self, limits: &mut Limits, text: &str) -> Result<(), String> {
        match self {
            Field::Time(at, range) => {
                *at(limits) = within(units::duration(text)?, range, units::shown_duration)?;
            }
            Field::Size(at, range) => {
                *at(limits) = within(units::size(text)?, range, units::shown_size)?;
            }
            Field::Rate(at) => *at(limits) = units::bytes_per_second(text)?,
            Field::Count(at) => {
                let count = text.parse().map_err(|_| "expected a number".to_owned())?;
                *at(limits) = within(count, &(1..=u64::MAX), |count| count.to_string())?;
            }
        }
        Ok(())
    }

    fn shown(&self, limits: &mut Limits) -> String {
        match self {
            Field::Time(at, _) => format!("`{}`", units::shown_duration(*at(limits))),
            Field::Size(at, _) => match *at(limits) {
                0 => "four fifths of what there is".to_owned(),
                size => format!("`{}`", units::shown_size(size)),
            },
            Field::Count(at) | Field::Rate(at) => format!("`{}`", at(limits)),
        }
    }
}

impl Checker<'_> {
    pub(super) fn limits(&mut self, section: Option<Named<At<Scalar>>>) -> Option<Limits> {
        let mut limits = Limits::default();
        let mut good = Some(());
        for (name, value) in section.map(|section| section.0).unwrap_or_default() {
            let known = KNOWN.iter().find(|known| *known.name == name.value);
            let Some(known) = known else {
                let mistake = Mistake::new(name.at, format!("unknown limit `{}`", name.value))
                    .near(&name.value, KNOWN.iter().map(|known| known.name));
                self.mistakes.push(mistake);
                good = None;
                continue;
            };
            if let Err(why) = known.field.read(&mut limits, &value.value.0) {
                good = self.refuse(value.at, why);
            }
        }
        good.map(|()| limits)
    }
}

fn within<T: PartialOrd + Copy>(
    value: T,
    range: &RangeInclusive<T>,
    shown: fn(T) -> String,
) -> Result<T, String> {
    if value < *range.start() {
        return Err(format!("this must be at least {}", shown(*range.start())));
    }
    if value > *range.end() {
        return Err(format!("this can be at most {}", shown(*range.end())));
    }
    Ok(value)
}
