//! The keys that session ids are sealed with: those of the configuration or, for a gateway that is
//! alone, one of its own, made on first use and kept in the data directory.
//!
//! Whoever reads the key can make session ids, so a file that others may read, or that is not where
//! it seems to be, is refused rather than used.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::config::{Config, SessionKey, decoded_key};
use crate::base::limits::SESSION_KEY_BYTES;
use crate::base::secret::Secret;

/// The file in the data directory. It holds what `session_keys` takes, so that it can be named there
/// when a second replica joins.
const FILE: &str = "session.key";
/// The key's id; to keep old sessions, a configuration that names the file gives it this id.
const OWN_ID: &str = "own";
/// More than any key as text.
const FILE_BYTES: u64 = 1024;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SessionKeyError {
    /// The file cannot be read or made.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// It leads elsewhere.
    #[error("{0} is a symbolic link; a key is a file of its own")]
    Link(PathBuf),
    /// It is a directory, a pipe or a device.
    #[error("{0} is not a file")]
    NoFile(PathBuf),
    /// Others than its owner may read or change it.
    #[error("{0} has the mode {1:04o}: others may use it; make it 0600")]
    Open(PathBuf, u32),
    /// Somebody else put it there.
    #[error("{0} belongs to another user")]
    Foreign(PathBuf),
    /// What it holds is no key.
    #[error("{0} holds no key of {SESSION_KEY_BYTES} bytes")]
    NoKey(PathBuf),
    /// The system has no randomness.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// The keys of `config`: the first seals, all open. At least one.
///
/// # Errors
/// Where the gateway keeps a key of its own: why it cannot be used.
pub fn session_keys(config: &Config) -> Result<Vec<SessionKey>, SessionKeyError> {
    if !config.session_keys.is_empty() {
        return Ok(config.session_keys.clone());
    }
    let path = config.data.join(FILE);
    let key = match load(&path) {
        Err(SessionKeyError::Io(_, error)) if error.kind() == ErrorKind::NotFound => {
            make(&path)?;
            load(&path)
        }
        other => other,
    }?;
    let id = OWN_ID.to_owned();
    Ok(vec![SessionKey { id, key }])
}

fn load(path: &Path) -> Result<Secret, SessionKeyError> {
    let wrong = |error| SessionKeyError::Io(path.to_owned(), error);
    // Without waiting: what stands there may be a pipe that nobody writes to.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
            SessionKeyError::Link(path.to_owned())
        }
        _ => wrong(error),
    })?;
    let metadata = file.metadata().map_err(wrong)?;
    let mode = metadata.mode() & 0o7777;
    if !metadata.is_file() {
        return Err(SessionKeyError::NoFile(path.to_owned()));
    }
    if mode & 0o077 != 0 {
        return Err(SessionKeyError::Open(path.to_owned(), mode));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(SessionKeyError::Foreign(path.to_owned()));
    }
    let mut text = Vec::new();
    file.take(FILE_BYTES)
        .read_to_end(&mut text)
        .map_err(wrong)?;
    decoded_key(&Secret::new(text)).ok_or_else(|| SessionKeyError::NoKey(path.to_owned()))
}

/// Puts a new key at `path`, whole or not at all; one that somebody else put there meanwhile stays.
fn make(path: &Path) -> Result<(), SessionKeyError> {
    let mut key = Zeroizing::new([0; SESSION_KEY_BYTES]);
    SystemRandom::new()
        .fill(&mut *key)
        .map_err(|_| SessionKeyError::NoRandomness)?;
    let mut text = Zeroizing::new(BASE64.encode(*key));
    text.push('\n');
    let beside = path.with_extension(format!("key.{}", std::process::id()));
    let placed = write(&beside, text.as_bytes()).and_then(|()| place(&beside, path));
    // Left over at worst: nobody looks for it, and its owner alone can read it.
    let _ = fs::remove_file(&beside);
    placed.map_err(|error| SessionKeyError::Io(path.to_owned(), error))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn place(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    match to.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn config(directory: &Path, more: &str) -> Config {
        let text = format!("listeners: [{{ bind: 127.0.0.1:0 }}]\ndata: .\nroutes: []\n{more}");
        let environment = |_: &str| Some("00".repeat(SESSION_KEY_BYTES));
        super::super::config::parse(&directory.join("sluice.yaml"), text, &environment).unwrap()
    }

    fn own(directory: &Path) -> Result<Secret, SessionKeyError> {
        let keys = session_keys(&config(directory, ""))?;
        assert_eq!((keys.len(), keys[0].id.as_str()), (1, OWN_ID));
        Ok(keys[0].key.clone())
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let first = own(directory.path()).unwrap();
        assert_eq!(first.expose().len(), SESSION_KEY_BYTES);
        assert_eq!(own(directory.path()).unwrap(), first);
        let path = directory.path().join(FILE);
        let mode = fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let names = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");

        // The file can be named in a configuration as it is.
        let more = format!("session_keys: [{{ id: own, key: file:{FILE} }}]\n");
        let keys = session_keys(&config(directory.path(), &more)).unwrap();
        assert_eq!(keys[0].key, first);
    }

    #[test]
    fn configured_keys_leave_the_directory_alone() {
        let directory = tempfile::tempdir().unwrap();
        let more = "session_keys: [{ id: k1, key: env:KEY }]\n";
        let keys = session_keys(&config(directory.path(), more)).unwrap();
        assert_eq!(keys[0].id, "k1");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_others_may_use_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        own(directory.path()).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            set_mode(&path, mode);
            let why = own(directory.path()).err().unwrap().to_string();
            assert!(why.contains(&format!("{mode:04o}")), "{why}");
        }
        set_mode(&path, 0o400);
        own(directory.path()).unwrap();
    }

    #[test]
    fn what_is_no_file_of_its_own_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        own(elsewhere.path()).unwrap();
        let path = directory.path().join(FILE);
        symlink(elsewhere.path().join(FILE), &path).unwrap();
        let refused = own(directory.path()).err().unwrap();
        assert!(matches!(refused, SessionKeyError::Link(_)), "{refused}");

        // A link that leads nowhere is not filled in either.
        fs::remove_file(&path).unwrap();
        symlink(elsewhere.path().join("nothing"), &path).unwrap();
        assert!(own(directory.path()).is_err());
        assert!(!elsewhere.path().join("nothing").exists());

        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let refused = own(directory.path()).err().unwrap();
        assert!(matches!(refused, SessionKeyError::NoFile(_)), "{refused}");
    }

    #[test]
    fn what_is_no_key_is_refused_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        for text in ["", "AAAA\n", "no key at all", &"0".repeat(4096)] {
            fs::write(&path, text).unwrap();
            set_mode(&path, 0o600);
            let refused = own(directory.path()).err().unwrap();
            assert!(matches!(refused, SessionKeyError::NoKey(_)), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
