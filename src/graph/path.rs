//! One spelling for every OData path.
//!
//! What comes in is canonical as any path is ([`crate::http::uri`]): percent-encoding is taken off
//! where it says nothing, and `%2f`, `;`, dot segments and the like were refused. Beyond that:
//!
//! | | |
//! |---|---|
//! | `/V1.0`, `/Beta` | `/v1.0`, `/beta`: two different services. No other path is Graph's |
//! | `Users`, `mailfolders`, `$COUNT` | `users`, `mailFolders`, `$count`: names in Graph's own spelling |
//! | `users('4f7a')`, `users(id='4f7a')`, `users(4f7a)` | `users/4f7a` |
//! | `users/me`, `users('me')`, `users/me-token-to-replace` | `me` |
//! | `delta()` | `delta` |
//! | `graph.user` | `microsoft.graph.user` |
//! | `applications(appId='x')`, `range(address='A1')` | as they are: another key than the id, and parameters |
//! | `root:/a b/Users.txt:/content` | as it is between the colons: that is a file's own path |
//! | a slash at the end | dropped |
//!
//! Refused is what two readers could take for two things: parentheses or quotes that do not close, a
//! key that would be a name of Graph's if it stood alone, a value that stands elsewhere
//! (`(@p)`), and every `$` segment but `$count`, `$value`, `$ref`, `$metadata` and `/v1.0/$batch`:
//! `$entity` and `$query` say what they are about where no rule looks.

use super::query::{decoded, has_word};
use super::spelling::spelled;

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathError {
    /// It does not begin with `/v1.0` or `/beta`.
    #[error("the path begins with neither /v1.0 nor /beta")]
    Version,
    /// A segment that begins with `$` and is none of those that are known.
    #[error("a segment with `$` that cannot be judged")]
    System,
    /// Parentheses or quotes that do not close, or close nothing.
    #[error("parentheses that cannot be read")]
    Parentheses,
    /// A key that reads as something else when it stands alone.
    #[error("a key that could be taken for something else")]
    Key,
}

/// Writes the canonical form of `path` to `out`, which is cleared. `path` is canonical as HTTP's are
/// and has no query.
///
/// # Errors
/// Why no rule can be asked about it.
pub fn canonical(path: &str, out: &mut String) -> Result<(), PathError> {
    write(path, false, out)
}

/// The same for the path of a rule's pattern: the version may be a star, too.
///
/// # Errors
/// Why no canonical path can match it.
pub fn canonical_pattern(path: &str, out: &mut String) -> Result<(), PathError> {
    write(path, true, out)
}

/// Whether a canonical path is that of a batch.
#[must_use]
pub fn is_batch(path: &str) -> bool {
    path.strip_suffix("/$batch").is_some_and(is_version)
}

/// Whether a canonical path names this member, in any letter case: then the reply is what is in it.
#[must_use]
pub fn names(path: &str, member: &[u8]) -> bool {
    path.split('/').any(|segment| {
        let (name, inside) = segment.split_once('(').unwrap_or((segment, ""));
        let name = decoded(name.as_bytes());
        name.eq_ignore_ascii_case(member) || has_word(&decoded(inside.as_bytes()), member)
    })
}

fn is_version(path: &str) -> bool {
    matches!(path, "/v1.0" | "/beta")
}

fn write(path: &str, is_pattern: bool, out: &mut String) -> Result<(), PathError> {
    out.clear();
    let mut segments = path.strip_prefix('/').ok_or(PathError::Version)?.split('/');
    let version = segments.next().unwrap_or_default();
    let lower = version.to_ascii_lowercase();
    let is_star = is_pattern && version.contains('*');
    if !is_star && !matches!(&*lower, "v1.0" | "beta") {
        return Err(PathError::Version);
    }
    push(if is_star { version } else { &lower }, out);
    let mut in_file = false;
    let mut at = 0;
    for segment in segments.filter(|segment| !segment.is_empty()) {
        if in_file {
            push(segment, out);
            in_file = !segment.ends_with(':');
            continue;
        }
        in_file = segment.ends_with(':');
        write_segment(segment, at, out)?;
        at += 1;
        unalias(out);
    }
    // Anywhere else it would be a batch within a batch, or nobody knows what.
    if out.contains("/$batch") && !is_batch(out) {
        return Err(PathError::System);
    }
    Ok(())
}

