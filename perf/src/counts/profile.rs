//! What callgrind wrote, as instructions of each function.

use std::collections::BTreeMap;

use crate::Outcome;

/// Instructions that each function executed itself, without those it called.
pub type Counts = BTreeMap<String, u64>;

/// Reads one dump: names written out, one line for each function and place.
///
/// The line after one that begins with `calls=` is what a callee cost, which stands with the callee.
pub fn read(text: &str) -> Outcome<Counts> {
    let mut counts = Counts::new();
    let mut function = "";
    let mut of_callee = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            // Behind a quote stands how deep callgrind saw a recursion.
            function = name.split('\'').next().unwrap_or(name);
        } else if line.starts_with("calls=") {
            of_callee = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit())
            && !std::mem::take(&mut of_callee)
        {
            let cost = line.split(' ').nth(1).ok_or("a line without its cost")?;
            *counts.entry(function.to_owned()).or_default() += cost.parse::<u64>()?;
        }
    }
    counts.retain(|_, count| *count > 0);
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_a_functions_own() {
        let text = "version: 1\npart: 1\nevents: Ir\n\nfl=a.rs\nfn=outer\n0 10\ncfn=inner\n\
                    calls=3 0\n0 300\n0 5\n\nfl=b.rs\nfn=inner\nfi=c.rs\n0 290\nfn=inner'2\n0 10\n\ntotals: 315\n";
        let counts = read(text).unwrap();
        assert_eq!(counts["outer"], 15);
        assert_eq!(counts["inner"], 300);
        assert_eq!(counts.len(), 2);
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        assert!(read("fn=a\n0 many\n").is_err());
    }
}
