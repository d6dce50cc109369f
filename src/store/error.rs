//! Why a store cannot be used.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why a store does not do what it is asked. None of them names anything that is kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no file.
    #[error("there is no store at {0}")]
    Missing(PathBuf),
    /// The file cannot be made or opened.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The file is not a store's.
    #[error("the file is a database of something else")]
    Foreign,
    /// A later version of Sluice has written the file.
    #[error("the store has version {found}, and this version of Sluice knows up to {known}")]
    Newer {
        /// The version in the file.
        found: u32,
        /// The latest that is known here.
        known: u32,
    },
    /// What is in the file makes no sense.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// As many revocations stand as may.
    #[error("{0} revocations stand already: lift some, or revoke for a time")]
    TooMany(usize),
    /// Another process holds the store for too long.
    #[error("the store is in use by another process for too long")]
    Busy,
    /// The disk has no room.
    #[error("there is no room for the store on its disk")]
    Full,
    /// Anything else that the engine objects to.
    #[error("the store's engine: {0}")]
    Engine(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType,
        };
        if matches!(
            error,
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)
        ) {
            return StoreError::Corrupt("a value has the wrong form".to_owned());
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::NotADatabase) => StoreError::Corrupt("it is no database".to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt(error.to_string()),
            _ => StoreError::Engine(error.to_string()),
        }
    }
}
