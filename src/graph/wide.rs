//! What an upstream takes for the same path: for rules that restrict.

use super::path::NAMESPACE;

/// Other readings of a canonical path, beside itself: each is put to `found` until that says yes.
///
/// The first takes `name(…)` for two segments, drops the namespace of functions and actions and has
/// `/me` as one of `/users`. The second drops casts to a type and what only says how a thing is shown
/// (`$value`, `$ref`, `$count`), too.
pub fn readings(path: &str, mut found: impl FnMut(&str) -> bool) -> bool {
    let plain = plain(path);
    if plain != path && found(&plain) {
        return true;
    }
    let bare = without_casts(path);
    bare != plain && found(&bare)
}

/// The first of the [`readings`]: nothing is missing in it.
#[must_use]
pub fn plain(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 8);
    for (at, segment) in segments(path).enumerate() {
        push(
            at,
            segment.strip_prefix(NAMESPACE).unwrap_or(segment),
            &mut out,
        );
    }
    out
}

fn without_casts(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 8);
    for (at, segment) in segments(path).enumerate() {
        let shows = matches!(segment, "$value" | "$ref" | "$count");
        if !shows && !segment.starts_with(NAMESPACE) {
            push(at, segment, &mut out);
        }
    }
    out
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// `at` counts segments, the version included.
fn push(at: usize, segment: &str, out: &mut String) {
    if (at, segment) == (1, "me") {
        out.push_str("/users");
    }
    out.push('/');
    match segment.find('(').filter(|open| *open > 0) {
        Some(open) => {
            let (name, inside) = segment.split_at(open);
            out.push_str(name);
            out.push('/');
            out.push_str(inside);
        }
        None => out.push_str(segment),
    }
}
