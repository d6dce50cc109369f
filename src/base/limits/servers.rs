//! The servers that are ours: their processes, sessions and streams.

use std::time::Duration;

/// Connections from our own workers: one for every event stream that is open, and a few.
pub const SERVERS_CONNECTIONS: usize = 20_000;
/// Messages of one event stream that wait to be read, or are kept to be read again.
pub const STDIO_STREAM_EVENTS: usize = 256;
/// Their bytes; one message always fits, however long.
pub const STDIO_STREAM_BYTES: usize = 1024 * 1024;
/// Event streams of a session that are over and kept for a caller who lost the connection.
pub const STDIO_REPLAY_STREAMS: usize = 16;
/// Their bytes together.
pub const STDIO_REPLAY_BYTES: usize = 4 * 1024 * 1024;
/// Streams without a request that one session has open at once; clients open one.
pub const STDIO_LISTENERS: usize = 4;
/// Resources of whose changes one session is told.
pub const STDIO_SUBSCRIPTIONS: usize = 1024;
/// Sessions of one process.
pub const STDIO_SESSIONS: usize = 4096;
/// Calls that one process has open, those given up included as long as it may still answer them.
pub const STDIO_CALLS: usize = 8192;
/// Requests of one process that callers have not answered yet.
pub const STDIO_ASKED: usize = 1024;
/// Lines in a row on a server's standard output that are no messages; after as many it is ended.
pub const STDIO_GARBAGE_LINES: u32 = 64;
/// A line on a server's standard error; the rest of a longer one is skipped.
pub const STDIO_STDERR_BYTES: usize = 4 * 1024;
/// What is told of such a line.
pub const STDIO_LOG_LINE_BYTES: usize = 1024;
/// Lines of one server that are told at once.
pub const STDIO_LOG_LINES: u32 = 50;
/// One more line is told each time this has passed.
pub const STDIO_LOG_REFILL: Duration = Duration::from_millis(100);
/// Processes in the group of one server: launchers, shells and browsers are several, bombs many.
pub const STDIO_GROUP_PROCESSES: usize = 256;
/// How often memory and number of the processes are looked at.
pub const STDIO_WATCH_TIME: Duration = Duration::from_millis(500);
/// A server that takes no line, or a caller that reads no event, while another waits for it.
pub const STDIO_STALL_TIME: Duration = Duration::from_secs(30);
/// From one way of asking a process to end to the next: closed input, SIGTERM, SIGKILL.
pub const STDIO_GRACE: Duration = Duration::from_secs(2);
/// How long a process may take for its first answer; launchers download first.
pub const STDIO_GREET_TIME: Duration = Duration::from_secs(60);
/// How long it is remembered that a server speaks no revision without sessions.
pub const STDIO_ERA_TIME: Duration = Duration::from_secs(15 * 60);
/// First and last pause before a server that ended by itself is started again.
pub const STDIO_BACK_OFF: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_secs(60));
/// A server that ran so long is not in a loop of failures.
pub const STDIO_STEADY_TIME: Duration = Duration::from_secs(60);
/// Principals whose back-off is remembered.
pub const STDIO_PAUSES: usize = 1024;
/// A comment is sent on an event stream that was quiet so long: who is gone is noticed.
pub const STDIO_KEEP_ALIVE: Duration = Duration::from_secs(25);

const _: () = assert!(
    STDIO_LOG_LINE_BYTES < STDIO_STDERR_BYTES,
    "a secret that begins within what is told is there as a whole"
);
