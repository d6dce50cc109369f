//! Where a gateway keeps what commands read: its data directory.

use super::failure::{Doing, Failure};
use crate::control::config;
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
        match &self.config {
            None => Ok(self.data.clone()),
            Some(path) => Ok(config::load(path).doing(path.display())?.data),
        }
    }
}
