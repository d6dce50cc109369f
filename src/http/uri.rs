//! One spelling for every request target, so that what is judged is what is forwarded.
//!
//! A target in canonical form is borrowed as it is; another is rewritten into a lent text. What two
//! servers could read differently is refused:
//!
//! | in a path | |
//! |---|---|
//! | `.` and `..` segments, encoded or not; `//` | refused |
//! | `%2f`, `\`, `%5c`, `;`, `%00` and other controls | refused |
//! | `%25` before two hexadecimal digits: encoded twice | refused |
//! | percent-encoded bytes that are not UTF-8, overlong forms among them | refused |
//! | percent-encoded letters, digits, `-._~` and `!$&'()*,:=@` | decoded |
//! | any other percent-encoding | kept, digits in upper case |
//! | `"<>[]^{|}` and the grave accent | percent-encoded |
//!
//! In a query `/`, `?`, `;` and encoded line ends are ordinary, `&`, `=` and `+` keep the spelling
//! they have, and nothing is said about segments. Raw controls, spaces, bytes beyond ASCII and `#`
//! are refused everywhere.

/// A target in canonical form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CanonicalTarget<'a> {
    text: &'a str,
    path: usize,
}

impl<'a> CanonicalTarget<'a> {
    /// Path and query, as they are judged and forwarded.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The path: starts with `/`.
    #[must_use]
    pub fn path(&self) -> &'a str {
        &self.text[..self.path]
    }

    /// What follows the first `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.text.get(self.path + 1..)
    }
}

/// Why a target is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TargetError {
    /// Does not start with `/`.
    #[error("the target is not a path")]
    NotAPath,
    /// A raw control, space or byte beyond ASCII.
    #[error("invalid byte in the target")]
    Byte,
    /// RFC 9112, section 3.2: a fragment is not sent.
    #[error("fragment in the target")]
    Fragment,
    /// A `%` without two hexadecimal digits.
    #[error("malformed percent-encoding")]
    Percent,
    /// An encoded control byte.
    #[error("encoded control byte")]
    Control,
    /// `%2f`, `\` or `%5c` in the path.
    #[error("encoded slash or backslash in the path")]
    Slash,
    /// `;` in the path: some servers cut the segment there.
    #[error("semicolon in the path")]
    Semicolon,
    /// `.` or `..` as a segment.
    #[error("dot segment")]
    DotSegment,
    /// `//` in the path.
    #[error("empty segment")]
    EmptySegment,
    /// Still percent-encoded after decoding.
    #[error("percent-encoded twice")]
    Twice,
    /// Percent-encoded bytes that are not UTF-8.
    #[error("percent-encoded bytes are not UTF-8")]
    Utf8,
}

/// Judges `target` (path and query) and answers its canonical form: `target` itself, or written to
/// `out`, which is cleared.
pub fn canonical<'a>(
    target: &'a [u8],
    out: &'a mut Vec<u8>,
) -> Result<CanonicalTarget<'a>, TargetError> {
    if target.first() != Some(&b'/') {
        return Err(TargetError::NotAPath);
    }
    let plain = target.iter().position(|byte| action(*byte) & PLAIN == 0);
    let (text, path) = match plain {
        None => (target, target.len()),
        Some(at) if target[at] == b'?' && is_plain_query(&target[at..]) => (target, at),
        Some(at) => rewrite(target, at, out)?,
    };
    judge_segments(&text[..path])?;
    // Every byte that gets here is ASCII; the check is the proof, and costs a few nanoseconds.
    let text = std::str::from_utf8(text).map_err(|_| TargetError::Byte)?;
    Ok(CanonicalTarget { text, path })
}

/// May stand raw in a path, and needs no look at what surrounds it.
const PLAIN: u8 = 1 << 0;
/// May stand raw in a query.
const QUERY: u8 = 1 << 1;
/// A raw byte that is percent-encoded.
const ENCODE: u8 = 1 << 2;
/// Decoded where percent-encoded in a path, and in a query.
const DECODE_PATH: u8 = 1 << 3;
const DECODE_QUERY: u8 = 1 << 4;

static ACTIONS: [u8; 256] = {
    let mut actions = [0; 256];
    let mut index = 0x21;
    while index < 0x7f {
        let byte = index as u8;
        actions[index] = match byte {
            b'-' | b'.' | b'_' | b'~' => PLAIN | QUERY | DECODE_PATH | DECODE_QUERY,
            b'!' | b'$' | b'\'' | b'(' | b')' | b'*' | b',' | b':' | b'@' => {
                PLAIN | QUERY | DECODE_PATH | DECODE_QUERY
            }
            b'&' | b'=' => PLAIN | QUERY | DECODE_PATH,
            // Some servers read `+` as a space, also in paths.
            b'+' => PLAIN | QUERY,
            b'/' => PLAIN | QUERY | DECODE_QUERY,
            b'?' => QUERY | DECODE_QUERY,
            b';' => QUERY,
            b'"' | b'<' | b'>' | b'[' | b'\\' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' => ENCODE,
            _ if byte.is_ascii_alphanumeric() => PLAIN | QUERY | DECODE_PATH | DECODE_QUERY,
            _ => 0,
        };
        index += 1;
    }
    actions
};

