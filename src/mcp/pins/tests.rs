//! Pins as cores and the keeper use them.

use super::*;
use crate::base::limits::{TOOLS_PER_CONNECTION, TOOLS_TOLD, TOOLS_TOLD_BYTES_EACH};

const A: Fingerprint = Fingerprint([0xa; 32]);
const B: Fingerprint = Fingerprint([0xb; 32]);
const DEFINITION: &str = r#"{"name":"search","annotations":{"readOnlyHint":true}}"#;
const CHANGED: &str = r#"{"name":"search","annotations":{"readOnlyHint":false}}"#;

fn pins(on_change: OnChange, first: First) -> (Pins, ToolsSeen) {
    let (pins, seen) = Pins::new();
    pins.set_connections(&[("tickets".into(), ToolPolicy { on_change, first })]);
    (pins, seen)
}

fn see(pins: &Pins, print: &Fingerprint) -> Sight {
    let definition = if *print == A { DEFINITION } else { CHANGED };
    pins.see("tickets", "search", print, definition)
}

fn all(told: &ToolsSeen) -> Vec<ToolSeen> {
    std::iter::from_fn(|| told.next_now()).collect()
}

#[test]
fn a_change_is_hidden_and_refused_until_somebody_approves() {
    let (pins, told) = pins(OnChange::Quarantine, First::Trust);
    assert_eq!(pins.standing("tickets", "search", &A), Standing::New);
    assert!(!pins.is_quarantined("tickets", "search"));
    assert_eq!(see(&pins, &A), Sight::Shown);
    assert_eq!(pins.standing("tickets", "search", &A), Standing::Pinned);
    assert_eq!(see(&pins, &A), Sight::Shown);
    assert_eq!(pins.standing("tickets", "search", &B), Standing::Changed);
    assert_eq!(see(&pins, &B), Sight::Hidden);
    assert!(pins.is_quarantined("tickets", "search"), "at once");
    let mut news = all(&told);
    assert_eq!(see(&pins, &A), Sight::Hidden, "going back lifts nothing");
    news.extend(all(&told));
    let states: Vec<_> = news.iter().map(|it| (it.print, it.state)).collect();
    let quarantined = State::Quarantined;
    let expected = [(A, State::Pinned), (B, quarantined), (A, quarantined)];
    assert_eq!(states, expected, "told once each, in order");
    assert_eq!(&*news[1].definition, CHANGED);

    let last = news[2].news;
    let approved = Kept {
        state: State::Pinned,
        pinned: Some((B, CHANGED)),
        seen: (B, CHANGED),
    };
    assert!(!pins.settle("tickets", "search", approved, last - 1));
    assert!(
        pins.is_quarantined("tickets", "search"),
        "news are under way"
    );
    assert!(pins.settle("tickets", "search", approved, last));
    assert!(!pins.is_quarantined("tickets", "search"));
    assert_eq!(see(&pins, &B), Sight::Shown);
    assert_eq!(
        see(&pins, &A),
        Sight::Hidden,
        "what was trusted once is not for ever"
    );
}

#[test]
fn an_alert_hides_nothing() {
    let (pins, told) = pins(OnChange::Alert, First::Trust);
    let mut states = Vec::new();
    for print in [&A, &B, &B, &A] {
        assert_eq!(see(&pins, print), Sight::Shown);
        assert!(!pins.is_quarantined("tickets", "search"));
        states.extend(all(&told).into_iter().map(|it| it.state));
    }
    assert_eq!(states, [State::Pinned, State::Changed, State::Pinned]);
    // Stricter by a reload: what is changed already is held at its next sight.
    assert_eq!(see(&pins, &B), Sight::Shown);
    pins.set_connections(&[("tickets".into(), ToolPolicy::default())]);
    assert_eq!(see(&pins, &B), Sight::Hidden);
}

