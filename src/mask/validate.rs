//! A closer look at one place: is it what it looks like, and where does it end?

use memchr::memmem;

use super::find::Verdict;

/// Bytes of an address before its `@` (RFC 5321, section 4.5.3.1.1).
const LOCAL: usize = 64;
/// Bytes of a host name.
const HOST: usize = 253;
/// Bytes of a token that are masked as one.
const TOKEN: usize = 8 * 1024;
/// Bytes of a key in PEM that are masked as one; RSA with 8192 bits has 6.4 KB.
const KEY: usize = 16 * 1024;
/// Bytes of a number with its separators.
const DIGITS: usize = 40;
/// How a PEM block begins.
pub(super) const BEGIN: &[u8] = b"-----BEGIN ";

/// A text that may go on.
pub(super) struct Bounded<'t> {
    pub text: &'t [u8],
    pub ended: bool,
}

impl Bounded<'_> {
    /// The end of the run of bytes from `from` that belong, no longer than `most`; `None` when the
    /// run may go on beyond what is here.
    fn run(&self, from: usize, most: usize, belongs: impl Fn(u8) -> bool) -> Option<usize> {
        let end = self.text.len().min(from + most);
        match self.text[from..end].iter().position(|&byte| !belongs(byte)) {
            Some(length) => Some(from + length),
            None if end == from + most || self.ended => Some(end),
            None => None,
        }
    }

    fn at(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }
}

/// The bytes that belong to a run, looked up.
struct Class([bool; 256]);

