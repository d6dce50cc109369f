//! What fuzz targets share: slow readers written from the specifications, which know nothing of
//! the gateway's own, and the world of exchanges that `exchange` plays with.
//!
//! `fuzz/README.md` says what each target holds.

pub mod chunks;
pub mod frames;
pub mod heads;
pub mod issuer;
pub mod ops;
pub mod sse;
pub mod strict;
pub mod twin;
pub mod world;

#[path = "../../tests/route/check.rs"]
pub mod check;
#[path = "../../tests/route/drive.rs"]
pub mod drive;
#[path = "../../tests/route/rig.rs"]
pub mod rig;
#[path = "../../tests/route/signer.rs"]
pub mod signer;
