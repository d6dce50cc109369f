//! Sluice: a fail-closed gateway between callers with a non-human identity and what they call.

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod auth;
pub mod base;
pub mod cli;
pub mod control;
pub mod exchange;
pub mod http;
pub mod json;
pub mod mask;
pub mod policy;
pub mod record;
pub mod recorder;
pub mod tls;
pub mod worker;
