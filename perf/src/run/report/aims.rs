//! What Sluice is meant to cost, as a part of what others cost in the same run.

use std::fmt::Write;

use serde::Serialize;

use super::{Line, Results};

/// One aim, and what came of it.
#[derive(Serialize)]
pub struct Judged {
    pub about: &'static str,
    /// In words: whose figure it is a part of.
    pub of: String,
    pub most: f64,
    pub measured: f64,
    pub met: bool,
}

/// What it is about; which figure, and at most how much of the other's it may be; the case; what
/// Sluice does there; and the other, with what it does. Without another the figure itself counts.
///
/// Sluice does not relay plainly, so where that is the aim its least stands for it. `worker` is CPU
/// time without the recorder's, `all` with it, `p99` and `high p99` are at a case's two rates, and
/// `memory` is KiB for each connection.
const AIMS: [&str; 23] = [
    "least, 1 KiB | worker | 0.8 | 1 KiB | token, policy, record | nginx | relays",
    "least, 1 KiB | worker | 1.15 | 1 KiB | token, policy, record | relay | relays",
    "least, 1 KiB | worker | 0.3 | 1 KiB | token, policy, record | envoy | relays",
    "p99 at 30,000/s | high p99 | 0.6 | 1 KiB | token, policy, record | nginx | relays",
    "known token + credential | worker | 0.9 | 1 KiB | same + credential | nginx | relays",
    "known RS256 | worker | 0.3 | RS256 tokens in turns | token, policy, record | haproxy | proves RS256",
    "known ES256 | worker | 0.3 | ES256 tokens in turns | token, policy, record | haproxy | proves ES256",
    "new RS256 | worker | 0.87 | new RS256 tokens | token, policy, record | haproxy | proves RS256",
    "new ES256 | worker | 0.83 | new ES256 tokens | token, policy, record | haproxy | proves ES256",
    "everything, 1 KiB | worker | 1.0 | 1 KiB | everything on, mask 20+8 | nginx | relays",
    "everything, recorder too | all | 1.2 | 1 KiB | everything on, mask 20+8 | nginx | relays",
    "mask, 10 KiB | worker | 0.45 | 10 KiB | same + credential, mask 20 | nginx | mask 20",
    "mask, 100 KiB | worker | 0.28 | 100 KiB | same + credential, mask 20 | nginx | mask 20",
    "mask, 100 KiB | worker | 1.1 | 100 KiB | same + credential, mask 20 | nginx | relays",
    "MCP call | worker | 1.06 | MCP call, JSON | token, tool policy, record | nginx | relays",
    "burst | worker | 0.65 | 1 MiB of 256 B events | same + credential | haproxy | relays",
    "burst, masked | worker | 0.77 | 1 MiB of 256 B events | everything on, mask 20+8 | haproxy | relays",
    "streams, CPU | worker | 1.0 | 100 streams, event per 10 ms | same + credential | nginx | relays",
    "streams, p99 | p99 | 1.1 | 100 streams, event per 10 ms | same + credential | nginx | relays",
    "idle connection | memory | 2 | idle connections | same + credential",
    "silent stream | memory | 3 | silent streams | same + credential",
    "idle TLS connection | memory | 16 | idle TLS connections | same + credential",
    "silent TLS stream | memory | 16 | silent TLS streams | same + credential",
];

/// Those of which everything was measured, in one placement.
pub fn judge(lines: &[Line]) -> Vec<Judged> {
    AIMS.iter()
        .filter_map(|aim| judge_one(aim, lines))
        .collect()
}

fn judge_one(aim: &'static str, lines: &[Line]) -> Option<Judged> {
    let mut words = aim.split(" | ");
    let (about, figure) = (words.next()?, words.next()?);
    let most: f64 = words.next()?.parse().ok()?;
    let (case, does) = (words.next()?, words.next()?);
    let find = |proxy, does| {
        lines
            .iter()
            .find(|line| line.case == case && line.proxy == proxy && line.does == does)
    };
    let own = find("sluice", does)?;
    let (of, measured) = match words.next() {
        None => ("KiB each".to_owned(), self::figure(own, figure)?),
        Some(proxy) => {
            let other = find(proxy, words.next()?)?;
            if own.moved != other.moved {
                return None;
            }
            let of = format!("{figure} of {proxy}, {}", other.does);
            (
                of,
                self::figure(own, figure)? / self::figure(other, figure)?,
            )
        }
    };
    Some(Judged {
        about,
        of,
        most,
        measured,
        met: measured <= most,
    })
}

fn figure(line: &Line, name: &str) -> Option<f64> {
    let p99 = |rate: usize| {
        let delays = line.open.get(rate)?;
        (!delays.saturated).then_some(delays.p99)
    };
    match name {
        "worker" => Some(line.cpu?.worker()),
        "all" => Some(line.cpu?.total()),
        "p99" => p99(0),
        "high p99" => p99(1),
        "memory" => line.kib_each,
        _ => None,
    }
}

/// As text.
pub fn text(results: &Results) -> String {
    let mut text = String::new();
    if results.aims.is_empty() {
        return text;
    }
    let _ = writeln!(
        text,
        "\n{:<26}{:<34}{:>9}{:>10}",
        "aims", "as a part of", "at most", "measured"
    );
    for aim in &results.aims {
        let _ = writeln!(
            text,
            "{:<26}{:<34}{:>9.2}{:>10.2}  {}",
            aim.about,
            aim.of,
            aim.most,
            aim.measured,
            if aim.met { "met" } else { "missed" }
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::cases;

    #[test]
    fn every_aim_is_of_lines_that_are_measured() {
        let cases = cases::all();
        let has = |name: &str, ours: bool, does: &str| {
            let case = cases.iter().find(|case| case.name == name).unwrap();
            let mut rows = case.rows.iter();
            rows.any(|row| row.kind.is_ours() == ours && row.duty.says(row.kind) == does)
        };
        for aim in AIMS {
            let words: Vec<&str> = aim.split(" | ").collect();
            assert!(words[2].parse::<f64>().is_ok(), "{aim}");
            assert!(has(words[3], true, words[4]), "{aim}");
            assert!(words.len() == 5 || has(words[3], false, words[6]), "{aim}");
        }
    }
}
