//! `sluice policy explain`: what policy says to a call, and why.

mod explained;
mod given;

use super::failure::{Doing, Failure};
use super::terminal::{self, Paint};
use crate::auth::inspect::assumed;
use crate::base::limits::HEAD_BYTES;
use crate::control::{config, rules};
use crate::graph::{self, Query};
use crate::http::canonical;
use crate::policy::{Asked, GraphCall, Policies, Protocol, Question, Subject};
use clap::{Args, Subcommand};
use explained::Explained;
use given::Given;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;

/// Ask what policy would say.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Subcommand)]
enum PolicyCommand {
    Explain(ExplainArgs),
}

/// Say which rules cover a call, and what comes of it.
///
/// Runs the function that judges requests, on claims that are taken as if they were verified.
/// Exits with 0 when the call would be allowed, else with 1.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
struct ExplainArgs {
    /// The method: of HTTP in capitals, or of MCP, such as `tools/call`.
    method: String,
    /// The path as a caller sends it to the gateway, with the route's prefix; of MCP the name of the
    /// tool or prompt, or the resource's URI.
    #[arg(value_name = "PATH|NAME")]
    about: Option<String>,
    /// The claims of the caller's token, as JSON; `-` reads them from standard input.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = "sluice.yaml")]
    config: PathBuf,
    /// The connection, instead of a route's; a path is then without a prefix. MCP needs it.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// The host that the caller names, where routes go by host.
    #[arg(long, default_value = "localhost")]
    host: String,
    #[command(flatten)]
    call: CallArgs,
}

