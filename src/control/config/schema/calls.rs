//! The half of the file that speaks of calls: connections, routes, policies, masks.

use super::shape::{DURATION, RATE, REFERENCE, SIZE, like, needed, one_of, section};
use super::{At, ConnectionLimits, HealthCheck, Named, Scalar, Text, Tls, Tolerance, Urls};
use crate::mask::Recogniser;

section! {
    /// An upstream.
    pub struct Connection {
        /// `http`, `graph` (Microsoft Graph) or `mcp`.
        pub protocol: Option<Text> => one_of(["http", "graph", "mcp"]).needed(),
        /// http, graph: base URL; what follows the route's prefix is appended to its path. mcp: the server's
        /// one URL, taken as it stands. A list names several hosts that serve the same, under the name of
        /// the first.
        pub upstream: Option<At<Urls>>,
        /// mcp: a server that the gateway starts and speaks to over its standard input and output.
        pub stdio: Option<At<Stdio>>,
        /// mcp: several connections presented as one server.
        pub r#virtual: Option<At<Virtual>>,
        /// Name of the credential that is added.
        pub credential: Option<Text>,
        /// Names of the masks that apply.
        pub masks: Option<Vec<Text>>,
        /// `buffered` or `durable`; mcp: by default `buffered`.
        pub record: Option<Text> => one_of(["buffered", "durable"]),
        /// PEM file of the only roots trusted for this upstream; by default the system's.
        pub ca_file: Option<Text>,
        /// What the gateway shows under TLS to an upstream that asks who connects.
        pub client_certificate: Option<At<Tls>>,
        /// The name that the upstream is asked for under TLS, and that its certificate must be for; by
        /// default its host.
        pub server_name: Option<Text>,
        /// Request fields that go upstream beside the usual ones; `"*"` means all but authority.
        pub forward_headers: Option<Vec<Text>>,
        /// Reply fields that go to the caller beside the usual ones.
        pub reply_headers: Option<Vec<Text>>,
        /// http: protocols that a request may switch its connection to (`Upgrade`), such as `websocket`;
        /// by default none. What passes then cannot be masked: not together with `masks`.
        pub upgrades: Option<At<Vec<Text>>>,
        /// Whether a request goes upstream once more when a pooled connection turns out to have ended: one
        /// of which nothing was sent, or GET, HEAD or OPTIONS without a body; by default yes.
        pub retry: Option<At<bool>>,
        /// Name of the proxy that the way to the upstream goes through; by default none.
        pub proxy: Option<Text>,
        /// Times and numbers of its own.
        pub limits: Option<At<ConnectionLimits>>,
        /// When an address is passed over; by default after 5 failures in a row, for `10s` to `5m`.
        pub ejection: Option<At<Tolerance>>,
        /// When calls are refused at once (503); by default after 20 failures in a row, for `5s` to `1m`.
        pub circuit: Option<At<Tolerance>>,
        /// How addresses are checked, beside calls; by default not at all.
        pub health: Option<At<HealthCheck>>,
        /// http, graph: whether links back to the upstream are rewritten to the gateway; by default yes.
        pub links: Option<At<bool>>,
        /// graph: what becomes of a `$batch` of which a part is denied: `whole` (the default) refuses all of
        /// it, `each` answers that part with 403 and lets the rest go on.
        pub batch: Option<Text> => one_of(["whole", "each"]),
        /// mcp: the scopes that clients are told to ask for.
        pub scopes: Option<At<Vec<Text>>>,
        /// mcp: web pages that may call, by `Origin`; by default none.
        pub origins: Option<At<Vec<Text>>>,
        /// mcp: the only names accepted in `Host`; by default any.
        pub hosts: Option<At<Vec<Text>>>,
        /// mcp: what is done when a server's tools change.
        pub tools: Option<At<Tools>>,
        /// mcp: how much each principal may do.
        pub budgets: Option<At<Vec<At<Budget>>>>,
        /// mcp: the size of one message, either way. http, graph: the size of a body that rules look
        /// into, and of a batch and its answer. By default `4MiB`.
        pub message_bytes: Option<At<Scalar>> => like(SIZE),
    }
}

section! {
    /// An MCP server as a child process.
    pub struct Stdio {
        /// The program: a name that is looked up in `PATH`, or a path relative to this file.
        pub command: Option<Text> => needed(),
        /// Its arguments.
        pub args: Option<At<Vec<Text>>>,
        /// Its environment beside `PATH` and `HOME`: `env:` and `file:` are references, all else is
        /// taken as it stands.
        pub env: Option<Named<Text>>,
        /// Its working directory, relative to this file.
        pub cwd: Option<Text>,
        /// `principal` (the default) starts one process for each, `all` one for everybody.
        pub share: Option<Text> => one_of(["principal", "all"]),
        /// Processes at once; by default 32.
        pub processes: Option<At<Scalar>>,
        /// A process that nobody used for so long is stopped; by default `10m`.
        pub idle: Option<At<Scalar>> => like(DURATION),
        /// Memory of one process; by default `1GiB`.
        pub memory: Option<At<Scalar>> => like(SIZE),
    }
}

section! {
    /// Several MCP servers as one.
    pub struct Virtual {
        /// Names of connections; their tools are called `MEMBER__TOOL`.
        pub members: Option<At<Vec<Text>>> => needed(),
    }
}

