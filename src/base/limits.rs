//! Every bound on what a peer controls, with its reason. One section per room.
//!
//! What an operator may change is in the configuration under the same name.

use std::time::Duration;

mod configuration;
mod credentials;
mod edge;
mod graph;
mod identity;
mod operation;
mod servers;
mod union;
mod upstreams;

pub use configuration::*;
pub use credentials::*;
pub use edge::*;
pub use graph::*;
pub use identity::*;
pub use operation::*;
pub use servers::*;
pub use union::*;
pub use upstreams::*;

// ---- base ----

/// Size of a lent buffer: one read's worth. Large enough that a full head always fits, so a head
/// that does not fit is refused rather than grown for.
pub const BUFFER_BYTES: usize = 64 * 1024;

/// Rows of one core's tally of tools, and of callers: as many as a person looks at.
pub const TALLY_ROWS: usize = 512;

// ---- http ----

/// A request or response head, start line to blank line. Graph's longest real request heads are
/// dominated by a bearer token of up to ~8 KiB.
pub const HEAD_BYTES: usize = 32 * 1024;
/// Header fields in one head.
pub const HEAD_FIELDS: usize = 100;
/// A method: the registered ones have at most 17 letters.
pub const METHOD_BYTES: usize = 32;
/// A request target; RFC 9112, section 3, asks for at least 8,000.
pub const TARGET_BYTES: usize = 16 * 1024;
/// A `Host`: a domain name of 253 bytes and a port.
pub const HOST_BYTES: usize = 259;
/// Names listed by the `Connection` fields of one head; real ones list one or two.
pub const CONNECTION_OPTIONS: usize = 16;
/// Digits of a `Content-Length`; 18 always fit an `u64`.
pub const LENGTH_DIGITS: usize = 18;
/// Bytes of a chunk's size line, extensions included: extensions mean nothing to us.
pub const CHUNK_LINE_BYTES: usize = 256;
/// Bytes of a trailer section.
pub const TRAILER_BYTES: usize = 8 * 1024;

const _: () = assert!(HEAD_BYTES < BUFFER_BYTES, "a head fits a buffer");
const _: () = assert!(
    TARGET_BYTES <= HEAD_BYTES / 2,
    "a target leaves half of a head to its fields"
);
const _: () = assert!(HEAD_BYTES <= u16::MAX as usize, "ranges in a head are u16");

// ---- json ----

/// Containers open at once in a JSON text. Graph and MCP stay below 20; parsers behind us begin to
/// give up at 64 (.NET) and 128 (serde).
pub const JSON_DEPTH: u32 = 64;
/// A JSON text that is read as a whole. Offsets in it are kept in 32 bits; a key set, a token's
/// claims and a tool call are far smaller.
pub const JSON_BYTES: usize = 64 * 1024 * 1024;

const _: () = assert!(JSON_BYTES <= u32::MAX as usize, "offsets in a text are u32");

// ---- mask ----

/// Texts within texts that are followed: MCP puts JSON into a JSON string, sometimes twice.
pub const MASK_LEVELS: usize = 4;
/// Bytes of a member name that can be asked for.
pub const MASK_NAME_BYTES: usize = 256;
/// Literals of one profile.
pub const MASK_LITERALS: usize = 100_000;
/// Bytes of a JSON number that is matched; a longer one is no number that anybody reads.
pub const MASK_NUMBER_BYTES: usize = 512;

// ---- mcp ----

/// Messages of one batch. Clients of the one revision that has batches send a handful.
pub const MCP_MESSAGES: usize = 64;
/// A method's name. The longest that MCP defines has 36 letters.
pub const MCP_METHOD_BYTES: usize = 128;
/// A request's id, as it is written. It is copied into answers of our own.
pub const MCP_ID_BYTES: usize = 256;
/// What a request is about: the name of a tool or prompt, a resource's URI, a task's id.
pub const MCP_NAME_BYTES: usize = 8 * 1024;
/// `Mcp-Param-*` fields of one request.
pub const MCP_PARAM_FIELDS: usize = 32;
/// Objects within objects that are searched for arguments repeated in such fields.
pub const MCP_PARAM_STEPS: usize = 16;
/// An upstream's session id. Servers use UUIDs, some of them tokens.
pub const MCP_SESSION_BYTES: usize = 1024;
/// An upstream's `requestState`, before it is wrapped.
pub const MCP_STATE_BYTES: usize = 64 * 1024;

