//! Cursors of ours: where each member's list goes on.
//!
//! A cursor is the caller's to keep and to bring back, and says nothing but what the members' own
//! cursors say. One that was made up reaches a member as that member's cursor would, had the caller
//! made that one up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::limits::UNION_CURSOR_BYTES;

/// Where lists go on: member, and its cursor.
pub(super) type Places = Vec<(String, String)>;

/// The cursor of a page after which these members have more.
pub(super) fn written(places: &Places) -> Option<String> {
    let text = serde_json::to_vec(places).ok()?;
    let cursor = URL_SAFE_NO_PAD.encode(text);
    (cursor.len() <= UNION_CURSOR_BYTES).then_some(cursor)
}

/// What a cursor says; `None` for one that is not ours.
pub(super) fn read(cursor: &str) -> Option<Places> {
    if cursor.len() > UNION_CURSOR_BYTES {
        return None;
    }
    let text = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_says_what_was_put_in() {
        let places = vec![("a".to_owned(), "\u{1F980}\"1".to_owned())];
        let cursor = written(&places).expect("short");
        assert_eq!(read(&cursor), Some(places));
        assert_eq!(read("no"), None);
        assert_eq!(read(&"A".repeat(UNION_CURSOR_BYTES + 1)), None);
        let long = vec![("a".to_owned(), "x".repeat(UNION_CURSOR_BYTES))];
        assert_eq!(written(&long), None);
    }
}
