//! What is measured: cases, and in each of them who does what.

use super::keys::Algorithm;
use super::peers::{Duty, Kind, Tls};

/// One kind of traffic, the same for all who take part.
pub struct Case {
    pub name: &'static str,
    /// The case whose relaying its lines are compared with; mostly itself.
    pub base: &'static str,
    pub way: Way,
    pub tls: Tls,
    /// Who takes part, and what they do. Only those of one case are compared.
    pub rows: Vec<Row>,
}

/// A line of the table.
#[derive(Clone, Copy)]
pub struct Row {
    pub kind: Kind,
    pub duty: Duty,
}

/// How a case is loaded.
#[derive(Clone, Copy)]
pub enum Way {
    Requests(Requests),
    /// So many event streams, each with an event every so often, and perhaps a flood beside them.
    Ticks {
        target: &'static str,
        streams: usize,
        beside: Option<&'static str>,
    },
    /// Connections that have had an answer, of so much body, and then nothing.
    Held {
        target: &'static str,
        body: usize,
    },
}

/// Requests, one after the other on each connection.
#[derive(Clone, Copy)]
pub struct Requests {
    pub target: &'static str,
    /// They are calls of a tool, as MCP has it.
    pub call: bool,
    pub connections: usize,
    /// Requests a second of the open loops.
    pub rates: &'static [f64],
    pub tokens: Tokens,
    pub connects: Connects,
}

/// Which tokens are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// Always the same one.
    One,
    /// Each is shown once, and was never seen before.
    New(Algorithm),
    /// Many in turns, each of them seen before.
    Turns(Algorithm),
}

/// When a connection is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Connects {
    Once,
    /// For each request, with a full handshake.
    Always,
    /// For each request, and asks to resume the TLS session.
    Resuming,
}

impl Case {
    /// Whether a process has to be new: memory that was given back may still be resident, and a
    /// token that was seen is remembered.
    pub fn needs_fresh(&self) -> bool {
        match self.way {
            Way::Requests(requests) => matches!(requests.tokens, Tokens::New(_)),
            Way::Ticks { .. } => false,
            Way::Held { .. } => true,
        }
    }

    /// Whether one round tells all: memory does not vary.
    pub fn is_steady(&self) -> bool {
        matches!(self.way, Way::Held { .. })
    }
}

const REQUESTS: Requests = Requests {
    target: "/1k",
    call: false,
    connections: 32,
    rates: &[15_000.0, 30_000.0],
    tokens: Tokens::One,
    connects: Connects::Once,
};

const RELAYS: Duty = Duty::Relay;

/// Everyone's row with what the others do, further ones, then Sluice's with each of `ours`.
fn rows(duty: Duty, ours: &[Duty], more: &[(Kind, Duty)]) -> Vec<Row> {
    let others = Kind::OTHERS.map(|kind| (kind, duty));
    let ours = ours
        .iter()
        .flat_map(|&duty| [(Kind::Before, duty), (Kind::Sluice, duty)]);
    others
        .into_iter()
        .chain(more.iter().copied())
        .chain(ours)
        .map(|(kind, duty)| Row { kind, duty })
        .collect()
}

/// All cases, in the order in which they are measured and shown.
pub fn all() -> Vec<Case> {
    let parts = [
        bodies(),
        tokens(),
        connections(),
        tls(),
        mcp(),
        events(),
        held(),
    ];
    parts.into_iter().flatten().collect()
}

fn case(name: &'static str, way: Way, rows: Vec<Row>) -> Case {
    Case {
        name,
        base: name,
        way,
        tls: Tls::NONE,
        rows,
    }
}

/// The ladder itself, at three sizes.
fn bodies() -> Vec<Case> {
    let filters = [Duty::TEXTS, Duty::LONG_TEXTS].map(|duty| (Kind::Nginx, duty));
    let whole = [
        Duty::Policy,
        Duty::Guard,
        Duty::Durable,
        Duty::TEXTS,
        Duty::EVERYTHING,
        Duty::LONG_MASK,
    ];
    let of = |name, target, rates| {
        let way = Way::Requests(Requests {
            target,
            rates,
            ..REQUESTS
        });
        case(name, way, rows(RELAYS, &whole, &filters))
    };
    vec![
        of("1 KiB", "/1k", REQUESTS.rates),
        of("10 KiB", "/10k", &[5_000.0, 15_000.0]),
        of("100 KiB", "/100k", &[1_000.0, 4_000.0]),
    ]
}

