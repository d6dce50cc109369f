//! What is sealed opens for its principal, at its connection, for its purpose, and else never.

use proptest::prelude::*;

use crate::base::limits::{MCP_SESSION_BYTES, MCP_STATE_BYTES};
use crate::base::secret::Secret;
use crate::mcp::{Digest, NotOurs, Revision, SealError, Sealer, SessionState, principal};

fn sealer(keys: &[(&str, u8)]) -> Sealer {
    let keys: Vec<_> = keys
        .iter()
        .map(|(id, byte)| (*id, Secret::new(vec![*byte; 32])))
        .collect();
    Sealer::new(keys.iter().map(|(id, key)| (*id, key))).unwrap()
}

fn ann() -> Digest {
    principal(["entra", "t", "ann", "c"])
}

fn session(upstream: &str) -> SessionState<'_> {
    SessionState {
        upstream,
        address: "10.0.0.7:3001".parse().ok(),
        replica: 3,
        revision: Revision::V2025_11_25,
        opened: 1_795_000_000,
    }
}

fn opens(sealer: &Sealer, text: &str, connection: &str, who: &Digest) -> bool {
    let mut scratch = Vec::new();
    let opened = sealer.open_session(text.as_bytes(), connection, who, &mut scratch);
    opened.is_ok()
}

#[test]
fn a_session_comes_back_as_it_was() {
    let sealer = sealer(&[("k1", 1)]);
    let mut scratch = Vec::new();
    for address in [None, Some("10.0.0.7:3001"), Some("[2001:db8::1%7]:443")] {
        let state = SessionState {
            address: address.and_then(|address| address.parse().ok()),
            ..session("9f3c-!~")
        };
        let text = sealer.seal_session(&state, "tickets", &ann()).unwrap();
        let header = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(text.bytes().all(header), "{text}");
        let opened = sealer.open_session(text.as_bytes(), "tickets", &ann(), &mut scratch);
        assert!(opened == Ok(state));
    }
}

#[test]
fn nobody_else_opens_it() {
    let one = sealer(&[("k1", 1)]);
    let text = one.seal_session(&session("s"), "tickets", &ann()).unwrap();
    assert!(opens(&one, &text, "tickets", &ann()));
    let bob = principal(["entra", "t", "bob", "c"]);
    let other_client = principal(["entra", "t", "ann", "d"]);
    assert!(!opens(&one, &text, "tickets", &bob));
    assert!(!opens(&one, &text, "tickets", &other_client));
    assert!(!opens(&one, &text, "ticket", &ann()));
    assert!(!opens(&sealer(&[("k1", 2)]), &text, "tickets", &ann()));
    assert!(!opens(&sealer(&[("k2", 1)]), &text, "tickets", &ann()));
    let mut scratch = Vec::new();
    let as_state = one.open_state(text.as_bytes(), "tickets", &ann(), &mut scratch);
    assert_eq!(as_state, Err(NotOurs));
    let as_endpoint = one.open_endpoint(text.as_bytes(), "tickets", &ann(), &mut scratch);
    assert_eq!(as_endpoint, Err(NotOurs));
    for junk in ["", "x", "====", &"A".repeat(400), "9f3c-77aa"] {
        assert!(!opens(&one, junk, "tickets", &ann()), "{junk}");
    }
}

#[test]
fn any_change_is_seen() {
    let sealer = sealer(&[("k1", 1)]);
    let text = sealer
        .seal_session(&session("s"), "tickets", &ann())
        .unwrap();
    for at in 0..text.len() {
        for letter in [b'A', b'B', b'=', b'_'] {
            let mut changed = text.clone().into_bytes();
            if std::mem::replace(&mut changed[at], letter) == letter {
                continue;
            }
            let changed = String::from_utf8(changed).unwrap();
            assert!(!opens(&sealer, &changed, "tickets", &ann()), "{at}");
        }
        assert!(
            !opens(&sealer, &text[..at], "tickets", &ann()),
            "cut at {at}"
        );
    }
    assert!(!opens(&sealer, &format!("{text}A"), "tickets", &ann()));
}

