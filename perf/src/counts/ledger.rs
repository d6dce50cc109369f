//! The counts that were committed, as a text to read, and how new ones compare.
//!
//! ```text
//! # …what counted: differences below mean little when this differs
//! get 1k                                     14,210
//!         2,101  sluice::http::scan::scan
//!           …
//! ```

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

use super::profile::Counts;
use crate::Outcome;

/// By how much, in percent, a step may cost more before that is a failure.
const TOLERANCE: f64 = 3.0;
/// Of a step's functions, those are kept that have at least so much of its total, in percent.
const SHOWN: f64 = 1.0;
/// Functions that are named for a step that costs more.
const NAMED: usize = 8;

const TOOLS: &str = "# tools: ";
const PROCESSOR: &str = "# processor: ";

/// The counts of a whole ladder.
pub struct Ledger {
    tools: String,
    processor: String,
    steps: Vec<Step>,
}

/// What one request of a step costs.
struct Step {
    name: String,
    total: u64,
    /// The most expensive first.
    functions: Vec<(String, u64)>,
}

/// What a comparison found.
pub struct Told {
    /// For the person who asked.
    pub text: String,
    /// How many steps cost more than they may.
    pub grown: usize,
}

impl Ledger {
    pub fn new(tools: String, processor: String) -> Ledger {
        Ledger {
            tools,
            processor,
            steps: Vec::new(),
        }
    }

    /// Adds a step that was taken `requests` times.
    pub fn add(&mut self, name: &str, counts: &Counts, requests: u64) {
        let each = |count: u64| (count + requests / 2) / requests;
        let mut functions: Vec<(String, u64)> = (counts.iter())
            .map(|(name, count)| (name.clone(), each(*count)))
            .collect();
        functions.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self.steps.push(Step {
            name: name.to_owned(),
            total: each(counts.values().sum()),
            functions,
        });
    }

    /// Reads what [`Display`] wrote.
    pub fn read(text: &str) -> Outcome<Ledger> {
        let mut ledger = Ledger::new(String::new(), String::new());
        for line in text.lines() {
            if let Some(tools) = line.strip_prefix(TOOLS) {
                ledger.tools = tools.to_owned();
            } else if let Some(processor) = line.strip_prefix(PROCESSOR) {
                ledger.processor = processor.to_owned();
            } else if line.starts_with(' ') {
                let (count, name) = (line.trim_start().split_once("  "))
                    .ok_or_else(|| format!("not a function and its count: {line}"))?;
                let step = ledger.steps.last_mut().ok_or("a function without a step")?;
                step.functions.push((name.to_owned(), number(count)?));
            } else if !line.is_empty() && !line.starts_with('#') {
                let (name, total) = (line.rsplit_once(' '))
                    .ok_or_else(|| format!("not a step and its total: {line}"))?;
                ledger.steps.push(Step {
                    name: name.trim_end().to_owned(),
                    total: number(total)?,
                    functions: Vec::new(),
                });
            }
        }
        Ok(ledger)
    }

    /// These counts, with those steps replaced that `newer` has.
    pub fn renewed_by(mut self, newer: Ledger) -> Ledger {
        for step in newer.steps {
            match self.steps.iter_mut().find(|old| old.name == step.name) {
                Some(old) => *old = step,
                None => self.steps.push(step),
            }
        }
        self
    }

    /// How `new` compares with these. `all`: every step of these was to be taken.
    pub fn compare(&self, new: &Ledger, all: bool) -> Told {
        let mut told = Told {
            text: String::new(),
            grown: 0,
        };
        let (mut shrunk, mut changed) = (0, false);
        for step in &new.steps {
            let Some(old) = self.steps.iter().find(|old| old.name == step.name) else {
                told.line(format_args!("{step}  new"));
                changed = true;
                continue;
            };
            let percent = percent(old.total, step.total);
            told.line(format_args!("{step}  {percent:+6.1} %"));
            if percent > TOLERANCE {
                told.grown += 1;
                told.name_what_grew(old, step);
            }
            shrunk += usize::from(percent < -TOLERANCE);
        }
        let gone = |old: &&Step| all && new.steps.iter().all(|step| step.name != old.name);
        for old in self.steps.iter().filter(gone) {
            told.line(format_args!("{old}  is counted no more"));
            changed = true;
        }
        for (old, new) in [(&self.tools, &new.tools), (&self.processor, &new.processor)] {
            if (told.grown > 0 || shrunk > 0) && old != new {
                told.line(format_args!("Counted with {new}, the file with {old}."));
            }
        }
        if shrunk > 0 || changed {
            told.line(format_args!(
                "{shrunk} steps cost less by more than {TOLERANCE} %. The file wants renewing: --write."
            ));
        }
        told
    }
}

impl Told {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    /// The functions that grew most, with what they cost before. Of one that the file does not name
    /// all that is known is that it had less than those that it does.
    fn name_what_grew(&mut self, old: &Step, new: &Step) {
        let before: BTreeMap<&str, u64> =
            (old.functions.iter().map(|(name, count)| (&**name, *count))).collect();
        let least = shown_from(old.total);
        let mut grown: Vec<(u64, String)> = (new.functions.iter())
            .filter_map(|(name, now)| {
                let known = before.get(&**name);
                let by = now
                    .checked_sub(*known.unwrap_or(&least))
                    .filter(|by| *by > 0)?;
                let from = match known {
                    Some(known) => Grouped(*known).to_string(),
                    None => format!("less than {}", Grouped(least)),
                };
                let now = Grouped(*now);
                Some((by, format!("    {name} grew from {from} to {now}")))
            })
            .collect();
        grown.sort_by_key(|(by, _)| std::cmp::Reverse(*by));
        for (_, line) in grown.iter().take(NAMED) {
            self.line(format_args!("{line}"));
        }
    }
}

