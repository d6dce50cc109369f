//! The key of pseudonyms: kept beside the recordings, so that equal values stay equal over restarts.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};

use crate::base::secret::Secret;
use crate::cli::Failure;
use crate::cli::failure::Doing;

const KEY_BYTES: usize = 32;

/// The key in `data`, made on first use, readable by its owner only.
pub(super) fn key(data: &Path) -> Result<Secret, Failure> {
    let path = data.join("pseudonym.key");
    let during = || format!("pseudonym key {}", path.display());
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
    {
        Ok(mut file) => {
            let key = fresh()?;
            file.write_all(&key)
                .and_then(|()| file.sync_all())
                .doing(during())?;
            Ok(Secret::new(key.to_vec()))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let key = fs::read(&path).doing(during())?;
            if key.len() != KEY_BYTES {
                return Err(Failure::new(format!(
                    "{} is not {KEY_BYTES} bytes long",
                    path.display()
                )));
            }
            Ok(Secret::new(key))
        }
        Err(error) => Err(error).doing(during()),
    }
}

/// A key from the system's own randomness.
pub(super) fn fresh() -> Result<[u8; KEY_BYTES], Failure> {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| Failure::new("the system gives no random bytes"))?;
    Ok(key)
}
