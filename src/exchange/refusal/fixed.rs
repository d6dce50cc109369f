//! Answers of the gateway's own, as they are sent.

use std::sync::Arc;

/// An answer that is the gateway's own: nothing in it comes from an upstream or depends on more of
/// the call than which rule refused it.
#[must_use]
#[derive(Clone, Debug)]
pub struct Fixed {
    text: Text,
    head: usize,
}

#[derive(Clone, Debug)]
enum Text {
    Static(&'static [u8]),
    Owned(Arc<str>),
}

impl Fixed {
    /// A whole answer: a head with its blank line, and the body.
    pub(super) fn whole(head: &str, body: &str) -> Fixed {
        Fixed {
            head: head.len(),
            text: Text::Owned(format!("{head}{body}").into()),
        }
    }

    /// The interim answer to `Expect: 100-continue` (RFC 9110, section 10.1.1).
    pub fn proceed() -> Fixed {
        const PROCEED: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        Fixed {
            text: Text::Static(PROCEED),
            head: PROCEED.len(),
        }
    }

    /// The same with further fields in its head, whole lines each.
    pub fn beside(self, fields: &str) -> Fixed {
        let text = match &self.text {
            Text::Static(text) => str::from_utf8(text).unwrap_or_default(),
            Text::Owned(text) => text,
        };
        match text.split_at_checked(self.head) {
            Some((head, body)) if head.ends_with("\r\n\r\n") => {
                let lines = &head[..head.len() - 2];
                Fixed::whole(&format!("{lines}{fields}\r\n"), body)
            }
            _ => self,
        }
    }

    /// The bytes to send; without the body when the request was HEAD (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn bytes(&self, head_only: bool) -> &[u8] {
        let all = match &self.text {
            Text::Static(text) => text,
            Text::Owned(text) => text.as_bytes(),
        };
        if head_only { &all[..self.head] } else { all }
    }
}

/// A document of the gateway's own, such as metadata that anybody may read.
#[derive(Clone, Debug)]
pub struct Published {
    /// The HTTP status.
    pub status: u16,
    /// Its reason phrase.
    pub phrase: &'static str,
    /// Whole header fields, each with its line end.
    pub fields: String,
    /// The body, JSON; empty for none.
    pub body: String,
}

impl Published {
    /// The answer to send. `close` says that the connection ends with it.
    pub fn answer(&self, close: bool) -> Fixed {
        let Published {
            status,
            phrase,
            fields,
            body,
        } = self;
        let kind = match body.is_empty() {
            true => "",
            false => "Content-Type: application/json\r\n",
        };
        let ends = if close { "Connection: close\r\n" } else { "" };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} {phrase}\r\n{kind}Content-Length: {length}\r\n{fields}{ends}\r\n"
        );
        Fixed::whole(&head, body)
    }
}
