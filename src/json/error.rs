//! Why a text is not JSON that we read.

/// What is wrong. Says nothing of the text itself, so that it can be logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// A byte that the grammar has no place for here.
    #[error("unexpected byte")]
    Unexpected,
    /// The text ended before its value did.
    #[error("unexpected end")]
    Truncated,
    /// A control character stands unescaped in a string.
    #[error("control character in a string")]
    Control,
    /// An escape that RFC 8259 does not know.
    #[error("unknown escape")]
    Escape,
    /// Half of a surrogate pair: parsers disagree about what it means.
    #[error("lone surrogate")]
    Surrogate,
    /// Bytes that are not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// A byte order mark before the value.
    #[error("byte order mark")]
    ByteOrderMark,
    /// Nested deeper than [`crate::base::limits::JSON_DEPTH`].
    #[error("nested too deep")]
    Depth,
    /// Longer than [`crate::base::limits::JSON_BYTES`].
    #[error("too long")]
    Size,
    /// Two members of one object have the same name.
    #[error("duplicate member name")]
    Duplicate,
    /// Two member names of one object differ only in case.
    #[error("member names that differ only in case")]
    CaseVariant,
    /// The lexer refused before, and refuses for ever.
    #[error("refused before")]
    Broken,
}

/// A refusal: what is wrong, and at which byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct JsonError {
    /// What is wrong.
    pub problem: Problem,
    /// Offset of the byte where it showed, from the start of the text.
    pub at: u64,
}
