//! What connections of protocol `graph` refuse beside all others.

use std::sync::Arc;

use super::Refusal;
use super::told::{self, Told};
use crate::graph::{BatchError, PathError, QueryError};

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
    /// `$batch` by another method, or with a query.
    #[error("a batch is a POST without a query")]
    NoBatch,
    /// The body of a batch is not JSON.
    #[error("a batch that is not JSON")]
    BatchType,
    /// The batch can be read in more than one way.
    #[error("malformed batch: {0}")]
    Batch(BatchError),
    /// Some calls of the batch are refused, and so is all of it.
    #[error("{} requests of the batch are refused", .0.len())]
    Denied(Arc<[(Box<str>, Refusal)]>),
    /// A call of a batch depends on one that is refused.
    #[error("a request that this one depends on is refused")]
    Dependency,
}

impl GraphRefusal {
    pub(super) fn told(&self) -> &'static Told {
        match self {
            GraphRefusal::Path(_) | GraphRefusal::Query(_) | GraphRefusal::NoBatch => {
                &told::BAD_TARGET
            }
            GraphRefusal::Hidden => &told::HIDDEN_MEMBER,
            GraphRefusal::BatchType => &told::BAD_BATCH_TYPE,
            GraphRefusal::Batch(_) => &told::BAD_BATCH,
            GraphRefusal::Denied(_) => &told::BATCH_DENIED,
            GraphRefusal::Dependency => &told::FAILED_DEPENDENCY,
        }
    }
}
