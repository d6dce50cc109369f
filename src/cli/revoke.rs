//! `sluice revoke`: who and what is not believed any more, whatever its token says.

use super::failure::{Doing, Failure};
use super::moment::{moment, span};
use super::person::whoever;
use super::place::Place;
use super::terminal::{self, Paint};
use crate::auth::{Revocation, RevokedKind};
use crate::base::calendar::Utc;
use crate::base::clock::{Clock, Wall};
use crate::base::limits::{CLAIM_TEXT_BYTES, REVOCATION_TEXT_BYTES};
use crate::base::visible::Visible;
use crate::store::{Embedded, KeptRevocation, Revoke, Store};
use clap::{Args, Subcommand};
use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// Revoke callers, tokens and sessions; list what is revoked, and lift it.
///
/// What is revoked gets 401 from then on, and what is under way for it is cut. Works while the gateway
/// runs, which follows within two seconds, and while it does not.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct RevokeArgs {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: RevokeCommand,
}

#[derive(Subcommand)]
enum RevokeCommand {
    /// A caller, by its principal as the access log has it.
    Principal(PrincipalArgs),
    /// An application, by its client id: what it does for itself, and for users.
    Client(ClientArgs),
    /// One token, by its `uti` or `jti`, as `sluice token inspect` shows it.
    Token(OneArgs),
    /// What was issued in one session of a user at the issuer, by the `sid` of its tokens.
    Session(OneArgs),
    /// One session of MCP, by `mcp.session.id` of the access log; the caller may begin another.
    McpSession(McpSessionArgs),
    /// What is revoked.
    List(ListArgs),
    /// Take revocations back.
    Lift(LiftArgs),
}

#[derive(Args)]
struct PrincipalArgs {
    /// Its name: `ISSUER/TENANT/OBJECT` or `ISSUER/SUBJECT`; with `+CLIENT` behind it a user as long as
    /// that client acts for it, without it with any client.
    #[arg(value_parser = principal)]
    name: String,
    #[command(flatten)]
    tokens: IssuedBefore,
    #[command(flatten)]
    why: Why,
}

#[derive(Args)]
struct ClientArgs {
    /// The application's id.
    #[arg(value_parser = name)]
    id: String,
    #[command(flatten)]
    tokens: IssuedBefore,
    /// Only of the issuer that the configuration calls so.
    #[arg(long, value_name = "NAME", value_parser = name)]
    issuer: Option<String>,
    #[command(flatten)]
    why: Why,
}

#[derive(Args)]
struct OneArgs {
    /// Its id, as the token has it.
    #[arg(value_parser = name)]
    id: String,
    /// Only of the issuer that the configuration calls so.
    #[arg(long, value_name = "NAME", value_parser = name)]
    issuer: Option<String>,
    #[command(flatten)]
    why: Why,
}

#[derive(Args)]
struct McpSessionArgs {
    /// Its digest.
    #[arg(value_parser = digest)]
    digest: String,
    #[command(flatten)]
    why: Why,
}

#[derive(Args)]
struct IssuedBefore {
    /// Only tokens issued before this moment: `now`, `2026-11-22T21:00:00Z`, or `15m` for so long ago.
    /// Who signs in again is served again.
    #[arg(long, value_name = "TIME", value_parser = issued_before)]
    issued_before: Option<u64>,
}

#[derive(Args)]
struct Why {
    /// Why, for whoever lists it.
    #[arg(long, value_name = "TEXT", value_parser = text)]
    reason: Option<String>,
    /// For so long, such as `8h` or `30d`; until it is lifted, otherwise.
    #[arg(long = "for", value_name = "TIME", value_parser = lasting)]
    lasting: Option<Duration>,
    /// Who revokes; whoever is logged in, otherwise.
    #[arg(long, value_name = "NAME", value_parser = text)]
    by: Option<String>,
}

