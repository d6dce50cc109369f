//! Upstreams: how many, how patiently, and what follows when they fail.

use std::time::Duration;

use super::*;

/// Names are resolved this often.
pub const RESOLVE_EVERY: Duration = Duration::from_secs(30);
/// Addresses kept of one host.
pub const RESOLVED_ADDRESSES: usize = 32;
/// How long a connection is kept for the next exchange: shorter than the keep-alive time of common
/// servers, since one that the upstream closes in that moment may cost a request.
pub const UPSTREAM_IDLE_TIME: Duration = Duration::from_secs(4);
/// Idle connections that one worker keeps to one address, per connection and credential.
pub const UPSTREAM_IDLE: usize = 1024;
/// Hosts of one connection.
pub const UPSTREAM_HOSTS: usize = 16;
/// Protocols that one connection may switch to.
pub const UPGRADES: usize = 16;
/// Failures in a row after which an address is passed over: one or two may be the network's.
pub const EJECTION_FAILURES: u32 = 5;
/// For how long at first, and at most. A restart takes some seconds, a repair minutes.
pub const EJECTION_TIME: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));
/// Failures in a row of a whole upstream after which its calls are refused at once: more than one
/// caller's bad luck.
pub const CIRCUIT_FAILURES: u32 = 20;
/// For how long at first, and at most: callers come back by then.
pub const CIRCUIT_TIME: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// The longest pause that may be configured.
pub const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// Calls of one connection under way at once, at most what may be configured.
pub const CALLS_MAX: u64 = 1_000_000;
/// Calls that wait for one of those to end, unless the configuration says otherwise.
pub const CALLS_WAITING: u64 = 128;
/// The most that may be configured: each is a caller's connection that is held.
pub const CALLS_WAITING_MAX: u64 = 65_536;
/// How long each waits; callers give up soon after.
pub const CALLS_WAITING_TIME: Duration = Duration::from_secs(1);
/// The longest that may be configured.
pub const CALLS_WAITING_TIME_MAX: Duration = Duration::from_secs(60);
/// How often an address is checked, unless the configuration says otherwise.
pub const CHECK_EVERY: Duration = Duration::from_secs(10);
/// The least and the most that may be configured.
pub const CHECK_EVERY_RANGE: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(3600));
/// How long the answer to a check may take.
pub const CHECK_TIME: Duration = Duration::from_secs(2);
/// Bytes of an answer to a check that are read: its head.
pub const CHECK_ANSWER_BYTES: usize = HEAD_BYTES;
/// Checks in a row that an address must fail before it is passed over.
pub const CHECKS_BAD: u32 = 3;
/// Checks in a row that bring it back.
pub const CHECKS_GOOD: u32 = 2;

const _: () = assert!(EJECTION_TIME.1.as_secs() <= PAUSE_MAX.as_secs());
const _: () = assert!(CIRCUIT_TIME.1.as_secs() <= PAUSE_MAX.as_secs());
