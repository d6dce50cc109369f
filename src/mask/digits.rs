//! What is written in digits: telephone numbers, cards, bank accounts, social security numbers.
//! One pass finds the places where any of them may begin.

use super::find::{Hot, What};
use super::recognise::Recogniser;
use crate::base::blocks::{BLOCK, are, below, bits};

/// Bytes of the shortest number that is looked for, of the shortest card's, and of the shortest
/// bank account.
const NUMBER: usize = 9;
const CARD: usize = 13;
const ACCOUNT: usize = 15;

/// The recognisers of a profile that look for digits, each with its rule.
#[derive(Default)]
pub(super) struct Digits {
    phone: Option<u16>,
    card: Option<u16>,
    account: Option<u16>,
    security: Option<u16>,
}

impl Digits {
    /// Takes over a recogniser that looks for digits; false for any other.
    pub fn take(&mut self, recogniser: Recogniser, rule: u16) -> bool {
        let place = match recogniser {
            Recogniser::Phone => &mut self.phone,
            Recogniser::CreditCard => &mut self.card,
            Recogniser::Iban => &mut self.account,
            Recogniser::UsSsn => &mut self.security,
            _ => return false,
        };
        *place = Some(rule);
        true
    }

    /// Adds every place at or after `from` where one may begin. Left out are only those whose
    /// bytes here show that they are none, whatever comes.
    pub fn scan(&self, text: &[u8], from: usize, hots: &mut Vec<Hot>) {
        let digits = |lanes| below(lanes, b'9' + 1) & !below(lanes, b'0');
        let openings = |lanes| are(lanes, b'+') | are(lanes, b'(');
        let mut in_digits = from > 0 && text[from - 1].is_ascii_digit();
        let mut base = from;
        while base < text.len() {
            let digits = bits(text, base, digits);
            let mut places = digits & !(digits << 1 | u64::from(in_digits));
            in_digits = digits >> (BLOCK - 1) != 0;
            if self.phone.is_some() {
                places |= bits(text, base, openings);
            }
            while places != 0 {
                let at = base + places.trailing_zeros() as usize;
                places &= places - 1;
                self.look(text, from, at, hots);
            }
            base += BLOCK;
        }
    }

    /// Adds what may begin because of a digit, plus sign or bracket at `at`.
    #[inline]
    fn look(&self, text: &[u8], from: usize, at: usize, hots: &mut Vec<Hot>) {
        let mut add = |at: usize, recogniser, rule: Option<u16>| {
            hots.extend(rule.map(|rule| Hot {
                at: at as u32,
                what: What::Recogniser(recogniser, rule),
            }));
        };
        let before = at.checked_sub(1).map_or(b' ', |before| text[before]);
        if before.is_ascii_alphanumeric() {
            if self.account.is_some()
                && before.is_ascii_uppercase()
                && begins_account(text, from, at)
            {
                add(at - 2, Recogniser::Iban, self.account);
            }
            return;
        }
        let rest = &text[at..];
        if !begins_number(rest) {
            return;
        }
        // What stands at a fixed place in every number of a kind tells most numbers from it.
        let may_be = |index: usize, wanted: &[u8]| {
            let byte = rest.get(index);
            byte.is_none_or(|byte| wanted.contains(byte))
        };
        let phone = match rest[0] {
            b'+' => true,
            b'(' => may_be(4, b")"),
            _ => may_be(3, b"-."),
        };
        if phone {
            add(at, Recogniser::Phone, self.phone);
        }
        if matches!(rest[0], b'2'..=b'6') && begins_card(rest) {
            add(at, Recogniser::CreditCard, self.card);
        }
        if rest[0].is_ascii_digit() && may_be(3, b"-") {
            add(at, Recogniser::UsSsn, self.security);
        }
    }
}

/// False when too few bytes here belong to a number for any that is looked for.
#[inline]
fn begins_number(text: &[u8]) -> bool {
    let belongs = |byte: &u8| matches!(byte, b'0'..=b'9' | b' ' | b'-' | b'.' | b'(' | b')');
    text.iter().take(NUMBER).skip(1).all(belongs)
}

/// False when too few bytes here belong to a card's number.
fn begins_card(text: &[u8]) -> bool {
    let belongs = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
    text.iter().take(CARD).all(belongs)
}

/// True when a bank account may begin two letters before the digit at `at`.
fn begins_account(text: &[u8], from: usize, at: usize) -> bool {
    let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ';
    at >= from + 2
        && text[at - 2].is_ascii_uppercase()
        && text.get(at + 1).is_some_and(u8::is_ascii_digit)
        && text[at - 2..].iter().take(ACCOUNT).all(belongs)
}
