//! The revisions of the protocol.

/// A revision of the Model Context Protocol, older before newer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Revision {
    /// 2024-11-05: HTTP+SSE, and what old servers behind standard input still settle on. A client
    /// that settled on it says so in its header, whatever the transport.
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP, and the only one with batches.
    V2025_03_26,
    /// 2025-06-18: the version header, elicitation.
    V2025_06_18,
    /// 2025-11-25: tasks, priming events.
    V2025_11_25,
    /// 2026-07-28: no handshake, no session; every request says what it needs.
    V2026_07_28,
}

impl Revision {
    /// Every revision that passes, the newest first.
    pub const ALL: [Revision; 5] = [
        Revision::V2026_07_28,
        Revision::V2025_11_25,
        Revision::V2025_06_18,
        Revision::V2025_03_26,
        Revision::V2024_11_05,
    ];

    /// What a request without a version header means (2025-06-18, basic/transports, "Protocol
    /// Version Header").
    pub const UNSAID: Revision = Revision::V2025_03_26;

    /// The revision of that name, exactly as it is written.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Revision> {
        let named = |revision: &Revision| revision.as_str().as_bytes() == name;
        Revision::ALL.into_iter().find(named)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Revision::V2024_11_05 => "2024-11-05",
            Revision::V2025_03_26 => "2025-03-26",
            Revision::V2025_06_18 => "2025-06-18",
            Revision::V2025_11_25 => "2025-11-25",
            Revision::V2026_07_28 => "2026-07-28",
        }
    }

    /// Whether requests carry their own version and capabilities, and there are no sessions.
    #[must_use]
    pub fn is_modern(self) -> bool {
        self >= Revision::V2026_07_28
    }

    /// Whether several messages may come as one array.
    #[must_use]
    pub fn has_batches(self) -> bool {
        self == Revision::V2025_03_26
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Revision;

    #[test]
    fn names_are_read_back_and_nothing_else_is() {
        for revision in Revision::ALL {
            assert_eq!(
                Revision::parse(revision.as_str().as_bytes()),
                Some(revision)
            );
        }
        for name in ["", "2026-07-28 ", "2026-7-28", "2026-07-29", "latest"] {
            assert_eq!(Revision::parse(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn they_are_in_order() {
        assert!(Revision::ALL.is_sorted_by(|newer, older| newer > older));
        assert!(Revision::V2026_07_28.is_modern());
        assert!(!Revision::V2025_11_25.is_modern());
    }
}