/// `at` counts from the version on.
fn write_segment(segment: &str, at: usize, out: &mut String) -> Result<(), PathError> {
    if segment.starts_with('$') {
        const KNOWN: [&str; 5] = ["$batch", "$count", "$metadata", "$ref", "$value"];
        let lower = segment.to_ascii_lowercase();
        let known = KNOWN.contains(&&*lower);
        push(&lower, out);
        return known.then_some(()).ok_or(PathError::System);
    }
    let Some((name, rest)) = segment.split_once('(') else {
        let closes = segment.contains(')');
        return match closes {
            true => Err(PathError::Parentheses),
            false => {
                write_name(segment, at, out);
                Ok(())
            }
        };
    };
    let is_name = !name.is_empty() && !name.contains(')');
    let inner = rest.strip_suffix(')').filter(|_| is_name);
    let inner = inner.ok_or(PathError::Parentheses)?;
    write_name(name, at, out);
    match Inside::of(inner)? {
        Inside::Nothing => {}
        Inside::Key(key) => {
            stands_alone(&key, out)?;
            push(&key, out);
        }
        Inside::Named => {
            out.push('(');
            out.push_str(inner);
            out.push(')');
        }
    }
    Ok(())
}

/// What stands between parentheses.
enum Inside {
    /// A function without parameters.
    Nothing,
    /// A thing's id.
    Key(String),
    /// Parameters, or a key that is not the id.
    Named,
}

impl Inside {
    fn of(inner: &str) -> Result<Inside, PathError> {
        if inner.is_empty() {
            return Ok(Inside::Nothing);
        }
        let value = match inner.split_at_checked(3) {
            Some((name, value)) if name.eq_ignore_ascii_case("id=") => value,
            _ => inner,
        };
        if let Some(key) = quoted(value) {
            return Ok(Inside::Key(key));
        }
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
        if value.bytes().all(is_bare) {
            return Ok(Inside::Key(value.to_owned()));
        }
        parameters(inner)?;
        Ok(Inside::Named)
    }
}

/// What a literal says that is all of `text`: `'O''Brien'` is `O'Brien`.
fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let lone = inner.replace("''", "").contains('\'');
    (!lone).then(|| inner.replace("''", "'"))
}

/// `name=value,name=value`; a value is quoted, or plain.
fn parameters(text: &str) -> Result<(), PathError> {
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=').ok_or(PathError::Parentheses)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(PathError::Parentheses);
        }
        let end = value_end(after).ok_or(PathError::Parentheses)?;
        match after.split_at_checked(end) {
            Some((_, "")) => return Ok(()),
            Some((_, more)) => rest = more.strip_prefix(',').ok_or(PathError::Parentheses)?,
            None => return Err(PathError::Parentheses),
        }
    }
}

/// Where the value that begins `text` ends.
fn value_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'\'') {
        let end = text.find(',').unwrap_or(text.len());
        let value = text.get(..end)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+%*".contains(&byte);
        return (!value.is_empty() && value.bytes().all(plain)).then_some(end);
    }
    let mut at = 1;
    loop {
        at += text.get(at..)?.find('\'')?;
        match bytes.get(at + 1) {
            Some(b'\'') => at += 2,
            _ => return Some(at + 1),
        }
    }
}

/// A key as a segment must be read as that key, and not as what stands there else.
fn stands_alone(key: &str, before: &str) -> Result<(), PathError> {
    let is_me = before.ends_with("/users") && is_me(key);
    let reads_else = key.is_empty()
        || key.starts_with('$')
        || key.ends_with(':')
        || key.contains(['(', ')', '/'])
        || matches!(key, "." | "..")
        || qualified(key).is_some()
        || (spelled(key).is_some() && !is_me);
    (!reads_else).then_some(()).ok_or(PathError::Key)
}

/// A name, or an id that is none.
fn write_name(segment: &str, at: usize, out: &mut String) {
    let (name, colon) = match segment.strip_suffix(':') {
        Some(name) => (name, ":"),
        None => (segment, ""),
    };
    out.push('/');
    if let Some(name) = qualified(name) {
        out.push_str(NAMESPACE);
        out.push_str(spelled(name).unwrap_or(name));
    } else if let Some(name) = spelled(name) {
        out.push_str(name);
    } else if at == 0 && !name.contains('*') {
        // What follows the version is never an id.
        out.push_str(&name.to_ascii_lowercase());
    } else {
        out.push_str(name);
    }
    out.push_str(colon);
}

/// The namespace of Graph's types, functions and actions.
pub(super) const NAMESPACE: &str = "microsoft.graph.";

/// What follows the namespace or its alias.
fn qualified(name: &str) -> Option<&str> {
    [NAMESPACE, "graph."].into_iter().find_map(|prefix| {
        let (front, rest) = name.split_at_checked(prefix.len())?;
        (front.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
    })
}

/// `/users/me`, as client libraries write it before they send it, is `/me`.
fn unalias(out: &mut String) {
    let mut segments = out.splitn(4, '/').skip(1);
    if let (Some(version), Some("users"), Some(id)) =
        (segments.next(), segments.next(), segments.next())
        && is_me(id)
    {
        *out = format!("/{version}/me");
    }
}

fn is_me(id: &str) -> bool {
    id.eq_ignore_ascii_case("me") || id.eq_ignore_ascii_case("me-token-to-replace")
}

fn push(segment: &str, out: &mut String) {
    out.push('/');
    out.push_str(segment);
}