const _: () = assert!(
    MCP_NAME_BYTES / 3 * 4 < HEAD_BYTES,
    "a name fits a head, in Base64 too"
);
const _: () = assert!(MCP_PARAM_FIELDS < HEAD_FIELDS);

// ---- mcp: pins and tasks ----

/// A tool's name. The specification asks for at most 128.
pub const TOOL_NAME_BYTES: usize = 256;
/// A tool's definition; one that is longer is hidden. Real ones are 1 to 30 KiB.
pub const TOOL_DEFINITION_BYTES: usize = 64 * 1024;
/// Tools remembered of one connection; what is beyond is hidden. Large servers have some hundred.
pub const TOOLS_PER_CONNECTION: usize = 2048;
/// News of tools that wait to be stored.
pub const TOOLS_TOLD: usize = 8 * TOOLS_PER_CONNECTION;
/// Bytes of the definitions that wait to be stored.
pub const TOOLS_TOLD_BYTES: usize = 64 * 1024 * 1024;
/// The same for one connection: the first list of a large server fits.
pub const TOOLS_TOLD_BYTES_EACH: usize = 8 * 1024 * 1024;
/// Tasks whose owner is remembered; beyond, whoever has the most loses the one that ends first.
pub const TASKS: usize = 65_536;
/// A task's id. Servers use UUIDs.
pub const TASK_ID_BYTES: usize = 1024;
/// How long a task's owner is remembered when its server names no life, and at most.
pub const TASK_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Owners of tasks that wait to be stored.
pub const TASKS_TOLD: usize = 4096;

const _: () = assert!(TOOL_DEFINITION_BYTES <= TOOLS_TOLD_BYTES_EACH);
const _: () = assert!(4 * TOOLS_TOLD_BYTES_EACH <= TOOLS_TOLD_BYTES);

// ---- time ----

/// From the first byte of a head to its blank line.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// Between two reads of a request body.
pub const BODY_IDLE_TIME: Duration = Duration::from_secs(30);
/// Bytes of a request's body in a second, on average over [`BODY_IDLE_TIME`], of the time in which nothing
/// but the caller is waited for. The slowest of links brings more; what comes by hand does not.
pub const BODY_RATE: u64 = 100;
/// The same of what a caller takes, over [`WRITE_IDLE_TIME`].
pub const READ_RATE: u64 = 100;
/// Between two exchanges on a keep-alive connection.
pub const KEEP_ALIVE_TIME: Duration = Duration::from_secs(75);
/// A peer that takes no byte of what we send.
pub const WRITE_IDLE_TIME: Duration = Duration::from_secs(30);
/// Opening an upstream connection, TLS included.
pub const CONNECT_TIME: Duration = Duration::from_secs(5);
/// From the request's end to the first byte of the upstream's reply.
pub const FIRST_BYTE_TIME: Duration = Duration::from_secs(60);
/// Between two reads of a reply body that is not an event stream.
pub const REPLY_IDLE_TIME: Duration = Duration::from_secs(60);
/// Between two pieces, either way, on a connection that was switched to another protocol. Most such
/// protocols ask each other every minute or so whether they are still there.
pub const UPGRADED_IDLE_TIME: Duration = Duration::from_secs(300);

/// How long a call goes on whose caller went away, where going away does not cancel it (MCP before
/// 2026-07-28): the longest that clients wait for a tool.
pub const UNHEARD_TIME: Duration = Duration::from_secs(300);

// ---- worker/io ----

/// How long an accept loop rests when descriptors or memory are short: long enough not to spin,
/// short enough to be there when some come free.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

// ---- auth ----

