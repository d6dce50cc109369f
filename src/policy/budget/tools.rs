//! Which tools a budget is for.

/// Patterns over a tool's name. They restrict, so they match widely: letter case, which an upstream
/// may not mind, makes no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToolPattern {
    /// Every call, to a tool or not.
    All,
    /// The pieces between the stars: `a*b` is `["a", "b"]`.
    Named(Vec<Box<str>>),
}

impl ToolPattern {
    /// `None` when it could match nothing.
    pub(super) fn parse(text: Option<&str>) -> Option<ToolPattern> {
        match text {
            None => Some(ToolPattern::All),
            Some("") => None,
            Some(text) => Some(ToolPattern::Named(text.split('*').map(Box::from).collect())),
        }
    }

    pub(super) fn covers(&self, tool: Option<&str>) -> bool {
        match (self, tool) {
            (ToolPattern::All, _) => true,
            (ToolPattern::Named(_), None) => false,
            (ToolPattern::Named(pieces), Some(tool)) => matches(pieces, tool.as_bytes()),
        }
    }
}

/// The first piece stands at the start, the last at the end, the others somewhere between, each as
/// early as it can: a later place never leaves more room for the rest.
fn matches(pieces: &[Box<str>], name: &[u8]) -> bool {
    let same = |part: &[u8], piece: &str| part.eq_ignore_ascii_case(piece.as_bytes());
    let [first, middle @ .., last] = pieces else {
        return matches!(pieces, [whole] if same(name, whole));
    };
    let Some((start, mut rest)) = name.split_at_checked(first.len()) else {
        return false;
    };
    for piece in middle.iter().filter(|piece| !piece.is_empty()) {
        let at = rest.windows(piece.len()).position(|part| same(part, piece));
        let Some(at) = at else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    let end = rest.len().checked_sub(last.len());
    let end = end.and_then(|at| rest.get(at..));
    same(start, first) && end.is_some_and(|end| same(end, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run_and_case_for_nothing() {
        for (pattern, name, want) in [
            ("search", "search", true),
            ("search", "Search", true),
            ("search", "search_", false),
            ("search_*", "search_tickets", true),
            ("search_*", "search_", true),
            ("search_*", "research_x", false),
            ("*", "", true),
            ("*", "a/b__c", true),
            ("*_all", "delete_all", true),
            ("*_all", "delete_al", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("a**a", "aa", true),
            ("é*", "É", false),
            ("é*", "é!", true),
        ] {
            let pattern = ToolPattern::parse(Some(pattern)).expect("a pattern");
            assert_eq!(pattern.covers(Some(name)), want, "{pattern:?} on {name}");
            assert!(!pattern.covers(None));
        }
        assert!(ToolPattern::All.covers(None) && ToolPattern::All.covers(Some("x")));
        assert_eq!(ToolPattern::parse(Some("")), None);
    }
}
