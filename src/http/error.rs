//! Why a head is refused: one variant per reason.

/// A refused head. [`HeadError::status`] is the answer to a caller; an upstream's bad head is
/// always 502, whatever the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeadError {
    /// RFC 9112, section 2.2.
    #[error("line feed without carriage return")]
    BareLf,
    /// RFC 9112, section 2.2.
    #[error("carriage return without line feed")]
    BareCr,
    /// RFC 9110, section 5.5.
    #[error("control byte")]
    ControlByte,
    /// RFC 9112, section 2.2, lets a server skip one; after a body it shows that the sides
    /// disagree about where that body ended, so none is skipped.
    #[error("empty line before the start line")]
    EmptyLine,
    /// RFC 9112, section 3: not `method SP target SP version`, with single spaces.
    #[error("malformed request line")]
    RequestLine,
    /// RFC 9110, section 9.1.
    #[error("the method is not a token")]
    Method,
    /// RFC 9110, section 9.1: longer than any method there is.
    #[error("method too long")]
    MethodTooLong,
    /// RFC 9112, section 3.
    #[error("request target too long")]
    TargetTooLong,
    /// RFC 9112, section 3.2: a byte that is not visible ASCII.
    #[error("invalid byte in the request target")]
    TargetByte,
    /// RFC 9112, section 3.2: neither a path nor an absolute `http` or `https` URI with a path.
    #[error("request target is neither a path nor an absolute URI")]
    TargetForm,
    /// RFC 9112, section 3.2.3.
    #[error("CONNECT is not served")]
    Connect,
    /// RFC 9112, section 3.2.4.
    #[error("the asterisk form is not served")]
    Asterisk,
    /// RFC 9112, section 3.2.2: we demand agreement where the RFC lets the target win.
    #[error("absolute target and Host disagree")]
    TargetHost,
    /// RFC 9112, section 2.3: anything but HTTP/1.1 (and, from an upstream, HTTP/1.0).
    #[error("HTTP version not supported")]
    Version,
    /// RFC 9112, section 4.
    #[error("malformed status line")]
    StatusLine,
    /// RFC 9112, section 5.2.
    #[error("folded field line")]
    ObsFold,
    /// RFC 9112, section 5.1.
    #[error("space before the colon")]
    SpaceBeforeColon,
    /// RFC 9112, section 5.
    #[error("field line without a colon")]
    NoColon,
    /// RFC 9110, section 5.1.
    #[error("field name is not a token")]
    FieldName,
    /// Upstreams that map names to variables read `_` as `-`.
    #[error("underscore in a field name")]
    Underscore,
    /// RFC 6585, section 5.
    #[error("too many fields")]
    TooManyFields,
    /// RFC 6585, section 5.
    #[error("head too long")]
    TooLong,
    /// RFC 9112, section 3.2.
    #[error("no Host")]
    HostMissing,
    /// RFC 9112, section 3.2.
    #[error("repeated Host")]
    HostRepeated,
    /// RFC 9112, section 3.2.
    #[error("invalid Host")]
    Host,
    /// RFC 9110, section 11.6.2: it is not a list.
    #[error("repeated Authorization")]
    AuthorizationRepeated,
    /// RFC 9110, section 8.3: a second one changes how the body is read.
    #[error("repeated Content-Type")]
    ContentTypeRepeated,
    /// RFC 9112, section 6.3.
    #[error("repeated Content-Length")]
    LengthRepeated,
    /// RFC 9110, section 8.6: not one decimal number, lists included.
    #[error("invalid Content-Length")]
    Length,
    /// More digits than any real body needs.
    #[error("Content-Length has too many digits")]
    LengthDigits,
    /// RFC 9112, section 6.1.
    #[error("repeated Transfer-Encoding")]
    CodingRepeated,
    /// RFC 9112, section 6.1: anything but one `chunked`.
    #[error("transfer coding not supported")]
    Coding,
    /// RFC 9112, section 6.1: HTTP/1.0 knows no transfer codings.
    #[error("transfer coding in HTTP/1.0")]
    CodingVersion,
    /// RFC 9112, section 6.3.
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndCoding,
    /// RFC 9112, section 6.3: a reply that has no body announces one.
    #[error("a body announced where none is allowed")]
    BodyForbidden,
    /// RFC 9110, section 7.6.1: not a list of tokens, or too long a list.
    #[error("invalid Connection")]
    Connection,
    /// RFC 9110, section 7.6.1.
    #[error("Connection lists a field meant for every recipient")]
    ConnectionLists,
    /// RFC 9110, section 10.1.1.
    #[error("expectation not known")]
    Expect,
    /// RFC 9110, section 7.8: two readings of what follows the head.
    #[error("Upgrade with a body")]
    UpgradeBody,
    /// RFC 6455, section 4.1: not GET, or not one key of 16 bytes.
    #[error("malformed opening of WebSocket")]
    WebSocket,
    /// An earlier call ended before its verdict.
    #[error("scanner left unjudged")]
    Poisoned,
}

impl HeadError {
    /// The status that tells a caller.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            HeadError::TargetTooLong => 414,
            HeadError::Expect => 417,
            HeadError::TooManyFields | HeadError::TooLong => 431,
            HeadError::MethodTooLong
            | HeadError::Connect
            | HeadError::Asterisk
            | HeadError::Coding => 501,
            HeadError::Version => 505,
            HeadError::BareLf
            | HeadError::BareCr
            | HeadError::ControlByte
            | HeadError::EmptyLine
            | HeadError::RequestLine
            | HeadError::Method
            | HeadError::TargetByte
            | HeadError::TargetForm
            | HeadError::TargetHost
            | HeadError::StatusLine
            | HeadError::ObsFold
            | HeadError::SpaceBeforeColon
            | HeadError::NoColon
            | HeadError::FieldName
            | HeadError::Underscore
            | HeadError::HostMissing
            | HeadError::HostRepeated
            | HeadError::Host
            | HeadError::AuthorizationRepeated
            | HeadError::ContentTypeRepeated
            | HeadError::LengthRepeated
            | HeadError::Length
            | HeadError::LengthDigits
            | HeadError::CodingRepeated
            | HeadError::CodingVersion
            | HeadError::LengthAndCoding
            | HeadError::BodyForbidden
            | HeadError::Connection
            | HeadError::ConnectionLists
            | HeadError::UpgradeBody
            | HeadError::WebSocket
            | HeadError::Poisoned => 400,
        }
    }
}
