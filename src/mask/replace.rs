//! What stands where something was masked.

use ring::hmac;

/// What is put in a masked value's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replace {
    /// A text in which `{kind}` stands for what was masked. No quote, backslash or control
    /// character, so that it fits into JSON at every level as it is.
    Text(String),
    /// A keyed hash: equal values (but for ASCII case) stay equal, so that joins still work.
    Pseudonym,
    /// The last four characters, where at least eight stand before them or the value is a card.
    KeepLast4,
}

/// [`Replace`], compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Style {
    #[default]
    Plain,
    Pseudonym,
    KeepLast4,
}

/// An opening or closing quote of a string that stands within `level` strings.
pub(super) fn quote(level: u8) -> &'static [u8] {
    const QUOTES: [&[u8]; 5] = [
        b"\"",
        b"\\\"",
        b"\\\\\\\"",
        b"\\\\\\\\\\\\\\\"",
        b"\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"",
    ];
    QUOTES[usize::from(level).min(QUOTES.len() - 1)]
}

/// Takes a value in, piece by piece, and writes what replaces it.
#[derive(Clone, Default)]
pub(super) struct Disguise {
    style: Style,
    hash: Option<hmac::Context>,
    last: [u8; 4],
    length: u64,
}

impl Disguise {
    pub fn new(style: Style, key: &hmac::Key) -> Disguise {
        Disguise {
            style,
            hash: (style == Style::Pseudonym).then(|| hmac::Context::with_key(key)),
            last: [b'*'; 4],
            length: 0,
        }
    }

    pub fn add(&mut self, bytes: &[u8]) {
        match (&mut self.hash, self.style) {
            (Some(hash), _) => {
                for piece in bytes.chunks(64) {
                    let mut lower = [0; 64];
                    let lower = &mut lower[..piece.len()];
                    lower.copy_from_slice(piece);
                    lower.make_ascii_lowercase();
                    hash.update(lower);
                }
                self.length += bytes.len() as u64;
            }
            (None, Style::KeepLast4) => {
                for &byte in bytes {
                    self.last.rotate_left(1);
                    // Anything that could end a string or stand for half a character is starred.
                    self.last[3] = if byte.is_ascii_alphanumeric() {
                        byte
                    } else {
                        b'*'
                    };
                }
                self.length += bytes.len() as u64;
            }
            _ => {}
        }
    }

    /// A new part of a compound value begins: `["ab"]` is not `["a","b"]`.
    pub fn separate(&mut self) {
        if let (Some(hash), true) = (&mut self.hash, self.length > 0) {
            hash.update(&[0xFF]);
        }
    }

    /// True when the replacement shows part of the value.
    pub fn shows(&self) -> bool {
        self.style == Style::KeepLast4
    }

    /// Writes the replacement if it depends on the value; false when the rule's own text stands.
    pub fn write(self, kind: &str, out: &mut Vec<u8>) -> bool {
        const HIDDEN: u64 = 8;
        match (self.hash, self.style) {
            (Some(hash), _) => {
                open(kind, out);
                for byte in &hash.sign().as_ref()[..8] {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    out.push(HEX[usize::from(byte >> 4)]);
                    out.push(HEX[usize::from(byte & 15)]);
                }
            }
            (None, Style::KeepLast4) if self.length >= HIDDEN + 4 => {
                open(kind, out);
                out.push(b'*');
                out.extend_from_slice(&self.last);
            }
            _ => return false,
        }
        out.push(b']');
        true
    }
}

fn open(kind: &str, out: &mut Vec<u8>) {
    out.push(b'[');
    out.extend_from_slice(kind.as_bytes());
    out.push(b':');
}