/// Tokens that are proved, and tokens that are remembered.
fn tokens() -> Vec<Case> {
    let of = |name, algorithm, tokens| {
        let way = Way::Requests(Requests {
            tokens,
            rates: match tokens {
                Tokens::Turns(_) => &[5_000.0],
                // There are no more new ones.
                _ => &[],
            },
            ..REQUESTS
        });
        let proved = Duty::Token(algorithm);
        Case {
            base: "1 KiB",
            ..case(name, way, rows(proved, &[Duty::Policy], &[]))
        }
    };
    let (rs, es) = (Algorithm::Rs256, Algorithm::Es256);
    vec![
        of("new RS256 tokens", rs, Tokens::New(rs)),
        of("new ES256 tokens", es, Tokens::New(es)),
        of("RS256 tokens in turns", rs, Tokens::Turns(rs)),
        of("ES256 tokens in turns", es, Tokens::Turns(es)),
    ]
}

fn connections() -> Vec<Case> {
    let of = |name, connections, rates| {
        let way = Way::Requests(Requests {
            connections,
            rates,
            ..REQUESTS
        });
        case(name, way, rows(RELAYS, &[Duty::Policy, Duty::Guard], &[]))
    };
    vec![
        of("1 KiB, 1 connection", 1, &[2_000.0]),
        of("1 KiB, 256 connections", 256, &[15_000.0]),
    ]
}

fn tls() -> Vec<Case> {
    let of = |name, tls, connects, rates| {
        let way = Way::Requests(Requests {
            connects,
            rates,
            ..REQUESTS
        });
        Case {
            tls,
            ..case(name, way, rows(RELAYS, &[Duty::Guard], &[]))
        }
    };
    vec![
        of("TLS to callers", Tls::DOWN, Connects::Once, &[5_000.0]),
        of("TLS to the origin", Tls::UP, Connects::Once, &[5_000.0]),
        of("TLS on both sides", Tls::BOTH, Connects::Once, &[5_000.0]),
        of("new connections", Tls::NONE, Connects::Always, &[1_000.0]),
        of("new TLS handshakes", Tls::DOWN, Connects::Always, &[200.0]),
        of("resumed TLS", Tls::DOWN, Connects::Resuming, &[200.0]),
    ]
}

fn mcp() -> Vec<Case> {
    let of = |name, target| {
        let way = Way::Requests(Requests {
            target,
            call: true,
            rates: &[5_000.0],
            ..REQUESTS
        });
        case(name, way, rows(Duty::Stream, &[Duty::Mcp], &[]))
    };
    vec![
        of("MCP call, JSON", "/call"),
        of("MCP call, event stream", "/called"),
    ]
}

fn events() -> Vec<Case> {
    let ours = [Duty::Guard, Duty::Mcp];
    let ticks = |name, target, streams, beside| {
        let way = Way::Ticks {
            target,
            streams,
            beside,
        };
        case(name, way, rows(Duty::Stream, &ours, &[]))
    };
    let burst = Way::Requests(Requests {
        target: "/events",
        connections: 4,
        rates: &[100.0],
        ..REQUESTS
    });
    vec![
        case(
            "1 MiB of 256 B events",
            burst,
            rows(Duty::Stream, &[Duty::Guard, Duty::EVERYTHING], &[]),
        ),
        ticks("1 stream, event per ms", "/tick", 1, None),
        ticks("100 streams, event per 10 ms", "/ticks", 100, None),
        ticks("the same beside a flood", "/ticks", 100, Some("/flood")),
    ]
}

fn held() -> Vec<Case> {
    let of = |name, target, body, tls, duty, ours: &[Duty]| Case {
        tls,
        ..case(name, Way::Held { target, body }, rows(duty, ours, &[]))
    };
    let (idle, silent) = ("/1k", "/silence");
    let both = [Duty::Guard, Duty::Mcp];
    let one = [Duty::Guard];
    vec![
        of("idle connections", idle, 1024, Tls::NONE, RELAYS, &one),
        of("idle TLS connections", idle, 1024, Tls::DOWN, RELAYS, &one),
        of("silent streams", silent, 0, Tls::NONE, Duty::Stream, &both),
        of(
            "silent TLS streams",
            silent,
            0,
            Tls::DOWN,
            Duty::Stream,
            &one,
        ),
    ]
}
