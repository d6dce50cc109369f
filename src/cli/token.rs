//! `sluice token inspect`: what a token says, and what the gateway would say to it.

use super::failure::{Doing, Failure};
use super::terminal::{self, COLUMNS, Paint};
use crate::auth::inspect::{Inspection, Line, Signature, inspect};
use crate::auth::{PublishedKeys, parse_jwks};
use crate::base::clock::Clock;
use crate::base::limits::HEAD_BYTES;
use crate::control::config;
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::io::Read;
use std::path::PathBuf;

/// Look into tokens.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand)]
enum TokenCommand {
    Inspect(InspectArgs),
}

/// Read a token aloud and name the checks that it fails.
///
/// The signature and the encoded token are never shown, so the output can be pasted into a ticket.
/// Exits with 1 when the token cannot be read or, with -c, would be refused.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
struct InspectArgs {
    /// The token, or `-` to read it from standard input, where no process list shows it.
    #[arg(default_value = "-")]
    token: String,
    /// Judge it by the issuers of this configuration.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the signature by this JSON Web Key Set; nothing is fetched.
    #[arg(long, value_name = "FILE", requires = "config")]
    keys: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  az account get-access-token --query accessToken -o tsv | sluice token inspect
  sluice token inspect -c sluice.yaml --keys keys.json - < token.txt";

/// Runs the command.
pub fn run(args: &TokenArgs) -> Result<(), Failure> {
    let TokenCommand::Inspect(args) = &args.command;
    let token = read_token(&args.token)?;
    let clock = Clock::start();
    let now = clock.now();
    let issuers = match &args.config {
        None => Vec::new(),
        Some(path) => config::load(path)
            .and_then(|config| config.trusted_issuers())
            .doing(path.display())?,
    };
    let published = PublishedKeys::new(issuers.clone());
    if let Some(path) = &args.keys {
        let doing = format!("read {}", path.display());
        let set = std::fs::read(path).doing(&doing)?;
        for issuer in &issuers {
            let keys = parse_jwks(&set).doing(&doing)?;
            published.publish(issuer, keys, now.mono).doing(&doing)?;
        }
    }
    let inspection = inspect(token.as_bytes(), &published.load(), now);
    let judged = args.config.is_some();
    terminal::print(shown(&inspection, judged, Paint::for_stdout()).as_bytes())?;
    match inspection.failing.first() {
        Some(first) if judged || inspection.claims.is_empty() => {
            Err(Failure::new(format!("the token would be refused: {first}")))
        }
        _ => Ok(()),
    }
}

/// The token alone, whatever people paste around it.
fn read_token(given: &str) -> Result<String, Failure> {
    let mut token = given.to_owned();
    if given == "-" {
        token.clear();
        let mut input = std::io::stdin().lock().take(HEAD_BYTES as u64);
        let read = input.read_to_string(&mut token);
        read.doing("read the token from standard input")?;
    }
    let token = token.trim();
    let token = token.strip_prefix("Authorization:").unwrap_or(token).trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    Ok(token.to_owned())
}

fn shown(inspection: &Inspection, judged: bool, paint: Paint) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    for (heading, lines) in [
        ("header", &inspection.header),
        ("claims", &inspection.claims),
    ] {
        let _ = writeln!(out, "{}", paint.bold(heading));
        for line in lines {
            let _ = writeln!(out, "{}", member(line, paint));
        }
    }
    let signature = match inspection.signature {
        Signature::Verified => paint.good("verified by a key of the issuer"),
        Signature::Bad => paint.bad("not that of the issuer's key"),
        Signature::NotChecked => paint.mark("not checked: the issuer's key is not at hand"),
    };
    let _ = writeln!(out, "{}\n  {signature}", paint.bold("signature"));
    if judged || inspection.claims.is_empty() {
        let _ = writeln!(out, "{}", paint.bold("checks"));
        for failing in &inspection.failing {
            let _ = writeln!(out, "  {} {failing}", paint.bad("✗"));
        }
        if inspection.failing.is_empty() {
            let _ = writeln!(out, "  {} none fails", paint.good("✓"));
        }
    }
    out
}

/// One member, its note beside it, or below it where there is no room.
fn member(line: &Line, paint: Paint) -> String {
    let text = format!("  {:<14} {}", line.name, line.value);
    match &line.note {
        None => text,
        Some(note) if text.chars().count() + 3 + note.chars().count() <= COLUMNS => {
            format!("{text}   {}", paint.dim(note))
        }
        Some(note) => format!("{text}\n  {:<14} {}", "", paint.dim(note)),
    }
}