#[test]
fn a_first_sight_may_need_an_approval() {
    let (pins, told) = pins(OnChange::Quarantine, First::Approve);
    assert!(pins.is_quarantined("tickets", "never seen"));
    assert_eq!(see(&pins, &A), Sight::Hidden);
    assert!(pins.is_quarantined("tickets", "search"));
    assert!(pins.annotations("tickets", "search").is_none());
    assert_eq!(all(&told).len(), 1);
    // Trusted by a reload.
    pins.set_connections(&[("tickets".into(), ToolPolicy::default())]);
    assert_eq!(see(&pins, &A), Sight::Shown);
}

#[test]
fn annotations_are_those_of_the_pinned_definition() {
    let (pins, _told) = pins(OnChange::Alert, First::Trust);
    for print in [&A, &B] {
        assert_eq!(see(&pins, print), Sight::Shown);
        let claimed = pins.annotations("tickets", "search");
        assert_eq!(read_only(claimed), Some(true));
    }
    assert!(pins.annotations("tickets", "other").is_none());
    let kept = Kept {
        state: State::Pinned,
        pinned: Some((B, CHANGED)),
        seen: (B, CHANGED),
    };
    assert!(pins.settle("tickets", "search", kept, u64::MAX));
    let claimed = pins.annotations("tickets", "search");
    assert_eq!(read_only(claimed), Some(false));
}

fn read_only(claimed: Option<Arc<Claims>>) -> Option<bool> {
    claimed?.root().get("readOnlyHint")?.as_bool()
}

