//! The bounds of servers put together of others (`servers/union`).

use std::time::Duration;

use super::JSON_BYTES;

/// One message of a member, or one event of its streams. Larger than any connection's
/// `message_bytes` is by default, since that bound has been held before.
pub const UNION_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// A JSON-RPC id or progress token, as it is written.
pub const UNION_ID_BYTES: usize = 256;
/// What a client says of itself: its name and what it can do.
pub const UNION_PROFILE_BYTES: usize = 64 * 1024;
/// A name in a list, prefix included: clients and models take 128 characters at most, some 64.
pub const UNION_NAME_BYTES: usize = 128;
/// The instructions of all members together.
pub const UNION_INSTRUCTION_BYTES: usize = 32 * 1024;
/// Addresses of resources that are remembered for one caller, and how long each may be.
pub const UNION_ADDRESSES: usize = 4096;
/// See [`UNION_ADDRESSES`].
pub const UNION_ADDRESS_BYTES: usize = 2048;
/// Templates of addresses that are remembered for one caller.
pub const UNION_TEMPLATES: usize = 256;
/// A cursor of a merged list.
pub const UNION_CURSOR_BYTES: usize = 16 * 1024;
/// Items of a merged list that are gathered before a cursor is given out. Many clients never ask
/// for a second page.
pub const UNION_LIST_BYTES: usize = 2 * 1024 * 1024;
/// Pages that one member's list may have in one answer: some cursors lead in circles.
pub const UNION_LIST_PAGES: usize = 64;
/// How long a merged list waits for its members.
pub const UNION_LIST_TIME: Duration = Duration::from_secs(8);
/// How long a member may take to say what it speaks.
pub const UNION_OPEN_TIME: Duration = Duration::from_secs(5);
/// How long a member that did not answer is left alone.
pub const UNION_REST_TIME: Duration = Duration::from_secs(2);
/// How long a modern member's description is believed.
pub const UNION_BELIEF_TIME: Duration = Duration::from_secs(10 * 60);
/// Pause before a member's broken stream is opened again, at first and at most.
pub const UNION_RETRY_TIME: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_secs(30));
/// Times that one answer's broken stream is taken up again.
pub const UNION_RESUMES: u32 = 8;
/// Sessions of callers, and those of one principal.
pub const UNION_SESSIONS: usize = 8192;
/// See [`UNION_SESSIONS`].
pub const UNION_SESSIONS_PER_PRINCIPAL: usize = 256;
/// A session or memory that nobody uses is over.
pub const UNION_IDLE_TIME: Duration = Duration::from_secs(30 * 60);
/// How often that is looked for.
pub const UNION_SWEEP_TIME: Duration = Duration::from_secs(30);
/// Calls of one session that wait for an answer.
pub const UNION_CALLS: usize = 1024;
/// Requests of members that wait for one caller's answer.
pub const UNION_ASKED: usize = 256;
/// How long a member's request waits for the caller's answer where the union itself waits for it.
pub const UNION_ANSWER_TIME: Duration = Duration::from_secs(10 * 60);
/// Times that one call may ask its caller for something.
pub const UNION_ROUNDS: u32 = 16;
/// Bytes of one stream that were not taken yet, after which its source is no longer read.
pub const UNION_STREAM_BYTES: usize = 256 * 1024;
/// Events that were sent and are kept for a caller that comes back.
pub const UNION_REPLAY_EVENTS: usize = 256;
/// See [`UNION_REPLAY_EVENTS`].
pub const UNION_REPLAY_BYTES: usize = 1024 * 1024;
/// Streams of one session that are kept after their end.
pub const UNION_ENDED_STREAMS: usize = 32;
/// How long a stream waits for its caller to come back.
pub const UNION_RESUME_TIME: Duration = Duration::from_secs(5 * 60);
/// How often a stream on which nothing happens shows that it is there.
pub const UNION_PULSE_TIME: Duration = Duration::from_secs(20);
/// Idle connections kept to the inner listener.
pub const UNION_IDLE_WIRES: usize = 256;

const _: () = assert!(UNION_MESSAGE_BYTES <= JSON_BYTES, "a message can be read");
const _: () = assert!(UNION_OPEN_TIME.as_secs() < UNION_LIST_TIME.as_secs());
