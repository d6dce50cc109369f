//! Sluice as users get it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// Builds it; it lies beside this program then.
pub fn sluice() -> Outcome<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--release",
            // Built together with this program, so that what both use is built once.
            "--package=sluice",
            "--package=sluice-perf",
            "--bin=sluice",
            "--manifest-path",
        ])
        .arg(repository().join("Cargo.toml"))
        .status()?;
    if !built.success() {
        return Err("sluice does not build".into());
    }
    Ok(target_directory()?.join("sluice"))
}

/// Where the sources lie that this program was built from.
pub fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Where this program lies: `target/release`.
pub fn target_directory() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().ok_or("no target directory")?.to_owned())
}
