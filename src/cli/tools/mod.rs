//! `sluice tools`: what MCP servers say of their tools, and whether that is what was trusted.

mod diff;
mod lines;

use super::failure::{Doing, Failure};
use super::person::whoever;
use super::place::Place;
use super::terminal::{self, Paint};
use crate::base::calendar::Utc;
use crate::base::clock::Clock;
use crate::base::visible::Visible;
use crate::mcp::pins::State;
use crate::mcp::print::Fingerprint;
use crate::store::{Approval, Approved, Embedded, Store, Tool};
use clap::{Args, Subcommand};
use serde_json::json;
use std::fmt::Write as _;

/// Pinned tools of MCP servers: list, compare, approve.
///
/// Every tool is remembered as it was when it was trusted. One that changes, or that nobody has
/// approved where that is asked for, is hidden and refused until somebody approves it here. Works
/// while the gateway runs, which follows within two seconds.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ToolsArgs {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: ToolsCommand,
}

#[derive(Subcommand)]
enum ToolsCommand {
    /// The tools and how they stand.
    List(ListArgs),
    /// What has changed in those that wait for approval, or in those that are named.
    Diff(DiffArgs),
    /// Trust what the server shows now.
    Approve(ApproveArgs),
}

#[derive(Args)]
struct ListArgs {
    /// Only of this connection.
    connection: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct DiffArgs {
    /// The connection's name.
    connection: String,
    /// The tools' own names.
    tools: Vec<String>,
}

#[derive(Args)]
struct ApproveArgs {
    /// The connection's name.
    connection: String,
    /// The tools' own names.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    tools: Vec<String>,
    /// All that wait for approval.
    #[arg(long)]
    all: bool,
    /// Only if the definition has this fingerprint, or one that begins so, as diff shows it.
    #[arg(long, value_name = "HEX", conflicts_with = "all")]
    fingerprint: Option<String>,
    /// Who approves; whoever is logged in, otherwise.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

const EXAMPLES: &str = "Examples:
  sluice tools list
  sluice tools diff tickets
  sluice tools approve tickets close_ticket --fingerprint 9f3a1c20
  sluice tools approve tickets --all --data /var/lib/sluice";

/// Runs the command.
pub fn run(args: &ToolsArgs) -> Result<(), Failure> {
    let data = args.place.directory()?;
    let mut store = Embedded::open_existing(&data).doing("the store")?;
    match &args.command {
        ToolsCommand::List(args) => list(&mut store, args),
        ToolsCommand::Diff(args) => diff(&mut store, args),
        ToolsCommand::Approve(args) => approve(&mut store, args),
    }
}

fn list(store: &mut Embedded, args: &ListArgs) -> Result<(), Failure> {
    let tools = match &args.connection {
        Some(connection) => tools_of(store, connection)?,
        None => all(store)?,
    };
    let mut out = String::new();
    // Writing to a String cannot fail.
    if args.json {
        for tool in &tools {
            let _ = writeln!(out, "{}", in_json(tool));
        }
        return terminal::print(out.as_bytes());
    }
    let paint = Paint::for_stdout();
    let width = tools.iter().map(|tool| name(tool).chars().count()).max();
    let mut heading = None;
    for tool in &tools {
        if heading != Some(&tool.connection) {
            heading = Some(&tool.connection);
            let _ = writeln!(out, "{}", paint.bold(&tool.connection));
        }
        let width = width.unwrap_or(0);
        let state = format!("{:<11}", tool.state.name());
        let state = match tool.state {
            State::Pinned => paint.good(state),
            State::Changed | State::Pending => paint.mark(state),
            State::Quarantined => paint.bad(state),
        };
        let since = Utc::from_unix(tool.changed_at);
        let (name, print) = (name(tool), short(&tool.seen));
        let _ = writeln!(
            out,
            "  {name:<width$}  {state}  {since}  {print}  {}",
            paint.dim(trusted(tool))
        );
    }
    let waiting = tools.iter().filter(|tool| waits(tool)).count();
    if waiting > 0 {
        let _ = writeln!(out, "{waiting} to look at: sluice tools diff CONNECTION");
    }
    terminal::print(out.as_bytes())
}

fn diff(store: &mut Embedded, args: &DiffArgs) -> Result<(), Failure> {
    let tools = chosen(store, &args.connection, &args.tools)?;
    if tools.is_empty() {
        return terminal::print(b"nothing waits for approval\n");
    }
    let paint = Paint::for_stdout();
    let shown = tools.iter().map(|tool| diff::shown(tool, paint));
    let shown = shown.collect::<Result<Vec<_>, _>>().doing("the store")?;
    terminal::print(shown.join("\n").as_bytes())
}

fn approve(store: &mut Embedded, args: &ApproveArgs) -> Result<(), Failure> {
    let tools = chosen(store, &args.connection, &args.tools)?;
    let by = args.by.clone().unwrap_or_else(whoever);
    let mut out = String::new();
    for tool in &tools {
        let print = tool.seen.to_string();
        let wanted = args.fingerprint.as_deref().unwrap_or_default();
        if !print.starts_with(&wanted.to_ascii_lowercase()) {
            let (name, print) = (name(tool), short(&tool.seen));
            let message = format!("{name} is shown with the fingerprint {print}: look again");
            return Err(Failure::new(message));
        }
    }
    for tool in &tools {
        let approval = Approval {
            connection: &tool.connection,
            tool: &tool.name,
            seen: &tool.seen,
            by: &by,
        };
        let approved = store.approve(&approval, Clock::start().now().wall);
        let (name, print) = (name(tool), short(&tool.seen));
        let _ = match approved.doing(format!("approve {name}"))? {
            Approved::Pinned => writeln!(out, "{name} {print} is trusted now"),
            Approved::Already => writeln!(out, "{name} {print} was trusted already"),
            Approved::Moved | Approved::Unknown => {
                terminal::print(out.as_bytes())?;
                let message = format!("{name} has changed in this moment: look again");
                return Err(Failure::new(message));
            }
        };
    }
    if tools.is_empty() {
        out.push_str("nothing waits for approval\n");
    }
    terminal::print(out.as_bytes())
}

/// The tools that are named, or all that wait when none is.
fn chosen(store: &mut Embedded, connection: &str, names: &[String]) -> Result<Vec<Tool>, Failure> {
    let mut tools = tools_of(store, connection)?;
    if names.is_empty() {
        tools.retain(waits);
        return Ok(tools);
    }
    let known = |name: &&String| tools.iter().any(|tool| tool.name == **name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let message = format!("{connection} has shown no tool {}", Visible(unknown));
        return Err(Failure::new(message));
    }
    tools.retain(|tool| names.contains(&tool.name));
    Ok(tools)
}

fn tools_of(store: &mut Embedded, connection: &str) -> Result<Vec<Tool>, Failure> {
    let tools = store.tools_of(connection).doing("the store")?;
    if tools.is_empty() {
        let message = format!("no tool of {} has been seen", Visible(connection));
        return Err(Failure::new(message));
    }
    Ok(tools)
}

fn all(store: &mut Embedded) -> Result<Vec<Tool>, Failure> {
    let mut tools: Vec<Tool> = Vec::new();
    loop {
        let last = tools.last().map_or(0, |tool| tool.revision);
        let more = store.tools_since(last).doing("the store")?;
        if more.is_empty() {
            break;
        }
        tools.extend(more);
    }
    tools.sort_by(|a, b| (&a.connection, &a.name).cmp(&(&b.connection, &b.name)));
    Ok(tools)
}

fn waits(tool: &Tool) -> bool {
    tool.state != State::Pinned
}

fn name(tool: &Tool) -> String {
    Visible(&tool.name).to_string()
}

/// As much of a fingerprint as people compare.
fn short(print: &Fingerprint) -> String {
    print.to_string()[..12].to_owned()
}

/// Why the pinned definition is trusted.
fn trusted(tool: &Tool) -> String {
    match (&tool.pinned, &tool.approved_by) {
        (None, _) => "not trusted yet".to_owned(),
        (Some(_), None) => "trusted at first sight".to_owned(),
        (Some(_), Some(by)) => format!("approved by {}", Visible(by)),
    }
}

fn in_json(tool: &Tool) -> serde_json::Value {
    json!({
        "connection": tool.connection,
        "tool": tool.name,
        "state": tool.state.name(),
        "trusted": tool.pinned.as_ref().map(|pinned| pinned.print.to_string()),
        "shown": tool.seen.to_string(),
        "first_seen": Utc::from_unix(tool.first_seen).to_string(),
        "changed_at": Utc::from_unix(tool.changed_at).to_string(),
        "approved_by": tool.approved_by,
    })
}
