//! The variables, by name and protocol.

use super::code::{Claim, Now, Variable};
use super::types::Kinds;
use crate::policy::compile::Protocol;

/// What stands at the front of a chain of names.
pub(super) enum Front {
    /// A value.
    Variable(Variable),
    /// Only its members are values.
    Space(Space),
}

/// A name whose members are variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Call,
    Claims,
    Headers,
    Now,
    Query,
    Source,
}

const EVERYWHERE: &[&str] = &["method", "call", "claims", "headers", "now", "source"];
const HTTP: &[&str] = &["path", "query", "body"];
const MCP: &[&str] = &["arguments", "name", "annotations"];

/// Fields that say who the caller is: nothing that a rule should look at, or show.
const AUTHORITY: &[&str] = &["authorization", "proxy-authorization", "cookie", "dpop"];

/// What a name stands for in rules of `protocol`.
pub(super) fn front(name: &str, protocol: Protocol) -> Result<Front, String> {
    let space = match name {
        "call" => Space::Call,
        "claims" => Space::Claims,
        "headers" => Space::Headers,
        "now" => Space::Now,
        "query" if protocol != Protocol::Mcp => Space::Query,
        "source" => Space::Source,
        name => return value(name, protocol).map(Front::Variable),
    };
    Ok(Front::Space(space))
}

fn value(name: &str, protocol: Protocol) -> Result<Variable, String> {
    Ok(match (name, protocol) {
        ("method", _) => Variable::Method,
        ("path", Protocol::Http | Protocol::Graph) => Variable::Path,
        ("body", Protocol::Http | Protocol::Graph) => Variable::Body,
        ("arguments", Protocol::Mcp) => Variable::Arguments,
        ("name", Protocol::Mcp) => Variable::Name,
        ("annotations", Protocol::Mcp) => Variable::Annotations,
        _ => return Err(unknown(name, protocol)),
    })
}

fn unknown(name: &str, protocol: Protocol) -> String {
    let (own, other, elsewhere) = match protocol {
        Protocol::Http | Protocol::Graph => (HTTP, MCP, "mcp"),
        Protocol::Mcp => (MCP, HTTP, "http"),
    };
    if other.contains(&name) {
        return format!("`{name}` is of connections of protocol `{elsewhere}`");
    }
    let mut known: Vec<_> = EVERYWHERE.iter().chain(own).copied().collect();
    known.sort_unstable();
    match nearest(name, &known) {
        Some(near) => format!("there is no variable `{name}`; did you mean `{near}`?"),
        None => format!(
            "there is no variable `{name}`: there are {}",
            known.join(", ")
        ),
    }
}

fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let near = |one: &&&str| strsim::damerau_levenshtein(one, name) <= 2;
    known.iter().find(near).copied()
}

impl Space {
    /// The variable that a member is.
    pub(super) fn member(self, name: &str, protocol: Protocol) -> Result<Variable, String> {
        match self {
            Space::Call => value(name, protocol),
            Space::Query => Ok(Variable::Query(name.into())),
            Space::Headers => header(name),
            Space::Claims => claim(name).map(Variable::Claim),
            Space::Now => now(name).map(Variable::Now),
            Space::Source => source(name),
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Space::Call => "call",
            Space::Claims => "claims",
            Space::Headers => "headers",
            Space::Now => "now",
            Space::Query => "query",
            Space::Source => "source",
        }
    }
}

fn header(name: &str) -> Result<Variable, String> {
    if AUTHORITY.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(format!(
            "`{name}` carries authority: no rule may look at it"
        ));
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!(
            "write `{}`: names of header fields are in lower case",
            name.to_ascii_lowercase()
        ));
    }
    Ok(Variable::Header(name.into()))
}

fn claim(name: &str) -> Result<Claim, String> {
    const CLAIMS: &[(&str, Claim)] = &[
        ("roles", Claim::Roles),
        ("groups", Claim::Groups),
        ("scopes", Claim::Scopes),
        ("client", Claim::Client),
        ("tenant", Claim::Tenant),
        ("object", Claim::Object),
        ("issuer", Claim::Issuer),
        ("kind", Claim::Kind),
        ("agent", Claim::Agent),
        ("blueprint", Claim::Blueprint),
    ];
    pick("claims", name, CLAIMS)
}

fn now(name: &str) -> Result<Now, String> {
    const PARTS: &[(&str, Now)] = &[
        ("hour", Now::Hour),
        ("minute", Now::Minute),
        ("weekday", Now::Weekday),
        ("unix", Now::Unix),
    ];
    pick("now", name, PARTS)
}

fn source(name: &str) -> Result<Variable, String> {
    match name {
        "ip" => Ok(Variable::SourceIp),
        "spiffe" => Ok(Variable::SourceSpiffe),
        "certificate" => Ok(Variable::SourceCertificate),
        _ => Err(missing("source", name, &["ip", "spiffe", "certificate"])),
    }
}

fn pick<T: Copy>(space: &str, name: &str, members: &[(&str, T)]) -> Result<T, String> {
    let found = members.iter().find(|(one, _)| *one == name);
    found.map(|(_, member)| *member).ok_or_else(|| {
        let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
        missing(space, name, &names)
    })
}

fn missing(space: &str, name: &str, members: &[&str]) -> String {
    match nearest(name, members) {
        Some(near) => format!("`{space}` has no `{name}`; did you mean `{space}.{near}`?"),
        None => format!("`{space}` has no `{name}`: it has {}", members.join(", ")),
    }
}

impl Variable {
    /// What kinds of values it can have.
    pub(super) fn kinds(&self) -> Kinds {
        match self {
            Variable::Arguments | Variable::Annotations => Kinds::MAP,
            Variable::Body => Kinds::ANY,
            Variable::Name => Kinds::TEXT.or(Kinds::NULL),
            Variable::Method
            | Variable::Path
            | Variable::Query(_)
            | Variable::Header(_)
            | Variable::SourceIp
            | Variable::SourceSpiffe
            | Variable::SourceCertificate => Kinds::TEXT,
            Variable::Claim(Claim::Roles | Claim::Groups | Claim::Scopes) => Kinds::LIST,
            Variable::Claim(_) => Kinds::TEXT,
            Variable::Now(_) => Kinds::INT,
        }
    }
}
