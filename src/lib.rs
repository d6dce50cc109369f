//! Sluice: a fail-closed gateway between callers with a non-human identity and what they call.
//!
//! This page is the map. Each room says at its own head what goes on in it.
//!
//! # The floors
//!
//! One crate. A room imports only rooms on lower floors; rooms on one floor do not know each other.
//! `tests/house.rs` holds the code to it, and to the other rules that a test can hold.
//!
//! ```text
//! floor 7  cli/       one file per command; serve puts the gateway together
//! floor 6  worker/    the data plane, one runtime per core: listener, pump, downstream, upstream, io
//!          recorder/  a thread that drains the rings into segments on disk
//!          control/   a runtime of its own: configuration, keys, tokens, admin, metrics, logs, traces
//!          servers/   MCP servers that the gateway itself runs, or presents as one
//! floor 5  exchange/  one request and its reply as a state machine
//!          store/     what outlives the process beside the recording
//! floor 4  policy/    patterns, rules, the one judgement
//!          record/    frames, blocks, the log and its checkpoints, reading and verifying
//! floor 3  auth/      a bearer token becomes an identity
//!          mask/      what must not be seen is taken out
//!          mcp/       the Model Context Protocol: envelopes, events, seals
//!          graph/     Microsoft Graph: one spelling of OData paths and queries
//! floor 2  http/      HTTP/1.1 as bytes
//!          json/      the one strict reader of JSON
//!          tls/       rustls, fed with bytes
//! floor 1  base/      limits, buffers, mailboxes, the clock, secrets, ids
//! ```
//!
//! Floors 1 to 5 do no I/O: no socket, file, thread, runtime or clock. Time is an argument, and so
//! is every byte. Only [`store`] has a file, and no core calls it: what cores need of it they have
//! in memory ([`mcp::pins`], [`mcp::tasks`]), and what is new a keeper of [`control`] writes.
//!
//! # The route of a request
//!
//! ```text
//!  caller
//!    │ worker/listener      accepts; worker/transport lays TLS between (tls)
//!    ▼ worker/pump          asks the exchange what it needs, waits for that, asks again
//!      exchange/inbound     the head (http) …
//!      exchange/judge       … route, identity (auth), call (mcp) and permit (policy), admission (record)
//!      exchange/forward     receipt (record) → the upstream's head and body (http/write)
//!    │ worker/upstream      a pooled connection
//!    ▼
//!  upstream
//!    │ worker/upstream
//!    ▼ worker/pump
//!      exchange/reply       out of its framing (http), heard (mcp), masked (mask), recorded (record)
//!      exchange/refusal     or, from anywhere above, the one answer to a doubt
//!    │ worker/downstream
//!    ▼
//!  caller
//! ```
//!
//! A connection of protocol `mcp` takes two more turns: its call stands in the body, which
//! `exchange/received` holds until it was judged whole, so that the bytes judged are the bytes
//! forwarded; and `exchange/reply/hearing` judges what the server says, message by message. Where
//! its server is a process or several servers as one, the upstream is [`servers`], over loopback.
//!
//! A request that asks for another protocol, on a connection that allows it (`exchange/upgrade`), goes
//! the same way to its 101. After that the pump moves the two directions of `exchange/switched`, whose
//! bytes nobody reads and which pass the same doors: `exchange/forward/upward` and
//! `exchange/reply/downward`.
//!
//! The pump calls the exchange, which never calls back: it answers with what it needs and until
//! when, or with bytes to send. Keys and tokens that are missing are asked for by mailbox
//! ([`base::mailbox`]) and fetched by [`control`]; what every request reads (rules, key sets,
//! credentials, addresses) is published as one `Arc` and swapped. Frames go through each worker's
//! own ring to the [`recorder`], which says by a watermark how far the disk is.
//!
//! # The doors
//!
//! Fail-closed is the shape of the types. Each door is a value that one room makes, and the next
//! takes it by value:
//!
//! ```text
//! bytes -> RequestHead -> Identity -> Call -> Permit -> Receipt -> ToUpstream
//! bytes -> ResponseHead, body pieces -> Masked -> Recorded -> ToCaller
//! ```
//!
//! `tests/doors.rs` shows the compiler refusing whoever forges one, skips one or uses one twice.
//!
//! # What holds
//!
//! - No byte that depends on a call goes upstream without a [`record::Receipt`]: one for the
//!   decision and the head, one for every piece of the body.
//! - No byte that comes from an upstream reaches the caller but as [`record::Recorded`]. What the
//!   gateway says itself is [`exchange::Fixed`], made in `exchange/refusal` only, and needs no
//!   recorder. Between recorded pieces stands chunk framing, which the gateway writes anew.
//! - Any doubt ends in a refusal. While something is judged the stored state is `Broken`, so that a
//!   judgement that is left half-way refuses for ever.
//! - What a permit was given under (configuration, keys, token) is looked at again after every wait
//!   before its call goes upstream.
//! - What is judged is what is recorded is what is forwarded: one canonical target.
//! - Everything that others control has a bound, in [`base::limits`].
//! - An upstream's truncation is an abort to the caller, never a clean end.
//!
//! # Not as one might think
//!
//! - One crate, although floors suggest several: privacy within modules makes the doors, and one
//!   test the floors.
//! - The drivers wait for readiness, also with io_uring: a wait can be dropped at any moment, and
//!   no read that is dropped takes bytes with it. Nothing in the data plane races a read.
//! - Tasks of a core neither make timers nor wait in lists: each has a seat, which one keeper of time
//!   and whoever has news for all of them wake (`worker/seats`). And before a task sends, it lets the
//!   others that are ready come as far (`worker/turn`): sends in a row wake a peer once.
//! - Unmasked bytes leave as the slices they came in as. Of a body in which much is masked, short
//!   slices are copied together first: the kernel takes long to gather hundreds.
//! - [`mask::unmasked`] makes a [`mask::Masked`] of bytes as they are, for connections that hide
//!   nothing. Who may call it is listed in `tests/house`, since the compiler cannot know.
//! - A [`record::Receipt`] carries a permit of any type; the exchange takes only
//!   `Receipt<policy::Permit>`.
//! - Two files below floor 6 name tokio: [`base::mailbox`] and [`record::link`] use its channels
//!   and its wake-ups, which run on any runtime.
//! - There is no hold for approvals yet: a rule that asks for one refuses.

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod auth;
pub mod base;
pub mod cli;
pub mod control;
pub mod exchange;
pub mod graph;
pub mod http;
pub mod json;
pub mod mask;
pub mod mcp;
pub mod policy;
pub mod record;
pub mod recorder;
pub mod servers;
pub mod store;
pub mod tls;
pub mod worker;
