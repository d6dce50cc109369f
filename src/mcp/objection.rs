//! Why a POST is refused before anybody judges what it asks for.

use std::ops::Range;

use super::revision::Revision;
use crate::json::{JsonError, Problem};

/// A header that repeats what the body says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mirrored {
    /// `MCP-Protocol-Version`
    Version,
    /// `Mcp-Method`
    Method,
    /// `Mcp-Name`
    Name,
    /// One of `Mcp-Param-*`
    Param,
}

/// Every reason to refuse a POST for how it is written. None repeats what a caller wrote but
/// [`Requested`], so that all can be logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Objection {
    /// Not `application/json`, or in another charset than UTF-8.
    #[error("the content type must be application/json in UTF-8")]
    ContentType,
    /// The body is no JSON that all parsers read alike.
    #[error("the body is not strict JSON: {0}")]
    Json(JsonError),
    /// A member name that some parser would take for one that means something.
    #[error("a member name is written in an uncommon way")]
    KeyVariant,
    /// Neither an object nor an array of objects.
    #[error("not a JSON-RPC message")]
    NotAMessage,
    /// An array in a revision that has none.
    #[error("this revision has no batches")]
    BatchRevision,
    /// An array of no messages, or of more than [`crate::base::limits::MCP_MESSAGES`].
    #[error("a batch holds too few or too many messages")]
    BatchLength,
    /// `initialize` in an array.
    #[error("initialize must stand alone")]
    BatchInitialize,
    /// Two requests of one array have the same id.
    #[error("two requests have the same id")]
    BatchIds,
    /// `jsonrpc` is not `"2.0"`.
    #[error("jsonrpc must be \"2.0\"")]
    Jsonrpc,
    /// An id that is neither text nor a whole number, or is too long.
    #[error("an id must be a string or a whole number")]
    Id,
    /// A method that is no text of visible ASCII, or is too long.
    #[error("a method must be a short text in visible ASCII")]
    Method,
    /// Members of a request and of a response together, or too few of either.
    #[error("neither a request nor a notification nor a response")]
    Shape,
    /// A client's response in a revision where servers ask nothing.
    #[error("this revision has no responses from clients")]
    Response,
    /// `params` is not an object.
    #[error("params must be an object")]
    Params,
    /// What the method needs to be judged (`name`, `uri`, `taskId`, `ref`, `level`) is not there, is
    /// no text, or is too long.
    #[error("what the method is about must be named by a text")]
    Name,
    /// `arguments` is not an object.
    #[error("arguments must be an object")]
    Arguments,
    /// `requestState` is not a text.
    #[error("requestState must be a text")]
    RequestState,
    /// `_meta` is not an object, or lacks what every request of this revision carries.
    #[error("_meta must say the protocol version and the client's capabilities")]
    Meta,
    /// A version that nobody here speaks.
    #[error("unsupported protocol version")]
    Version(Requested),
    /// A header that this revision asks for is not there.
    #[error("a required header is missing: {}", header(*.0))]
    Missing(Mirrored),
    /// A header says something else than the body, is given twice, or cannot be decoded.
    #[error("header and body disagree: {}", header(*.0))]
    Mismatch(Mirrored),
}

fn header(mirrored: Mirrored) -> &'static str {
    match mirrored {
        Mirrored::Version => "MCP-Protocol-Version",
        Mirrored::Method => "Mcp-Method",
        Mirrored::Name => "Mcp-Name",
        Mirrored::Param => "Mcp-Param-*",
    }
}

/// JSON-RPC 2.0, section 5.1.
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const INVALID_PARAMS: i32 = -32602;
/// 2026-07-28, basic/index, "Error Codes".
const HEADER_MISMATCH: i32 = -32020;
const UNSUPPORTED_VERSION: i32 = -32022;

impl Objection {
    /// The status of the answer.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Objection::ContentType => 415,
            _ => 400,
        }
    }

    /// The code of the JSON-RPC error in the answer's body.
    #[must_use]
    pub fn rpc_code(&self) -> i32 {
        use Objection::{
            Arguments, BatchIds, BatchInitialize, BatchLength, BatchRevision, ContentType, Id,
            Json, Jsonrpc, KeyVariant, Meta, Method, Mismatch, Missing, Name, NotAMessage, Params,
            RequestState, Response, Shape, Version,
        };
        match self {
            Json(error) => match error.problem {
                Problem::Duplicate | Problem::CaseVariant => INVALID_REQUEST,
                _ => PARSE_ERROR,
            },
            ContentType | KeyVariant | NotAMessage | BatchRevision | BatchLength
            | BatchInitialize | BatchIds | Jsonrpc | Id | Method | Shape | Response => {
                INVALID_REQUEST
            }
            Params | Name | Arguments | RequestState | Meta => INVALID_PARAMS,
            Version(_) => UNSUPPORTED_VERSION,
            Missing(_) | Mismatch(_) => HEADER_MISMATCH,
        }
    }

    /// What the error's `data` says, as JSON, at the end of `out`; nothing for most.
    pub fn write_data(&self, out: &mut Vec<u8>) {
        let Objection::Version(requested) = self else {
            return;
        };
        out.extend_from_slice(b"{\"supported\":[");
        for (index, revision) in Revision::ALL.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
            out.extend_from_slice(revision.as_str().as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(b"],\"requested\":\"");
        out.extend_from_slice(requested.as_str().as_bytes());
        out.extend_from_slice(b"\"}");
    }
}

/// The version that a caller asked for, as far as it looks like one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Requested {
    text: [u8; Requested::BYTES],
    length: u8,
}

impl Requested {
    const BYTES: usize = 24;

    /// Keeps letters, digits and what versions are joined with: nothing that JSON or a log would
    /// have to escape.
    #[must_use]
    pub fn new(version: &[u8]) -> Requested {
        let mut kept = Requested {
            text: [0; Requested::BYTES],
            length: 0,
        };
        let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._+".contains(byte);
        for (place, byte) in kept.text.iter_mut().zip(version.iter().take_while(plain)) {
            *place = *byte;
            kept.length += 1;
        }
        kept
    }

    /// The version, cut where it stopped looking like one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.text.get(..usize::from(self.length));
        std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Requested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A refused POST: why, and which id the answer must echo.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Why.
    pub objection: Objection,
    /// Where in the body the id stands that the answer repeats; none when it cannot be told, for
    /// notifications, and for batches.
    pub id: Option<Range<usize>>,
}

impl From<Objection> for Refused {
    fn from(objection: Objection) -> Refused {
        Refused {
            objection,
            id: None,
        }
    }
}
