//! Several servers presented as one, over real sockets: scripted members stand where the gateway's
//! inner listener would, and callers of both eras speak to the union.

mod caller;
mod crowd;
mod eras;
mod legacy;
mod lists;
mod member;
mod modern;
mod streams;
mod tools;