/// What conditions go by.
#[derive(Args)]
struct CallArgs {
    /// The arguments of an MCP call, as JSON.
    #[arg(long, value_name = "JSON")]
    arguments: Option<String>,
    /// The annotations that the server gives the tool, as JSON.
    #[arg(long, value_name = "JSON")]
    annotations: Option<String>,
    /// The body of an HTTP call, as JSON.
    #[arg(long, value_name = "JSON")]
    body: Option<String>,
    /// A header field, `NAME: VALUE`; more than one by giving it again.
    #[arg(long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// The address that the caller comes from.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The SPIFFE id in the caller's certificate.
    #[arg(long, value_name = "ID")]
    spiffe: Option<String>,
    /// The SHA-256 of the caller's certificate, in base64url.
    #[arg(long, value_name = "DIGEST")]
    certificate: Option<String>,
    /// When, such as 2026-11-22T09:30Z; otherwise now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

const EXAMPLES: &str = "Examples:
  sluice policy explain GET /graph/v1.0/users --claims claims.json -c sluice.yaml
  sluice policy explain tools/call search_x --connection tickets --arguments '{\"count\":2}' \\
    --claims claims.json
  cut -d. -f2 < token.txt | basenc --base64url -di 2>/dev/null |
    sluice policy explain DELETE /graph/v1.0/users/4f7a --claims -";

/// Runs the command.
pub fn run(args: &PolicyArgs) -> Result<(), Failure> {
    let PolicyCommand::Explain(args) = &args.command;
    let config = config::load(&args.config).doing(args.config.display())?;
    let issuers = config.trusted_issuers().doing(args.config.display())?;
    let doing = format!("read {}", args.claims.display());
    let claims = match args.claims.to_str() {
        Some("-") => read_bounded(std::io::stdin().lock()),
        _ => File::open(&args.claims).and_then(read_bounded),
    };
    let claims = claims.doing(&doing)?;
    let grounds = assumed(&issuers, &claims).doing(&doing)?;
    let given = Given::read(&args.call)?;

    let place = Place::of(args, &config)?;
    let values = given.values();
    let query = Query::read(&place.query).doing("the query is refused before policy is asked");
    let query = query.or_else(|why| match place.protocol {
        Protocol::Graph => Err(why),
        Protocol::Http | Protocol::Mcp => Ok(Query::default()),
    })?;
    let asked = match place.protocol {
        Protocol::Mcp => Asked::Mcp(values.call(&args.method, args.about.as_deref())),
        Protocol::Http => Asked::Http {
            method: &args.method,
            path: &place.path,
        },
        Protocol::Graph => Asked::Graph(GraphCall {
            method: &args.method,
            path: &place.path,
            expand: query.expand(),
        }),
    };
    let explained = Explained {
        caller: grounds.principal(),
        connection: &place.connection,
        policies: &place.policies,
        subject: Subject::of(&grounds),
        question: Question {
            asked,
            facts: values.facts(&place.query),
        },
    };
    let (text, allowed) = explained.told(Paint::for_stdout());
    terminal::print(text.as_bytes())?;
    match (allowed, place.protocol) {
        (true, _) => Ok(()),
        (false, Protocol::Mcp) => Err(Failure::new("the call would be refused")),
        (false, Protocol::Http | Protocol::Graph) => {
            Err(Failure::new("the call would be refused with 403"))
        }
    }
}

/// Claims are smaller than the head that a token comes in.
fn read_bounded(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(HEAD_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the call goes, and what is judged there.
struct Place {
    connection: String,
    protocol: Protocol,
    policies: Policies,
    /// Of an HTTP call: canonical, without the route's prefix.
    path: String,
    query: String,
}

impl Place {
    fn of(args: &ExplainArgs, config: &config::Config) -> Result<Place, Failure> {
        let named = match &args.connection {
            Some(name) => Some(by_name(config, name)?),
            None => None,
        };
        if let Some(index) = named
            && config.connections[index].mcp.is_some()
        {
            members_judge(config, index)?;
            return Place::at(args, config, index, "", "");
        }
        let Some(about) = &args.about else {
            return Err(Failure::new("an HTTP call needs its path"));
        };
        let mut scratch = Vec::new();
        let target = canonical(about.as_bytes(), &mut scratch);
        let target = target.doing(format!("{about} is refused before policy is asked"))?;
        let (index, path) = match named {
            Some(index) => (index, target.path()),
            None => rules::routed(config, &args.host, target.path()).ok_or_else(|| {
                Failure::new(format!("no route covers {}{}", args.host, target.path()))
            })?,
        };
        let connection = &config.connections[index];
        if connection.mcp.is_some() {
            let name = &connection.name;
            return Err(Failure::new(format!(
                "`{name}` speaks MCP: ask for a method and a name, with --connection {name}"
            )));
        }
        let mut spelled = String::new();
        let path = match connection.graph.is_some() {
            true => {
                let canonical = graph::canonical(path, &mut spelled);
                canonical.doing(format!("{about} is refused before policy is asked"))?;
                &spelled
            }
            false => path,
        };
        let query = target.query().unwrap_or_default();
        Place::at(args, config, index, path, query)
    }

    fn at(
        args: &ExplainArgs,
        config: &config::Config,
        index: usize,
        path: &str,
        query: &str,
    ) -> Result<Place, Failure> {
        let connection = &config.connections[index];
        Ok(Place {
            connection: connection.name.to_string(),
            protocol: connection.protocol(),
            policies: rules::policies_of(config, index).doing(args.config.display())?,
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }
}

/// What goes through a virtual connection is judged where it arrives, so there is the place to ask.
fn members_judge(config: &config::Config, index: usize) -> Result<(), Failure> {
    let connection = &config.connections[index];
    let config::Reach::Virtual(members) = &connection.reach else {
        return Ok(());
    };
    let members = members
        .iter()
        .map(|member| &*config.connections[*member].name);
    Err(Failure::new(format!(
        "`{}` is several servers as one, each of which judges its own calls: ask for one of them by \
         its own names, with --connection {}",
        connection.name,
        members.collect::<Vec<_>>().join(" or ")
    )))
}

fn by_name(config: &config::Config, name: &str) -> Result<usize, Failure> {
    let mut connections = config.connections.iter();
    let index = connections.position(|one| *one.name == *name);
    index.ok_or_else(|| Failure::new(format!("there is no connection `{name}`")))
}
