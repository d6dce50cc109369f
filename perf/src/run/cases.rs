//! What is measured.

use super::peers::{Duty, Kind};

/// A kind of request, and how it is sent.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub target: &'static str,
    /// It is a call of a tool, as MCP has it.
    pub mcp: bool,
    pub connections: usize,
    /// Requests a second in the open loop: well below what any proxy here can take.
    pub rate: f64,
}

/// Who stands between load and origin, and what it does there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// The floor.
    Relay,
    Nginx,
    /// `sub_filter` with the literals of the mask; it knows no fields.
    NginxFilter,
    Sluice,
    SluiceMasked,
    SluiceDurable,
}

/// A line of the table.
pub struct Cell {
    pub case: Case,
    pub proxy: Proxy,
}

impl Cell {
    /// What the proxy has to do.
    pub fn duty(&self) -> Duty {
        match (self.proxy, self.case.mcp) {
            (Proxy::Relay | Proxy::Nginx, false) => Duty::Relay,
            (Proxy::Relay | Proxy::Nginx, true) => Duty::Stream,
            (Proxy::NginxFilter, _) => Duty::Mask {
                literals: 20,
                fields: 0,
            },
            (Proxy::Sluice, false) => Duty::Guard,
            (Proxy::Sluice, true) => Duty::Mcp,
            (Proxy::SluiceMasked, _) => Duty::Mask {
                literals: 20,
                fields: 8,
            },
            (Proxy::SluiceDurable, _) => Duty::Durable,
        }
    }
}

impl Proxy {
    pub fn name(self) -> &'static str {
        match self {
            Proxy::Relay => "relay",
            Proxy::Nginx => "nginx",
            Proxy::NginxFilter => "nginx, filter",
            Proxy::Sluice => "sluice",
            Proxy::SluiceMasked => "sluice, masked",
            Proxy::SluiceDurable => "sluice, durable",
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            Proxy::Relay => Kind::Relay,
            Proxy::Nginx | Proxy::NginxFilter => Kind::Nginx,
            Proxy::Sluice | Proxy::SluiceMasked | Proxy::SluiceDurable => Kind::Sluice,
        }
    }
}

const SMALL: Case = Case {
    name: "1 KiB",
    target: "/1k",
    connections: 32,
    rate: 15_000.0,
    mcp: false,
};
const MIDDLE: Case = Case {
    name: "10 KiB",
    target: "/10k",
    connections: 32,
    rate: 5_000.0,
    mcp: false,
};
const LARGE: Case = Case {
    name: "100 KiB",
    target: "/100k",
    connections: 32,
    rate: 1_000.0,
    mcp: false,
};
/// A call of a tool that is answered by JSON.
const CALL: Case = Case {
    name: "MCP JSON",
    target: "/call",
    connections: 32,
    rate: 5_000.0,
    mcp: true,
};
/// The same, answered by an event stream of one event.
const CALLED: Case = Case {
    name: "MCP SSE",
    target: "/called",
    ..CALL
};

/// All lines, in the order in which they are measured and shown.
pub fn all() -> Vec<Cell> {
    let lines = [
        (
            SMALL,
            &[
                Proxy::Relay,
                Proxy::Nginx,
                Proxy::Sluice,
                Proxy::SluiceDurable,
            ][..],
        ),
        (
            MIDDLE,
            &[
                Proxy::Relay,
                Proxy::Nginx,
                Proxy::Sluice,
                Proxy::NginxFilter,
                Proxy::SluiceMasked,
            ],
        ),
        (
            LARGE,
            &[
                Proxy::Relay,
                Proxy::Nginx,
                Proxy::Sluice,
                Proxy::NginxFilter,
                Proxy::SluiceMasked,
            ],
        ),
        (CALL, &[Proxy::Relay, Proxy::Nginx, Proxy::Sluice]),
        (CALLED, &[Proxy::Relay, Proxy::Nginx, Proxy::Sluice]),
    ];
    lines
        .into_iter()
        .flat_map(|(case, proxies)| proxies.iter().map(move |&proxy| Cell { case, proxy }))
        .collect()
}
