//! Checkpoints: the writer's word on its log, as a signed note (C2SP tlog-checkpoint).
//!
//! ```text
//! sluice/<writer id>          the log's origin
//! <leaves>                    its size
//! <base64>                    its root hash
//! epoch <number>              which of the writer's keys signs
//! time <nanoseconds>          wall clock, since 1970
//! seal <segment> <how>        only as a segment's trailer: "continues" or "closed"
//! next-key <base64>           only as an epoch's last: the public key of the next
//!
//! — sluice/<writer id> <base64 of key id and signature>
//! ```

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::Ed25519KeyPair;

use crate::base::clock::Wall;
use crate::base::ids::WriterId;

use super::note::{self, NoteError, PublicKey};
use super::tree::Hash;

/// How a sealed segment is followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seal {
    /// By the next segment, whose file exists.
    Continues,
    /// By nothing: the writer shut down in order.
    Closed,
}

/// The writer's word on its log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Whose log.
    pub writer: WriterId,
    /// Leaves in the log.
    pub size: u64,
    /// The log's root hash.
    pub root: Hash,
    /// The number of the key that signs.
    pub epoch: u64,
    /// When.
    pub time: Wall,
    /// The segment that this seals, and how it goes on.
    pub seal: Option<(u64, Seal)>,
    /// The public key of the next epoch, when this is its epoch's last checkpoint.
    pub next_key: Option<PublicKey>,
}

/// The name under which a writer signs, and its log's origin.
#[must_use]
pub fn origin(writer: WriterId) -> String {
    format!("sluice/{writer}")
}

impl Checkpoint {
    /// The signed note.
    #[must_use]
    pub fn sign(&self, key: &Ed25519KeyPair) -> String {
        note::sign(&origin(self.writer), key, &self.text())
    }

    /// Reads a note that `writer` signed with `key`.
    pub fn open(writer: WriterId, key: &PublicKey, note: &[u8]) -> Result<Checkpoint, NoteError> {
        let text = note::open(&origin(writer), key, note)?;
        Checkpoint::parse(writer, text).ok_or(NoteError::Malformed)
    }

    /// Reads a note without asking who signed it: for a writer's own recovery.
    pub fn peek(writer: WriterId, note: &[u8]) -> Result<Checkpoint, NoteError> {
        let text = note::peek(&origin(writer), note)?;
        Checkpoint::parse(writer, text).ok_or(NoteError::Malformed)
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{}\n{}\n{}\nepoch {}\ntime {}\n",
            origin(self.writer),
            self.size,
            BASE64.encode(self.root),
            self.epoch,
            self.time.0
        );
        // Writing to a String cannot fail.
        if let Some((segment, how)) = self.seal {
            let how = match how {
                Seal::Continues => "continues",
                Seal::Closed => "closed",
            };
            let _ = writeln!(text, "seal {segment} {how}");
        }
        if let Some(key) = self.next_key {
            let _ = writeln!(text, "next-key {}", BASE64.encode(key));
        }
        text
    }

    /// Reads a text, and only the one that [`Checkpoint::text`] would write.
    fn parse(writer: WriterId, text: &str) -> Option<Checkpoint> {
        let mut lines = text.lines().skip(1);
        let mut checkpoint = Checkpoint {
            writer,
            size: lines.next()?.parse().ok()?,
            root: hash(lines.next()?)?,
            epoch: lines.next()?.strip_prefix("epoch ")?.parse().ok()?,
            time: Wall(lines.next()?.strip_prefix("time ")?.parse().ok()?),
            seal: None,
            next_key: None,
        };
        for line in lines {
            if let Some(seal) = line.strip_prefix("seal ") {
                let (segment, how) = seal.split_once(' ')?;
                let how = match how {
                    "continues" => Seal::Continues,
                    "closed" => Seal::Closed,
                    _ => return None,
                };
                checkpoint.seal = Some((segment.parse().ok()?, how));
            } else {
                checkpoint.next_key = Some(hash(line.strip_prefix("next-key ")?)?);
            }
        }
        (checkpoint.text() == text).then_some(checkpoint)
    }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text).ok()?.try_into().ok()
}