/// A bearer token. Entra's largest (200 groups and as many roles) stay near 12 KiB.
pub const TOKEN_BYTES: usize = 16 * 1024;
/// A token's header, as base64url. Real ones are 100 to 300 bytes.
pub const TOKEN_HEADER_BYTES: usize = 4 * 1024;
/// A key's name. Entra's are 27 bytes; it is copied into messages and logs.
pub const KID_BYTES: usize = 256;
/// One claim that names somebody or something: object, client, role, group, scope.
pub const CLAIM_TEXT_BYTES: usize = 256;
/// Audiences of one token, and of one issuer's configuration.
pub const TOKEN_AUDIENCES: usize = 32;
/// Roles, groups or scopes of one token (Entra puts at most 200 groups into a JWT).
pub const TOKEN_MEMBERSHIPS: usize = 512;
/// A key set document. Entra's, with certificates, is about 20 KiB.
pub const JWKS_BYTES: usize = 256 * 1024;
/// Keys of one key set.
pub const JWKS_KEYS: usize = 64;
/// An RSA modulus, in bits: weaker can be factored, stronger only costs us time.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// A public RSA exponent: FIPS 186-5 (appendix A.1.1) starts at 65537; ring ends below 2^33.
pub const RSA_EXPONENT: std::ops::RangeInclusive<u64> = 65_537..=0xffff_ffff;
/// The most that may be configured as [`KEY_SET_AGE`]: a key that was withdrawn serves so long.
pub const KEY_SET_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most that may be configured as skew: it lengthens the life of every token.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);
/// The latest NumericDate that is taken for a date: the last second of the year 9999.
pub const NUMERIC_DATE_MAX: u64 = 253_402_300_799;
/// A wall clock before 2020-01-01 is not set, and nothing that expires can be judged by it.
pub const WALL_CLOCK_MIN: u64 = 1_577_836_800;
/// How long a verified token is remembered before it is verified again.
pub const TOKEN_CACHE_TIME: Duration = Duration::from_secs(300);
/// Verified tokens that one core remembers.
pub const CORE_TOKENS: usize = 4096;
/// Bytes of verified tokens that all cores together remember.
pub const SHARED_TOKEN_BYTES: u64 = 64 * 1024 * 1024;
/// Key names that were asked for and are unknown, remembered by each core so that repeating one
/// does not ask the issuer again.
pub const UNKNOWN_KIDS: usize = 256;
/// How long an unknown key name is remembered: a key that an issuer is slow to publish works soon.
pub const UNKNOWN_KID_TIME: Duration = Duration::from_secs(60);

const _: () = assert!(TOKEN_BYTES < HEAD_BYTES, "a token fits a head");
const _: () = assert!(TOKEN_HEADER_BYTES < TOKEN_BYTES);
const _: () = assert!(KID_BYTES < TOKEN_HEADER_BYTES);
const _: () = assert!(KEY_SET_AGE.as_secs() <= KEY_SET_AGE_MAX.as_secs());
const _: () = assert!(CLOCK_SKEW.as_secs() <= CLOCK_SKEW_MAX.as_secs());
const _: () = assert!(TOKEN_CACHE_TIME.as_secs() < KEY_SET_AGE.as_secs());

// ---- control ----

