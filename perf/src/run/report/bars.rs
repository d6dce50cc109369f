//! Which lines become bars.

use super::chart::{self, Bar, Panel};
use super::{Line, Results};

/// Cases that are drawn, in this order; each gets a scale of its own.
const DRAWN: [&str; 8] = [
    "1 KiB",
    "10 KiB",
    "100 KiB",
    "1 MiB of 256 B events",
    "new RS256 tokens",
    "new ES256 tokens",
    "MCP call, JSON",
    "TLS on both sides",
];

pub fn chart(results: &Results) -> String {
    let panels: Vec<Panel> = DRAWN
        .into_iter()
        .filter_map(|name| panel(name, results))
        .collect();
    let machine = &results.machine;
    let versions: Vec<String> = results
        .peers
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let mut notes = vec![
        format!(
            "{}, one core for the proxy and one for load and origin; medians of {} rounds of {} s.",
            machine.processor, machine.rounds, machine.seconds
        ),
        "relay is the floor: it does nothing but relay. Sluice always proves a token, judges and \
         records."
            .to_owned(),
        versions.join(" \u{b7} "),
    ];
    for (name, why) in &results.absent {
        notes.push(format!("not measured: {name} ({why})"));
    }
    chart::svg("CPU time per request: less is better", &panels, &notes)
}

fn panel(name: &'static str, results: &Results) -> Option<Panel> {
    let bars: Vec<Bar> = results
        .lines
        .iter()
        .filter(|line| line.case == name)
        .filter_map(bar)
        .collect();
    (!bars.is_empty()).then(|| Panel {
        title: name.to_owned(),
        unit: "\u{b5}s per request",
        bars,
    })
}

fn bar(line: &Line) -> Option<Bar> {
    let (cpu, spread) = (line.cpu?, line.cpu_spread?);
    Some(Bar {
        label: format!("{}: {}", line.proxy, line.does),
        ours: line.kind.is_ours(),
        parts: [cpu.user, cpu.system, cpu.recorder + cpu.other],
        spread: (spread.min, spread.max),
    })
}