#[inline]
fn action(byte: u8) -> u8 {
    ACTIONS[usize::from(byte)]
}

/// A query of which every byte stays as it is.
fn is_plain_query(query: &[u8]) -> bool {
    query.iter().all(|byte| action(*byte) & QUERY != 0)
}

/// The slow way, from the first byte at `from` that is not plain.
fn rewrite<'a>(
    target: &'a [u8],
    from: usize,
    out: &'a mut Vec<u8>,
) -> Result<(&'a [u8], usize), TargetError> {
    out.clear();
    out.extend_from_slice(&target[..from]);
    let mut path = None;
    let mut text = Utf8::default();
    let mut at = from;
    while let Some(byte) = target.get(at).copied() {
        let mut decoded = 0;
        match byte {
            b'%' => {
                decoded = percent(&target[at..])?;
                encoded(decoded, path.is_none(), out)?;
                at += 2;
            }
            b'?' if path.is_none() => {
                path = Some(out.len());
                out.push(byte);
            }
            _ => raw(byte, path.is_none(), out)?,
        }
        text.push(decoded)?;
        at += 1;
    }
    text.finish()?;
    let path = path.unwrap_or(out.len());
    judge_twice(&out[..path])?;
    // Rewritten to itself: it was canonical, only not plain.
    Ok((if *out == target { target } else { out }, path))
}

fn percent(bytes: &[u8]) -> Result<u8, TargetError> {
    let digit = |byte: Option<&u8>| {
        let digit = byte.and_then(|byte| char::from(*byte).to_digit(16));
        digit.map(|digit| digit as u8).ok_or(TargetError::Percent)
    };
    Ok(digit(bytes.get(1))? << 4 | digit(bytes.get(2))?)
}

fn encoded(byte: u8, in_path: bool, out: &mut Vec<u8>) -> Result<(), TargetError> {
    let line_space = matches!(byte, b'\t' | b'\n' | b'\r');
    if byte == 0x7f || (byte < 0x20 && (in_path || !line_space)) {
        return Err(TargetError::Control);
    }
    if in_path && matches!(byte, b'/' | b'\\') {
        return Err(TargetError::Slash);
    }
    let decodes = if in_path { DECODE_PATH } else { DECODE_QUERY };
    if action(byte) & decodes != 0 {
        out.push(byte);
    } else {
        push_encoded(byte, out);
    }
    Ok(())
}

fn raw(byte: u8, in_path: bool, out: &mut Vec<u8>) -> Result<(), TargetError> {
    let allowed = if in_path { PLAIN } else { QUERY };
    match byte {
        b'#' => return Err(TargetError::Fragment),
        b'\\' if in_path => return Err(TargetError::Slash),
        b';' if in_path => return Err(TargetError::Semicolon),
        _ if action(byte) & allowed != 0 => out.push(byte),
        _ if action(byte) & ENCODE != 0 => push_encoded(byte, out),
        _ => return Err(TargetError::Byte),
    }
    Ok(())
}

fn push_encoded(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let high = DIGITS[usize::from(byte >> 4)];
    let low = DIGITS[usize::from(byte & 15)];
    out.extend_from_slice(&[b'%', high, low]);
}

/// A path that decodes to something percent-encoded is read differently by who decodes twice.
fn judge_twice(path: &[u8]) -> Result<(), TargetError> {
    let twice = memchr::memmem::find_iter(path, b"%25").any(|at| percent(&path[at + 2..]).is_ok());
    if twice {
        return Err(TargetError::Twice);
    }
    Ok(())
}

fn judge_segments(path: &[u8]) -> Result<(), TargetError> {
    for slash in memchr::memchr_iter(b'/', path) {
        match &path[slash + 1..] {
            [b'/', ..] => return Err(TargetError::EmptySegment),
            [b'.'] | [b'.', b'.'] | [b'.', b'/', ..] | [b'.', b'.', b'/', ..] => {
                return Err(TargetError::DotSegment);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks that runs of decoded bytes beyond ASCII are UTF-8: at most one character is kept.
#[derive(Default)]
struct Utf8 {
    character: [u8; 4],
    length: usize,
}

impl Utf8 {
    fn push(&mut self, byte: u8) -> Result<(), TargetError> {
        if byte.is_ascii() {
            return self.finish();
        }
        // The fourth byte completes a character or breaks it, so a fifth is never kept.
        let place = self.character.get_mut(self.length);
        *place.ok_or(TargetError::Utf8)? = byte;
        self.length += 1;
        match std::str::from_utf8(&self.character[..self.length]) {
            Ok(_) => {
                self.length = 0;
                Ok(())
            }
            Err(error) if error.error_len().is_none() => Ok(()),
            Err(_) => Err(TargetError::Utf8),
        }
    }

    fn finish(&self) -> Result<(), TargetError> {
        match self.length {
            0 => Ok(()),
            _ => Err(TargetError::Utf8),
        }
    }
}
