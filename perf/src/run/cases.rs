//! What is measured.

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
    /// What the load asks for.
    pub fn target(&self) -> String {
        let prefix = match self.case.mcp {
            true => "/mcp",
            false => self.proxy.prefix(),
        };
        format!("{prefix}{}", self.case.target)
    }
}

impl Proxy {
    pub const ALL: [Proxy; 5] = [
        Proxy::Nginx,
        Proxy::NginxFilter,
        Proxy::Sluice,
        Proxy::SluiceMasked,
        Proxy::SluiceDurable,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Proxy::Nginx => "nginx",
            Proxy::NginxFilter => "nginx, filter",
            Proxy::Sluice => "sluice",
            Proxy::SluiceMasked => "sluice, masked",
            Proxy::SluiceDurable => "sluice, durable",
        }
    }

    pub fn prefix(self) -> &'static str {
        match self {
            Proxy::Nginx | Proxy::Sluice => "/plain",
            Proxy::NginxFilter | Proxy::SluiceMasked => "/masked",
            Proxy::SluiceDurable => "/durable",
        }
    }

    pub fn is_nginx(self) -> bool {
        matches!(self, Proxy::Nginx | Proxy::NginxFilter)
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
            &[Proxy::Nginx, Proxy::Sluice, Proxy::SluiceDurable][..],
        ),
        (
            MIDDLE,
            &[
                Proxy::Nginx,
                Proxy::Sluice,
                Proxy::NginxFilter,
                Proxy::SluiceMasked,
            ],
        ),
        (
            LARGE,
            &[
                Proxy::Nginx,
                Proxy::Sluice,
                Proxy::NginxFilter,
                Proxy::SluiceMasked,
            ],
        ),
        (CALL, &[Proxy::Nginx, Proxy::Sluice]),
        (CALLED, &[Proxy::Nginx, Proxy::Sluice]),
    ];
    lines
        .into_iter()
        .flat_map(|(case, proxies)| proxies.iter().map(move |&proxy| Cell { case, proxy }))
        .collect()
}
