//! The servers that the gateway runs, over real sockets and with real processes.

#![deny(unsafe_code)]

mod client;
mod faults;
mod legacy;
mod modern;
mod scripted;
mod sharing;
mod supervision;
