//! Through whom a request has come (`Via`, RFC 9110, section 7.6.3).

/// What the gateway adds to the `Via` of every request that it forwards, and knows a loop by.
pub struct Via {
    /// The protocol that requests come in, and the name.
    field: Box<str>,
}

const PROTOCOL: &str = "1.1";

impl Via {
    /// Under this name, which says nothing of hosts and ports.
    #[must_use]
    pub fn by(pseudonym: &str) -> Via {
        Via {
            field: format!("{PROTOCOL} {pseudonym}").into(),
        }
    }

    /// The value to add.
    #[must_use]
    pub fn field(&self) -> &[u8] {
        self.field.as_bytes()
    }

    /// Whether the gateway is among those that the values of a request name: then it goes in circles.
    pub(super) fn is_in<'v>(&self, values: impl Iterator<Item = &'v [u8]>) -> bool {
        let name = self.field.as_bytes().get(PROTOCOL.len() + 1..);
        let mut members = values.flat_map(|value| value.split(|byte| *byte == b','));
        members.any(|member| {
            // Protocol, who received it, perhaps a comment.
            let mut words = member
                .split(|byte| matches!(byte, b' ' | b'\t'))
                .filter(|word| !word.is_empty());
            let by = words.nth(1);
            by.zip(name)
                .is_some_and(|(by, name)| by.eq_ignore_ascii_case(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_known_by_the_name_alone() {
        let via = Via::by("edge-1");
        let is_in = |values: &[&str]| via.is_in(values.iter().map(|value| value.as_bytes()));
        for there in [
            &["1.1 edge-1"][..],
            &["1.1 EDGE-1"],
            &["1.0 fred, 1.1\tedge-1 (Sluice)", "1.1 p.example"],
            &["1.1 p.example", "HTTP/2 edge-1"],
            &[", ,1.1  edge-1,"],
        ] {
            assert!(is_in(there), "{there:?}");
        }
        for other in [
            &[][..],
            &["1.1 edge-10"],
            &["1.1 edge"],
            &["edge-1"],
            &["1.1 p (edge-1)"],
            &["edge-1 1.1"],
            &[""],
        ] {
            assert!(!is_in(other), "{other:?}");
        }
    }
}
