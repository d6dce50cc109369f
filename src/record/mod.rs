//! Floor 4: the recording. What a worker writes, what it looks like on disk, and how it is believed.
//!
//! ```text
//! worker: Writer --ring--> Intake :recorder
//!           |                 frames -> block -> segment -> fdatasync -> checkpoint
//!           '-- Receipt, Recorded: the doors that open once the ring, or the disk, has the bytes
//! ```
//!
//! Nothing here touches a file, a clock or a thread: the recorder does, on floor 6.
//!
//! # The format, byte by byte
//!
//! All numbers are little-endian. A *text* is its length in four bytes, then UTF-8. Every checksum
//! is CRC-32C over all bytes of the unit before it, every hash SHA-256. Reserved bytes are zero,
//! and a reader refuses others.
//!
//! **Frame**: one event ([`frame`]).
//!
//! ```text
//!  0 length, checksum included  4    4 kind 1    5 reserved 3
//!  8 exchange: worker 16 bits, count 48   16 sequence within the exchange, from zero  8
//! 24 monotonic nanoseconds  8             32 wall-clock nanoseconds since 1970  8
//! 40 payload                              .. checksum 4
//! ```
//!
//! **Payloads**, by kind ([`payload`]):
//!
//! ```text
//!  1 session open      text principal, text connection
//!  2 session end       reason 1
//!  3 request head      decision 1, class 1, has query 1, reserved 5, generation 8, texts: rule,
//!                      principal, connection, method, path, query; then listed header lines
//!  4 request chunk     offset 8, bytes sent upstream 8; then the bytes, masked
//!  5 request withheld  offset 8, bytes sent upstream 8, HMAC-SHA256 of them 32
//!  6 response head     the head's bytes as the caller got them
//!  7 response chunk    offset 8; then the bytes as the caller got them
//!  8 mask hit          side 1, reserved 3, count 4; then each: rule 2, offset 8
//!  9 end               outcome 1, reserved 1, status 2, reserved 4, request bytes 8, reply bytes 8,
//!                      hits 8, nanoseconds until: receipt 8, sent 8, replied 8, ended 8
//! 10 refused           since 8, count 4, reserved 4; then each: how often 8, text reason
//! 11 torn              segment 8, bytes dropped 8
//! 12 pruned            segment 8, first leaf 8, leaves 8, hash of what is kept 32
//! 13 repeated          nothing
//! 14 part of a batch   decision 1, reserved 7, texts: id, rule, method, path with query
//! 15 end of a part     status 2, reserved 6, text id
//! ```
//!
//! **Block**: up to 256 KiB of frames, one chunk per session ([`block`]). The leaf hash is that of
//! header and table, hence of the list of chunk hashes: one session can be shown, proven or erased
//! without the others.
//!
//! ```text
//!  0 "SBLK"   4 length 4   8 leaf number 8   16 chunks 4   20 reserved 4
//! 24 table, 60 bytes a chunk: session 16, codec 1 (0 plain, 1 zstd), reserved 3,
//!                             stored bytes 4, plain bytes 4, hash of the stored bytes 32
//! .. the chunks' stored bytes   .. checksum 4
//! ```
//!
//! **Segment**: a file of fixed capacity, zeros where nothing is written yet ([`segment`]). Its
//! header is a leaf of the log like a block, and carries the log so far, so that a segment can be
//! followed without those before it.
//!
//! ```text
//!   0 "SLUICE" 0 1  8    8 writer 8     16 number 8      24 leaves before 8   32 capacity 8
//!  40 wall clock 8      48 key epoch 8  56 bytes in use of the segment before 8
//!  64 root before 32    96 key 32      128 roots of the perfect trees that make the log up
//!  .. zeros           4092 checksum 4
//! 4096 entries, one after the other: blocks;
//!      "SCKP" length 4, checkpoint, checksum 4;   "SEAL" the same, and nothing after it
//! ```
//!
//! Each group commit is followed by zeros up to the next 512 bytes, so that no byte that is on disk
//! is ever written again. A zero where an entry would begin means: on to the next 512; a zero there
//! too means: the end.
//!
//! **Log**: RFC 6962 over the leaves ([`tree`]). **Checkpoint**: a signed note ([`checkpoint`],
//! [`note`]), written only over leaves that are on disk. Each segment's seal, and a checkpoint each
//! hour, announces the next key; then the old seed is erased. What is kept of a segment that was
//! given up is drawn in [`pruned`].

pub mod block;
pub mod checkpoint;
pub mod frame;
mod intake;
pub mod link;
pub mod note;
pub mod payload;
pub mod pruned;
mod refusals;
pub mod segment;
pub mod session;
pub mod tree;
pub mod verify;
mod writer;

pub use self::intake::{Intake, RingFrame, ring_pair};
pub use self::link::{Health, Link, State};
pub use self::payload::{Class, Decision, EndRecord, Outcome, PartRecord, RequestRecord, Timings};
pub use self::session::{CoreSession, Session, SessionTable, Sessions};
pub use self::writer::{
    AGAIN_ROOM, Body, ExchangeLog, Pending, Receipt, RecordError, Recorded, Settle, Unrecorded,
    Writer, part_end_room, part_room,
};