section! {
    /// How tools are pinned.
    pub struct Tools {
        /// A tool that is no longer what it was: `quarantine` (the default) hides and refuses it,
        /// `alert` only tells.
        pub on_change: Option<Text> => one_of(["quarantine", "alert"]),
        /// A tool that was never seen: `trust` (the default) pins it, `approve` waits for an operator.
        pub first: Option<Text> => one_of(["trust", "approve"]),
    }
}

section! {
    /// How much one principal may do on a connection.
    pub struct Budget {
        /// Calls in a time, such as `60/m`.
        pub calls: Option<Text> => like(RATE),
        /// Calls at once.
        pub concurrent: Option<At<Scalar>>,
        /// The size of one result.
        pub result_bytes: Option<At<Scalar>> => like(SIZE),
        /// The tools it speaks of, `*` for any run of characters; by default all calls.
        pub tools: Option<Text>,
    }
}

section! {
    /// Which requests go to a connection: by host, by path prefix, or both.
    pub struct Route {
        /// Host name, without port.
        pub host: Option<Text>,
        /// Path prefix, such as `/graph/**`.
        pub path: Option<Text> => like("^/(.*/)?\\*\\*$"),
        /// Name of the connection.
        pub connection: Option<Text> => needed(),
        /// Pages of other origins that may call and read replies; by default none.
        pub cors: Option<At<Cors>>,
    }
}

section! {
    /// Pages of other origins that may call and read replies. Browsers are answered by the gateway.
    pub struct Cors {
        /// Origins as browsers write them, such as `https://app.example`, or `"*"` for every one.
        pub origins: Option<At<Vec<Text>>> => needed(),
        /// Methods beside GET, HEAD and POST, which need no leave.
        pub methods: Option<Vec<Text>>,
        /// Request fields; by default `authorization` and `content-type`.
        pub headers: Option<Vec<Text>>,
        /// Reply fields that pages may read beside the plainest.
        pub expose: Option<Vec<Text>>,
        /// How long browsers may remember; by default `10m`.
        pub max_age: Option<At<Scalar>> => like(DURATION),
        /// Whether cookies and client certificates may come along; by default no.
        pub credentials: Option<At<bool>>,
    }
}

section! {
    /// Who may do what on one connection.
    pub struct Policy {
        /// Shown in decisions and refusals.
        pub name: Option<Text> => needed(),
        /// Name of the connection.
        pub connection: Option<Text> => needed(),
        /// The principals it speaks of.
        pub who: Option<At<Who>> => needed(),
        /// What they may do.
        pub rules: Option<Vec<At<Rule>>> => needed(),
    }
}

section! {
    /// Principals: of one issuer, with any of the roles, any of the groups, and so on.
    pub struct Who {
        /// Name of the issuer.
        pub issuer: Option<Text> => needed(),
        /// Roles, any of which suffices.
        pub roles: Option<Vec<Text>>,
        /// Group ids, any of which suffices.
        pub groups: Option<Vec<Text>>,
        /// Client ids, any of which suffices.
        pub clients: Option<Vec<Text>>,
        /// Scopes that a user has consented to, any of which suffices.
        pub scopes: Option<Vec<Text>>,
        /// Only principals of any of these tenants, by id.
        pub tenants: Option<Vec<Text>>,
        /// Only agents (`true`), or only others (`false`), as Entra's tokens tell them apart.
        pub agents: Option<bool>,
    }
}

section! {
    /// One rule: exactly one of `allow`, `deny`, `approve`. On http and graph connections each is
    /// `METHOD /path/pattern`, on mcp connections `METHOD NAME`, such as `tools/call search_*`.
    pub struct Rule {
        /// Calls that pass.
        pub allow: Option<Text>,
        /// Calls that never pass, whatever else matches.
        pub deny: Option<Text>,
        /// Calls that a person must approve.
        pub approve: Option<Text>,
        /// approve: who may approve.
        pub by: Option<At<Approvers>>,
        /// approve: `once` or a duration.
        pub grant: Option<Text>,
        /// The rule holds only where this condition (CEL) is true of the call.
        pub when: Option<Text>,
        /// Whether the rule is only tried: what it would have done is recorded and not done.
        pub shadow: Option<bool>,
        /// graph, `allow`: what `$expand` may name, such as `manager` or `members/owners`; `*` is all.
        pub expand: Option<At<Vec<Text>>>,
    }
}

section! {
    /// Who may approve.
    pub struct Approvers {
        /// Group ids, any of which suffices.
        pub groups: Option<Vec<Text>>,
        /// Roles, any of which suffices.
        pub roles: Option<Vec<Text>>,
    }
}

section! {
    /// A masking profile.
    pub struct Mask {
        /// JSON member names whose values are hidden.
        pub fields: Option<Vec<Text>>,
        /// Patterns that are hidden wherever they stand: `email`.
        pub recognise: Option<Vec<Text>> => one_of(Recogniser::ALL.map(Recogniser::name)),
        /// A list of texts that are hidden wherever they stand, one a line: `file:` or `env:`.
        pub literals: Option<Text> => like(REFERENCE),
        /// What stands in their place: by `default`, field name or pattern.
        pub replace: Option<Named<At<String>>>,
    }
}
