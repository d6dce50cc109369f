//! References to what must not stand in the file itself: `env:NAME` and `file:PATH`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::model::SecretRef;
use crate::base::hex;
use crate::base::limits::SESSION_KEY_BYTES;
use crate::base::secret::Secret;

/// The largest file a reference may name: far beyond any secret, certificate or list of literals.
const REFERENCE_BYTES: u64 = 4 * 1024 * 1024;

/// Where references are looked up. A function for the environment, so that tests need not change it.
pub(super) struct Lookup<'l> {
    pub directory: &'l Path,
    pub environment: &'l dyn Fn(&str) -> Option<String>,
    /// The files that were read.
    pub read: RefCell<Vec<PathBuf>>,
}

impl Lookup<'_> {
    /// A path of the file, relative to the file's own directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory
            .join(path.strip_prefix("file:").unwrap_or(path))
    }

    /// A secret: what the reference leads to, without a trailing line end, and never empty.
    pub fn secret(&self, reference: &str) -> Result<Secret, String> {
        trimmed(self.bytes(reference)?)
            .ok_or_else(|| format!("what `{reference}` leads to is empty"))
    }

    /// The same, with where it is read again.
    pub fn secret_ref(&self, reference: &str) -> Result<SecretRef, String> {
        let path = reference
            .strip_prefix("file:")
            .map(|path| self.directory.join(path));
        let value = self.secret(reference)?;
        Ok(SecretRef { value, path })
    }

    /// Reads a file that the configuration names.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.read.borrow_mut().push(path.to_owned());
        read(path)
    }

    /// The files that were read, each once.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = self.read.borrow().clone();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// What a reference leads to, as it is.
    pub fn bytes(&self, reference: &str) -> Result<Vec<u8>, String> {
        if let Some(name) = reference.strip_prefix("env:") {
            return (self.environment)(name)
                .map(String::into_bytes)
                .ok_or_else(|| format!("the variable `{name}` is not set"));
        }
        if let Some(path) = reference.strip_prefix("file:") {
            return self.read(&self.directory.join(path));
        }
        // The text is not repeated: it may be the very secret that should not stand here.
        Err("expected a reference: `env:NAME` or `file:PATH`".into())
    }
}

/// The secret that a reference leads to which stands on a command line: variables of this process,
/// files from where it works.
///
/// # Errors
/// Why it leads to none. The reference is repeated only where it is one.
pub fn referenced(reference: &str) -> Result<Secret, String> {
    let lookup = Lookup {
        directory: Path::new(""),
        environment: &|name| std::env::var(name).ok(),
        read: RefCell::default(),
    };
    lookup.secret(reference)
}

impl SecretRef {
    /// What its file holds now; what it was, where it has none.
    ///
    /// # Errors
    /// Why the file cannot be read. Nothing of what it holds.
    pub(crate) fn read_again(&self) -> Result<Secret, String> {
        match &self.path {
            Some(path) => read_secret(path),
            None => Ok(self.value.clone()),
        }
    }
}

/// The secret that a file holds, without a trailing line end, and never empty.
///
/// # Errors
/// Why there is none.
pub(crate) fn read_secret(path: &Path) -> Result<Secret, String> {
    trimmed(read(path)?).ok_or_else(|| format!("{} is empty", path.display()))
}

fn trimmed(mut bytes: Vec<u8>) -> Option<Secret> {
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    (!bytes.is_empty()).then(|| Secret::new(bytes))
}

/// Whether the text is a reference rather than the thing itself.
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with("env:") || text.starts_with("file:")
}

/// Whether what goes by this name is a secret, as far as a name can tell.
pub(super) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "token", "password", "key"]
        .iter()
        .any(|word| name.contains(word))
}

/// Reads a file that a configuration names, bounded, with an error that names it.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let shown = path.display();
    let file =
        std::fs::File::open(path).map_err(|error| format!("cannot open {shown}: {error}"))?;
    let mut bytes = Vec::new();
    file.take(REFERENCE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read {shown}: {error}"))?;
    if bytes.len() as u64 > REFERENCE_BYTES {
        return Err(format!("{shown} is larger than {REFERENCE_BYTES} bytes"));
    }
    Ok(bytes)
}

/// A key as people keep it: base64 of either alphabet, padded or not, or hexadecimal.
pub(crate) fn decoded_key(text: &Secret) -> Option<Secret> {
    let text = text.expose().trim_ascii();
    let bytes = if text.len() == 2 * SESSION_KEY_BYTES {
        hex::read::<SESSION_KEY_BYTES>(text).map(Vec::from)
    } else {
        let lenient =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        [STANDARD, URL_SAFE]
            .iter()
            .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
    }?;
    (bytes.len() == SESSION_KEY_BYTES).then(|| Secret::new(bytes))
}