/// Questions that wait for one part of the control plane.
pub const QUESTIONS: usize = 1024;
/// A discovery document. Entra's is under 2 KiB.
pub const DISCOVERY_BYTES: usize = 64 * 1024;
/// A token endpoint's answer: a token and little else.
pub const TOKEN_ANSWER_BYTES: usize = 64 * 1024;
/// One fetch by the control plane, from name to last byte.
pub const FETCH_TIME: Duration = Duration::from_secs(10);
/// Keys are fetched this often without being asked for.
pub const KEYS_EVERY: Duration = Duration::from_secs(3600);
/// Fetches that unknown key names may cause at once: a junk name must not block a real roll-over.
pub const KEY_FETCHES: u32 = 4;
/// One more such fetch is allowed each time this has passed.
pub const KEY_FETCH_REFILL: Duration = Duration::from_secs(300);
/// Key names that an issuer was asked about and does not have, remembered for
/// [`UNKNOWN_KID_TIME`].
pub const REFUSED_KIDS: usize = 256;
/// First and last pause between attempts that fail.
pub const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Connections to the admin listener at one time.
pub const ADMIN_CONNECTIONS: usize = 64;
/// Connections to one façade at one time.
pub const FACADE_CONNECTIONS: usize = 256;
/// Of these, those of one address: who holds them all open keeps no other out.
pub const FACADE_PEER_CONNECTIONS: u32 = 16;
/// Requests to one façade in a minute by one address. A sign-in takes five; an office behind one
/// address signs in together.
pub const FACADE_CALLS: u32 = 240;
/// A form or a registration. A code or refresh token of Entra's is 1 to 2 KiB, an assertion more.
pub const FACADE_BODY_BYTES: usize = 32 * 1024;
/// Parameters of one authorization or token request.
pub const FACADE_FIELDS: usize = 64;
/// Redirect URIs of one registration.
pub const FACADE_REDIRECTS: usize = 8;
/// One redirect URI.
pub const FACADE_URI_BYTES: usize = 1024;
/// Members passed on of each list in the issuer's own metadata.
pub const FACADE_LISTED: usize = 64;

// ---- policy ----

/// Bytes of arguments and annotations that are kept beside a stream, so that a reload can judge its
/// call again. Longer ones count as unknown then, and a rule that goes by them ends the stream.
pub const ASKED_BYTES: usize = 16 * 1024;
/// Operations and constants of a condition.
pub const WHEN_NODES: usize = 512;
/// Operations within operations: what runs them recurses so deep.
pub const WHEN_DEPTH: usize = 32;
/// Units of work of one judgement of a condition: an operation, an item or member that is looked at,
/// or some bytes of text. About a millisecond's.
pub const WHEN_COST: u32 = 50_000;
/// Budgets of one connection; a call is charged to every one that covers it.
pub const BUDGETS: usize = 16;
/// Calls that one budget counts: more in a second than one core serves.
pub const BUDGET_CALLS: u32 = 1_000_000;
/// The period of a budget. What is spent is kept in memory, so a longer one would promise more than
/// a restart keeps.
pub const BUDGET_PERIOD: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
/// Principals whose use of one connection is remembered, about 150 bytes each.
pub const BUDGET_PRINCIPALS: usize = 65_536;
/// Maps over which they are spread: more than there are cores to meet in one.
pub const BUDGET_MAPS: usize = 32;
/// How often a full map is searched for principals with nothing to remember.
pub const BUDGET_SWEEP_TIME: Duration = Duration::from_secs(1);
/// When to come back, where nobody can know: a call under way ends when it ends.
pub const BUDGET_RETRY_TIME: Duration = Duration::from_secs(1);

const _: () = assert!(BUDGET_PRINCIPALS.is_multiple_of(BUDGET_MAPS));

// ---- record ----

