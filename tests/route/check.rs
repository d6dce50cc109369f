//! What stands on the wire, read by other code than the gateway's own: httparse for heads, and a
//! strict reader of chunks.

/// One message.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    /// Names in lower case.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Framed by chunks.
    pub chunked: bool,
    /// The body has its end.
    pub whole: bool,
}

impl Message {
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(one, _)| one == name);
        let (_, value) = found.next()?;
        assert!(found.next().is_none(), "{name} twice");
        Some(value)
    }

    pub fn status(&self) -> u16 {
        self.start
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse().ok())
            .expect("a status line")
    }
}

/// Exactly one request, and nothing after it.
pub fn request(bytes: &[u8]) -> Message {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut parsed = httparse::Request::new(&mut fields);
    let head = parsed.parse(bytes).expect("a request head").unwrap();
    let start = format!(
        "{} {} HTTP/1.{}",
        parsed.method.expect("a method"),
        parsed.path.expect("a target"),
        parsed.version.expect("a version")
    );
    let (message, used) = body(start, parsed.headers, &bytes[head..], false);
    assert!(message.whole, "the request has its end");
    assert_eq!(head + used, bytes.len(), "nothing follows the request");
    message
}

/// Every reply in `bytes`, interim ones included; `head_only` for answers to HEAD.
pub fn replies(bytes: &[u8], head_only: bool) -> Vec<Message> {
    let mut rest = bytes;
    let mut list = Vec::new();
    while !rest.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut parsed = httparse::Response::new(&mut fields);
        let head = parsed.parse(rest).expect("a reply head").unwrap();
        let status = parsed.code.expect("a status");
        let bodiless = head_only || status < 200 || status == 204 || status == 304;
        let start = format!("HTTP/1.1 {status} {}", parsed.reason.unwrap_or_default());
        let (message, used) = body(start, parsed.headers, &rest[head..], bodiless);
        let whole = message.whole;
        list.push(message);
        rest = &rest[head + used..];
        if !whole {
            assert!(rest.is_empty());
        }
    }
    list
}

/// The only reply in `bytes`.
pub fn reply(bytes: &[u8]) -> Message {
    let list = replies(bytes, false);
    assert_eq!(list.len(), 1, "{}", String::from_utf8_lossy(bytes));
    list.into_iter().next().expect("one")
}

/// Head and content of what was released so far, interim replies aside.
pub struct Released {
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

pub fn released(bytes: &[u8]) -> Released {
    let mut rest = bytes;
    while rest.starts_with(b"HTTP/1.1 100") {
        rest = &rest[b"HTTP/1.1 100 Continue\r\n\r\n".len()..];
    }
    let end = rest
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(rest.len(), |at| at + 4);
    let head = rest[..end].to_vec();
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let body = if text.contains("transfer-encoding: chunked") {
        chunks(&rest[end..]).0
    } else {
        rest[end..].to_vec()
    };
    Released { head, body }
}

fn body(
    start: String,
    headers: &[httparse::Header<'_>],
    bytes: &[u8],
    bodiless: bool,
) -> (Message, usize) {
    let mut message = Message {
        start,
        fields: headers
            .iter()
            .map(|field| {
                let value = String::from_utf8_lossy(field.value).into_owned();
                (field.name.to_ascii_lowercase(), value)
            })
            .collect(),
        ..Message::default()
    };
    let length = message
        .field("content-length")
        .map(|it| it.parse().expect("a length"));
    let coding = message.field("transfer-encoding").map(str::to_owned);
    assert!(length.is_none() || coding.is_none(), "framed twice");
    let used = match (length, coding.as_deref()) {
        _ if bodiless => {
            message.whole = true;
            0
        }
        (_, Some(coding)) => {
            assert_eq!(coding, "chunked");
            let (content, used) = chunks(bytes);
            message.chunked = true;
            message.whole = used.is_some();
            message.body = content;
            used.unwrap_or(bytes.len())
        }
        (length, None) => {
            let length: usize = length.unwrap_or(0);
            message.whole = bytes.len() >= length;
            message.body = bytes[..length.min(bytes.len())].to_vec();
            message.body.len()
        }
    };
    (message, used)
}

/// Content of a chunked body, and how many bytes it took when its end is there.
fn chunks(bytes: &[u8]) -> (Vec<u8>, Option<usize>) {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let Some(line) = bytes[at..].windows(2).position(|two| two == b"\r\n") else {
            return (content, None);
        };
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("a size");
        assert!(
            !size.is_empty() && size.bytes().all(|b| b.is_ascii_hexdigit()),
            "{size:?}"
        );
        assert!(size == "0" || !size.starts_with('0'), "canonical");
        let size = usize::from_str_radix(size, 16).expect("a size");
        at += line + 2;
        let rest = &bytes[at..];
        content.extend_from_slice(&rest[..size.min(rest.len())]);
        if rest.len() < size + 2 {
            return (content, None);
        }
        assert_eq!(&rest[size..size + 2], b"\r\n");
        at += size + 2;
        if size == 0 {
            return (content, Some(at));
        }
    }
}
