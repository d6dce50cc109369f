//! Masked bodies: any split gives the same bytes, and JSON stays JSON.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use sluice::mask::{ContentKind, Links, MaskSpec, Masked, Masks, Recogniser, Stream, Unreadable};

static MASKS: LazyLock<Arc<Masks>> = LazyLock::new(|| {
    let spec = MaskSpec {
        fields: vec!["mail".into(), "a.b".into()],
        recognise: Recogniser::ALL.into(),
        literals: vec!["secret".into(), "retain".into()],
        links: Some(Links {
            members: vec!["next".into()],
            upstream: "https://up.example".into(),
        }),
        ..MaskSpec::default()
    };
    Arc::new(Masks::compile(&spec).expect("a valid profile"))
});

fn run(kind: ContentKind, pieces: &[&[u8]]) -> Result<Vec<u8>, Unreadable> {
    let mut out = Vec::new();
    let mut take = |masked: Masked<'_>| {
        masked
            .slices()
            .for_each(|slice| out.extend_from_slice(slice))
    };
    let mut stream = Stream::new(Arc::clone(&MASKS), kind, "https://gateway.example");
    for piece in pieces {
        take(stream.push(piece)?);
    }
    take(stream.finish()?);
    Ok(out)
}

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (kind, cut, body) = input;
    let kinds = [
        ContentKind::Json,
        ContentKind::JsonLines,
        ContentKind::EventStream,
        ContentKind::Text,
    ];
    let kind = kinds[usize::from(kind) % kinds.len()];
    let (left, right) = body.split_at(usize::from(cut) % (body.len() + 1));
    let whole = run(kind, &[body]);
    assert_eq!(whole, run(kind, &[left, right]));
    if let (ContentKind::Json, Ok(out)) = (kind, &whole) {
        // Two masked names may be equal now, so the lexer judges, not the document.
        if let Err(error) = serde_json::from_slice::<serde_json::Value>(out) {
            assert!(error.to_string().contains("out of range"), "{error}");
        }
    }
});
