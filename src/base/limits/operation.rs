//! Bounds on what the operator is told: access log and traces.

use std::time::Duration;

/// How long a process that takes over waits for keys and tokens before it serves. Less than the one
/// before waits for it.
pub const TAKE_OVER_PATIENCE: Duration = Duration::from_secs(30);
/// How long a process waits for the one that is to take over.
pub const HANDOVER_TIME: Duration = Duration::from_secs(120);
/// Entries of the access log that wait to be written.
pub const ACCESS_ENTRIES: usize = 4096;
/// Spans that wait to be posted; what is beyond is lost and counted.
pub const SPANS: usize = 4096;
/// Spans in one post.
pub const SPANS_AT_ONCE: usize = 512;
/// How often what waits is posted.
pub const SPAN_TIME: Duration = Duration::from_secs(1);
/// Bytes of a collector's answer.
pub const COLLECTOR_ANSWER_BYTES: usize = 64 * 1024;
/// Header fields of a post that the configuration may add.
pub const TRACE_HEADERS: usize = 16;

const _: () = assert!(
    TAKE_OVER_PATIENCE.as_secs() * 2 < HANDOVER_TIME.as_secs(),
    "who takes over is waited for"
);
const _: () = assert!(SPANS_AT_ONCE <= SPANS, "what waits fills a post");
