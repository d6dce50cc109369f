//! `sluice bench`: requests at a fixed rate, and how long each took from when it was due.

mod client;
mod load;
mod mcp;
mod report;
mod request;
mod token;

use super::failure::{Doing, Failure, code};
use super::terminal;
use crate::control::config::{Roots, units};
use crate::tls;
use clap::Args;
use client::Client;
use load::Plan;
use report::Report;
use request::{RequestArgs, Requests, Target};
use std::path::PathBuf;
use std::time::Duration;
use token::TokenArgs;

/// Load a server at a fixed rate, and print how long its answers take.
///
/// When each request is due is fixed before the first is sent, and each counts from when it was
/// due, not from when a connection was free for it: a server that stalls for a second is seen to
/// have kept everybody waiting who came in that second. What is given up counts as well, with the
/// time until then. Exits with 1 when no request was answered well.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// What to ask for, http:// or https://.
    url: String,
    /// Requests a second, whatever comes back.
    #[arg(short, long, value_name = "NUMBER", default_value = "100", value_parser = rate)]
    rate: f64,
    /// For how long, such as 500ms, 30s, 5m.
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = units::duration)]
    duration: Duration,
    /// Connections, which are kept; each carries one request at a time.
    #[arg(short, long, value_name = "NUMBER", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// How long one request may take, from when it is sent.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration)]
    timeout: Duration,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    token: TokenArgs,
    /// Trust the certificate authorities in this PEM file, and no others.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  sluice bench http://127.0.0.1:8080/graph/v1.0/users --rate 500 --duration 30s \\
      --token env:CALLER_TOKEN

  sluice bench https://gateway.example/tickets --mcp-call search_tickets \\
      --arguments '{\"query\":\"disk is full\"}' --ca-file ca.pem \\
      --issuer https://login.example/tenant/v2.0 --scope api://gateway/.default \\
      --client-id 7c1e… --secret file:client.secret

Secrets are named (env:NAME, file:PATH), never given: a command line is seen by everybody on the
machine. Certificates are always verified. Above some 20,000 requests a second, or where it shares
its processors with the server, look at how busy this program is before you believe its figures.";

/// The rate that is accepted at most: far beyond what one thread can send.
const RATE_MAX: f64 = 1_000_000.0;

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= RATE_MAX => Ok(rate),
        _ => Err(format!("expected a number above 0, and at most {RATE_MAX}")),
    }
}

/// Runs the command.
pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing("start")?;
    let tasks = tokio::task::LocalSet::new();
    let report = tasks.block_on(&runtime, load(args))?;
    let text = match args.json {
        true => report.json(),
        false => report.text(terminal::Paint::for_stdout()),
    };
    terminal::print(text.as_bytes())?;
    match report.complaint() {
        None => Ok(()),
        Some(complaint) => Err(Failure::new(complaint)),
    }
}

async fn load(args: &BenchArgs) -> Result<Report, Failure> {
    let target = Target::parse(&args.url).map_err(usage)?;
    let mut requests = Requests::new(&target, &args.request)?;
    let roots = roots(args)?;
    if args.token.is_given() {
        target.may_carry_secrets().map_err(usage)?;
    }
    if let Some(token) = token::get(&args.token, roots.as_ref()).await? {
        requests.authorize(&token)?;
    }
    let trusted = match roots {
        Some(roots) => tls::Roots::Pem(roots.pem),
        None => tls::Roots::Native,
    };
    let client = Client::new(target, &trusted, args.timeout)?;
    if requests.are_calls() {
        mcp::begin(&client, &mut requests).await?;
    }
    let plan = Plan {
        rate: args.rate,
        duration: args.duration,
        connections: args.connections,
        timeout: args.timeout,
    };
    let tally = load::run(&client, &requests, plan).await?;
    if requests.are_calls() {
        mcp::end(&client, &requests).await;
    }
    Ok(Report::new(plan, tally))
}

fn roots(args: &BenchArgs) -> Result<Option<Roots>, Failure> {
    let Some(path) = &args.ca_file else {
        return Ok(None);
    };
    let pem = std::fs::read(path).doing(format!("read {}", path.display()))?;
    let path = path.clone();
    Ok(Some(Roots { path, pem }))
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::with_code(message, code::USAGE)
}
