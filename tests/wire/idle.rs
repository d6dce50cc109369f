//! What those who wait keep of the process's memory. The bounds are generous, as the allocator takes
//! memory by the page: they are for what a connection must never keep, the room of an exchange.

use sluice::worker::io::IoChoice;

use super::caller::Caller;
use super::origin::Origin;
use super::scene::{Plan, Process};

/// Callers that have come before anything is measured, so that what is shared is there.
const BEFORE: usize = 50;
/// Callers that are measured.
const MEASURED: usize = 150;

/// Bytes that each further caller adds to the process, which did `ask` and waits.
fn each_adds(process: &Process, ask: impl Fn(&mut Caller)) -> u64 {
    let mut callers = Vec::new();
    let mut come = |count| {
        callers.extend((0..count).map(|_| {
            let mut caller = process.scene.caller();
            ask(&mut caller);
            caller
        }));
    };
    come(BEFORE);
    let before = process.resident();
    come(MEASURED);
    process.resident().saturating_sub(before) / MEASURED as u64
}

#[test]
fn an_idle_connection_keeps_no_room_for_an_exchange() {
    let process = Plan::new(IoChoice::Tokio, &Origin::echoing()).spawn();
    // Refused, so that no recording grows beside.
    let unproven = "GET /up/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let each = each_adds(&process, |caller| {
        assert_eq!(caller.ask(unproven).status, 401);
    });
    assert!(each < 3 * 1024, "an idle connection: {each} bytes");
}