#[derive(Args)]
struct ListArgs {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct LiftArgs {
    /// Their numbers, as list shows them.
    #[arg(required = true, value_name = "NUMBER")]
    numbers: Vec<u64>,
}

const EXAMPLES: &str = "Examples:
  sluice revoke principal partner/build-agent
  sluice revoke principal partner/alice --issued-before now --reason 'laptop stolen'
  sluice revoke client 9a4d5e6f-7081-4923-a4b5-c6d7e8f90a1b --for 8h
  sluice revoke token iVBORw0KGgoAAAANSUhEUg --data /var/lib/sluice
  sluice revoke list
  sluice revoke lift 3";

/// Runs the command.
pub fn run(args: &RevokeArgs) -> Result<(), Failure> {
    let data = args.place.directory()?;
    known(&args.place, &args.command)?;
    // A store that is made here would be one that no gateway looks at.
    let mut store = Embedded::open_existing(&data).doing("the store")?;
    let store = &mut store;
    match &args.command {
        RevokeCommand::Principal(args) => {
            let named = Named::of(RevokedKind::Principal, &args.name);
            revoke(store, named.before(&args.tokens), &args.why)
        }
        RevokeCommand::Client(args) => {
            let named = Named::of(RevokedKind::Client, &args.id);
            let named = named.from(args.issuer.as_deref());
            revoke(store, named.before(&args.tokens), &args.why)
        }
        RevokeCommand::Token(args) => one(store, RevokedKind::Token, args),
        RevokeCommand::Session(args) => one(store, RevokedKind::Session, args),
        RevokeCommand::McpSession(args) => {
            let named = Named::of(RevokedKind::McpSession, &args.digest);
            revoke(store, named, &args.why)
        }
        RevokeCommand::List(args) => list(store, args),
        RevokeCommand::Lift(args) => lift(store, args),
    }
}

/// An issuer that is spelled wrong would revoke nothing: where the configuration is at hand, it has to
/// have it.
fn known(place: &Place, command: &RevokeCommand) -> Result<(), Failure> {
    let issuer = match command {
        RevokeCommand::Principal(args) => args.name.split('/').next(),
        RevokeCommand::Client(args) => args.issuer.as_deref(),
        RevokeCommand::Token(args) | RevokeCommand::Session(args) => args.issuer.as_deref(),
        RevokeCommand::McpSession(_) | RevokeCommand::List(_) | RevokeCommand::Lift(_) => None,
    };
    let (Some(issuer), Some(config)) = (issuer, place.configuration()?) else {
        return Ok(());
    };
    match config.issuers.iter().any(|one| *one.name == *issuer) {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "no issuer of the configuration is called {}",
            Visible(issuer)
        ))),
    }
}

/// What is revoked.
struct Named<'a> {
    kind: RevokedKind,
    name: &'a str,
    issuer: Option<&'a str>,
    before: Option<u64>,
}

impl<'a> Named<'a> {
    fn of(kind: RevokedKind, name: &'a str) -> Named<'a> {
        Named {
            kind,
            name,
            issuer: None,
            before: None,
        }
    }

    fn from(self, issuer: Option<&'a str>) -> Named<'a> {
        Named { issuer, ..self }
    }

    fn before(self, tokens: &IssuedBefore) -> Named<'a> {
        let before = tokens.issued_before;
        Named { before, ..self }
    }
}

fn one(store: &mut Embedded, kind: RevokedKind, args: &OneArgs) -> Result<(), Failure> {
    let named = Named::of(kind, &args.id).from(args.issuer.as_deref());
    revoke(store, named, &args.why)
}

fn revoke(store: &mut Embedded, named: Named<'_>, why: &Why) -> Result<(), Failure> {
    let now = Clock::start().now().wall;
    let by = why.by.clone().unwrap_or_else(whoever);
    let revoke = Revoke {
        kind: named.kind,
        name: named.name,
        issuer: named.issuer,
        before: named.before,
        until: why.lasting.map(|it| now.unix_seconds() + it.as_secs()),
        reason: why.reason.as_deref(),
        by: &by,
    };
    let id = store.revoke(&revoke, now).doing("revoke")?;
    let (kind, name) = (named.kind.name(), Visible(named.name));
    let before = Revocation::only_before(named.before);
    let told = format!("revocation {id}: {kind} {name}{before}\n");
    terminal::print(told.as_bytes())
}

fn lift(store: &mut Embedded, args: &LiftArgs) -> Result<(), Failure> {
    let mut unknown = Vec::new();
    let mut out = String::new();
    for id in &args.numbers {
        // Writing to a String cannot fail.
        let _ = match store.lift(*id).doing(format!("lift {id}"))? {
            true => writeln!(out, "revocation {id} is lifted"),
            false => {
                unknown.push(id.to_string());
                Ok(())
            }
        };
    }
    terminal::print(out.as_bytes())?;
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "no such revocation: {}",
            unknown.join(", ")
        ))),
    }
}

