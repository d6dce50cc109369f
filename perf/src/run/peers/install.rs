//! Getting what is missing: Debian's packages where that takes no question, Python's into a
//! directory of the rig's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::Outcome;
use crate::run::build::target_directory;

/// Where the rig keeps what it installed or built for others: `target/perf-peers`.
pub fn directory() -> Outcome<PathBuf> {
    let target = target_directory()?;
    let directory = target.parent().unwrap_or(&target).join("perf-peers");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// What `program` says when it is asked `question`; installs `package` where it is missing.
pub fn ask(program: &str, question: &[&str], package: &str) -> Outcome<Output> {
    let ask = || Command::new(program).args(question).output();
    if let Ok(output) = ask() {
        return Ok(output);
    }
    if !rustix::process::geteuid().is_root() {
        return Err(format!("{program} is missing; on Debian: apt-get install {package}").into());
    }
    eprintln!("sluice-perf: installing {package}");
    let install = ["install", "-qq", "-y", "--no-install-recommends", package];
    // A machine that never looked does not know what there is.
    if !apt(&install) && apt(&["update", "-qq"]) {
        apt(&install);
    }
    ask().map_err(|_| format!("{program} is missing, and apt-get cannot install {package}").into())
}

fn apt(arguments: &[&str]) -> bool {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command.output().is_ok_and(|output| output.status.success())
}

/// Installs a Python package, given as `name==version`, into an environment of its own, and
/// answers where that is.
pub fn python(package: &str) -> Outcome<PathBuf> {
    let environment = directory()?.join(package.replace("==", "-"));
    let marker = environment.join("installed");
    if marker.exists() {
        return Ok(environment);
    }
    ask("python3", &["--version"], "python3")?;
    // Debian has this part of Python in a package of its own.
    let works = ask("python3", &["-c", "import ensurepip, venv"], "python3")?;
    if !works.status.success() && rustix::process::geteuid().is_root() {
        apt(&["install", "-qq", "-y", "python3-venv"]);
    }
    eprintln!("sluice-perf: installing {package} from PyPI");
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&environment))?;
    run(Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .arg(package))?;
    std::fs::write(marker, package)?;
    Ok(environment)
}

/// Runs a command to its end; what it said is the error when it fails.
pub fn run(command: &mut Command) -> Outcome<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(format!("{name} fails: {}", last.join("; ")).into())
}

/// The file of this name in a directory or anywhere below it.
pub fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    let mut below = Vec::new();
    for entry in std::fs::read_dir(directory).ok()?.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => below.push(path),
            Ok(kind) if kind.is_file() && entry.file_name() == name => return Some(path),
            _ => {}
        }
    }
    below.iter().find_map(|below| find(below, name))
}
