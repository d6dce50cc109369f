//! What only responses have: the status line, and a body that may end with the connection.

use super::bytes::TOKEN;
use super::error::HeadError;
use super::fields::Span;
use super::framing::BodyLength;
use super::head::ResponseHead;
use super::known::Known;
use super::scan::{Gathered, HeadLimits, Side};

/// A judged status line.
pub(super) struct ResponseSide {
    status: u16,
    reason: Span,
    /// HTTP/1.0: no transfer codings, no connection kept alive. Small servers still speak it.
    old: bool,
}

impl Side for ResponseSide {
    type Head = ResponseHead;
    /// Underscores pass here: names of replies are compared with a list, and no variable is made
    /// of them.
    const NAME: u8 = TOKEN;

    fn start_bytes(_: &HeadLimits) -> usize {
        usize::MAX
    }

    fn start_too_long(_: &[u8]) -> HeadError {
        HeadError::TooLong
    }

    fn start(line: &[u8], _: &HeadLimits) -> Result<ResponseSide, HeadError> {
        const REASON_AT: usize = "HTTP/1.1 200 ".len();
        let Some((start, _)) = line.split_first_chunk::<REASON_AT>() else {
            return Err(match line {
                [] => HeadError::EmptyLine,
                _ => HeadError::StatusLine,
            });
        };
        let [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            major,
            b'.',
            minor,
            b' ',
            digits @ ..,
            b' ',
        ] = start
        else {
            return Err(HeadError::StatusLine);
        };
        let old = match (major, minor) {
            (b'1', b'1') => false,
            (b'1', b'0') => true,
            _ if major.is_ascii_digit() && minor.is_ascii_digit() => {
                return Err(HeadError::Version);
            }
            _ => return Err(HeadError::StatusLine),
        };
        if !digits.iter().all(u8::is_ascii_digit) || !matches!(digits[0], b'1'..=b'5') {
            return Err(HeadError::StatusLine);
        }
        let value = digits.iter().map(|digit| u16::from(digit - b'0'));
        Ok(ResponseSide {
            status: value.fold(0, |status, digit| status * 10 + digit),
            reason: Span::new(REASON_AT, line.len()),
            old,
        })
    }

    #[inline]
    fn field(&mut self, _: Known, _: bool, _: Span, _: &[u8]) -> Result<(), HeadError> {
        Ok(())
    }

    fn finish(self, gathered: Gathered, _: &[u8]) -> Result<ResponseHead, HeadError> {
        let announced = gathered.body.unwrap_or(BodyLength::UntilClose);
        if self.old && gathered.fields.has(Known::TransferEncoding) {
            return Err(HeadError::CodingVersion);
        }
        // Whoever announces a body here might send one too, and it would be read as the next head.
        let bodiless = self.status < 200 || self.status == 204;
        if bodiless && !matches!(gathered.body, None | Some(BodyLength::Length(0))) {
            return Err(HeadError::BodyForbidden);
        }
        Ok(ResponseHead {
            length: gathered.length,
            status: self.status,
            reason: self.reason,
            fields: gathered.fields,
            announced,
            close: gathered.options.close || (self.old && !gathered.options.keep_alive),
        })
    }
}
