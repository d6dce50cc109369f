//! Results of made-up samples.

use super::*;
use crate::run::cases;

const CASE: &str = "1 KiB";

fn sample(proxy: &'static str, does: &str, placement: f64, cpu: f64) -> Sample {
    Sample {
        case: CASE,
        proxy,
        does: does.to_owned(),
        round: 0,
        placement,
        rate: 90_000.0,
        cpu: Some(Each {
            user: cpu / 4.0,
            system: cpu * 3.0 / 4.0,
            recorder: 0.0,
            other: 0.0,
        }),
        closed: None,
        open: vec![delays(15_000.0, false), delays(30_000.0, false)],
        resident_kib: 2048,
        kib_each: None,
        coalesced: None,
        failed: 0,
    }
}

fn delays(rate: f64, saturated: bool) -> Delays {
    Delays {
        at: Some(rate),
        saturated,
        p50: 111.0,
        p99: 222.0,
        p999: 333.0,
        max: 444.0,
    }
}

fn results(cases: &[Case], samples: Vec<Sample>) -> Results<'_> {
    let machine = Machine {
        processor: "a processor".to_owned(),
        kernel: "6".to_owned(),
        cores: Cores { proxy: 0, load: 1 },
        rounds: 3,
        seconds: 1.0,
        io: "tokio".to_owned(),
    };
    let peers = vec![("nginx", "1".to_owned())];
    let absent = vec![("envoy", "no network".to_owned())];
    Results::new(machine, peers, absent, cases, samples)
}

fn of<'a>(results: &'a Results<'_>, proxy: &str) -> &'a Line {
    results
        .lines
        .iter()
        .find(|line| line.proxy == proxy)
        .unwrap()
}

#[test]
fn medians_are_of_one_placement_and_compared_with_relaying() {
    let cases = cases::all();
    let ours = "token, policy, record";
    let results = results(
        &cases,
        vec![
            sample("nginx", "relays", 60.0, 10.0),
            sample("nginx", "relays", 60.0, 12.0),
            sample("nginx", "relays", 60.0, 11.0),
            sample("relay", "relays", 61.0, 8.0),
            sample("sluice", ours, 60.0, 22.0),
            // Elsewhere.
            sample("sluice", ours, 300.0, 99.0),
        ],
    );
    assert_eq!((results.placement.kept, results.placement.left_out), (5, 1));
    let nginx = of(&results, "nginx");
    let spread = nginx.cpu_spread.unwrap();
    assert_eq!((spread.min, spread.median, spread.max), (10.0, 11.0, 12.0));
    let sluice = of(&results, "sluice");
    assert_eq!((sluice.rounds, sluice.moved), (1, false));
    assert_eq!(sluice.over_nginx.unwrap().worker, 2.0);
    assert_eq!(sluice.over_floor.unwrap().all, 22.0 / 8.0);
    let least = results.aims.iter().find(|aim| aim.most == 0.8).unwrap();
    assert!(!least.met && least.measured == 2.0);
}

#[test]
fn what_was_only_measured_elsewhere_is_not_compared() {
    let cases = cases::all();
    let results = results(
        &cases,
        vec![
            sample("nginx", "relays", 60.0, 10.0),
            sample("relay", "relays", 60.0, 10.0),
            sample("sluice", "token, policy, record", 300.0, 20.0),
        ],
    );
    let sluice = of(&results, "sluice");
    assert!(sluice.moved && sluice.over_nginx.is_none());
    assert!(results.aims.is_empty());
    assert!(results.table().contains("other placement"));
}

#[test]
fn the_table_says_what_was_not_measured_and_what_was_not_the_proxys_limit() {
    let cases = cases::all();
    let mut saturated = sample("haproxy", "relays", 60.0, 16.0);
    saturated.open[1].saturated = true;
    let mut full = sample("nginx", "relays", 60.0, 11.0);
    full.failed = 1;
    let idle = sample("relay", "relays", 60.0, 8.0);
    let results = results(&cases, vec![saturated, full, idle]);
    let table = results.table();
    let line = |name: &str| {
        let mut lines = table.lines();
        lines
            .find(|line| line.starts_with(name) && line.contains("relays"))
            .unwrap()
    };
    assert!(table.contains("envoy    NOT MEASURED: no network"));
    assert!(line("haproxy").contains("saturated"));
    assert!(line("nginx").contains(" 90000  │"));
    assert!(line("relay").contains(" 90000+ │"));
    assert!(table.contains("WARNING: 1 requests failed"));
    let chart = results.chart();
    assert!(chart.contains("haproxy: relays") && chart.ends_with("</svg>\n"));
}
