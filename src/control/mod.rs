//! Floor 6: the control plane, on threads of its own.

pub mod config;
