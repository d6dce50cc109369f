//! How a command ends when it does not end well: one line for the person, one number for the script.

use std::fmt;
use std::process::ExitCode;

/// The exit codes of every command, also listed by `sluice --help`.
pub mod code {
    /// The command did what it was asked.
    pub const OK: u8 = 0;
    /// It could not; the reason is on standard error.
    pub const FAILED: u8 = 1;
    /// The command line itself makes no sense.
    pub const USAGE: u8 = 2;
    /// `sessions verify`: the recording was cut short by a crash, and says so.
    pub const TORN: u8 = 10;
    /// `sessions verify`: something signed for is missing from the end.
    pub const TRUNCATED: u8 = 11;
    /// `sessions verify`: a byte is not what was signed.
    pub const TAMPERED: u8 = 12;
    /// `sessions verify`: the chain of signing keys does not connect.
    pub const KEY_GAP: u8 = 13;
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// A failure with exit code 1.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure::with_code(message, code::FAILED)
    }

    /// A failure with an exit code of its own.
    pub fn with_code(message: impl Into<String>, code: u8) -> Failure {
        Failure {
            message: message.into(),
            code,
        }
    }

    /// What the process answers to whoever started it.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Says what was being done when the error came up: `write tls.crt: permission denied`.
pub trait Doing<T> {
    /// Turns the error into a [`Failure`] that starts with `what`.
    ///
    /// # Errors
    /// The error it was called on, with the words before it.
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format!("{what}: {error}")))
    }
}
