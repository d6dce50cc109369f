//! Chunked bodies, read slowly and only when they are whole (RFC 9112, section 7.1).

/// Content of the body that begins `bytes`, and how many bytes it takes; none when it is not well
/// formed, or has no end here.
pub fn whole(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut content = Vec::new();
    let mut rest = bytes;
    loop {
        let line = line(&mut rest)?;
        let (digits, extension) = match line.iter().position(|byte| *byte == b';') {
            Some(at) => line.split_at(at),
            None => (line, &b""[..]),
        };
        let printable = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
        if !digits.iter().all(u8::is_ascii_hexdigit) || !extension.iter().all(printable) {
            return None;
        }
        if digits.len() > 16 {
            return None;
        }
        let digits = std::str::from_utf8(digits).ok()?;
        let size = usize::try_from(u64::from_str_radix(digits, 16).ok()?).ok()?;
        if size == 0 {
            trailers(&mut rest)?;
            return Some((content, bytes.len() - rest.len()));
        }
        let (data, after) = rest.split_at_checked(size)?;
        content.extend_from_slice(data);
        rest = after.strip_prefix(b"\r\n")?;
    }
}

fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.windows(2).position(|two| two == b"\r\n")?;
    let (line, after) = rest.split_at(end);
    *rest = &after[2..];
    Some(line)
}

fn trailers(rest: &mut &[u8]) -> Option<()> {
    loop {
        let line = line(rest)?;
        if line.is_empty() {
            return Some(());
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let is_value = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        if name.is_empty() || !name.iter().all(is_token) || !value.iter().all(is_value) {
            return None;
        }
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}
