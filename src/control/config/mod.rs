//! One YAML file: read, variables replaced, parsed, judged. What comes out is a [`Config`] in which
//! nothing is left to doubt, or [`Mistakes`] that show every mistake found where it stands.
//!
//! `schema` is the file as written, `check` turns it into `model`, `source` knows the way from a
//! parsed value back to line and column. [`diff()`] says what another configuration would change.

mod check;
mod diff;
mod errors;
mod model;
mod schema;
mod secrets;
mod source;
pub mod units;

use std::path::Path;

pub use diff::{Changes, Entries, diff};
pub use errors::{Mistake, Mistakes};
pub use model::*;
pub use source::{Place, Source, Spot};

use secrets::Lookup;
pub use secrets::referenced;
pub(crate) use secrets::{decoded_key, read_secret};

/// The largest configuration that is read.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Loads a configuration file, with variables and secrets from this process's environment.
///
/// # Errors
/// All mistakes that could be found, with lines and columns.
pub fn load(path: &Path) -> Result<Config, Mistakes> {
    let text = read(path).map_err(|error| Mistakes::unreadable(path, &error))?;
    parse(path, text, &|name| std::env::var(name).ok())
}

/// Judges the text of a configuration file; `path` serves for messages and relative paths.
///
/// # Errors
/// All mistakes that could be found, with lines and columns.
pub fn parse(
    path: &Path,
    text: String,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Mistakes> {
    let source = Source::new(path, text, environment)
        .map_err(|(source, mistakes)| Mistakes::render(&source, mistakes))?;
    let file = serde_saphyr::from_str_with_options(source.text(), options())
        .map_err(|error| Mistakes::render(&source, vec![Mistake::of_yaml(&error, &source)]))?;
    let lookup = Lookup {
        directory: path.parent().unwrap_or(Path::new("")),
        environment,
        read: std::cell::RefCell::default(),
    };
    let config = check::check(file, &source, &lookup)
        .map_err(|mistakes| Mistakes::render(&source, mistakes))?;
    config.trusted_issuers()?;
    Ok(config)
}

/// The JSON Schema of the file, for editors. It takes every good file; what it cannot say (names that
/// exist, keys that belong together) is left to [`parse`].
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schema::json_schema()
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        strict_booleans: true,
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::{Error, ErrorKind, Read as _};
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(Error::new(ErrorKind::FileTooLarge, "the file is too large"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