#[test]
fn mirrors_are_those_of_the_definition_in_use() {
    let (pins, told) = pins(OnChange::Alert, First::Trust);
    let definition = |header: &str| {
        format!(r#"{{"inputSchema":{{"properties":{{"r":{{"x-mcp-header":"{header}"}}}}}}}}"#)
    };
    for (print, header) in [(&A, "Region"), (&B, "Zone")] {
        let text = definition(header);
        assert_eq!(pins.see("tickets", "t", print, &text), Sight::Shown);
        assert_eq!(all(&told).len(), 1);
        let mirrors = pins.mirrors("tickets", "t");
        assert!(format!("{mirrors:?}").contains(header), "{mirrors:?}");
    }
    assert_eq!(see(&pins, &A), Sight::Shown);
    assert_eq!(pins.mirrors("tickets", "search"), None);
}

#[test]
fn figures_count_tools_and_changes() {
    let (pins, _told) = pins(OnChange::Quarantine, First::Trust);
    for (name, print) in [("a", &A), ("b", &A), ("b", &B), ("b", &B), ("b", &A)] {
        let _ = pins.see("tickets", name, print, "{}");
    }
    let figures = pins.figures();
    assert_eq!(figures.len(), 1);
    let counts = figures[0].tools.map(|(_, count)| count);
    assert_eq!((counts, figures[0].changes), ([1, 0, 0, 1], 1));
}

#[test]
fn any_doubt_hides() {
    let (pins, told) = pins(OnChange::Quarantine, First::Trust);
    assert_eq!(pins.see("other", "search", &A, "{}"), Sight::Hidden);
    assert!(pins.is_quarantined("other", "search"));
    let long = "x".repeat(TOOL_DEFINITION_BYTES + 1);
    assert_eq!(pins.see("tickets", "a", &A, &long), Sight::Hidden);
    assert!(
        pins.is_quarantined("tickets", "a"),
        "what is hidden is not called"
    );
    assert_eq!(pins.see("tickets", &long, &A, "{}"), Sight::Hidden);
    assert!(pins.is_quarantined("tickets", &long));
    pins.set_kept(false);
    assert_eq!(see(&pins, &A), Sight::Hidden, "it would not be kept");
    assert!(pins.is_quarantined("tickets", "search"));
    pins.set_kept(true);
    assert_eq!(see(&pins, &A), Sight::Shown);
    assert_eq!(
        pins.see("tickets", "a", &A, "{}"),
        Sight::Shown,
        "short enough now"
    );
    assert_eq!(pins.see("tickets", "a", &B, &long), Sight::Hidden);
    assert!(
        pins.is_quarantined("tickets", "a"),
        "it grew out of its bound"
    );
    drop(told);
    assert_eq!(pins.see("tickets", "b", &A, "{}"), Sight::Hidden);
    assert!(pins.is_quarantined("tickets", "b"));
    assert_eq!(see(&pins, &A), Sight::Shown, "what is known needs nobody");
    assert_eq!(see(&pins, &B), Sight::Hidden);
    assert_eq!(see(&pins, &A), Sight::Hidden);
    assert!(pins.is_quarantined("tickets", "search"), "even untold");
    pins.set_connections(&[]);
    assert_eq!(see(&pins, &A), Sight::Hidden);
}

#[test]
fn what_could_not_be_told_is_told_later() {
    let (pins, told) = pins(OnChange::Quarantine, First::Trust);
    assert_eq!(see(&pins, &A), Sight::Shown);
    // All that one connection may have waiting.
    let large = "x".repeat(TOOL_DEFINITION_BYTES);
    let mut other = 0..;
    while pins.see("tickets", &other.next().unwrap().to_string(), &A, &large) == Sight::Shown {}
    let text = format!(
        "{{\"name\":\"{}\"}}",
        "x".repeat(TOOL_DEFINITION_BYTES - 20)
    );
    assert_eq!(pins.see("tickets", "search", &B, &text), Sight::Hidden);
    assert!(pins.is_quarantined("tickets", "search"));
    assert!(all(&told).iter().all(|it| it.state == State::Pinned));
    // It has gone back, and the keeper learns of it all the same.
    assert_eq!(see(&pins, &A), Sight::Hidden);
    let news = all(&told);
    assert_eq!(news.len(), 1);
    assert_eq!((news[0].print, news[0].state), (A, State::Quarantined));
}

#[test]
fn a_server_cannot_fill_memory_nor_the_queue_of_others() {
    let (pins, told) = pins(OnChange::Alert, First::Trust);
    let alert = ToolPolicy {
        on_change: OnChange::Alert,
        first: First::Trust,
    };
    pins.set_connections(&[("tickets".into(), alert), ("other".into(), alert)]);
    let large = "x".repeat(TOOL_DEFINITION_BYTES);
    let shown = |name: usize, text| pins.see("tickets", &name.to_string(), &A, text);
    let fit = TOOLS_TOLD_BYTES_EACH / TOOL_DEFINITION_BYTES;
    let shown_large = (0..2 * fit).filter(|name| shown(*name, &large) == Sight::Shown);
    assert_eq!(shown_large.count(), fit, "bytes that wait are bounded");
    assert_eq!(pins.see("other", "search", &A, &large), Sight::Shown);
    drop(all(&told));
    // Never the same twice: one of its news waits at a time.
    for round in 0..2 * TOOLS_TOLD {
        let print = Fingerprint([(round % 251) as u8; 32]);
        assert_eq!(pins.see("other", "search", &print, "{}"), Sight::Shown);
    }
    assert_eq!(all(&told).len(), 1);
    let small = (0..TOOLS_PER_CONNECTION + 500).filter(|name| {
        let sight = shown(*name, "{}");
        drop(all(&told));
        sight == Sight::Shown
    });
    assert_eq!(small.count(), TOOLS_PER_CONNECTION);
    let beyond = (TOOLS_PER_CONNECTION + 1).to_string();
    assert!(pins.is_quarantined("tickets", &beyond), "nor is it called");
}

#[test]
fn cores_agree_on_what_came_first() {
    let (pins, told) = pins(OnChange::Quarantine, First::Trust);
    std::thread::scope(|scope| {
        for core in 0..4u8 {
            let pins = pins.clone();
            scope.spawn(move || {
                for tool in 0..200 {
                    let print = Fingerprint([core; 32]);
                    let _ = pins.see("tickets", &tool.to_string(), &print, "{}");
                }
            });
        }
    });
    let mut state = HashMap::new();
    while let Some(news) = told.next_now() {
        let expected = if state.contains_key(&news.name) {
            State::Quarantined
        } else {
            State::Pinned
        };
        assert_eq!(news.state, expected, "the keeper hears it in order");
        state.insert(news.name, ());
    }
    let quarantined = |tool: usize| pins.is_quarantined("tickets", &tool.to_string());
    assert!((0..200).all(quarantined));
}
