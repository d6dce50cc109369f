//! `sluice policy explain`: what policy says to a call, and why.

use super::failure::{Doing, Failure};
use super::terminal::{self, Paint};
use crate::auth::Grounds;
use crate::auth::inspect::assumed;
use crate::base::limits::HEAD_BYTES;
use crate::control::{config, rules};
use crate::exchange::rules::Connection;
use crate::http::canonical;
use crate::policy::explain::explain;
use crate::policy::judge::judge;
use crate::policy::{Asked, Denial, Facts, Question, Rule, Subject, Verdict};
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

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
    /// The method, in capitals.
    method: String,
    /// The path as a caller sends it to the gateway, with the route's prefix.
    path: String,
    /// The claims of the caller's token, as JSON; `-` reads them from standard input.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = "sluice.yaml")]
    config: PathBuf,
    /// The host that the caller names, where routes go by host.
    #[arg(long, default_value = "localhost")]
    host: String,
}

const EXAMPLES: &str = "Examples:
  sluice policy explain GET /graph/v1.0/users --claims claims.json -c sluice.yaml
  cut -d. -f2 < token.txt | basenc --base64url -di 2>/dev/null |
    sluice policy explain DELETE /graph/v1.0/users/4f7a --claims -";

/// Runs the command.
pub fn run(args: &PolicyArgs) -> Result<(), Failure> {
    let PolicyCommand::Explain(args) = &args.command;
    let config = config::load(&args.config).doing(args.config.display())?;
    let rules = rules::preview(&config).doing(args.config.display())?;
    let issuers = config.trusted_issuers().doing(args.config.display())?;
    let doing = format!("read {}", args.claims.display());
    let claims = match args.claims.to_str() {
        Some("-") => read_bounded(std::io::stdin().lock()),
        _ => File::open(&args.claims).and_then(read_bounded),
    };
    let claims = claims.doing(&doing)?;
    let grounds = assumed(&issuers, &claims).doing(&doing)?;

    let mut scratch = Vec::new();
    let target = canonical(args.path.as_bytes(), &mut scratch);
    let target = target.doing(format!("{} is refused before policy is asked", args.path))?;
    let (route, path) = rules
        .route(&args.host, target.path())
        .ok_or_else(|| Failure::new(format!("no route covers {}{}", args.host, target.path())))?;
    let connection = rules.connections.get(route.connection);
    let connection = connection.ok_or_else(|| Failure::new("the route leads nowhere"))?;
    let call = Call {
        grounds: &grounds,
        connection,
        method: &args.method,
        path,
    };
    let (text, allowed) = call.explained(Paint::for_stdout());
    terminal::print(text.as_bytes())?;
    if allowed {
        return Ok(());
    }
    Err(Failure::new("the call would be refused with 403"))
}

/// Claims are smaller than the head that a token comes in.
fn read_bounded(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(HEAD_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is asked.
struct Call<'a> {
    grounds: &'a Grounds,
    connection: &'a Connection,
    method: &'a str,
    path: &'a str,
}

impl Call<'_> {
    /// The explanation, and whether the call would be allowed.
    fn explained(&self, paint: Paint) -> (String, bool) {
        let mut out = String::new();
        // As requests are judged: what is not known is not assumed.
        let subject = Subject::of(self.grounds);
        let question = Question {
            asked: Asked::Http {
                method: self.method,
                path: self.path,
            },
            facts: Facts::at(0),
        };
        let policies = &self.connection.policies;
        // Writing to a String cannot fail.
        let _ = writeln!(out, "caller      {}", self.grounds.principal());
        let _ = writeln!(out, "connection  {}", self.connection.name);
        let _ = writeln!(out, "call        {} {}", self.method, self.path);
        for considered in explain(policies, &subject, &question) {
            let name = paint.bold(&considered.policy);
            let _ = writeln!(
                out,
                "policy      {name}: for this caller: {}",
                considered.for_caller
            );
            for rule in &considered.rules {
                let _ = writeln!(out, "              covers the call: {}", told(rule));
            }
        }
        let judgement = judge(policies, &subject, &question);
        let missing;
        let (verdict, rule, allowed) = match &judgement.verdict {
            Verdict::Allow(rule) => (paint.good("allowed"), Some(rule), true),
            Verdict::Approve(rule) => {
                let why = "refused: it needs an approval, which this version cannot get";
                (paint.bad(why), Some(rule), false)
            }
            Verdict::Deny(Denial::Rule(rule)) => (paint.bad("denied by a rule"), Some(rule), false),
            Verdict::Deny(Denial::Condition(rule, trouble)) => {
                missing = format!("denied: the condition of a rule fails: {trouble}");
                (paint.bad(missing.as_str()), Some(rule), false)
            }
            Verdict::Deny(Denial::NoRule) => {
                let why = "denied: no rule for this caller covers the call";
                (paint.bad(why), None, false)
            }
            Verdict::Deny(Denial::GroupsUnknown) => {
                let why = "denied: a policy goes by groups, and the claims leave them out";
                (paint.bad(why), None, false)
            }
            Verdict::Deny(Denial::ScopeMissing(scopes)) => {
                missing = format!("denied: the token needs a scope: {}", scopes.join(", "));
                (paint.bad(missing.as_str()), None, false)
            }
        };
        let _ = writeln!(out, "verdict     {verdict}");
        if let Some(rule) = rule {
            let _ = writeln!(out, "            {}", told(rule));
        }
        (out, allowed)
    }
}

fn told(rule: &Arc<Rule>) -> String {
    let (name, effect, calls) = (&rule.name, rule.effect.as_str(), rule.calls.as_str());
    format!("{name}: {effect} {calls}")
}
