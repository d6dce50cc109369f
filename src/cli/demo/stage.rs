//! How the demo looks: headings, what was sent, what came back, and whether it is as it should be.

use super::super::failure::{Doing, Failure};
use super::super::terminal::{COLUMNS, Paint};
use super::caller::Reply;
use super::proof::Proof;
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// How much of what speaks against a proof is shown.
const REASONS: usize = 5;

/// The stage. Counts what did not turn out as it should.
pub struct Stage<W> {
    out: W,
    paint: Paint,
    steps: usize,
    checks: usize,
    failed: usize,
}

/// One line of the table in which what was sent upstream meets what the caller got.
pub struct Pair {
    /// The JSON member.
    pub member: String,
    /// Its value as it left the directory.
    pub sent: String,
    /// Its value as it reached the caller.
    pub received: String,
}

impl<W: Write> Stage<W> {
    /// A stage that writes to `out`.
    pub fn new(out: W, paint: Paint) -> Stage<W> {
        Stage {
            out,
            paint,
            steps: 0,
            checks: 0,
            failed: 0,
        }
    }

    /// Colours, as this stage has them.
    pub fn paint(&self) -> Paint {
        self.paint
    }

    /// The first lines.
    pub fn title(&mut self, title: &str, text: &str) -> Result<(), Failure> {
        let paint = self.paint;
        let rule = "━".repeat(COLUMNS);
        self.line(paint.name(&rule))?;
        self.line(format_args!(" {}", paint.bold(title)))?;
        self.line(paint.name(&rule))?;
        self.paragraph(text)
    }

    /// A numbered heading.
    pub fn step(&mut self, heading: &str) -> Result<(), Failure> {
        self.steps += 1;
        let label = format!("── {} · {heading} ", self.steps);
        let rule = "─".repeat(COLUMNS.saturating_sub(label.chars().count()));
        let paint = self.paint;
        self.line("")?;
        self.line(format_args!("{}{}", paint.bold(label), paint.dim(rule)))
    }

    /// A heading without a number.
    pub fn heading(&mut self, heading: &str) -> Result<(), Failure> {
        let paint = self.paint;
        self.line("")?;
        self.line(paint.bold(heading))
    }

    /// Running text, wrapped.
    pub fn paragraph(&mut self, text: &str) -> Result<(), Failure> {
        for line in wrapped(text, COLUMNS - 4) {
            self.line(format_args!("   {line}"))?;
        }
        Ok(())
    }

    /// A name and what is to be said about it, in columns.
    pub fn entry(&mut self, name: &str, about: impl Display) -> Result<(), Failure> {
        let paint = self.paint;
        self.line(format_args!(
            "   {} {about}",
            paint.name(format_args!("{name:<14}"))
        ))
    }

    /// What the caller sends.
    pub fn request(&mut self, method: &str, target: &str, who: &str) -> Result<(), Failure> {
        let paint = self.paint;
        self.line("")?;
        let room = COLUMNS - 6 - method.len();
        let target = shortened(target, room);
        self.line(format_args!(
            "   {} {} {target}",
            paint.name("→"),
            paint.bold(method)
        ))?;
        self.detail(who)
    }

    /// What came back: status, time, and the header fields named in `fields`.
    pub fn reply(&mut self, reply: &Reply, fields: &[&str]) -> Result<(), Failure> {
        let paint = self.paint;
        let status = reply.status.to_string();
        let status = if reply.status.is_success() {
            paint.good(status)
        } else {
            paint.bad(status)
        };
        let millis = reply.took.as_secs_f64() * 1e3;
        let about = format!("{} bytes in {millis:.1} ms", reply.body.len());
        self.line(format_args!(
            "   {} {status}  {}",
            paint.name("←"),
            paint.dim(about)
        ))?;
        for name in fields {
            let value = reply.field(name);
            if !value.is_empty() {
                self.detail(&format!("{name}: {value}"))?;
            }
        }
        Ok(())
    }

    /// One line of what was seen, cut to fit.
    pub fn detail(&mut self, text: &str) -> Result<(), Failure> {
        let paint = self.paint;
        self.line(paint.dim(format_args!("     {}", shortened(text, COLUMNS - 6))))
    }

