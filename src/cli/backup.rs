//! `sluice backup` and `sluice restore`: what a gateway cannot make again, its keys and its store.
//!
//! Recordings are not in it: they are archived as they are, and verified by what they say themselves.
//! Nor are the seeds that sign them, of which each is erased when its time is over: a copy of one
//! could sign what never happened. A gateway that was restored begins a recording of its own.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use ring::digest::{Context, SHA256};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::failure::{Doing, Failure};
use super::place::Place;
use super::terminal;
use crate::base::hex;
use crate::recorder;
use crate::store::{self, Embedded, StoreError};

/// The keys of a data directory.
const KEYS: [&str; 2] = ["pseudonym.key", "session.key"];
/// What a backup says of itself. Written last: without it a backup is not whole.
const MANIFEST: &str = "backup.json";
/// The form of backups that this version makes and takes.
const FORM: u32 = 1;
/// A manifest of four files is some hundred bytes.
const MANIFEST_BYTES: u64 = 64 * 1024;

/// Copy the keys and the store to a new directory.
///
/// While the gateway runs: the store is copied as it is at one moment. What is copied makes
/// pseudonyms and session ids, so it is readable by its owner only and belongs where secrets are kept.
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice backup -c sluice.yaml /var/backups/sluice-2026-11-23")]
pub struct BackupArgs {
    #[command(flatten)]
    place: Place,
    /// The directory to make; one that exists is left as it is.
    #[arg(value_name = "TO")]
    to: PathBuf,
}

/// Put a backup's keys and store into a data directory that has none.
///
/// The backup is verified first. What the data directory has already is never overwritten: move it
/// away, with the gateway stopped.
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice restore -c sluice.yaml /var/backups/sluice-2026-11-23")]
pub struct RestoreArgs {
    #[command(flatten)]
    place: Place,
    /// The backup.
    #[arg(value_name = "FROM")]
    from: PathBuf,
}

/// What a backup says of itself.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// Its form.
    sluice_backup: u32,
    /// When it was made, in seconds since 1970.
    made_at: u64,
    /// Its files, with the SHA-256 of each in hexadecimal digits.
    files: BTreeMap<String, String>,
}

/// Makes a backup.
pub fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let (data, to) = (args.place.directory()?, args.to.as_path());
    let mut directory = DirBuilder::new();
    directory.mode(0o700).create(to).doing(to.display())?;
    let made = copy_all(&data, to);
    if made.is_err() {
        // It was made here, and is good for nothing.
        let _ = fs::remove_dir_all(to);
    }
    let files = made?;
    let told = format!("{} backed up: {}\n", to.display(), listed(&files));
    terminal::print(told.as_bytes())
}

fn copy_all(data: &Path, to: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = BTreeMap::new();
    for name in KEYS {
        let digest = match copy(&data.join(name), &to.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            copied => copied.doing(data.join(name).display())?,
        };
        files.insert(name.to_owned(), digest);
    }
    let path = to.join(store::FILE);
    match Embedded::open_existing(data).and_then(|store| store.copy_to(&path)) {
        Err(StoreError::Missing(_)) => {}
        copied => {
            copied.doing(data.join(store::FILE).display())?;
            let digest = digest(&path).doing(path.display())?;
            files.insert(store::FILE.to_owned(), digest);
        }
    }
    if files.is_empty() {
        let nothing = format!("{} has neither keys nor a store", data.display());
        return Err(Failure::new(nothing));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let manifest = Manifest {
        sluice_backup: FORM,
        made_at: now.doing("read the clock")?.as_secs(),
        files,
    };
    let text = serde_json::to_vec_pretty(&manifest).doing(MANIFEST)?;
    write_new(&to.join(MANIFEST), &text).doing(MANIFEST)?;
    File::open(to)
        .and_then(|it| it.sync_all())
        .doing(to.display())?;
    Ok(manifest.files)
}

/// Puts a backup where there is nothing.
pub fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let (data, from) = (args.place.directory()?, args.from.as_path());
    let files = verified(from)?;
    recorder::make_private(&data).doing(data.display())?;
    let beside = ["-wal", "-shm"].map(|end| format!("{}{end}", store::FILE));
    let all = KEYS.iter().map(|name| (*name).to_owned());
    for name in all.chain([store::FILE.to_owned()]).chain(beside) {
        let path = data.join(name);
        if path.symlink_metadata().is_ok() {
            let there = format!("{} is there already, and is left as it is", path.display());
            return Err(Failure::new(there));
        }
    }
    let mut made = Vec::new();
    let put = files.iter().try_for_each(|(name, wanted)| {
        let path = data.join(name);
        let copied = copy(&from.join(name), &path).doing(path.display());
        made.push(path.clone());
        // What was verified before may have been changed since.
        match copied? == *wanted {
            true => Ok(()),
            false => Err(changed(&path)),
        }
    });
    let opened = put.and_then(|()| match files.contains_key(store::FILE) {
        true => Embedded::open_existing(&data)
            .map(drop)
            .doing(data.display()),
        false => Ok(()),
    });
    if opened.is_err() {
        for path in made {
            let _ = fs::remove_file(path);
        }
    }
    opened?;
    let told = format!("{} restored: {}\n", data.display(), listed(&files));
    terminal::print(told.as_bytes())
}

/// The files of a backup that is whole, each as it was when it was made.
fn verified(from: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let path = from.join(MANIFEST);
    let mut text = Vec::new();
    let file = File::open(&path).doing(path.display())?;
    file.take(MANIFEST_BYTES)
        .read_to_end(&mut text)
        .doing(path.display())?;
    let manifest: Manifest = serde_json::from_slice(&text).doing(path.display())?;
    if manifest.sluice_backup != FORM {
        let other = format!("{}: a backup of another version", path.display());
        return Err(Failure::new(other));
    }
    for (name, wanted) in &manifest.files {
        let is_known = KEYS.contains(&name.as_str()) || name == store::FILE;
        if !is_known {
            let strange = format!("{}: `{name}` is no file of a backup", path.display());
            return Err(Failure::new(strange));
        }
        let path = from.join(name);
        if digest(&path).doing(path.display())? != *wanted {
            return Err(changed(&path));
        }
    }
    Ok(manifest.files)
}

fn changed(path: &Path) -> Failure {
    Failure::new(format!(
        "{} is not what the backup was made with",
        path.display()
    ))
}

fn listed(files: &BTreeMap<String, String>) -> String {
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    names.join(", ")
}

/// Copies a file to one that is new, and answers what it holds.
fn copy(from: &Path, to: &Path) -> io::Result<String> {
    let source = open(from)?;
    let mut target = create(to)?;
    let digest = read_all(source, |piece| target.write_all(piece))?;
    target.sync_all()?;
    Ok(digest)
}

fn digest(path: &Path) -> io::Result<String> {
    read_all(open(path)?, |_| Ok(()))
}

/// Reads to the end, piece by piece; no piece stays in memory.
fn read_all(mut file: File, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<String> {
    let mut context = Context::new(&SHA256);
    let mut room = Zeroizing::new([0; 64 * 1024]);
    loop {
        let count = file.read(&mut room[..])?;
        let (piece, _) = room.split_at(count);
        if piece.is_empty() {
            return Ok(hex::text(context.finish().as_ref()));
        }
        context.update(piece);
        each(piece)?;
    }
}

/// A file of its own, and no link to another.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is no file")),
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
