//! What of a tool's definition matters when it is called.

use std::sync::Arc;

use crate::json::{Document, OwnedDocument, Value};
use crate::mcp::mirror::Mirrors;

/// The `annotations` of a definition: what its server claims, and nobody vouches for.
#[derive(Debug)]
pub struct Claims(OwnedDocument);

impl Claims {
    /// The claims of a definition; none when it makes none.
    pub(super) fn of(definition: &str) -> Option<Arc<Claims>> {
        let document = Document::parse(definition.as_bytes()).ok()?;
        let annotations = document.root().get("annotations")?;
        let claims = OwnedDocument::parse(annotations.raw()).ok()?;
        Some(Arc::new(Claims(claims)))
    }

    /// The value of `annotations`.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        self.0.root()
    }
}

/// The arguments that a definition wants repeated; none when it wants none.
pub(super) fn mirrors(definition: &str) -> Option<Arc<Mirrors>> {
    let document = Document::parse(definition.as_bytes()).ok()?;
    let mirrors = Mirrors::of(document.root().get("inputSchema")?);
    (!mirrors.is_empty()).then(|| Arc::new(mirrors))
}
