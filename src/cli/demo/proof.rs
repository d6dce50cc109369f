//! Proofs from captured bytes: something is *nowhere* in what a socket saw.
//!
//! Each proof has its control. The same search over the bytes of the other side must find what it
//! looks for, or it would prove nothing but a search that finds nothing.

use super::disguise::Needle;
use aho_corasick::AhoCorasick;
use std::collections::BTreeSet;

/// Bytes to search: each socket as captured, and once more with chunk framing taken out, so that
/// nothing hides astride two chunks.
pub struct Haystack {
    sockets: Vec<Vec<u8>>,
    bytes: usize,
}

/// One searched claim.
pub struct Proof {
    /// What is claimed, as a sentence.
    pub claim: String,
    /// How it was looked for, and the control.
    pub evidence: String,
    /// What speaks against it; the claim holds when this is empty.
    pub against: Vec<String>,
}

impl Haystack {
    /// Takes the captured bytes of any number of sockets.
    pub fn new(sockets: Vec<Vec<u8>>) -> Haystack {
        let bytes = sockets.iter().map(Vec::len).sum();
        let unframed: Vec<_> = sockets
            .iter()
            .map(|socket| without_chunk_lines(socket))
            .collect();
        Haystack {
            sockets: sockets.into_iter().chain(unframed).collect(),
            bytes,
        }
    }

    /// How many bytes were captured.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those of the needles that are in it.
    pub fn find<'n>(&self, needles: &'n [Needle]) -> Vec<&'n Needle> {
        let patterns = needles.iter().map(|needle| &needle.bytes);
        let Ok(automaton) = AhoCorasick::new(patterns) else {
            // A search that cannot be made found everything: a proof never rests on it.
            return needles.iter().collect();
        };
        let mut found = BTreeSet::new();
        for socket in &self.sockets {
            let hits = automaton.find_overlapping_iter(socket);
            found.extend(hits.map(|hit| hit.pattern().as_usize()));
        }
        found
            .into_iter()
            .filter_map(|index| needles.get(index))
            .collect()
    }

    /// The distinct bearer tokens in `Authorization` fields.
    pub fn bearers(&self) -> BTreeSet<String> {
        let mut tokens = BTreeSet::new();
        for line in self
            .sockets
            .iter()
            .flat_map(|socket| socket.split(|byte| *byte == b'\n'))
        {
            let Ok(line) = std::str::from_utf8(line) else {
                continue;
            };
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("authorization")
                && let Some((scheme, token)) = value.trim().split_once(' ')
                && scheme.eq_ignore_ascii_case("bearer")
            {
                tokens.insert(token.trim().to_owned());
            }
        }
        tokens
    }
}

impl Proof {
    /// Looks for `needles` in `nowhere`, where none may be, and in `control`, where at least
    /// `expected` different ones must be.
    pub fn search(
        claim: &str,
        needles: &[Needle],
        nowhere: &Haystack,
        control: &Haystack,
        expected: usize,
    ) -> Proof {
        let leaks = nowhere.find(needles);
        let seen = control.find(needles).len();
        let mut against: Vec<String> = leaks.iter().map(|leak| leak.what.clone()).collect();
        if seen < expected.max(1) {
            against.push(format!(
                "the control failed: {seen} found on the other side, {} expected",
                expected.max(1)
            ));
        }
        if nowhere.bytes() == 0 {
            against.push("nothing was captured".to_owned());
        }
        Proof {
            claim: claim.to_owned(),
            evidence: format!(
                "{} forms looked for in {} captured bytes: {} found; \
                 control: {seen} of them in the {} bytes of the other side",
                needles.len(),
                nowhere.bytes(),
                leaks.len(),
                control.bytes()
            ),
            against,
        }
    }

    /// True when nothing speaks against it.
    pub fn holds(&self) -> bool {
        self.against.is_empty()
    }
}

/// Removes every `CRLF hex-digits CRLF`: chunk size lines (RFC 9112, 7.1). In doubt it removes too
/// much, which is why the bytes as captured are searched too.
fn without_chunk_lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        match chunk_line(rest) {
            Some(length) => rest = &rest[length..],
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// The length of the chunk size line that `bytes` begins with, both line ends included.
fn chunk_line(bytes: &[u8]) -> Option<usize> {
    let inner = bytes.strip_prefix(b"\r\n")?;
    let digits = inner
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let ended = inner.get(digits..digits + 2)? == b"\r\n";
    ((1..=16).contains(&digits) && ended).then_some(digits + 4)
}

#[cfg(test)]
mod tests {
    use super::super::disguise::of_text;
    use super::*;

    fn stack(text: &str) -> Haystack {
        Haystack::new(vec![text.as_bytes().to_vec()])
    }

    #[test]
    fn what_straddles_two_chunks_is_found() {
        let needles = of_text("mail", b"greta.bauer@x.example");
        let framed =
            stack("HTTP/1.1 200 OK\r\n\r\n8\r\n\"greta.b\r\ne\r\nauer@x.example\r\n0\r\n\r\n");
        assert_eq!(framed.find(&needles).len(), 1);
        assert!(stack("greta.b auer@x.example").find(&needles).is_empty());
    }

    #[test]
    fn a_proof_needs_its_control() {
        let needles = of_text("secret", b"0123456789");
        let (clean, full) = (stack("nothing here"), stack("0123456789"));
        assert!(Proof::search("", &needles, &clean, &full, 1).holds());
        assert!(!Proof::search("", &needles, &full, &full, 1).holds());
        assert!(!Proof::search("", &needles, &clean, &clean, 1).holds());
        assert!(!Proof::search("", &needles, &Haystack::new(vec![]), &full, 1).holds());
    }

    #[test]
    fn bearers_are_read_off_the_wire() {
        let text = "GET / HTTP/1.1\r\nHOST: x\r\nauthorization: Bearer abc\r\n\r\nGET / HTTP/1.1\r\n\
                    Authorization:bearer abc \r\n\r\n";
        assert_eq!(stack(text).bearers(), BTreeSet::from(["abc".to_owned()]));
    }
}
