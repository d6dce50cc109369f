//! The demo.

pub mod bearer;
pub mod caller;
pub mod directory;
pub mod generator;
pub mod host;
pub mod issuer;
pub mod odata;
pub mod pki;
pub mod signer;
pub mod tap;
pub mod tenant;
