//! Recognisers: a pattern that is cheap to look for, and a validator that keeps chance hits out.

use memchr::{memchr_iter, memmem};

use super::find::{Hot, Verdict, What};

/// Kinds of values that are known by their form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Recogniser {
    /// `name@host.example`
    Email,
    /// International (`+49 30 …`) or North American (`(555) 010-1234`) telephone numbers.
    Phone,
    /// 13 to 19 digits whose Luhn sum is right.
    CreditCard,
    /// International bank account numbers whose remainder by 97 is 1.
    Iban,
    /// United States social security numbers, with hyphens.
    UsSsn,
    /// Three base64url parts, the first an object.
    Jwt,
    /// PEM private keys.
    PrivateKey,
    /// Client secrets as Entra makes them.
    AzureSecret,
}

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
const BEGIN: &[u8] = b"-----BEGIN ";

impl Recogniser {
    /// All of them, for lists.
    pub const ALL: [Recogniser; 8] = [
        Recogniser::Email,
        Recogniser::Phone,
        Recogniser::CreditCard,
        Recogniser::Iban,
        Recogniser::UsSsn,
        Recogniser::Jwt,
        Recogniser::PrivateKey,
        Recogniser::AzureSecret,
    ];

    /// Its name in the configuration and in placeholders.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Recogniser::Email => "email",
            Recogniser::Phone => "phone",
            Recogniser::CreditCard => "credit_card",
            Recogniser::Iban => "iban",
            Recogniser::UsSsn => "us_ssn",
            Recogniser::Jwt => "jwt",
            Recogniser::PrivateKey => "private_key",
            Recogniser::AzureSecret => "azure_secret",
        }
    }

    /// The recogniser of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Recogniser> {
        Recogniser::ALL
            .into_iter()
            .find(|recogniser| recogniser.name() == name)
    }

    pub(super) fn in_numbers(self) -> bool {
        self == Recogniser::CreditCard
    }

    pub(super) fn overhang(self) -> usize {
        match self {
            Recogniser::Email | Recogniser::Phone | Recogniser::CreditCard | Recogniser::UsSsn => 0,
            Recogniser::AzureSecret => 1,
            Recogniser::Jwt => 2,
            Recogniser::Iban => 3,
            Recogniser::PrivateKey => BEGIN.len() - 1,
        }
    }

    /// Where the earliest match around a place at or after `at` may begin.
    pub(super) fn reach(self, text: &[u8], at: usize) -> usize {
        match self {
            Recogniser::Email => local_start(text, at),
            Recogniser::AzureSecret => at.saturating_sub(4),
            _ => at,
        }
    }

    pub(super) fn scan(self, text: &[u8], from: usize, rule: u16, hots: &mut Vec<Hot>) {
        let what = What::Recogniser(self, rule);
        let mut add = |at: usize| {
            hots.push(Hot {
                at: (from + at) as u32,
                what,
            });
        };
        let rest = &text[from..];
        match self {
            Recogniser::Email => memchr_iter(b'@', rest).for_each(add),
            Recogniser::Jwt => memmem::find_iter(rest, b"eyJ").for_each(add),
            Recogniser::PrivateKey => memmem::find_iter(rest, BEGIN).for_each(add),
            Recogniser::AzureSecret => memmem::find_iter(rest, b"Q~").for_each(add),
            Recogniser::Iban => {
                for at in 0..rest.len().saturating_sub(3) {
                    if rest[at].is_ascii_uppercase()
                        && rest[at + 1].is_ascii_uppercase()
                        && rest[at + 2].is_ascii_digit()
                        && rest[at + 3].is_ascii_digit()
                    {
                        add(at);
                    }
                }
            }
            Recogniser::Phone | Recogniser::CreditCard | Recogniser::UsSsn => {
                let mut before = from.checked_sub(1).map_or(b' ', |at| text[at]);
                for (at, &byte) in rest.iter().enumerate() {
                    let opens = byte.is_ascii_digit()
                        || (self == Recogniser::Phone && matches!(byte, b'+' | b'('));
                    if opens && !before.is_ascii_alphanumeric() {
                        add(at);
                    }
                    before = byte;
                }
            }
        }
    }

    pub(super) fn judge(self, text: &[u8], at: usize, ended: bool) -> Verdict {
        let text = Bounded { text, ended };
        match self {
            Recogniser::Email => email(&text, at),
            Recogniser::Phone => phone(&text, at),
            Recogniser::CreditCard => credit_card(&text, at),
            Recogniser::Iban => iban(&text, at),
            Recogniser::UsSsn => us_ssn(&text, at),
            Recogniser::Jwt => jwt(&text, at),
            Recogniser::PrivateKey => private_key(&text, at),
            Recogniser::AzureSecret => azure_secret(&text, at),
        }
    }
}

/// A text that may go on.
struct Bounded<'t> {
    text: &'t [u8],
    ended: bool,
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

/// What real addresses have before the `@`, guests of a tenant (`bob_x.example#EXT#@…`) included.
/// RFC 5321 has more, but those delimit addresses in URLs and in other syntax.
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"._-+%'!#^~&*".contains(&byte)
}

