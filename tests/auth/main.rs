//! From tokens to identities, by everything the crate makes public.

mod aloud;
mod attacks;
mod bound;
mod forge;
mod good;
mod keys;
mod oracle;
mod remember;
mod revoked;
