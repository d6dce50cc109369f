//! The demo.

pub mod bearer;
pub mod caller;
pub mod cast;
pub mod config;
pub mod directory;
pub mod disguise;
pub mod generator;
pub mod host;
pub mod issuer;
pub mod odata;
pub mod only;
pub mod pki;
pub mod place;
pub mod proof;
pub mod signer;
pub mod tap;
pub mod tenant;
#[cfg(test)]
mod tests;
