//! Signed notes (C2SP signed-note): a text, a blank line, and a signature line by a named key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::base::digest::sha256;

/// An Ed25519 public key.
pub type PublicKey = [u8; 32];

/// The algorithm byte of Ed25519 in a signed note's key id.
const ALGORITHM: u8 = 1;

/// The public key that belongs to `key`.
#[must_use]
pub fn public_key(key: &Ed25519KeyPair) -> PublicKey {
    let mut public = [0; 32];
    public.copy_from_slice(key.public_key().as_ref());
    public
}

/// Signs `text`, which ends with a newline, in the name of `name`.
#[must_use]
pub fn sign(name: &str, key: &Ed25519KeyPair, text: &str) -> String {
    debug_assert!(text.ends_with('\n'));
    let mut blob = key_id(name, &public_key(key)).to_vec();
    blob.extend_from_slice(key.sign(text.as_bytes()).as_ref());
    format!("{text}\n\u{2014} {name} {}\n", BASE64.encode(blob))
}

/// Why a note is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoteError {
    /// It does not have a note's form.
    #[error("not a signed note")]
    Malformed,
    /// It is signed by somebody else.
    #[error("a note is signed with another key")]
    OtherKey,
    /// The signature does not fit the text.
    #[error("a note's signature does not fit")]
    Signature,
}

/// The text of a note that `name` signed with `public`; the one signature is the last line.
pub fn open<'a>(name: &str, public: &PublicKey, note: &'a [u8]) -> Result<&'a str, NoteError> {
    let (text, blob) = split(name, note)?;
    let (id, signature) = blob.split_first_chunk::<4>().ok_or(NoteError::Malformed)?;
    if *id != key_id(name, public) {
        return Err(NoteError::OtherKey);
    }
    UnparsedPublicKey::new(&ED25519, public)
        .verify(text.as_bytes(), signature)
        .map_err(|_| NoteError::Signature)?;
    Ok(text)
}

/// The text of a note, whoever signed it.
pub fn peek<'a>(name: &str, note: &'a [u8]) -> Result<&'a str, NoteError> {
    Ok(split(name, note)?.0)
}

fn split<'a>(name: &str, note: &'a [u8]) -> Result<(&'a str, Vec<u8>), NoteError> {
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed)?;
    let cut = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    let (text, signature) = (&note[..=cut], &note[cut + 2..]);
    let blob = signature
        .strip_prefix("\u{2014} ")
        .and_then(|line| line.strip_prefix(name))
        .and_then(|line| line.strip_prefix(' '))
        .and_then(|line| line.strip_suffix('\n'))
        .ok_or(NoteError::Malformed)?;
    // The engine refuses whatever it would not have encoded, so a note has one form only.
    let blob = BASE64.decode(blob).map_err(|_| NoteError::Malformed)?;
    Ok((text, blob))
}

fn key_id(name: &str, public: &PublicKey) -> [u8; 4] {
    let hash = sha256(&[name.as_bytes(), b"\n", &[ALGORITHM], public]);
    [hash[0], hash[1], hash[2], hash[3]]
}
