//! Floor 2: the one strict scanner that every room reads JSON with.
//!
//! Parsers disagree where RFC 8259 leaves room (duplicate keys, lone surrogates, byte order marks),
//! and a gateway that reads a body differently from what stands behind it can be walked around. So
//! there is one grammar, in [`Lexer`], and it refuses what is read in two ways. It is pushed bytes
//! in pieces and gives the same verdict however they are cut; [`Document`] pushes a whole text and
//! keeps where everything stands, the mask stream pushes a body as it flows.

mod document;
mod error;
mod lexer;
#[cfg(test)]
mod oracle;
mod plain;
mod state;
mod stride;
mod tape;
#[cfg(test)]
mod tests;
mod write;

pub use document::{Document, Kind, OwnedDocument, Value};
pub use error::{JsonError, Problem};
pub use lexer::{Container, Lexer, Scalar, Sink};
pub use tape::{Keys, Tape};
pub use write::write_string;
