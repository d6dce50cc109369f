//! Recognisers: a pattern that is cheap to look for, and a validator that keeps chance hits out.

use std::sync::LazyLock;

use memchr::{memchr_iter, memmem::Finder};

use super::find::{Hot, Verdict, What};
use super::validate::{
    BEGIN, Bounded, azure_secret, credit_card, email, iban, jwt, local_start, phone, private_key,
    us_ssn,
};

/// Bytes of the shortest value that is recognised: `a@b.co`.
pub(super) const SHORTEST_RECOGNISED: usize = 6;

static JWT: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"eyJ"));
static PRIVATE_KEY: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(BEGIN));
static AZURE_SECRET: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"Q~"));

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
        let add = |at: usize| {
            hots.push(Hot {
                at: (from + at) as u32,
                what,
            });
        };
        let rest = &text[from..];
        match self {
            Recogniser::Email => memchr_iter(b'@', rest).for_each(add),
            Recogniser::Jwt => JWT.find_iter(rest).for_each(add),
            Recogniser::PrivateKey => PRIVATE_KEY.find_iter(rest).for_each(add),
            Recogniser::AzureSecret => AZURE_SECRET.find_iter(rest).for_each(add),
            // Found together, by `Digits`.
            Recogniser::Iban | Recogniser::Phone | Recogniser::CreditCard | Recogniser::UsSsn => {}
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

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::super::find::Finder;
    use super::{Hot, Recogniser, Verdict};

    fn found(recogniser: Recogniser, text: &str) -> Vec<&str> {
        let mut hots = Vec::new();
        Finder::new(None, 0, vec![(recogniser, 0)]).scan(text.as_bytes(), 0, &mut hots);
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
            (Email, "members@odata.nextLink, mail@odata.type", &[]),
            (
                Email,
                "a@odata.com b@odata.Type c@x.odata.type",
                &["a@odata.com", "b@odata.Type", "c@x.odata.type"],
            ),
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

    #[test]
    fn where_a_run_reaches_its_bound_what_comes_decides() {
        let text = b"DE89 30064 0532 532 01704 0044 0704 0064 0532";
        let judge = |length: usize, ended| Recogniser::Iban.judge(&text[..length], 0, ended);
        assert_eq!(judge(42, false), Verdict::More);
        assert_eq!(judge(43, false), judge(text.len(), true));
        assert_eq!(judge(42, true), Verdict::Match(0..42));
    }
}
