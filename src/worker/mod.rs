//! Floor 6: the data plane, one runtime per core.

pub mod io;