    /// A command line that gives what follows.
    pub fn command(&mut self, line: &str) -> Result<(), Failure> {
        let paint = self.paint;
        self.line(format_args!("   {} {line}", paint.name("$")))
    }

    /// What a command prints, at most `most` lines of it.
    pub fn output(&mut self, text: &[u8], most: usize) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(text);
        for line in text.lines().take(most) {
            self.detail(line)?;
        }
        match text.lines().count().saturating_sub(most) {
            0 => Ok(()),
            more => self.detail(&format!("… {more} more lines")),
        }
    }

    /// What left the directory beside what reached the caller.
    pub fn table(&mut self, pairs: &[Pair]) -> Result<(), Failure> {
        let paint = self.paint;
        let [name, sent, received] = ["", "sent by the directory", "received by the caller"];
        self.line("")?;
        self.line(paint.dim(format_args!("     {name:<18} {sent:<36} {received}")))?;
        for pair in pairs {
            let name = shortened(&pair.member, 18);
            let sent = shortened(&pair.sent, 36);
            let received = shortened(&pair.received, 38);
            let received = if pair.sent == pair.received {
                paint.plain_text(received)
            } else {
                paint.mark(received)
            };
            self.line(format_args!("     {name:<18} {sent:<36} {received}"))?;
        }
        Ok(())
    }

    /// Whether something is as it should be; counted.
    pub fn check(&mut self, holds: bool, claim: impl Display) -> Result<(), Failure> {
        let paint = self.paint;
        self.checks += 1;
        let sign = if holds {
            paint.good("✓")
        } else {
            self.failed += 1;
            paint.bad("✗")
        };
        let claim = claim.to_string();
        for (index, line) in wrapped(&claim, COLUMNS - 8).iter().enumerate() {
            match index {
                0 => self.line(format_args!("   {sign} {line}"))?,
                _ => self.line(format_args!("     {line}"))?,
            }
        }
        Ok(())
    }

    /// A proof, with how it was made and what speaks against it.
    pub fn proof(&mut self, proof: &Proof) -> Result<(), Failure> {
        let paint = self.paint;
        self.check(proof.holds(), &proof.claim)?;
        for line in wrapped(&proof.evidence, COLUMNS - 8) {
            self.line(paint.dim(format_args!("     {line}")))?;
        }
        for against in proof.against.iter().take(REASONS) {
            let against = shortened(against, COLUMNS - 12);
            self.line(paint.bad(format_args!("     but: {against}")))?;
        }
        match proof.against.len().saturating_sub(REASONS) {
            0 => Ok(()),
            more => self.line(paint.bad(format_args!("     and {more} more"))),
        }
    }

    /// One line as it is.
    pub fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        match writeln!(self.out, "{text}").and_then(|()| self.out.flush()) {
            // Whoever pipes the demo into `head` has seen enough; the checks go on.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.doing("write to standard output"),
        }
    }

    /// How many checks were made and how many failed.
    pub fn score(&self) -> (usize, usize) {
        (self.checks, self.failed)
    }
}

/// `text` cut to `room` characters, the cut shown.
fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept + "…"
}

/// `text` in lines of at most `room` characters, broken between words.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let width = line.chars().count();
            if width > 0 && width + 1 + word.chars().count() > room {
                lines.push(word.to_owned());
            } else {
                if width > 0 {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_width() {
        let text = "words and more words, Ünïcödé words too, wrapped where they have to be";
        let lines = wrapped(text, 20);
        assert!(lines.iter().all(|line| line.chars().count() <= 20));
        assert_eq!(lines.join(" "), text);
        assert_eq!(shortened("Ünïcödé", 4), "Ünï…");
        assert_eq!(shortened("four", 4), "four");
    }

    #[test]
    fn failed_checks_are_counted_and_shown() {
        let mut out = Vec::new();
        let mut stage = Stage::new(&mut out, Paint::plain());
        stage.check(true, "this holds").unwrap();
        stage.check(false, "this does not").unwrap();
        assert_eq!(stage.score(), (2, 1));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "   ✓ this holds\n   ✗ this does not\n");
    }
}
