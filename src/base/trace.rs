//! Where a request stands in a distributed trace: W3C Trace Context, Level 1,
//! <https://www.w3.org/TR/trace-context-1/>.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use super::hex;

/// The gateway's own part of a trace: one request and its reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Which trace; never zero.
    pub trace: u128,
    /// The span of whoever called, when that one said.
    pub parent: Option<u64>,
    /// Which part of it; never zero.
    pub id: u64,
    /// Whether it is to be told.
    pub sampled: bool,
}

impl Span {
    /// Bytes of a `traceparent` of version 00.
    pub const TEXT_BYTES: usize = 55;

    /// The value of `traceparent` that says that this span calls: section 3.2.2.
    #[must_use]
    pub fn text(&self) -> [u8; Span::TEXT_BYTES] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        fill(&mut text[3..35], &self.trace.to_be_bytes());
        fill(&mut text[36..52], &self.id.to_be_bytes());
        fill(&mut text[53..55], &[u8::from(self.sampled)]);
        text
    }
}

/// Writes bytes as hexadecimal digits over as many as there is room for.
fn fill(digits: &mut [u8], bytes: &[u8]) {
    for (two, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *two = hex::digits(*byte);
    }
}

/// What a caller says of the trace that it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parent {
    /// Which trace.
    pub trace: u128,
    /// Which span of it calls.
    pub span: u64,
    /// Whether whoever began the trace wants it told.
    pub sampled: bool,
}

impl Parent {
    /// Reads a `traceparent`; `None` when it says nothing that can be understood: section 3.2.2.
    /// Of later versions the part that version 00 has is read, as section 3.2.4 asks.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Parent> {
        let (known, rest) = value.split_at_checked(Span::TEXT_BYTES)?;
        let version = number(&known[..2])?;
        let fits = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => matches!(rest.first(), None | Some(b'-')),
        };
        let dashes = [2, 35, 52].iter().all(|at| known[*at] == b'-');
        if !fits || !dashes {
            return None;
        }
        let (trace, span) = (number(&known[3..35])?, number(&known[36..52])?);
        let flags = number(&known[53..])?;
        (trace != 0 && span != 0).then_some(Parent {
            trace,
            span: u64::try_from(span).ok()?,
            sampled: flags & 1 == 1,
        })
    }
}

/// At most 32 digits, which are in lower case.
fn number(digits: &[u8]) -> Option<u128> {
    let mut value = 0;
    for digit in digits {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        value = value << 4 | u128::from(digit);
    }
    Some(value)
}

/// How many of the traces that begin here are told.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sampling {
    /// Traces whose last 63 bits are below this one.
    below: u64,
}

impl Sampling {
    /// So many of all, from 0 to 1. What is beyond counts as the nearest.
    #[must_use]
    pub fn share(share: f64) -> Sampling {
        // Whoever samples the same share elsewhere picks the same traces by it.
        let below = (share.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64;
        Sampling { below }
    }

    fn picks(self, trace: u128) -> bool {
        (trace as u64 & (u64::MAX >> 1)) < self.below
    }
}

/// Gives out ids of one core. Nobody guesses them, and nobody needs to be kept from it.
pub struct SpanIds {
    keys: RandomState,
    given: u64,
}

impl SpanIds {
    /// Ids that no other core gives.
    #[must_use]
    pub fn new() -> SpanIds {
        SpanIds {
            keys: RandomState::new(),
            given: 0,
        }
    }

    /// The gateway's span of a request that came with `parent`, or with none. A trace that began
    /// elsewhere is told where those who began it want it told.
    pub fn span(&mut self, parent: Option<Parent>, sampling: Sampling) -> Span {
        let id = self.next();
        match parent {
            Some(parent) => Span {
                trace: parent.trace,
                parent: Some(parent.span),
                id,
                sampled: parent.sampled,
            },
            None => {
                let trace = u128::from(self.next()) << 64 | u128::from(self.next());
                Span {
                    trace,
                    parent: None,
                    id,
                    sampled: sampling.picks(trace),
                }
            }
        }
    }

    /// Never zero, which means none.
    fn next(&mut self) -> u64 {
        self.given += 1;
        self.keys.hash_one(self.given).max(1)
    }
}

impl Default for SpanIds {
    fn default() -> SpanIds {
        SpanIds::new()
    }
}

impl fmt::Debug for SpanIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpanIds(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_written_is_read_again() {
        let parent = Parent::read(GOOD.as_bytes()).unwrap();
        assert_eq!(parent.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!((parent.span, parent.sampled), (0x00f0_67aa_0ba9_02b7, true));
        let span = SpanIds::new().span(Some(parent), Sampling::share(0.0));
        assert_eq!((span.trace, span.parent), (parent.trace, Some(parent.span)));
        let next = Parent::read(&span.text()).unwrap();
        assert_eq!(
            (next.trace, next.span, next.sampled),
            (span.trace, span.id, true)
        );
        assert_ne!(span.id, parent.span);
    }

    #[test]
    fn what_cannot_be_understood_is_no_parent() {
        let flagged = GOOD.replace("-01", "-fe");
        assert!(!Parent::read(flagged.as_bytes()).unwrap().sampled);
        let later = GOOD.replacen("00-", "cc-", 1);
        assert!(Parent::read(later.as_bytes()).is_some());
        assert!(Parent::read(format!("{later}-more").as_bytes()).is_some());
        for bad in [
            String::new(),
            GOOD[..54].to_owned(),
            format!("{GOOD}-more"),
            format!("{later}more"),
            format!("{GOOD} "),
            GOOD.to_uppercase(),
            GOOD.replacen("00-", "ff-", 1),
            GOOD.replacen("00-", "0x-", 1),
            GOOD.replace('-', "_"),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
        ] {
            assert_eq!(Parent::read(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn of_traces_that_begin_here_a_share_is_told() {
        let mut ids = SpanIds::new();
        let mut told = |share| {
            let sampling = Sampling::share(share);
            (0..10_000)
                .filter(|_| ids.span(None, sampling).sampled)
                .count()
        };
        assert_eq!((told(0.0), told(1.0)), (0, 10_000));
        // Fifteen standard deviations: no run sees it fail.
        assert!((1_550..2_450).contains(&told(0.2)));
    }

    #[test]
    fn ids_differ() {
        let (mut one, mut other) = (SpanIds::new(), SpanIds::new());
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1_000 {
            for ids in [&mut one, &mut other] {
                let span = ids.span(None, Sampling::share(1.0));
                assert!(seen.insert(span.id) && span.trace != 0);
            }
        }
    }
}