/// Functions with so many instructions of a step's total are kept.
fn shown_from(total: u64) -> u64 {
    (total as f64 * SHOWN / 100.0).ceil() as u64
}

impl Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# Instructions per request, and the functions that have at least 1 % of them.\n\
             # `sluice-perf counts` compares with these; `sluice-perf counts --write` renews them.\n",
        )?;
        writeln!(f, "{TOOLS}{}", self.tools)?;
        writeln!(f, "{PROCESSOR}{}", self.processor)?;
        for step in &self.steps {
            writeln!(f, "\n{step}")?;
            let shown =
                |(_, count): &&(String, u64)| *count as f64 >= step.total as f64 * SHOWN / 100.0;
            for (name, count) in step.functions.iter().filter(shown) {
                writeln!(f, "{:>14}  {name}", Grouped(*count).to_string())?;
            }
        }
        Ok(())
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<40}{:>12}",
            self.name,
            Grouped(self.total).to_string()
        )
    }
}

/// A number with a comma between thousands.
struct Grouped(u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

fn number(text: &str) -> Outcome<u64> {
    let plain = text.replace(',', "");
    Ok(plain.parse().map_err(|_| format!("not a count: {text}"))?)
}

fn percent(old: u64, new: u64) -> f64 {
    (new as f64 - old as f64) * 100.0 / (old.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(steps: &[(&str, &[(&str, u64)])]) -> Ledger {
        let mut ledger = Ledger::new("valgrind-1".into(), "avx2".into());
        for (name, functions) in steps {
            let counts = functions
                .iter()
                .map(|(name, count)| ((*name).to_owned(), 10 * count));
            ledger.add(name, &counts.collect(), 10);
        }
        ledger
    }

    #[test]
    fn a_function_that_grew_is_named_with_both_its_counts() {
        let old = ledger(&[("get", &[("scan", 6000), ("judge", 4000)])]);
        let new = ledger(&[("get", &[("scan", 6350), ("judge", 3990), ("copy", 300)])]);
        let told = old.compare(&new, true);
        assert_eq!(told.grown, 1);
        assert!(told.text.contains("get"), "{}", told.text);
        assert!(told.text.contains("+6.4 %"), "{}", told.text);
        assert!(
            told.text.contains("scan grew from 6,000 to 6,350"),
            "{}",
            told.text
        );
        assert!(
            told.text.contains("copy grew from less than 100 to 300"),
            "{}",
            told.text
        );
        assert!(!told.text.contains("judge grew"), "{}", told.text);
    }

    #[test]
    fn the_tolerance_is_three_percent() {
        let old = ledger(&[("get", &[("scan", 10_000)])]);
        let step = |count| ledger(&[("get", &[("scan", count)])]);
        assert_eq!(old.compare(&step(10_300), true).grown, 0);
        assert_eq!(old.compare(&step(10_301), true).grown, 1);
        let told = old.compare(&step(9_700), true);
        assert!(!told.text.contains("--write"), "{}", told.text);
        let told = old.compare(&step(9_699), true);
        assert_eq!(told.grown, 0);
        assert!(told.text.contains("--write"), "{}", told.text);
    }

    #[test]
    fn steps_that_come_and_go_are_told() {
        let old = ledger(&[("get", &[("scan", 1)]), ("post", &[("scan", 1)])]);
        let new = ledger(&[("get", &[("scan", 1)]), ("call", &[("scan", 1)])]);
        let told = old.compare(&new, true);
        assert_eq!(told.grown, 0);
        assert!(told.text.contains("is counted no more"), "{}", told.text);
        assert!(told.text.contains("new"), "{}", told.text);
        let told = old.compare(&ledger(&[("get", &[("scan", 1)])]), false);
        assert!(!told.text.contains("no more"), "{}", told.text);
    }

    #[test]
    fn another_processor_is_told_beside_what_differs() {
        let old = ledger(&[("get", &[("scan", 1000)])]);
        let mut new = ledger(&[("get", &[("scan", 2000)])]);
        new.processor = "sse2".into();
        let told = old.compare(&new, true);
        assert!(told.text.contains("Counted with sse2, the file with avx2."));
    }

    #[test]
    fn what_is_written_is_read() {
        let written = ledger(&[
            (
                "get 1k",
                &[("<a as b>::scan(c, d)", 1_234_567), ("small", 9)],
            ),
            ("head", &[("scan", 12)]),
        ]);
        let read = Ledger::read(&written.to_string()).unwrap();
        assert_eq!(read.to_string(), written.to_string());
        assert_eq!(
            read.steps[0].functions,
            [("<a as b>::scan(c, d)".to_owned(), 1_234_567)]
        );
        assert!(Ledger::read("get many\n").is_err());
        assert!(Ledger::read("      12  scan\n").is_err());
    }
}
