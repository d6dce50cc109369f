//! Event streams by the steps of WHATWG HTML, section 9.2.6, on a stream that is whole.

/// An event that is dispatched, and what is known when it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Event {
    /// The data buffer without its last line feed.
    pub data: Vec<u8>,
    /// The event type buffer.
    pub kind: Vec<u8>,
    /// The last event ID buffer.
    pub id: Vec<u8>,
    /// The reconnection time, as it was written last.
    pub retry: Vec<u8>,
}

/// The events of a stream. What no empty line ends is dropped.
pub fn by_the_book(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut events = Vec::new();
    let mut event = Event::default();
    let mut has_data = false;
    for line in lines(stream) {
        if line.is_empty() {
            if has_data {
                event.data.pop();
                events.push(event.clone());
            }
            (event.data, event.kind, has_data) = (Vec::new(), Vec::new(), false);
            continue;
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                event.data.extend_from_slice(value);
                event.data.push(b'\n');
                has_data = true;
            }
            b"event" => event.kind = value.to_vec(),
            b"id" if !value.contains(&0) => event.id = value.to_vec(),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                event.retry = value.to_vec();
            }
            _ => {}
        }
    }
    events
}

/// Lines that have ended, without their ends.
fn lines(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let (line, after) = rest.split_at(end);
        lines.push(line);
        rest = after.strip_prefix(b"\r\n").unwrap_or(&after[1..]);
    }
    lines
}
