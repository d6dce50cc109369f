//! What one request costs in instructions, control by control: the ladder.
//!
//! Time tells little on a machine where other programs run; instructions do not vary. `counts` runs
//! itself under callgrind ([`steps`] says what it does there), takes the counts out of what
//! callgrind writes ([`profile`]), and compares them with those that were committed ([`ledger`]).

mod ledger;
mod profile;
#[path = "../../../tests/route/rig.rs"]
#[allow(dead_code, reason = "shared with tests/route, which uses all of it")]
mod rig;
mod scenes;
#[path = "../../../tests/route/signer.rs"]
#[allow(dead_code, reason = "shared with tests/route, which uses all of it")]
mod signer;
mod steps;
mod tokens;
#[path = "../../../tests/route/wires.rs"]
mod wires;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::ledger::Ledger;
use crate::Outcome;

/// Arguments of the command `counts`.
#[derive(clap::Args)]
pub struct CountsArgs {
    /// What is compared with.
    #[arg(long, default_value = "perf/counts.txt")]
    file: PathBuf,
    /// Write what was counted there instead.
    #[arg(long)]
    write: bool,
    /// Only steps whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Do what is counted, and count nothing.
    #[arg(long, hide = true)]
    uncounted: bool,
}

/// Counts and compares, or writes.
pub fn run(args: &CountsArgs) -> Outcome<()> {
    if args.uncounted {
        return steps::climb(args.only.as_deref());
    }
    let counted = count(args.only.as_deref())?;
    if args.write {
        let whole = match &args.only {
            Some(_) => Ledger::read(&fs::read_to_string(&args.file)?)?.renewed_by(counted),
            None => counted,
        };
        fs::write(&args.file, whole.to_string())?;
        println!("wrote {}", args.file.display());
        return Ok(());
    }
    let text = fs::read_to_string(&args.file)
        .map_err(|why| format!("{}: {why}; --write makes it", args.file.display()))?;
    let told = Ledger::read(&text)?.compare(&counted, args.only.is_none());
    print!("{}", told.text);
    match told.grown {
        0 => Ok(()),
        steps => Err(format!("{steps} steps cost more than they did").into()),
    }
}

/// Runs this program under callgrind.
fn count(only: Option<&str>) -> Outcome<Ledger> {
    let valgrind = valgrind_version()?;
    let folder = tempfile::tempdir()?;
    let dump = folder.path().join("counts");
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet"])
        .args(["--dump-line=no", "--compress-strings=no"])
        .args(["--compress-pos=no", "--combine-dumps=no"])
        .arg(format!("--toggle-collect={}", steps::COUNTED))
        .arg(format!("--toggle-collect={}", steps::UNCOUNTED))
        .arg(format!("--dump-before={}", steps::STEP_ENDS))
        .arg(format!("--callgrind-out-file={}", dump.display()))
        .arg(std::env::current_exe()?)
        .args(["counts", "--uncounted"]);
    if let Some(only) = only {
        command.args(["--only", only]);
    }
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("under callgrind: {}\n{said}", output.status).into());
    }
    let said = String::from_utf8(output.stdout)?;
    let mut lines = said.lines();
    let processor = lines.next().ok_or("no step was taken")?;
    let mut ledger = Ledger::new(format!("{valgrind}, {}", toolchain()), processor.to_owned());
    for (number, line) in lines.enumerate() {
        let (name, requests) = line
            .rsplit_once('\t')
            .ok_or("a step without its requests")?;
        let counts = part(&dump, number + 1)?;
        ledger.add(name, &counts, requests.parse()?);
    }
    Ok(ledger)
}

/// What callgrind wrote at the end of step `number`, counted from 1.
fn part(dump: &Path, number: usize) -> Outcome<profile::Counts> {
    let mut path = dump.as_os_str().to_owned();
    path.push(format!(".{number}"));
    profile::read(&fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?)
}

/// What valgrind calls itself; installs it where that takes no question.
fn valgrind_version() -> Outcome<String> {
    let ask = || Command::new("valgrind").arg("--version").output();
    let output = match ask() {
        Ok(output) => output,
        Err(_) if rustix::process::geteuid().is_root() => {
            eprintln!("sluice-perf: installing valgrind");
            let _ = Command::new("apt-get")
                .args([
                    "install",
                    "-qq",
                    "-y",
                    "--no-install-recommends",
                    "valgrind",
                ])
                .env("DEBIAN_FRONTEND", "noninteractive")
                .output();
            ask().map_err(|_| "valgrind is missing and apt-get could not install it")?
        }
        Err(_) => return Err("valgrind is missing; on Debian: apt-get install valgrind".into()),
    };
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The compiler that is here now, which is most likely the one that compiled this.
fn toolchain() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.split(" (")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}
