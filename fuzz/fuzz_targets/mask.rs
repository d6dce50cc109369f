//! Masked bodies: any split gives the same bytes, JSON stays JSON, and a slow twin says the same.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use sluice::mask::{ContentKind, Links, MaskSpec, Masked, Masks, Recogniser, Stream, Unreadable};
use sluice_fuzz::{strict, twin};

/// Everything that masks can do.
static ALL: LazyLock<Arc<Masks>> = LazyLock::new(|| {
    compile(MaskSpec {
        recognise: Recogniser::ALL.into(),
        links: Some(Links {
            members: vec!["next".into()],
            upstream: "https://up.example".into(),
        }),
        ..simple()
    })
});

/// What the twin can do, too.
static SIMPLE: LazyLock<Arc<Masks>> = LazyLock::new(|| compile(simple()));

fn simple() -> MaskSpec {
    MaskSpec {
        fields: twin::FIELDS.map(|path| path.join(".")).into(),
        literals: twin::LITERALS.map(String::from).into(),
        ..MaskSpec::default()
    }
}

fn compile(spec: MaskSpec) -> Arc<Masks> {
    Arc::new(Masks::compile(&spec).expect("a valid profile"))
}

fn run<'a>(
    masks: &Arc<Masks>,
    kind: ContentKind,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, Unreadable> {
    let mut out = Vec::new();
    let mut take = |masked: Masked<'_>| {
        masked
            .slices()
            .for_each(|slice| out.extend_from_slice(slice))
    };
    let mut stream = Stream::new(Arc::clone(masks), kind, "https://gateway.example");
    for piece in pieces {
        take(stream.push(piece)?);
    }
    take(stream.finish()?);
    Ok(out)
}

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (choice, cut, body) = input;
    let kinds = [
        ContentKind::Json,
        ContentKind::JsonLines,
        ContentKind::EventStream,
        ContentKind::Text,
    ];
    let kind = kinds[usize::from(choice % 4)];
    let masks = if choice & 4 == 0 { &*ALL } else { &*SIMPLE };
    let (left, right) = body.split_at(usize::from(cut) % (body.len() + 1));
    let whole = run(masks, kind, [body]);
    assert_eq!(whole, run(masks, kind, [left, right]));
    if body.len() <= 512 {
        assert_eq!(whole, run(masks, kind, body.chunks(1)));
    }
    if let (ContentKind::Json, Ok(out)) = (kind, &whole) {
        // Two masked names may be equal now.
        if let Err(error) = serde_json::from_slice::<serde_json::Value>(out) {
            assert!(strict::only_too_large(&error.to_string()), "{error}");
        }
    }
    if let (ContentKind::Json, Some(expected)) = (kind, twin::masked(body)) {
        let out = run(&SIMPLE, kind, [left, right]).expect("it is JSON");
        let out = strict::read(&out).expect("it stays JSON");
        assert_eq!(twin::normal(out), twin::normal(expected));
    }
});
