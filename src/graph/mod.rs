//! Floor 3: Microsoft Graph on the wire, as bytes. No connection, no clock, no policy.
//!
//! ```text
//! path, query -> path, query -> what rules are asked about
//! ```
//!
//! - [`mod@path`]: one spelling for every OData path, so that what is judged is what is forwarded;
//!   [`wide`] what an upstream takes for the same beside it.
//! - [`query`]: what of a query decides about more than how much is shown.

pub mod path;
pub mod query;
mod spelling;
#[cfg(test)]
mod tests;
pub mod wide;

pub use path::{PathError, canonical, canonical_pattern, is_batch, names};
pub use query::{Query, QueryError, expanded};
pub use wide::{plain, readings};