fn list(store: &mut Embedded, args: &ListArgs) -> Result<(), Failure> {
    let all = store.revocations(Clock::start().now().wall);
    let all = all.doing("the store")?;
    let mut out = String::new();
    let paint = Paint::for_stdout();
    for kept in &all {
        // Writing to a String cannot fail.
        let _ = match args.json {
            true => writeln!(out, "{}", in_json(kept)),
            false => writeln!(out, "{}", in_words(kept, paint)),
        };
    }
    if all.is_empty() && !args.json {
        out.push_str("nothing is revoked\n");
    }
    terminal::print(out.as_bytes())
}

fn in_words(kept: &KeptRevocation, paint: Paint) -> String {
    let one = &kept.revocation;
    let (kind, name) = (one.kind.name(), Visible(&one.name));
    let mut text = format!("{:>4}  {}", one.id, paint.bold(format!("{kind} {name}")));
    // Writing to a String cannot fail.
    if let Some(issuer) = &one.issuer {
        let _ = write!(text, " of {}", Visible(issuer));
    }
    text.push_str(&Revocation::only_before(one.before));
    if let Some(until) = one.until {
        let _ = write!(text, ", until {}", Utc::from_unix(until));
    }
    let (at, by) = (Utc::from_unix(kept.at), Visible(&kept.by));
    let reason = kept
        .reason
        .as_deref()
        .map(|it| format!(": {}", Visible(it)));
    let why = format!("      {at} by {by}{}", reason.unwrap_or_default());
    format!("{text}\n{}", paint.dim(why))
}

fn in_json(kept: &KeptRevocation) -> serde_json::Value {
    let one = &kept.revocation;
    let time = |seconds: u64| Utc::from_unix(seconds).to_string();
    json!({
        "revocation": one.id,
        "kind": one.kind.name(),
        "name": one.name,
        "issuer": one.issuer,
        "issued_before": one.before.map(time),
        "until": one.until.map(time),
        "reason": kept.reason,
        "revoked_by": kept.by,
        "revoked_at": time(kept.at),
    })
}

/// A name as tokens and configurations have them: short, visible ASCII and spaces.
fn name(text: &str) -> Result<String, String> {
    match text.len() <= CLAIM_TEXT_BYTES && is_visible(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a name is 1 to {CLAIM_TEXT_BYTES} visible characters of ASCII"
        )),
    }
}

/// The name of a principal: of its parts, each within its bound, there are four at most.
fn principal(text: &str) -> Result<String, String> {
    let is_whole = |(issuer, rest): (&str, &str)| !issuer.is_empty() && !rest.is_empty();
    let is_principal = text.len() <= 4 * CLAIM_TEXT_BYTES
        && is_visible(text)
        && text.split_once('/').is_some_and(is_whole);
    match is_principal {
        true => Ok(text.to_owned()),
        false => Err(
            "a principal is named as in the access log: `ISSUER/TENANT/OBJECT` or `ISSUER/SUBJECT`"
                .to_owned(),
        ),
    }
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn digest(text: &str) -> Result<String, String> {
    let is_digest = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_digest {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("16 hexadecimal digits, as `mcp.session.id` of the access log".to_owned()),
    }
}

fn text(text: &str) -> Result<String, String> {
    let is_text =
        (1..=REVOCATION_TEXT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    match is_text {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "1 to {REVOCATION_TEXT_BYTES} bytes on one line are expected"
        )),
    }
}

/// The second from which on tokens are good again: never one in which a token may have been issued
/// before the moment.
fn issued_before(text: &str) -> Result<u64, String> {
    let now = Clock::start().now().wall;
    let moment = match text {
        "now" => now,
        text => moment(text).map_err(|why| format!("{why}, or `now`"))?,
    };
    if moment > now {
        return Err("that is to come, and tokens that are issued until then with it".to_owned());
    }
    Ok(after(moment))
}

fn after(moment: Wall) -> u64 {
    moment.0.div_ceil(1_000_000_000)
}

fn lasting(text: &str) -> Result<Duration, String> {
    match span(text)? {
        Duration::ZERO => Err("that is no time at all".to_owned()),
        span => Ok(span),
    }
}
