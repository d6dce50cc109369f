//! Floor 7: the command line. One file per command; [`Failure`] turns errors into exit codes.

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

mod backup;
mod bench;
mod check;
mod completions;
pub mod demo;
pub mod failure;
mod moment;
mod person;
mod place;
mod policy;
mod revoke;
mod schema;
pub mod serve;
mod sessions;
pub mod terminal;
mod token;
mod tools;

pub use failure::Failure;

/// A fail-closed gateway between non-human callers and what they call.
#[derive(Parser)]
#[command(
    name = "sluice",
    version,
    about,
    max_term_width = terminal::COLUMNS,
    arg_required_else_help = true,
    after_help = EXIT_CODES,
    long_about = "A fail-closed gateway between non-human callers and what they call.\n\n\
        Sluice proves who calls, decides, adds the credential that the caller never sees, masks \
        what comes back, and keeps a recording that nobody can quietly change. Any doubt ends in \
        a refusal."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Check(check::CheckArgs),
    Policy(policy::PolicyArgs),
    Sessions(sessions::SessionsArgs),
    Token(token::TokenArgs),
    Tools(tools::ToolsArgs),
    Revoke(revoke::RevokeArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Bench(bench::BenchArgs),
    Schema(schema::SchemaArgs),
    Completions(completions::CompletionsArgs),
}

const EXIT_CODES: &str = "Exit codes:
   0  done
   1  failed, refused or found wrong; the reason is on standard error
   2  the command line makes no sense
  10  sessions verify: torn by a crash        12  sessions verify: tampered with
  11  sessions verify: truncated              13  sessions verify: gap in the signing keys";

/// Runs the command that `arguments` name and answers the process's exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return explain_usage(&error),
    };
    let done = match arguments.command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Sessions(args) => sessions::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Tools(args) => tools::run(&args),
        Command::Revoke(args) => revoke::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    match done {
        Ok(()) => ExitCode::from(failure::code::OK),
        Err(failure) => {
            let paint = terminal::Paint::for_stderr();
            eprintln!("{} {failure}", paint.bad("sluice:"));
            failure.exit_code()
        }
    }
}

/// Help and version are answers and go to standard output; anything else is a usage error.
fn explain_usage(error: &clap::Error) -> ExitCode {
    // Where the terminal is gone there is nobody to tell.
    let _ = error.print();
    let code = if error.use_stderr() {
        failure::code::USAGE
    } else {
        failure::code::OK
    };
    ExitCode::from(code)
}
