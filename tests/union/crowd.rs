//! Many callers at once: nothing of one reaches another.

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use serde_json::json;

use crate::caller::{Events, echo, rig};
use crate::member::{Era, Member};

/// Calls of each principal; their JSON-RPC ids are the same.
const CALLS: u64 = 500;
const AT_ONCE: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_of_two_principals_do_not_cross() {
    let rig = rig(vec![
        Member::new("old", Era::Legacy("2025-11-25")),
        Member::new("new", Era::Modern),
    ])
    .await;
    for modern in [false, true] {
        let callers = if modern {
            [rig.modern("ann"), rig.modern("bob")]
        } else {
            [rig.legacy("ann").await, rig.legacy("bob").await]
        };
        let calls = (0..CALLS).flat_map(|id| callers.iter().map(move |caller| (id, caller)));
        let answered = iter(calls).map(|(id, caller)| async move {
            let member = if id % 2 == 0 { "old" } else { "new" };
            let mark = format!("{}/{id}", caller.principal);
            if id % 5 == 0 {
                let token = json!({ "progressToken": id });
                let params = json!({ "name": format!("{member}__progress"), "arguments": {}, "_meta": token });
                let mut events = Events::of(caller.post(&caller.text(id, "tools/call", params)).await);
                loop {
                    let message = events.next().await.message;
                    match message["method"].as_str() {
                        Some("notifications/progress") => assert_eq!(message["params"]["progressToken"], id),
                        Some(_) => {}
                        None => break assert_eq!(message["id"], id),
                    }
                }
            } else {
                let says = echo(&caller.call(id, &format!("{member}__echo"), json!({ "mark": mark })).await);
                assert_eq!(says["arguments"]["mark"], mark);
                assert_eq!(says["bearer"], caller.bearer);
            }
        });
        assert_eq!(
            answered.buffer_unordered(AT_ONCE).count().await as u64,
            2 * CALLS
        );
    }
}
