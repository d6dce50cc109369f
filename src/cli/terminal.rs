//! Colours, only where somebody sees them: on a terminal, and not when `NO_COLOR` is set.

use super::failure::{Doing, Failure};
use anstyle::{AnsiColor, Color, Style};
use std::fmt::{self, Display};
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Text width the commands write for.
pub const COLUMNS: usize = 100;

/// Writes to standard output. A reader that has seen enough (`| head`) is no failure.
///
/// # Errors
/// When standard output cannot be written to for another reason.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.doing("write to standard output"),
    }
}

/// Paints text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Colours as standard output and the environment allow them.
    #[must_use]
    pub fn for_stdout() -> Paint {
        Paint {
            on: std::io::stdout().is_terminal() && environment_allows(),
        }
    }

    /// [`Paint::for_stdout`], for standard error.
    #[must_use]
    pub fn for_stderr() -> Paint {
        Paint {
            on: std::io::stderr().is_terminal() && environment_allows(),
        }
    }

    /// Never any colour.
    #[must_use]
    pub fn plain() -> Paint {
        Paint { on: false }
    }

    /// What the eye should find first.
    pub fn bold<T: Display>(self, text: T) -> Painted<T> {
        self.with(Style::new().bold(), text)
    }

    /// What may be skipped.
    pub fn dim<T: Display>(self, text: T) -> Painted<T> {
        self.with(Style::new().dimmed(), text)
    }

    /// It holds; it was allowed.
    pub fn good<T: Display>(self, text: T) -> Painted<T> {
        self.with(colour(AnsiColor::Green), text)
    }

    /// It does not hold; it was refused.
    pub fn bad<T: Display>(self, text: T) -> Painted<T> {
        self.with(colour(AnsiColor::Red), text)
    }

    /// Names and addresses.
    pub fn name<T: Display>(self, text: T) -> Painted<T> {
        self.with(colour(AnsiColor::Cyan), text)
    }

    /// What a mask put in a value's place; what deserves a second look.
    pub fn mark<T: Display>(self, text: T) -> Painted<T> {
        self.with(colour(AnsiColor::Yellow), text)
    }

    /// No emphasis, where the other branch has one.
    pub fn plain_text<T: Display>(self, text: T) -> Painted<T> {
        self.with(Style::new(), text)
    }

    fn with<T>(self, style: Style, text: T) -> Painted<T> {
        Painted {
            style: if self.on { style } else { Style::new() },
            text,
        }
    }
}

/// Text with its style. A plain style writes no escape sequence at all.
pub struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Width and precision reach the text, so that columns line up with colours on and off.
        write!(f, "{}", self.style)?;
        self.text.fmt(f)?;
        write!(f, "{:#}", self.style)
    }
}

fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// <https://no-color.org>: set and not empty means no colour.
fn environment_allows() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_plain() {
        let paint = Paint::plain();
        assert_eq!(format!("{:<6}|", paint.good("ok")), "ok    |");
    }

    #[test]
    fn painted_text_is_closed_again() {
        let paint = Paint { on: true };
        assert_eq!(format!("{:<4}", paint.bold("ok")), "\u{1b}[1mok  \u{1b}[0m");
    }
}
