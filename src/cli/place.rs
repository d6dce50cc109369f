//! Where a gateway keeps what commands read: its data directory.

use super::failure::{Doing, Failure};
use crate::control::config::{self, Config};
use clap::Args;
use std::path::PathBuf;

/// The data directory, named or taken from a configuration.
#[derive(Args)]
pub struct Place {
    /// The gateway's data directory.
    #[arg(long, value_name = "DIR", global = true, default_value = "sluice-data")]
    data: PathBuf,
    /// Take the data directory from this configuration.
    #[arg(
        short,
        long,
        value_name = "FILE",
        global = true,
        conflicts_with = "data"
    )]
    config: Option<PathBuf>,
}

impl Place {
    /// The directory's path.
    ///
    /// # Errors
    /// A configuration that cannot be used.
    pub fn directory(&self) -> Result<PathBuf, Failure> {
        match self.configuration()? {
            None => Ok(self.data.clone()),
            Some(config) => Ok(config.data),
        }
    }

    /// The configuration, where one is named.
    ///
    /// # Errors
    /// One that cannot be used.
    pub fn configuration(&self) -> Result<Option<Config>, Failure> {
        let read = |path: &PathBuf| config::load(path).doing(path.display());
        self.config.as_ref().map(read).transpose()
    }
}
