//! How one tool stands, and what a sight of it changes.

use std::sync::Arc;

use super::{Claims, Fingerprint, Mirrors};

/// What holds for the tools of one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ToolPolicy {
    /// When a definition is not the pinned one.
    pub on_change: OnChange,
    /// When a tool is seen for the first time.
    pub first: First,
}

/// What a changed definition leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnChange {
    /// The tool is hidden and refused until somebody approves.
    #[default]
    Quarantine,
    /// The tool stays in use, and the operator is told.
    Alert,
}

/// What a tool's first definition needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum First {
    /// Nothing: it is pinned as it is.
    #[default]
    Trust,
    /// Somebody's approval: until then the tool is hidden and refused.
    Approve,
}

/// How a tool stands. The names are those in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Its definition is the trusted one.
    Pinned,
    /// Its definition is another, and the connection only alerts.
    Changed,
    /// It is new and waits for approval.
    Pending,
    /// Its definition was another at least once, and nobody has approved since.
    Quarantined,
}

/// Whether a caller may see a tool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Sight {
    /// As far as pins go, it may.
    Shown,
    /// The item is taken out of the list.
    Hidden,
}

/// How a definition compares to what is pinned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is the pinned one.
    Pinned,
    /// Nothing is pinned under this name.
    New,
    /// Another one is pinned.
    Changed,
}

impl State {
    /// All states.
    pub const ALL: [State; 4] = [
        State::Pinned,
        State::Changed,
        State::Pending,
        State::Quarantined,
    ];

    /// The name in the store and on the screen.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Pinned => "pinned",
            State::Changed => "changed",
            State::Pending => "pending",
            State::Quarantined => "quarantined",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a tool in this state may be seen and called.
    pub fn sight(self) -> Sight {
        match self {
            State::Pinned | State::Changed => Sight::Shown,
            State::Pending | State::Quarantined => Sight::Hidden,
        }
    }
}

/// One tool as it stands.
#[derive(Clone)]
pub(super) struct Tool {
    pub state: State,
    pub pinned: Option<Fingerprint>,
    /// The last definition that was told to the keeper.
    pub seen: Fingerprint,
    pub annotations: Option<Arc<Claims>>,
    pub mirrors: Option<Arc<Mirrors>>,
    /// The number of the last news that it made.
    pub news: u64,
    /// Whether the keeper was told of the state it is in.
    pub told: bool,
}

impl Tool {
    /// A new tool of which nobody could be told: nothing is trusted that is not kept.
    pub fn untold(print: Fingerprint) -> Tool {
        Tool {
            state: State::Pending,
            pinned: None,
            seen: print,
            annotations: None,
            mirrors: None,
            news: 0,
            told: false,
        }
    }
}

/// What a sight of a tool makes of it.
pub(super) struct Judged {
    /// The definition that is seen.
    pub print: Fingerprint,
    pub state: State,
    pub pinned: Option<Fingerprint>,
}

/// The one transition of the drawing in [`super`].
pub(super) fn judged(known: Option<&Tool>, print: &Fingerprint, policy: ToolPolicy) -> Judged {
    let before = known.map(|tool| tool.state);
    let pinned = known.and_then(|tool| tool.pinned);
    let state = match (pinned, before) {
        (_, Some(State::Quarantined)) => State::Quarantined,
        (None, _) => match policy.first {
            First::Trust => State::Pinned,
            First::Approve => State::Pending,
        },
        (Some(pinned), _) if pinned == *print => State::Pinned,
        (Some(_), _) => match policy.on_change {
            OnChange::Quarantine => State::Quarantined,
            OnChange::Alert => State::Changed,
        },
    };
    let pinned = match state {
        State::Pinned => Some(*print),
        _ => pinned,
    };
    Judged {
        print: *print,
        state,
        pinned,
    }
}
