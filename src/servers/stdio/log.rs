//! What is told of a server on our standard error: bounded in length, in rate, and without the
//! secrets that the server was given.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::base::limits::{STDIO_LOG_LINE_BYTES, STDIO_LOG_LINES, STDIO_LOG_REFILL};
use crate::base::secret::Secret;

/// Shorter values are words that stand everywhere; hiding those would hide the message.
const SECRET_BYTES: usize = 8;

/// The log of one server.
pub(super) struct Log {
    name: String,
    secrets: Vec<Secret>,
    bucket: Mutex<Bucket>,
}

/// How many lines may still be told.
struct Bucket {
    left: u32,
    refilled: Instant,
    untold: u64,
}

impl Log {
    /// The log of the server of that name, which was given these secrets.
    pub fn new<'s>(name: &str, secrets: impl Iterator<Item = &'s Secret>) -> Log {
        let long = secrets.filter(|secret| secret.expose().len() >= SECRET_BYTES);
        Log {
            name: name.to_owned(),
            secrets: long.cloned().collect(),
            bucket: Mutex::new(Bucket {
                left: STDIO_LOG_LINES,
                refilled: Instant::now(),
                untold: 0,
            }),
        }
    }

    /// Tells a line that the server wrote to its standard error.
    pub fn stderr(&self, line: &[u8]) {
        self.say("stderr: ", line);
    }

    /// Tells what we noticed.
    pub fn note(&self, what: &str) {
        self.say("", what.as_bytes());
    }

    fn say(&self, prefix: &str, line: &[u8]) {
        let Some(untold) = self.may_say(Instant::now()) else {
            return;
        };
        let name = &self.name;
        let mut stderr = std::io::stderr().lock();
        // If nobody reads standard error, nothing can be done about it.
        if untold > 0 {
            let _ = writeln!(stderr, "sluice: stdio {name}: {untold} lines were left out");
        }
        let _ = writeln!(
            stderr,
            "sluice: stdio {name}: {prefix}{}",
            self.printable(line)
        );
    }

    /// Whether a line may be told now, and how many were left out before it.
    fn may_say(&self, now: Instant) -> Option<u64> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        while bucket.left < STDIO_LOG_LINES && now - bucket.refilled >= STDIO_LOG_REFILL {
            bucket.left += 1;
            bucket.refilled += STDIO_LOG_REFILL;
        }
        if bucket.left == STDIO_LOG_LINES {
            bucket.refilled = now;
        }
        let Some(left) = bucket.left.checked_sub(1) else {
            bucket.untold += 1;
            return None;
        };
        bucket.left = left;
        Some(std::mem::take(&mut bucket.untold))
    }

    /// The line without secrets and control characters, cut to a bound.
    fn printable(&self, line: &[u8]) -> String {
        let mut line = line.to_vec();
        for secret in &self.secrets {
            line = without(&line, secret.expose());
        }
        let line = line.get(..STDIO_LOG_LINE_BYTES).unwrap_or(&line);
        let text = String::from_utf8_lossy(line);
        let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        text.trim_end().chars().map(plain).collect()
    }
}

/// The line with every occurrence of the secret replaced.
fn without(line: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(line, secret) {
        out.extend_from_slice(line.get(from..at).unwrap_or_default());
        out.extend_from_slice(b"[secret]");
        from = at + secret.len();
    }
    out.extend_from_slice(line.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_bounded_plain_and_without_secrets() {
        let secrets = [&b"hunter2hunter2"[..], b"read"].map(|text| Secret::new(text.to_vec()));
        let log = Log::new("files", secrets.iter());
        let line = b"read\x1b[31m with hunter2hunter2hunter2hunter2!\xff\r";
        assert_eq!(
            log.printable(line),
            "read\u{fffd}[31m with [secret][secret]!\u{fffd}"
        );
        let long = vec![b'x'; 3 * STDIO_LOG_LINE_BYTES];
        assert_eq!(log.printable(&long).len(), STDIO_LOG_LINE_BYTES);
    }

    #[test]
    fn lines_come_at_a_rate_and_those_left_out_are_counted() {
        let log = Log::new("files", std::iter::empty());
        let start = Instant::now();
        let said = (0..STDIO_LOG_LINES + 7).filter(|_| log.may_say(start).is_some());
        assert_eq!(said.count() as u32, STDIO_LOG_LINES);
        assert_eq!(log.may_say(start + STDIO_LOG_REFILL), Some(7));
        assert_eq!(log.may_say(start + STDIO_LOG_REFILL), None);
    }
}
