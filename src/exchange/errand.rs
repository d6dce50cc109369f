//! What an exchange of a connection of protocol `graph` is beyond HTTP when it carries a batch.

use super::refusal::Refusal;

/// A batch on its way: what goes upstream of it, and what is said to the rest.
pub(super) struct Errand {
    /// The body as it was judged, in one spelling, for whoever forwards it.
    pub body: Vec<u8>,
    /// Its calls, in order.
    pub parts: Vec<Part>,
}

/// One call of a batch.
pub(super) struct Part {
    /// What its answer is found by.
    pub id: Box<str>,
    /// Why it does not go upstream; none for those that do.
    pub refused: Option<Refusal>,
}

impl Errand {
    /// Whether a response with this id is due from upstream.
    pub(super) fn awaits(&self, id: &str) -> bool {
        let mut due = self.parts.iter().filter(|part| part.refused.is_none());
        due.any(|part| part.id.eq_ignore_ascii_case(id))
    }
}
