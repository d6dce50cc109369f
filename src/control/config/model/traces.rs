//! Where traces go.

use super::Roots;
use crate::base::secret::Secret;
use crate::base::trace::Sampling;

/// A collector of traces that speaks OTLP over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    /// Where spans are posted: `https`, or plain `http` on this machine.
    pub endpoint: String,
    /// Further header fields of these posts; each can stand in one.
    pub headers: Vec<(String, Secret)>,
    /// How many of the traces that begin here are told.
    pub sampling: Sampling,
    /// The service that spans say they come from.
    pub service_name: String,
    /// The only roots trusted for it; `None` trusts the system's.
    pub roots: Option<Roots>,
}