impl Class {
    /// ASCII letters and digits, and `others`.
    const fn alphanumeric_and(others: &[u8]) -> Class {
        let mut belongs = [false; 256];
        let mut byte = 0;
        while byte < belongs.len() {
            belongs[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut index = 0;
        while index < others.len() {
            belongs[others[index] as usize] = true;
            index += 1;
        }
        Class(belongs)
    }

    /// Bytes beyond ASCII too.
    const fn and_beyond_ascii(self) -> Class {
        let mut belongs = self.0;
        let mut byte = 0x80;
        while byte < belongs.len() {
            belongs[byte] = true;
            byte += 1;
        }
        Class(belongs)
    }

    #[inline(always)]
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

/// What real addresses have before the `@`, guests of a tenant (`bob_x.example#EXT#@…`) included.
/// RFC 5321 has more, but those delimit addresses in URLs and in other syntax.
static LOCAL_PART: Class = Class::alphanumeric_and(b"._-+%'!#^~&*").and_beyond_ascii();
static HOST_NAME: Class = Class::alphanumeric_and(b".-").and_beyond_ascii();

/// Where the part of an address before an `@` at or after `at` begins.
pub(super) fn local_start(text: &[u8], at: usize) -> usize {
    let first = at.saturating_sub(LOCAL);
    let length = text[first..at]
        .iter()
        .rev()
        .take_while(|&&byte| LOCAL_PART.has(byte))
        .count();
    let mut start = at - length;
    while start < at && matches!(text[start], 0x80..=0xBF) {
        start += 1;
    }
    start
}

/// Whether what follows the `@` makes a name of it that OData gives to what it says of a member, such
/// as `members@odata.nextLink` (OData JSON Format 4.01, section 4.6). None of the words is a domain's
/// last label; annotations whose word is one are taken for addresses.
fn is_annotation(host: &[u8]) -> bool {
    const WORDS: [&[u8]; 12] = [
        b"associationLink",
        b"bind",
        b"context",
        b"count",
        b"deltaLink",
        b"editLink",
        b"etag",
        b"mediaContentType",
        b"navigationLink",
        b"nextLink",
        b"readLink",
        b"type",
    ];
    host.strip_prefix(b"odata.")
        .is_some_and(|word| WORDS.contains(&word))
}

pub(super) fn email(text: &Bounded<'_>, at: usize) -> Verdict {
    let start = local_start(text.text, at);
    if start == at {
        return Verdict::No;
    }
    let Some(mut end) = text.run(at + 1, HOST, |byte| HOST_NAME.has(byte)) else {
        return Verdict::More;
    };
    while end > at + 1 && b".-".contains(&text.text[end - 1]) {
        end -= 1;
    }
    let host = &text.text[at + 1..end];
    let mut labels = host.rsplit(|&byte| byte == b'.');
    let top = labels.next().unwrap_or_default();
    let is_host = top.len() >= 2
        && !top[0].is_ascii_digit()
        && labels.next().is_some_and(|label| !label.is_empty());
    if is_host && !is_annotation(host) {
        Verdict::Match(start..end)
    } else {
        Verdict::No
    }
}

/// The digits of a number that may have separators, and where it ends; `None` to be told more.
fn digits(
    text: &Bounded<'_>,
    at: usize,
    separators: &[u8],
) -> Option<([u8; DIGITS], usize, usize)> {
    let belongs = |byte: u8| byte.is_ascii_digit() || separators.contains(&byte);
    let mut end = text.run(at, DIGITS, belongs)?;
    while end > at && !text.text[end - 1].is_ascii_digit() {
        end -= 1;
    }
    let mut found = [0; DIGITS];
    let mut count = 0;
    for &byte in text.text[at..end]
        .iter()
        .filter(|byte| byte.is_ascii_digit())
    {
        found[count] = byte - b'0';
        count += 1;
    }
    Some((found, count, end))
}

pub(super) fn credit_card(text: &Bounded<'_>, at: usize) -> Verdict {
    let Some((found, count, end)) = digits(text, at, b" -") else {
        return Verdict::More;
    };
    if (13..=19).contains(&count) && matches!(found[0], 2..=6) && luhn(&found[..count]) {
        Verdict::Match(at..end)
    } else {
        Verdict::No
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, u32::from(digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => 2 * digit - 9,
            (_, digit) => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

pub(super) fn phone(text: &Bounded<'_>, at: usize) -> Verdict {
    let plus = text.at(at) == Some(b'+');
    let Some((found, count, end)) = digits(text, at + usize::from(plus), b" -.()") else {
        return Verdict::More;
    };
    let shape = &text.text[at..end];
    let international = plus && (8..=15).contains(&count) && found[0] != 0;
    // Without a plus only the written form tells a telephone number from any other number.
    let local = count == 10
        && found[0] > 1
        && found[3] > 1
        && [
            &b"(ddd) ddd-dddd"[..],
            b"(ddd)ddd-dddd",
            b"ddd-ddd-dddd",
            b"ddd.ddd.dddd",
        ]
        .iter()
        .any(|form| has_form(shape, form));
    if international || local {
        Verdict::Match(at..end)
    } else {
        Verdict::No
    }
}

fn has_form(shape: &[u8], form: &[u8]) -> bool {
    shape.len() == form.len()
        && shape.iter().zip(form).all(|(&byte, &wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            _ => byte == wanted,
        })
}

pub(super) fn us_ssn(text: &Bounded<'_>, at: usize) -> Verdict {
    let Some((found, count, end)) = digits(text, at, b"-") else {
        return Verdict::More;
    };
    let issued = count == 9
        && found[0] != 9
        && found[..3] != [0, 0, 0]
        && found[..3] != [6, 6, 6]
        && found[3..5] != [0, 0]
        && found[5..9] != [0, 0, 0, 0];
    if issued && has_form(&text.text[at..end], b"ddd-dd-dddd") {
        Verdict::Match(at..end)
    } else {
        Verdict::No
    }
}

pub(super) fn iban(text: &Bounded<'_>, at: usize) -> Verdict {
    if at > 0 && text.text[at - 1].is_ascii_alphanumeric() {
        return Verdict::No;
    }
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ';
    // 34 characters in groups of four.
    let Some(most) = text.run(at, 34 + 8, belongs) else {
        return Verdict::More;
    };
    // Where the run ends is known; whether a number ends there, what comes decides.
    if most == text.text.len() && !text.ended {
        return Verdict::More;
    }
    // What follows after a blank may be the next word: the longest valid number counts.
    let ends = (at + 15..=most).rev().filter(|&end| {
        text.text[end - 1] != b' '
            && text
                .at(end)
                .is_none_or(|byte| !byte.is_ascii_alphanumeric())
    });
    for end in ends {
        if mod_97(&text.text[at..end]) {
            return Verdict::Match(at..end);
        }
    }
    Verdict::No
}

fn mod_97(number: &[u8]) -> bool {
    let length = number.iter().filter(|&&byte| byte != b' ').count();
    let (head, tail) = number.split_at(4);
    let remainder = tail.iter().chain(head).filter(|&&byte| byte != b' ');
    let remainder = remainder.fold(0_u32, |remainder, &byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte.to_ascii_uppercase() - b'A') + 10) % 97,
    });
    (15..=34).contains(&length) && remainder == 1
}

pub(super) fn jwt(text: &Bounded<'_>, at: usize) -> Verdict {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let Some(end) = text.run(at, TOKEN, belongs) else {
        return Verdict::More;
    };
    let token = &text.text[at..end];
    let mut parts = token.split(|&byte| byte == b'.');
    let long = |part: Option<&[u8]>| part.is_some_and(|part| part.len() >= 8);
    // One that is cut at the bound has no third part to show.
    if long(parts.next()) && (long(parts.next()) || token.len() == TOKEN) {
        Verdict::Match(at..end)
    } else {
        Verdict::No
    }
}

pub(super) fn private_key(text: &Bounded<'_>, at: usize) -> Verdict {
    let label = at + BEGIN.len();
    let in_label = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    let Some(label_end) = text.run(label, 40, in_label) else {
        return Verdict::More;
    };
    if !text.text[label..label_end].ends_with(b"PRIVATE KEY") {
        return Verdict::No;
    }
    const END: &[u8] = b"-----END ";
    let most = text.text.len().min(at + KEY);
    let body = &text.text[label_end..most];
    let Some(end) = memmem::find(body, END) else {
        // Without an end all that is left is masked, up to the bound.
        return if text.ended || most == at + KEY {
            Verdict::Match(at..most)
        } else {
            Verdict::More
        };
    };
    let after = label_end + end + END.len();
    match text.run(after, 64, |byte| in_label(byte) || byte == b'-') {
        Some(end) => Verdict::Match(at..end),
        None => Verdict::More,
    }
}

/// `abc8Q~` and 31 to 34 more: three characters, a digit, `Q~`.
pub(super) fn azure_secret(text: &Bounded<'_>, at: usize) -> Verdict {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"_~.-".contains(&byte);
    let Some(start) = at.checked_sub(4) else {
        return Verdict::No;
    };
    let Some(end) = text.run(at + 2, 34, belongs) else {
        return Verdict::More;
    };
    let prefix = &text.text[start..at];
    let right = prefix[3].is_ascii_digit() && prefix.iter().all(|&byte| belongs(byte));
    if right && end - at - 2 >= 31 {
        Verdict::Match(start..end)
    } else {
        Verdict::No
    }
}
