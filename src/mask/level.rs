//! Texts within texts: each level matches its text, and follows the JSON in it.

use super::origin::{Decoded, Origin};
use super::reader::Reader;
use super::text::{Context, Text};

/// One level: a text, and the JSON that is being read in it.
#[derive(Default)]
pub(super) struct Level {
    text: Text,
    reader: Reader,
    /// The reader stands within JSON.
    reading: bool,
    /// Bytes of the text that have come and not been looked at. An escape is a piece by itself;
    /// together they are worth looking at.
    inbox: Decoded,
}

/// The next piece of a text, to be looked at by [`look`].
pub(super) fn put(levels: &mut [Level], bytes: &[u8], origin: Origin<'_>) {
    if let Some(level) = levels.first_mut() {
        level.inbox.push(bytes, origin);
    }
}

/// Looks at what was [`put`].
pub(super) fn look(levels: &mut [Level], depth: u8, context: &mut Context<'_>) {
    let Some(level) = levels.first_mut() else {
        return;
    };
    let mut inbox = std::mem::take(&mut level.inbox);
    push_text(levels, depth, inbox.bytes(), inbox.origin(), context);
    inbox.clear();
    if let Some(level) = levels.first_mut() {
        level.inbox = inbox;
    }
}

/// Where the next span can begin at the earliest, and where an open one can end.
pub(super) fn limits(
    root: Option<&Reader>,
    levels: &[Level],
    now: u64,
    context: &Context<'_>,
) -> (u64, u64) {
    let mut limits = root.map_or((now, now), |reader| reader.limits(now));
    for level in levels {
        if let Some(safe) = level.text.limit(context.masks) {
            limits.0 = limits.0.min(safe);
        }
        if level.reading {
            let (safe, consumed) = level.reader.limits(now);
            limits = (limits.0.min(safe), limits.1.min(consumed));
        }
    }
    (limits.0.min(limits.1), limits.1)
}

/// The next piece of a text: matched, and followed where it is JSON.
pub(super) fn push_text(
    levels: &mut [Level],
    depth: u8,
    bytes: &[u8],
    origin: Origin<'_>,
    context: &mut Context<'_>,
) {
    let Some((level, below)) = levels.split_first_mut() else {
        return;
    };
    let mut at = 0;
    while at < bytes.len() {
        let (rest, origin) = (&bytes[at..], origin.after(at));
        if !level.reading {
            // Where a hidden value broke off, the rest of the text is hidden with it.
            let stuck = level.reader.is_hiding();
            let opening = match rest.first() {
                _ if below.is_empty() || stuck => None,
                Some(b'{' | b'[') => Some(0),
                _ => memchr::memchr2(b'{', b'[', rest),
            };
            let plain = opening.unwrap_or(rest.len());
            level.text.push(&rest[..plain], origin, context);
            at += plain;
            if opening.is_some() {
                level.reader.reset(depth);
                level.reading = true;
            }
            continue;
        }
        let outer = Some(&mut level.text);
        match level.reader.read(rest, origin, outer, below, context) {
            Ok(()) => return,
            Err((_, read)) => {
                level.reading = false;
                at += read;
            }
        }
    }
}

/// The text is over, at `end` in the body.
pub(super) fn end_text(levels: &mut [Level], end: u64, context: &mut Context<'_>) {
    let Some((level, below)) = levels.split_first_mut() else {
        return;
    };
    if level.reading {
        level.reading = false;
        if !level.reader.is_whole() {
            // What is not JSON to its end is text: there is nothing to refuse here.
            let _ = level.reader.finish(end, below, context);
        }
    }
    level.reader.close_hiding(end, context);
    level.text.end(context);
}

/// The chunk is over.
pub(super) fn settle(levels: &mut [Level], context: &mut Context<'_>) {
    for level in levels {
        level.text.settle(context);
    }
}

/// Forgets the body before.
pub(super) fn reset(levels: &mut [Level]) {
    for level in levels {
        level.text.reset();
        level.inbox.clear();
        level.reading = false;
        level.reader.reset(0);
    }
}