/// A worker's ring to the recorder. At 1 GB/s of recorded bytes it is 4 ms of slack, which is
/// longer than nearly every group commit takes.
pub const RING_BYTES: usize = 4 * 1024 * 1024;
/// Body bytes in one frame; a longer piece is recorded as several frames.
pub const FRAME_BODY_BYTES: usize = 64 * 1024;
/// One whole frame: a piece of body or a masked head, with what stands around it.
pub const FRAME_BYTES: usize = 128 * 1024;
/// What one call may hand to the recording: a buffer's worth, grown by placeholders.
pub const RECORDED_BYTES: usize = 1024 * 1024;
/// Mask hits listed in one frame.
pub const FRAME_HITS: usize = 4096;
/// Frames packed together before they are compressed and written.
pub const BLOCK_BYTES: usize = 256 * 1024;
/// A segment file, preallocated and zero-filled: an fdatasync then writes no metadata.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// The least a segment may be made: several of the largest blocks.
pub const SEGMENT_BYTES_MIN: u64 = 1024 * 1024;
/// Free space on the recordings' disk below which new sessions are refused, so that those that are
/// open can be recorded to their end.
pub const RESERVE_BYTES: u64 = 4 * SEGMENT_BYTES;
/// What one writer's segments take together, unless the configuration says otherwise.
pub const RETENTION_BYTES: u64 = 160 * SEGMENT_BYTES;
/// Bytes in a ring after which the recorder is woken; below it, its own timer will do.
pub const RING_WAKE_BYTES: usize = BLOCK_BYTES;
/// The longest that a buffered frame waits for its block, and a block for its checkpoint.
pub const CHECKPOINT_TIME: Duration = Duration::from_millis(100);
/// Bytes of blocks after which a checkpoint is due however short the time.
pub const CHECKPOINT_BYTES: u64 = 1024 * 1024;
/// An epoch's seed signs for this long at most; then a new one does and the old one is erased.
pub const EPOCH_TIME: Duration = Duration::from_secs(60 * 60);
/// How often refusals before identity are recorded: one frame, however many there were.
pub const REFUSALS_TIME: Duration = Duration::from_secs(1);
/// Different reasons in one frame of refusals; what is beyond is counted as "other".
pub const REFUSAL_REASONS: usize = 32;
/// A session nobody uses is over.
pub const SESSION_IDLE_TIME: Duration = Duration::from_secs(15 * 60);
/// A session is over at this age, however busy.
pub const SESSION_AGE: Duration = Duration::from_secs(8 * 60 * 60);
/// How exact a session's last use is kept: cores would fight over the cache line otherwise.
pub const SESSION_TOUCH_TIME: Duration = Duration::from_secs(1);

const _: () = assert!(
    2 * FRAME_BODY_BYTES <= FRAME_BYTES,
    "a frame holds its body and what stands around it"
);
const _: () = assert!(FRAME_BYTES <= BLOCK_BYTES, "a block holds any frame");
const _: () = assert!(
    2 * BLOCK_BYTES as u64 <= SEGMENT_BYTES_MIN,
    "a segment holds blocks"
);
const _: () = assert!(
    FRAME_HITS * 10 <= FRAME_BODY_BYTES,
    "a frame holds its hits"
);
const _: () = assert!(
    4 * RECORDED_BYTES <= RING_BYTES,
    "a ring holds several of the largest calls"
);

/// A body that is shown as a conversation; of a longer one, only that it is longer.
pub const SHOWN_BODY_BYTES: usize = 8 * 1024 * 1024;
/// Exchanges of one session that are under way at once, when it is shown as a conversation.
pub const SHOWN_EXCHANGES: usize = 4096;
/// Characters of one text in a conversation for people; the rest is counted.
pub const SHOWN_TEXT: usize = 4000;

// ---- exchange ----

/// An exchange that waits for keys, an upstream token, room in the recording ring or the disk.
/// Shorter than callers' own time-outs, so that they get an answer.
pub const WAIT_TIME: Duration = Duration::from_secs(10);
/// Interim replies (1xx) of one upstream reply: 103 may come several times, a flood may not.
pub const INTERIM_REPLIES: u32 = 8;

// ---- worker ----

/// From SIGTERM to the end of exchanges in flight; service managers kill after 90 s.
pub const DRAIN_TIME: Duration = Duration::from_secs(30);
/// Exchanges on one caller connection: then it is closed, so that load spreads again over cores.
pub const REQUESTS_PER_CONNECTION: u64 = 100_000;
/// Caller connections that one worker holds.
pub const CONNECTIONS_PER_WORKER: u64 = 10_000;
/// Connections that wait to be accepted, per worker and address.
pub const BACKLOG: u32 = 1024;
/// Bytes that one direction of an exchange may move before others get their turn.
pub const TURN_BYTES: usize = 512 * 1024;
/// Tasks that wait for each other to send in a row.
pub const ROW_TASKS: usize = 128;
/// Exchanges on one connection before others get their turn: refusals need nobody to wait for.
pub const TURN_EXCHANGES: usize = 16;
