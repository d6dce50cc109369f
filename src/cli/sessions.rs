//! `sluice sessions`: what was recorded, and whether it is still what was recorded.

use super::failure::{Doing, Failure};
use super::moment::moment;
use super::place::Place;
use crate::base::clock::Wall;
use crate::base::ids::SessionId;
use crate::record::payload::Outcome;
use crate::record::verify::{Trust, Verdict};
use crate::recorder::read::{Filter, Recording, recordings, sessions};
use crate::recorder::show::{self, conversation, conversation::Form};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Read recordings: list, show, replay, verify, export.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct SessionsArgs {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: SessionsCommand,
}

#[derive(Subcommand)]
enum SessionsCommand {
    /// The sessions, oldest first.
    List(ListArgs),
    /// One session: a conversation where it speaks MCP, else everything in it in order.
    Show(ShowArgs),
    /// Like show, with the pauses that there were.
    Replay(ReplayArgs),
    /// Check every byte against what was signed; needs no secret.
    Verify(VerifyArgs),
    /// Every frame as one JSON object a line.
    Export(ExportArgs),
}

#[derive(Args)]
struct ListArgs {
    /// A part of the principal's name.
    #[arg(long)]
    principal: Option<String>,
    /// The connection's name.
    #[arg(long)]
    connection: Option<String>,
    /// An outcome that at least one exchange had, such as `complete` or `refused`.
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Active since: `2026-11-22T21:00:00Z`, or as long ago as `15m`, `2h`, `1d`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Wall>,
    /// Active until; as --since.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Wall>,
}

#[derive(Args)]
struct OneArgs {
    /// The session's id, or as much of its beginning as no other has.
    session: String,
}

#[derive(Args)]
struct ShowArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Frame by frame, whatever it speaks.
    #[arg(long)]
    raw: bool,
    /// As JSON: an object for each exchange of a conversation, else for each frame.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ReplayArgs {
    #[command(flatten)]
    one: OneArgs,
    /// So many times as fast.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,
    /// No pause longer than this, whatever there was.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    longest: f64,
}

#[derive(Args)]
#[command(after_help = "Exit codes:
   0  every byte is accounted for and signed
  10  torn: a crash left an end that is not signed; all before it is in order
  11  truncated: something that was signed for is missing
  12  tampered: bytes are not those that were written
  13  key gap: a signing key does not follow from the one before
   1  not readable at all")]
struct VerifyArgs {
    /// Believe only a recording that begins with this key (base64, as printed by verify).
    #[arg(long, value_name = "KEY", value_parser = bytes32, requires = "writer")]
    key: Option<[u8; 32]>,
    /// A checkpoint kept elsewhere: number of leaves and root (base64, as printed by verify).
    #[arg(long, value_name = "LEAVES:ROOT", value_parser = anchor, requires = "writer")]
    anchor: Option<(u64, [u8; 32])>,
    /// Only the recording of this writer.
    #[arg(long, value_name = "ID")]
    writer: Option<String>,
}