#[test]
fn keys_roll_over() {
    let old = sealer(&[("k1", 1)]);
    let both = sealer(&[("k2", 2), ("k1", 1)]);
    let new = sealer(&[("k2", 2)]);
    let before = old.seal_session(&session("s"), "tickets", &ann()).unwrap();
    let after = both.seal_session(&session("s"), "tickets", &ann()).unwrap();
    assert!(opens(&both, &before, "tickets", &ann()));
    assert!(opens(&both, &after, "tickets", &ann()));
    assert!(opens(&new, &after, "tickets", &ann()));
    assert!(!opens(&new, &before, "tickets", &ann()));
    assert!(!opens(&old, &after, "tickets", &ann()));
}

#[test]
fn states_and_endpoints_come_back() {
    let sealer = sealer(&[("k1", 1)]);
    let mut scratch = Vec::new();
    let state = "{\"é\":\"\\u0000\n\"}";
    let text = sealer.seal_state(state, 17, "tickets", &ann()).unwrap();
    let opened = sealer.open_state(text.as_bytes(), "tickets", &ann(), &mut scratch);
    assert_eq!(opened, Ok((state, 17)));
    let target = "/messages/?session_id=7";
    let text = sealer.seal_endpoint(target, "tickets", &ann()).unwrap();
    let opened = sealer.open_endpoint(text.as_bytes(), "tickets", &ann(), &mut scratch);
    assert_eq!(opened, Ok(target));
}

#[test]
fn what_is_too_long_or_unfit_is_not_sealed() {
    let sealer = sealer(&[("k1", 1)]);
    let seal = |upstream: &str| sealer.seal_session(&session(upstream), "tickets", &ann());
    assert!(seal(&"x".repeat(MCP_SESSION_BYTES)).is_ok());
    for upstream in ["a b", "a\r\nb", "é", &"x".repeat(MCP_SESSION_BYTES + 1)] {
        assert_eq!(seal(upstream), Err(SealError::Unfit));
    }
    let mut scratch = Vec::new();
    let long = "x".repeat(MCP_STATE_BYTES);
    let text = sealer.seal_state(&long, 0, "tickets", &ann()).unwrap();
    let opened = sealer.open_state(text.as_bytes(), "tickets", &ann(), &mut scratch);
    assert_eq!(opened, Ok((long.as_str(), 0)));
    let longer = format!("{long}x");
    assert_eq!(
        sealer.seal_state(&longer, 0, "tickets", &ann()),
        Err(SealError::Unfit)
    );
}

#[test]
fn keys_are_judged() {
    let key = |bytes: usize| Secret::new(vec![1; bytes]);
    let (good, short) = (key(32), key(16));
    assert!(Sealer::new([("a", &good)]).is_ok());
    assert!(matches!(Sealer::new([("a", &short)]), Err(SealError::Keys)));
    assert!(matches!(
        Sealer::new([("a", &good), ("a", &good)]),
        Err(SealError::Keys)
    ));
    assert!(matches!(Sealer::new([]), Err(SealError::Keys)));
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?} {:?}", sealer(&[("k1", 0x41)]), session("upstream-id"));
    assert!(!shown.contains("upstream-id") && !shown.contains("AAAA") && !shown.contains("65"));
}

#[test]
fn a_principal_is_all_of_its_parts() {
    let names = [
        ["a", "b", "c", "d"],
        ["ab", "", "c", "d"],
        ["a", "bc", "", "d"],
        ["b", "a", "c", "d"],
        ["a", "b", "cd", ""],
    ];
    for (index, one) in names.iter().enumerate() {
        for other in &names[..index] {
            assert_ne!(principal(*one), principal(*other));
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let sealer = sealer(&[("k1", 1)]);
        let mut scratch = Vec::new();
        prop_assert!(sealer.open_session(&text, "tickets", &ann(), &mut scratch).is_err());
    }
}
