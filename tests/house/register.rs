//! The register of doors: where each lives, who makes one, and what may see its inside.

use crate::Excepted;

/// A type that is proof of a step.
pub struct Door {
    pub name: &'static str,
    /// The file it lives in.
    pub home: &'static str,
    /// Where else one is made: only what sees its fields can.
    pub made_in: &'static str,
    /// The functions that make one.
    pub makers: &'static [&'static str],
    /// Spent by its use: never copied.
    pub once: bool,
}

const fn door(
    name: &'static str,
    home: &'static str,
    made_in: &'static str,
    makers: &'static [&'static str],
    once: bool,
) -> Door {
    Door {
        name,
        home,
        made_in,
        makers,
        once,
    }
}

pub const WRITER: &str = "src/record/writer/mod.rs";
pub const FORWARD: &str = "src/exchange/forward";
pub const REPLY: &str = "src/exchange/reply/";
pub const REFUSAL: &str = "src/exchange/refusal";

/// Every door, in the order in which a request and its reply pass them.
#[rustfmt::skip]
pub const DOORS: &[Door] = &[
    door("RequestHead", "src/http/head.rs", "src/http/request.rs", &["finish"], true),
    door("Verified", "src/auth/verify.rs", "src/auth/verify.rs", &["signature"], true),
    door("Bound", "src/auth/bound.rs", "src/auth/bound.rs", &["new"], true),
    door("Possession", "src/auth/bound.rs", "src/auth/bound.rs", &["by_proof"], true),
    door("Identity", "src/auth/mod.rs", "src/auth/mod.rs", &["prove"], false),
    door("Call", "src/policy/call.rs", "src/policy/call.rs", &["http", "mcp", "graph"], true),
    door("Permit", "src/policy/call.rs", "src/policy/call.rs", &["decide"], true),
    door("Pending", WRITER, WRITER, &["pending"], true),
    door("Receipt", WRITER, WRITER, &["settle"], true),
    door("Body", WRITER, WRITER, &["request_chunk", "request_withheld"], true),
    door("ExchangeLog", "src/record/writer/exchange.rs", "src/record/writer/ring.rs", &["open"], true),
    door("ToUpstream", FORWARD, FORWARD, &["head", "body", "aside"], true),
    door("ResponseHead", "src/http/head.rs", "src/http/response.rs", &["finish"], true),
    door("Masked", "src/mask/mod.rs", "src/mask/", &["unmasked", "advance"], true),
    door("MaskedHead", "src/mask/head.rs", "src/mask/head.rs", &["masked_head"], true),
    door("Recorded", WRITER, WRITER, &["reply_head", "reply_chunk"], true),
    door("ToCaller", REPLY, REPLY, &["released"], true),
    door("Fixed", REFUSAL, REFUSAL, &["whole", "proceed"], false),
];

/// Fields that more than their own module sees.
pub const WIDE_FIELDS: &[Excepted] = &[
    Excepted {
        path: "src/http/head.rs",
        what: "RequestHead",
        why: "`request` and `response` judge and make heads; `head` is what both share",
    },
    Excepted {
        path: "src/http/head.rs",
        what: "ResponseHead",
        why: "the same",
    },
    Excepted {
        path: "src/record/writer/exchange.rs",
        what: "ExchangeLog",
        why: "the writer's three files share it; none of the fields opens anything",
    },
];

/// Makers that more than their own module may call. Each asks for the door before it.
pub const WIDE_MAKERS: &[Excepted] = &[
    Excepted {
        path: "src/auth/verify.rs",
        what: "Verified: signature",
        why: "it makes one of a signature that verified",
    },
    Excepted {
        path: "src/auth/bound.rs",
        what: "Bound: new",
        why: "it holds an Identity back",
    },
    Excepted {
        path: "src/auth/bound.rs",
        what: "Possession: by_proof",
        why: "it makes one of a proof that is good, and new",
    },
    Excepted {
        path: "src/policy/call.rs",
        what: "Call: http",
        why: "it takes the Identity",
    },
    Excepted {
        path: "src/policy/call.rs",
        what: "Call: mcp",
        why: "it takes the Identity",
    },
    Excepted {
        path: "src/policy/call.rs",
        what: "Call: graph",
        why: "it takes the Identity",
    },
    Excepted {
        path: "src/policy/call.rs",
        what: "Permit: decide",
        why: "it takes the Call, and answers with a Permit only where a rule allows it",
    },
    Excepted {
        path: WRITER,
        what: "Receipt: settle",
        why: "it takes the Pending, and waits for the disk where the class wants that",
    },
    Excepted {
        path: WRITER,
        what: "Body: request_",
        why: "both answer only once the piece is in the ring",
    },
    Excepted {
        path: "src/record/writer/ring.rs",
        what: "ExchangeLog: open",
        why: "it is called once the admission is in the ring",
    },
    Excepted {
        path: "src/mask/mod.rs",
        what: "Masked: unmasked",
        why: "a connection without masks; who may call it is a rule of its own",
    },
    Excepted {
        path: "src/mask/head.rs",
        what: "MaskedHead: masked_head",
        why: "a builder: it is lent to a closure and finished here",
    },
    Excepted {
        path: WRITER,
        what: "Recorded: reply_",
        why: "both take what is Masked, and answer only once it is in the ring",
    },
    Excepted {
        path: REPLY,
        what: "ToCaller: released",
        why: "it has nothing to put in but what is Recorded, and framing",
    },
    Excepted {
        path: REFUSAL,
        what: "Fixed: whole",
        why: "only refusals and public documents are made of it, in this room",
    },
    Excepted {
        path: REFUSAL,
        what: "Fixed: proceed",
        why: "a constant",
    },
];