#[derive(Args)]
struct ExportArgs {
    /// The session's id, or as much of its beginning as no other has; all sessions without it.
    session: Option<String>,
    /// Write to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  sluice sessions list --since 2h --outcome refused
  sluice sessions show 4f1c
  sluice sessions replay 4f1c --speed 10
  sluice sessions verify --data /var/lib/sluice && echo untouched
  sluice sessions export -o all.jsonl";

/// Runs the command.
pub fn run(args: &SessionsArgs) -> Result<(), Failure> {
    let all = recorded(&args.place)?;
    match &args.command {
        SessionsCommand::List(list) => self::list(&all, list),
        SessionsCommand::Show(show) => self::show(&all, show),
        SessionsCommand::Replay(replay) => self::replay(&all, replay),
        SessionsCommand::Verify(verify) => self::verify(&all, verify),
        SessionsCommand::Export(export) => self::export(&all, export),
    }
}

fn recorded(place: &Place) -> Result<Vec<Recording>, Failure> {
    let data = place.directory()?;
    let found = recordings(&data).doing(format!("read {}", data.display()))?;
    if found.is_empty() {
        let nothing = format!("no recording under {}", data.display());
        return Err(Failure::new(nothing));
    }
    Ok(found)
}

fn list(all: &[Recording], args: &ListArgs) -> Result<(), Failure> {
    let filter = Filter {
        principal: args.principal.clone(),
        connection: args.connection.clone(),
        outcome: args.outcome,
        since: args.since,
        until: args.until,
    };
    let (found, unread) = sessions(all, &filter).doing("read the recordings")?;
    printing(|out| show::list(&found, out))?;
    complain(&unread)
}

fn show(all: &[Recording], args: &ShowArgs) -> Result<(), Failure> {
    let session = find(all, &args.one.session)?;
    let is_told = !args.raw && conversation::is_one(all, session).doing("read the recordings")?;
    let unread = match (is_told, args.json) {
        (true, true) => printing(|out| conversation::tell(all, session, Form::Json, out)),
        (true, false) => printing(|out| conversation::tell(all, session, Form::Text, out)),
        (false, true) => {
            let (known, _) = sessions(all, &Filter::default()).doing("read the recordings")?;
            found(Some(known.iter().any(|known| known.id == session)))?;
            printing(|out| show::json_lines(all, Some(session), out))
        }
        (false, false) => return found(printing(|out| show::show(all, session, out))?),
    };
    complain(&unread?.unwrap_or_default())
}

fn replay(all: &[Recording], args: &ReplayArgs) -> Result<(), Failure> {
    let session = find(all, &args.one.session)?;
    let wait = |pause: Duration| {
        let seconds = (pause.as_secs_f64() / args.speed).min(args.longest);
        // A speed of zero, or less, or none: no pause at all.
        std::thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    };
    found(printing(|out| show::replay(all, session, wait, out))?)
}

fn verify(all: &[Recording], args: &VerifyArgs) -> Result<(), Failure> {
    let wanted = |recording: &&Recording| {
        let writer = recording.writer().to_string();
        args.writer.as_ref().is_none_or(|wanted| *wanted == writer)
    };
    let trust = args.key.map_or(Trust::FirstSeen, Trust::Key);
    let mut worst = Verdict::Ok;
    let mut count = 0;
    for recording in all.iter().filter(wanted) {
        let doing = format!("read {}", recording.path().display());
        let report = recording.verify(trust, args.anchor).doing(doing)?;
        printing(|out| show::report(&report, out))?;
        worst = worst.max(report.verdict);
        count += 1;
    }
    match (count, worst) {
        (0, _) => Err(Failure::new("there is no recording of that writer")),
        (_, Verdict::Ok) => Ok(()),
        (_, worst) => Err(Failure::with_code(
            format!("the recording is {}", worst.name()),
            worst.exit_code(),
        )),
    }
}

fn export(all: &[Recording], args: &ExportArgs) -> Result<(), Failure> {
    let session = args
        .session
        .as_deref()
        .map(|id| find(all, id))
        .transpose()?;
    let unread = match &args.out {
        None => printing(|out| show::json_lines(all, session, out))?.unwrap_or_default(),
        Some(path) => {
            let doing = format!("write {}", path.display());
            let mut out = BufWriter::new(File::create(path).doing(&doing)?);
            let unread = show::json_lines(all, session, &mut out).doing(&doing)?;
            out.flush().doing(&doing)?;
            unread
        }
    };
    complain(&unread)
}

/// The one session whose id begins with `start`.
fn find(all: &[Recording], start: &str) -> Result<SessionId, Failure> {
    if let Ok(whole) = start.parse() {
        return Ok(whole);
    }
    let (found, _) = sessions(all, &Filter::default()).doing("read the recordings")?;
    let mut fitting = found
        .iter()
        .filter(|it| it.id.to_string().starts_with(start));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one.id),
        (None, _) => Err(Failure::new(format!("no session begins with {start}"))),
        _ => Err(Failure::new(format!("several sessions begin with {start}"))),
    }
}

/// Prints through `write`; `None` when the reader has seen enough, which is no failure.
fn printing<T>(
    write: impl FnOnce(&mut StdoutLock<'static>) -> io::Result<T>,
) -> Result<Option<T>, Failure> {
    match write(&mut io::stdout().lock()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        written => written.map(Some).doing("print"),
    }
}

/// A session that is shown has to be there.
fn found(shown: Option<bool>) -> Result<(), Failure> {
    match shown {
        Some(false) => Err(Failure::new("there is no such session")),
        _ => Ok(()),
    }
}

/// What could be read was shown; what could not makes the command fail.
fn complain(unread: &[String]) -> Result<(), Failure> {
    match unread {
        [] => Ok(()),
        some => Err(Failure::new(format!("not readable: {}", some.join("; ")))),
    }
}

fn outcome(name: &str) -> Result<Outcome, String> {
    let mut all = (0..=u8::MAX).map_while(Outcome::from_number);
    all.find(|it| it.name() == name).ok_or_else(|| {
        let all = (0..=u8::MAX).map_while(Outcome::from_number);
        let names: Vec<_> = all.map(Outcome::name).collect();
        format!("the outcomes are {}", names.join(", "))
    })
}

fn bytes32(text: &str) -> Result<[u8; 32], String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    <[u8; 32]>::try_from(bytes).map_err(|_| "32 bytes in base64 are expected".to_owned())
}

fn anchor(text: &str) -> Result<(u64, [u8; 32]), String> {
    let (leaves, root) = text.split_once(':').ok_or("LEAVES:ROOT is expected")?;
    let leaves = leaves.parse().map_err(|_| "LEAVES is a number")?;
    Ok((leaves, bytes32(root)?))
}
