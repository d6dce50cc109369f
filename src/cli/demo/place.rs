//! Where the demo keeps its files: a directory of its own, removed again unless it is to stay.

use super::super::failure::{Doing, Failure};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The directory, private to the user: it holds keys and tokens.
pub struct Place {
    path: PathBuf,
    keep: bool,
}

impl Place {
    /// Makes a new directory below the system's one for temporary files.
    pub fn temporary() -> Result<Place, Failure> {
        let name = format!("sluice-demo-{}", super::issuer::random_text());
        Place::make(std::env::temp_dir().join(name), false)
    }

    /// Makes `path`, which must not exist yet, and leaves it there.
    pub fn lasting(path: &Path) -> Result<Place, Failure> {
        Place::make(path.to_owned(), true)
    }

    fn make(path: PathBuf, keep: bool) -> Result<Place, Failure> {
        let created = DirBuilder::new().mode(0o700).create(&path);
        created.doing(format!("make {}", path.display()))?;
        Ok(Place { path, keep })
    }

    /// The path of `name` in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only the user may read.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        let doing = format!("write {}", path.display());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&path).doing(&doing)?;
        file.write_all(text.as_bytes()).doing(&doing)?;
        Ok(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.keep {
            // Nobody is left to tell.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
