//! Floor 3: Microsoft Graph on the wire, as bytes. No connection, no clock, no policy.
//!
//! ```text
//! path, query, batch of both -> what rules are asked about -> batch of what may go on
//! answer to a batch -> what of it the caller may see
//! ```
//!
//! - [`mod@path`]: one spelling for every OData path, so that what is judged is what is forwarded;
//!   [`wide`] what an upstream takes for the same beside it.
//! - [`query`]: what of a query decides about more than how much is shown.
//! - [`batch`]: the calls of a `$batch`, read once and written anew; [`answer`]: what comes back.

pub mod answer;
pub mod batch;
pub mod path;
pub mod query;
mod spelling;
#[cfg(test)]
mod tests;
pub mod wide;

pub use answer::{Response, responses, write_response};
pub use batch::{Batch, BatchError, ENVELOPE_DEPTH, Part};
pub use path::{PathError, canonical, canonical_pattern, is_batch, names};
pub use query::{Query, QueryError, expanded};
pub use wide::{plain, readings};

/// Whether a content type is JSON (RFC 8259, section 11; RFC 6839, section 3.1).
fn is_json_type(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default().trim();
    let lower = essence.to_ascii_lowercase();
    lower == "application/json" || lower.ends_with("+json")
}
