//! Certificates for 127.0.0.1, as files: every TLS server of the rig has the same.

use std::fs;
use std::path::{Path, PathBuf};

use sluice::cli::demo::pki::Authority;

use crate::Outcome;

/// Where they lie.
pub struct Pki {
    /// The authority's certificate: what clients trust.
    pub ca: PathBuf,
    /// A server's certificate (ECDSA, P-256).
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Certificate and key in one file, as some servers want them.
    pub both: PathBuf,
}

/// Makes an authority and a certificate, and writes them into `directory`.
pub fn write(directory: &Path) -> Outcome<Pki> {
    let text = |failure: sluice::cli::Failure| failure.to_string();
    let authority = Authority::generate().map_err(text)?;
    let leaf = authority.leaf("perf").map_err(text)?;
    let pki = Pki {
        ca: directory.join("ca.pem"),
        certificate: directory.join("server.pem"),
        key: directory.join("server.key"),
        both: directory.join("server.both.pem"),
    };
    fs::write(&pki.ca, authority.pem())?;
    fs::write(&pki.certificate, &leaf.certificate_pem)?;
    fs::write(&pki.key, &leaf.key_pem)?;
    fs::write(&pki.both, leaf.certificate_pem + &leaf.key_pem)?;
    Ok(pki)
}
