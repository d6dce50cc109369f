//! Batches: whatever passes, `serde_json` reads the same calls in it, and no member twice; what is
//! written of it is a batch that says the same, and is written so again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sluice::graph::{Batch, Part, is_batch, responses};
use sluice::json::Document;
use sluice_fuzz::strict;

const PATH: &str = "/v1.0/$batch";

fuzz_target!(|body: &[u8]| {
    let Ok(document) = Document::parse(body) else {
        return;
    };
    // An answer is read by the same hands. Nothing in it is there twice.
    if let Ok(answered) = responses(document.root()) {
        let ids: Vec<String> = answered
            .iter()
            .map(|one| one.id.to_ascii_lowercase())
            .collect();
        assert!(is_distinct(&ids));
    }
    let Ok(batch) = Batch::read(document.root(), PATH) else {
        return;
    };
    let whole = match strict::read(body) {
        Ok(whole) => whole,
        Err(why) => return assert!(strict::only_too_large(&why), "{why}"),
    };
    agrees(&whole, batch.parts());

    let mut written = Vec::new();
    batch.write(|_| true, |_, _| true, &mut written);
    let document = Document::parse(&written).expect("what is written is JSON");
    let again = Batch::read(document.root(), PATH).expect("what is written is a batch");
    agrees(
        &strict::read(&written).expect("read by others, too"),
        again.parts(),
    );
    for (one, other) in batch.parts().iter().zip(again.parts()) {
        assert_eq!(
            (one.id, one.method, &one.path),
            (other.id, other.method, &other.path)
        );
        assert_eq!((&one.query, &one.fields), (&other.query, &other.fields));
        assert_eq!((&one.after, one.is_json()), (&other.after, other.is_json()));
        assert_eq!(one.body.map(|it| it.raw()), other.body.map(|it| it.raw()));
    }
    let mut twice = Vec::new();
    again.write(|_| true, |_, _| true, &mut twice);
    assert_eq!(written, twice);
});

/// What a batch says, as a reader says that knows nothing of it.
fn agrees(whole: &Value, parts: &[Part<'_>]) {
    let requests = whole["requests"].as_array().expect("requests");
    assert_eq!(requests.len(), parts.len());
    assert!((1..=20).contains(&parts.len()));
    let ids: Vec<String> = parts
        .iter()
        .map(|one| one.id.to_ascii_lowercase())
        .collect();
    assert!(is_distinct(&ids));
    for (at, (request, part)) in requests.iter().zip(parts).enumerate() {
        assert_eq!(request["id"], part.id);
        assert_eq!(request["method"], part.method);
        assert!(["GET", "POST", "PATCH", "PUT", "DELETE"].contains(&part.method));
        let url = request["url"].as_str().expect("a URL");
        assert!(!url.starts_with("//") && !is_batch(&part.path) && !part.path.contains("/$batch"));
        assert!(part.path == "/v1.0" || part.path.starts_with("/v1.0/"));
        assert!(
            part.path
                .bytes()
                .chain(part.query.bytes())
                .all(|byte| byte.is_ascii_graphic())
        );
        assert_eq!(request.get("body").is_some(), part.body.is_some());
        let listed = request["headers"].as_object();
        assert_eq!(listed.map_or(0, serde_json::Map::len), part.fields.len());
        for (name, value) in listed.into_iter().flatten() {
            let name = name.to_ascii_lowercase();
            let value = value.as_str().expect("text");
            assert!(
                part.fields
                    .iter()
                    .any(|field| *field == (name.clone(), value))
            );
            assert!(!value.contains(['\r', '\n', '\0']));
        }
        assert!(part.after.iter().all(|earlier| *earlier < at));
        let after = request["dependsOn"].as_array();
        assert_eq!(after.map_or(0, Vec::len), part.after.len());
    }
}

fn is_distinct(ids: &[String]) -> bool {
    ids.iter()
        .enumerate()
        .all(|(at, id)| !ids[..at].contains(id))
}
