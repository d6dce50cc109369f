//! Sealed sessions, states and endpoints: what is sealed comes back to whom it was given, where and
//! for what it was given, unchanged; and nothing else opens at all.

#![no_main]

use std::net::SocketAddr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sluice::base::secret::Secret;
use sluice::mcp::{Digest, Revision, Sealer, SessionState, principal};
use sluice_fuzz::ops::Ops;

static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
    let keys = [1, 2].map(|byte| Secret::new(vec![byte; 32]));
    Sealer::new([("new", &keys[0]), ("old", &keys[1])]).expect("keys")
});
/// It has the second key only: what it seals, the first opens; not the other way round.
static OLD: LazyLock<Sealer> = LazyLock::new(|| {
    let key = Secret::new(vec![2; 32]);
    Sealer::new([("old", &key)]).expect("a key")
});
/// It has sealed nothing. What the others seal the fuzzer gets to see where it is compared, and tries.
static STRANGER: LazyLock<Sealer> = LazyLock::new(|| {
    let key = Secret::new(vec![3; 32]);
    Sealer::new([("new", &key)]).expect("a key")
});
static ME: LazyLock<Digest> = LazyLock::new(|| principal(["entra", "t", "o", "c"]));
/// The same letters, told apart otherwise.
static OTHER: LazyLock<Digest> = LazyLock::new(|| principal(["entra", "to", "", "c"]));

const HERE: &str = "tickets";

fuzz_target!(|bytes: &[u8]| {
    let mut ops = Ops(bytes);
    let old = ops.byte() & 1 != 0;
    let sealer = if old { &*OLD } else { &*SEALER };
    match ops.byte() % 4 {
        0 => session(sealer, &mut ops),
        1 => state(sealer, &mut ops),
        2 => endpoint(sealer, &mut ops),
        _ => nothing_opens(&STRANGER, ops.0, HERE, &ME),
    }
});

/// Nothing in `text` opens for that principal at that connection, whatever it is taken for.
fn nothing_opens(sealer: &Sealer, text: &[u8], connection: &str, who: &Digest) {
    let mut scratch = Vec::new();
    let session = sealer.open_session(text, connection, who, &mut scratch);
    assert!(session.is_err(), "{session:?}");
    assert!(
        sealer
            .open_state(text, connection, who, &mut scratch)
            .is_err()
    );
    let endpoint = sealer.open_endpoint(text, connection, who, &mut scratch);
    assert!(endpoint.is_err());
}

/// The text is of use to nobody else and nowhere else, nor when a letter of it is changed.
fn is_bound(text: &str, ops: &mut Ops<'_>) {
    nothing_opens(&SEALER, text.as_bytes(), HERE, &OTHER);
    nothing_opens(&SEALER, text.as_bytes(), "ticket", &ME);
    let mut changed = text.as_bytes().to_vec();
    let at = usize::from(u16::from_le_bytes([ops.byte(), ops.byte()])) % changed.len();
    changed[at] = ops.byte();
    if changed != text.as_bytes() {
        nothing_opens(&SEALER, &changed, HERE, &ME);
    }
    let cut = usize::from(ops.byte()) % text.len();
    nothing_opens(&SEALER, &text.as_bytes()[..cut], HERE, &ME);
    nothing_opens(&SEALER, format!("{text}A").as_bytes(), HERE, &ME);
}

fn session(sealer: &Sealer, ops: &mut Ops<'_>) {
    let address = match ops.byte() % 3 {
        0 => None,
        1 => Some(SocketAddr::from(([10, 0, 0, ops.byte()], 80))),
        _ => Some(SocketAddr::from(([ops.byte().into(); 8], 443))),
    };
    let session = SessionState {
        address,
        replica: ops.byte().into(),
        revision: ops.pick(&[Revision::V2025_03_26, Revision::V2025_11_25]),
        opened: u64::from(ops.byte()) << 30,
        upstream: std::str::from_utf8(ops.bytes()).unwrap_or("id"),
    };
    let Ok(text) = sealer.seal_session(&session, HERE, &ME) else {
        assert!(!session.upstream.bytes().all(|byte| byte.is_ascii_graphic()));
        return;
    };
    let mut scratch = Vec::new();
    let opened = SEALER.open_session(text.as_bytes(), HERE, &ME, &mut scratch);
    assert!(opened == Ok(session));
    assert!(
        SEALER
            .open_state(text.as_bytes(), HERE, &ME, &mut Vec::new())
            .is_err()
    );
    is_bound(&text, ops);
}

fn state(sealer: &Sealer, ops: &mut Ops<'_>) {
    let issued = u64::from(ops.byte()) << 24;
    let Ok(state) = std::str::from_utf8(ops.bytes()) else {
        return;
    };
    let text = sealer.seal_state(state, issued, HERE, &ME).expect("short");
    let mut scratch = Vec::new();
    let opened = SEALER.open_state(text.as_bytes(), HERE, &ME, &mut scratch);
    assert_eq!(opened, Ok((state, issued)));
    assert!(
        SEALER
            .open_endpoint(text.as_bytes(), HERE, &ME, &mut Vec::new())
            .is_err()
    );
    is_bound(&text, ops);
}

fn endpoint(sealer: &Sealer, ops: &mut Ops<'_>) {
    let Ok(target) = std::str::from_utf8(ops.bytes()) else {
        return;
    };
    let text = sealer.seal_endpoint(target, HERE, &ME).expect("short");
    let mut scratch = Vec::new();
    let opened = SEALER.open_endpoint(text.as_bytes(), HERE, &ME, &mut scratch);
    assert_eq!(opened, Ok(target));
    assert!(
        SEALER
            .open_session(text.as_bytes(), HERE, &ME, &mut Vec::new())
            .is_err()
    );
    is_bound(&text, ops);
}