/// Where the part of an address before an `@` at or after `at` begins.
fn local_start(text: &[u8], at: usize) -> usize {
    let first = at.saturating_sub(LOCAL);
    let length = text[first..at]
        .iter()
        .rev()
        .take_while(|&&byte| is_local(byte))
        .count();
    let mut start = at - length;
    while start < at && matches!(text[start], 0x80..=0xBF) {
        start += 1;
    }
    start
}

fn email(text: &Bounded<'_>, at: usize) -> Verdict {
    let start = local_start(text.text, at);
    if start == at {
        return Verdict::No;
    }
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b".-".contains(&byte);
    let Some(mut end) = text.run(at + 1, HOST, in_host) else {
        return Verdict::More;
    };
    while end > at + 1 && b".-".contains(&text.text[end - 1]) {
        end -= 1;
    }
    let mut labels = text.text[at + 1..end].rsplit(|&byte| byte == b'.');
    let top = labels.next().unwrap_or_default();
    let is_host = top.len() >= 2
        && !top[0].is_ascii_digit()
        && labels.next().is_some_and(|label| !label.is_empty());
    if is_host {
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

fn credit_card(text: &Bounded<'_>, at: usize) -> Verdict {
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

fn phone(text: &Bounded<'_>, at: usize) -> Verdict {
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

fn us_ssn(text: &Bounded<'_>, at: usize) -> Verdict {
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

fn iban(text: &Bounded<'_>, at: usize) -> Verdict {
    if at > 0 && text.text[at - 1].is_ascii_alphanumeric() {
        return Verdict::No;
    }
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ';
    // 34 characters in groups of four.
    let Some(most) = text.run(at, 34 + 8, belongs) else {
        return Verdict::More;
    };
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

fn jwt(text: &Bounded<'_>, at: usize) -> Verdict {
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

fn private_key(text: &Bounded<'_>, at: usize) -> Verdict {
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
fn azure_secret(text: &Bounded<'_>, at: usize) -> Verdict {
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

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    fn found(recogniser: Recogniser, text: &str) -> Vec<&str> {
        let mut hots = Vec::new();
        recogniser.scan(text.as_bytes(), 0, 0, &mut hots);
        let judge = |hot: &Hot| recogniser.judge(text.as_bytes(), hot.at as usize, true);
        let ranges = hots.iter().filter_map(|hot| match judge(hot) {
            Verdict::Match(range) => Some(&text[range as Range<usize>]),
            _ => None,
        });
        ranges.collect()
    }

    #[test]
    fn validators_keep_chance_hits_out() {
        use Recogniser::{AzureSecret, CreditCard, Email, Iban, Jwt, Phone, PrivateKey, UsSsn};
        let secret = format!("abc8Q~{}", "x".repeat(34));
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
        let cut_key = "-----BEGIN PRIVATE KEY-----\nMIIE";
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
        for (recogniser, text, expected) in [
            (
                Email,
                "to bob.b+x@mail.example.org.",
                &["bob.b+x@mail.example.org"][..],
            ),
            (Email, "a@b.co,c@d.example", &["a@b.co", "c@d.example"]),
            (Email, "jos\u{e9}@caf\u{e9}.fr", &["jos\u{e9}@caf\u{e9}.fr"]),
            (Email, "@home x@y 1@2.3 a@b. a@.co", &[]),
            (Phone, "call +49 30 901820 now", &["+49 30 901820"]),
            (
                Phone,
                "(555) 234-1234 or 555.234.1234",
                &["(555) 234-1234", "555.234.1234"],
            ),
            (
                Phone,
                "2026-11-22 1234567890 +1 23 v+4930901820x",
                &["+4930901820"][..0],
            ),
            (
                CreditCard,
                "card 4111 1111 1111 1111.",
                &["4111 1111 1111 1111"],
            ),
            (CreditCard, "378282246310005 4111111111111112", &[]),
            (CreditCard, "5500-0000-0000-0004", &["5500-0000-0000-0004"]),
            (
                Iban,
                "DE89 3704 0044 0532 0130 00 please",
                &["DE89 3704 0044 0532 0130 00"],
            ),
            (Iban, "GB82WEST12345698765432", &["GB82WEST12345698765432"]),
            (Iban, "GB82WEST12345698765433", &[]),
            (UsSsn, "ssn 078-05-1120", &["078-05-1120"]),
            (
                UsSsn,
                "000-12-3456 666-12-3456 912-12-3456 123-00-4567",
                &[],
            ),
            (Jwt, token, &[token, &token[21..]]),
            (Jwt, "eyJ eyJhbGci.x", &[]),
            (PrivateKey, key, &[key]),
            (PrivateKey, cut_key, &[cut_key]),
            (PrivateKey, "-----BEGIN CERTIFICATE-----", &[]),
            (AzureSecret, secret.as_str(), &[secret.as_str()]),
            (AzureSecret, "abc8Q~short", &[]),
        ] {
            assert_eq!(
                found(recogniser, text),
                expected,
                "{recogniser:?} in {text:?}"
            );
        }
    }
}
