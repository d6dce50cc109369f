//! Floor 7: the command line.

pub mod demo;
pub mod failure;
pub mod terminal;
pub mod when;
