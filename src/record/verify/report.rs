//! What verification answers.

use crate::base::ids::WriterId;
use crate::record::note::PublicKey;
use crate::record::tree::Hash;

/// What a recording is worth. The later, the worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// Every byte is accounted for and signed. Without an anchor, a cut since the last checkpoint
    /// cannot be seen.
    Ok,
    /// A crash left an end that no checkpoint signs; all before it is in order.
    Torn,
    /// Something that was there is missing at an end.
    Truncated,
    /// A key does not follow from the one before.
    KeyGap,
    /// Bytes are not those that were written.
    Tampered,
}

impl Verdict {
    /// The exit code of `sluice sessions verify`.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Ok => 0,
            Verdict::Torn => 10,
            Verdict::Truncated => 11,
            Verdict::Tampered => 12,
            Verdict::KeyGap => 13,
        }
    }

    /// The name as shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Torn => "torn by a crash",
            Verdict::Truncated => "truncated",
            Verdict::KeyGap => "key gap",
            Verdict::Tampered => "tampered",
        }
    }
}

/// What verification starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// The key in the first segment is believed.
    FirstSeen,
    /// The first segment's key must be this one.
    Key(PublicKey),
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Whose recording.
    pub writer: WriterId,
    /// The worst that was found.
    pub verdict: Verdict,
    /// What and where, when the verdict is not [`Verdict::Ok`].
    pub finding: Option<String>,
    /// The first key, to be pinned for the next verification.
    pub first_key: Option<PublicKey>,
    /// Segments that were read.
    pub segments: u64,
    /// Leaves of the log.
    pub leaves: u64,
    /// Its root.
    pub root: Hash,
    /// Frames that were read.
    pub frames: u64,
    /// Checkpoints whose signature was checked.
    pub checkpoints: u64,
    /// Crashes that the writer itself recorded.
    pub crashes: u64,
    /// Exchanges without an end frame: their outcome is unknown.
    pub open_exchanges: u64,
    /// Bytes of blocks behind the last checkpoint.
    pub unsigned_bytes: u64,
}

/// What stands behind a segment in its directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// No file.
    Nothing,
    /// A file that is prepared and holds only zeros.
    Prepared,
    /// A segment.
    Segment,
}
