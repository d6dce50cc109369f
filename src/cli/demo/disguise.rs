//! The forms in which a secret may travel. A proof that looks for the secret as it is written only
//! would miss it behind one `base64`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Text to look for, and what it is, for the report of a proof that fails.
#[derive(Clone, Debug)]
pub struct Needle {
    /// What was found, should it be found. Never the secret itself.
    pub what: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A needle shorter than this would be found by chance.
const SHORTEST: usize = 8;

/// The forms of a signed token: its claims and its signature, in all forms each. (Its header says
/// only which key signed, and all tokens of one issuer share it.)
pub fn of_token(name: &str, token: &str) -> Vec<Needle> {
    let mut needles = Vec::new();
    for (part, text) in ["header", "claims", "signature"]
        .iter()
        .zip(token.split('.'))
        .skip(1)
    {
        let what = format!("{name}: its {part}");
        needles.extend(of_text(&what, text.as_bytes()));
        if let Ok(decoded) = URL_SAFE_NO_PAD.decode(text) {
            needles.extend(of_text(&format!("{what}, decoded"), &decoded));
        }
    }
    needles
}

/// The forms of any secret: as it is, in hex, and in base64 at each of the three alignments that
/// text around it can give it.
pub fn of_text(name: &str, secret: &[u8]) -> Vec<Needle> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let needle = |form: &str, bytes: Vec<u8>| Needle {
        what: format!("{name}{form}"),
        bytes,
    };
    let mut needles = vec![
        needle("", secret.to_vec()),
        needle(" in hex", hex.clone().into_bytes()),
        needle(" in hex", hex.to_uppercase().into_bytes()),
    ];
    for alignment in 0..3 {
        for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let bytes = within_base64(alphabet, secret, alignment);
            needles.push(needle(" in base64", bytes));
        }
    }
    needles.retain(|needle| needle.bytes.len() >= SHORTEST);
    needles.dedup_by(|one, other| one.bytes == other.bytes);
    needles
}

/// What of the base64 of `…secret…` depends on the secret alone, when `alignment` bytes of other
/// text share its first group.
fn within_base64(alphabet: &impl Engine, secret: &[u8], alignment: usize) -> Vec<u8> {
    let padded = [&[0; 2][..alignment], secret].concat();
    // Only whole groups of three are free of what follows.
    let whole = padded.len() / 3 * 3;
    let text = alphabet.encode(&padded[..whole]);
    let shared = if alignment == 0 { 0 } else { 4 };
    text.as_bytes().get(shared..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use memchr::memmem;

    fn found(needles: &[Needle], text: &[u8]) -> bool {
        needles
            .iter()
            .any(|needle| memmem::find(text, &needle.bytes).is_some())
    }

    #[test]
    fn a_secret_is_found_in_every_disguise() {
        let secret = b"correct-horse-battery-staple?>";
        let needles = of_text("the secret", secret);
        for before in ["", "a", "ab", "abc", "Bearer "] {
            for after in ["", "z", "yz", "xyz"] {
                let text = [before.as_bytes(), secret, after.as_bytes()].concat();
                assert!(found(&needles, &text));
                assert!(found(&needles, STANDARD_NO_PAD.encode(&text).as_bytes()));
                assert!(found(&needles, URL_SAFE_NO_PAD.encode(&text).as_bytes()));
            }
        }
        let hex: String = secret.iter().map(|byte| format!("{byte:02X}")).collect();
        assert!(found(&needles, hex.as_bytes()));
        assert!(!found(&needles, b"correct-horse-battery"));
    }

    #[test]
    fn a_token_is_found_by_any_of_its_parts() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"oid":"0123456789"}"#);
        let token = format!("eyJhbGciOiJFUzI1NiJ9.{claims}.c2lnbmF0dXJlLXNpZ25hdHVyZQ");
        let needles = of_token("the token", &token);
        assert!(found(&needles, token.as_bytes()));
        assert!(found(&needles, br#"{"oid":"0123456789"}"#));
        assert!(found(&needles, b"signature-signature"));
        assert!(found(&needles, STANDARD_NO_PAD.encode(&claims).as_bytes()));
        assert!(
            !found(&needles, b"eyJhbGciOiJFUzI1NiJ9"),
            "a header is no secret"
        );
    }
}
