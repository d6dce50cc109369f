//! What connections of protocol `graph` refuse beside all others.

use super::told::{self, Told};
use crate::graph::{PathError, QueryError};

/// Why a call of Microsoft Graph is refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GraphRefusal {
    /// The path can be read in more than one way, or is none of Graph's.
    #[error("malformed path: {0}")]
    Path(PathError),
    /// The query can be read in more than one way.
    #[error("malformed query: {0}")]
    Query(QueryError),
    /// A member that masks hide is named where naming it tells what is in it.
    #[error("path or query computes with a hidden member")]
    Hidden,
}

impl GraphRefusal {
    pub(super) fn told(&self) -> &'static Told {
        match self {
            GraphRefusal::Path(_) | GraphRefusal::Query(_) => &told::BAD_TARGET,
            GraphRefusal::Hidden => &told::HIDDEN_MEMBER,
        }
    }
}
