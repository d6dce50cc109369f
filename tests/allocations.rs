//! What one exchange allocates in steady state: **nothing**.
//!
//! Steady state is a keep-alive connection whose bearer token was the last one too, on a core that
//! has served an exchange of the same kind before: a GET through `Inbound`, `RequestHalf` and
//! `ReplyHalf`, recorded in the buffered class, with a reply of a stated length or in chunks.
//! Masked: 0 too, as long as nothing in reply or head has to be masked.
//!
//! A call of a tool of an MCP server is held and judged message by message, which takes
//! [`PER_TOOL_CALL`] allocations.

#[path = "route/rig.rs"]
#[expect(dead_code, reason = "shared with tests/route, which uses all of it")]
mod rig;
#[path = "route/signer.rs"]
#[expect(dead_code, reason = "shared with tests/route, which uses all of it")]
mod signer;
#[path = "route/wires.rs"]
mod wires;

use rig::{Hiding, Rig, Shape};
use sluice::base::clock::Now;
use sluice::policy::Effect;
use sluice::policy::budget::{BudgetSpec, Budgets, Limit};
use wires::Wires;

/// Allocations of a hundred GETs that follow the first ones.
fn allocations(hiding: Hiding, reply: &str) -> u64 {
    let shape = Shape {
        hiding,
        ..Shape::default()
    };
    let request = format!(
        "GET /up/v1.0/users?$top=5 HTTP/1.1\r\nHost: gw.example\r\nAccept: application/json\r\n\
         User-Agent: agent/1.0\r\nAuthorization: Bearer {}\r\n\r\n",
        signer::good()
    );
    allocations_of(shape, &request, reply)
}

/// Allocations of a hundred calls of a tool that follow the first ones.
fn tool_call_allocations(reply: &str) -> u64 {
    let shape = Shape {
        mcp: true,
        lines: vec![
            (Effect::Deny, "tools/call delete_*"),
            (Effect::Allow, "tools/call search_*"),
        ],
        ..Shape::default()
    };
    let request = format!(
        "POST /up HTTP/1.1\r\nHost: gw.example\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2025-06-18\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nAuthorization: Bearer {}\r\n\r\n{TOOL_CALL}",
        TOOL_CALL.len(),
        signer::good()
    );
    allocations_of(shape, &request, reply)
}

/// Allocations of the hundred exchanges that follow the first ones.
fn allocations_of(shape: Shape, request: &str, reply: &str) -> u64 {
    let mut rig = Rig::new(shape);
    let mut wires = Wires::new();
    let mut run = |rig: &mut Rig| wires.exchange(rig, request.as_bytes(), reply.as_bytes());
    for _ in 0..10 {
        run(&mut rig);
    }
    rig.drain();
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| run(&mut rig)));
    assert_eq!(rig.core.lent(), 0);
    assert_eq!(rig.access.len(), 110, "each was told");
    assert!(wires.moved > 110 * reply.len());
    counted.count_total
}

const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: now\r\n\
    Content-Length: 17\r\n\r\n{\"value\":[1,2,3]}";
const CHUNKS: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
    Transfer-Encoding: chunked\r\n\r\n9\r\n{\"value\":\r\n8\r\n[1,2,3]}\r\n0\r\n\r\n";

const TOOL_CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_tickets","arguments":{"query":"disk"}}}"#;
const RESULT: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
    Content-Length: 57\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"a\":\"b\"}]}}";
const EVENT: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Transfer-Encoding: chunked\r\n\r\n\
    41\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"a\":\"b\"}]}}\n\n\r\n0\r\n\r\n";

/// What a call of a tool takes, answered by JSON and by an event stream.
const PER_TOOL_CALL: [u64; 2] = [3, 6];

#[test]
fn a_call_of_a_tool_allocates_little() {
    let counted = [RESULT, EVENT].map(tool_call_allocations);
    assert_eq!(counted, PER_TOOL_CALL.map(|count| 100 * count));
}

#[test]
fn an_unmasked_exchange_allocates_nothing() {
    assert_eq!(allocations(Hiding::Nothing, LENGTH), 0);
    assert_eq!(allocations(Hiding::Nothing, CHUNKS), 0);
}

#[test]
fn an_exchange_in_which_nothing_is_masked_allocates_nothing() {
    assert_eq!(allocations(Hiding::All, LENGTH), 0);
    assert_eq!(allocations(Hiding::All, CHUNKS), 0);
    assert_eq!(allocations(Hiding::Links, CHUNKS), 0);
}

#[test]
fn a_known_principals_call_is_charged_without_allocating() {
    let per = std::time::Duration::from_secs(60);
    let limits = [
        (None, Limit::Calls { calls: 60_000, per }),
        (Some("search_*"), Limit::Calls { calls: 100, per }),
        (Some("*"), Limit::Concurrent(1)),
    ];
    let specs = limits.map(|(tools, limit)| BudgetSpec {
        tools: tools.map(str::to_owned),
        limit,
    });
    let budgets = Budgets::compile(&specs).expect("good budgets");
    let take = || budgets.take("entra/t/o", Some("search_tickets"), Now::default());
    drop(take());
    let counted = allocation_counter::measure(|| {
        // The second budget refuses in the end, which allocates no more than a charge does.
        let taken = (0..200).filter(|_| take().is_ok()).count();
        assert_eq!(taken, 99);
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn an_allocation_would_be_counted() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(counted.count_total, 1);
}
