//! `sluice schema`: what a configuration file looks like, for editors.

use super::failure::{Doing, Failure};
use super::terminal;
use crate::control::config;

/// Print the configuration file's JSON Schema.
///
/// Editors that know it complete keys, show what they mean and mark what is misspelt. What takes
/// more than the file's shape to see is found by `sluice check`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SchemaArgs {}

const EXAMPLES: &str = "Examples:
  sluice schema > sluice.schema.json

  The YAML language server, in Visual Studio Code and others, takes it from the file's first line:
    # yaml-language-server: $schema=sluice.schema.json";

/// Runs the command.
pub fn run(_: &SchemaArgs) -> Result<(), Failure> {
    let mut text =
        serde_json::to_string_pretty(&config::json_schema()).doing("write the schema")?;
    text.push('\n');
    terminal::print(text.as_bytes())
}
