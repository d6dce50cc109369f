//! Floor 3: the Model Context Protocol on the wire, as bytes.

pub mod pins;
pub mod print;
pub mod tasks;
