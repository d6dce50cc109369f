//! Claims that every kind of issuer shares, and how any claim is read.

use super::error::{AuthError, Claim, Part};
use super::issuer::{Issuer, is_graph};
use crate::base::clock::Wall;
use crate::base::limits::{
    CLAIM_TEXT_BYTES, NUMERIC_DATE_MAX, TOKEN_AUDIENCES, TOKEN_MEMBERSHIPS, WALL_CLOCK_MIN,
};
use crate::json::{Document, Kind, Value};

/// A token's payload, or any claims set.
#[derive(Clone, Copy)]
pub(super) struct Claims<'d>(Value<'d>);

impl<'d> Claims<'d> {
    /// The claims of a document, which must be an object.
    pub(super) fn of(document: &'d Document<'_>) -> Result<Claims<'d>, AuthError> {
        match document.root().kind() {
            Kind::Object => Ok(Claims(document.root())),
            _ => Err(AuthError::NotJson(Part::Payload)),
        }
    }

    pub(super) fn get(self, name: &str) -> Option<Value<'d>> {
        self.0.get(name)
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A claim that names something: short, visible ASCII and spaces, so that it can be logged.
    pub(super) fn text(self, name: &str, claim: Claim) -> Result<Option<&'d str>, AuthError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let is_text = |text: &&str| {
            (1..=CLAIM_TEXT_BYTES).contains(&text.len())
                && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        match value.as_str().filter(is_text) {
            Some(text) => Ok(Some(text)),
            None => Err(AuthError::ClaimMalformed(claim)),
        }
    }

    /// [`Claims::text`], of a claim that must be there.
    pub(super) fn required_text(self, name: &str, claim: Claim) -> Result<&'d str, AuthError> {
        self.text(name, claim)?
            .ok_or(AuthError::ClaimMissing(claim))
    }

    /// A claim that lists memberships: an array of short strings without control characters.
    pub(super) fn list(self, name: &str, claim: Claim) -> Result<Vec<Box<str>>, AuthError> {
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let malformed = AuthError::ClaimMalformed(claim);
        if value.kind() != Kind::Array {
            return Err(malformed);
        }
        let mut list = Vec::new();
        for item in value.items() {
            let item = item.as_str().filter(|item| is_member(item));
            list.push(item.ok_or(malformed)?.into());
            if list.len() > TOKEN_MEMBERSHIPS {
                return Err(malformed);
            }
        }
        Ok(list)
    }

    /// A claim that lists scopes: one string, separated by spaces (RFC 8693, section 4.2).
    pub(super) fn words(self, name: &str, claim: Claim) -> Result<Vec<Box<str>>, AuthError> {
        let malformed = AuthError::ClaimMalformed(claim);
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let text = value.as_str().ok_or(malformed)?;
        let mut list = Vec::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if !is_member(word) || list.len() == TOKEN_MEMBERSHIPS {
                return Err(malformed);
            }
            list.push(word.into());
        }
        Ok(list)
    }

    /// Whether the token says that this claim is not in it but to be asked for somewhere (OpenID
    /// Connect Core, section 5.6.2): it is not known then, which is not the same as empty.
    pub(super) fn is_elsewhere(self, name: &str) -> Result<bool, AuthError> {
        let Some(names) = self.get("_claim_names") else {
            return Ok(false);
        };
        // Each member names a source; where that is does not matter, since nobody is asked there.
        let names_sources = |(_, source): (&str, Value<'_>)| source.as_str().is_some();
        if names.kind() != Kind::Object || !names.members().all(names_sources) {
            return Err(AuthError::ClaimMalformed(Claim::Overage));
        }
        Ok(names.get(name).is_some())
    }

    /// The issuer that the token says it is from. Only a name to look up until it is verified.
    pub(super) fn issuer(self) -> Result<&'d str, AuthError> {
        self.required_text("iss", Claim::Issuer)
    }

    /// Refuses a token that Microsoft Graph would take. Asked before the signature, which nobody
    /// but Graph can verify on such tokens, so that the log names the real reason.
    pub(super) fn refuse_graph(self) -> Result<(), AuthError> {
        match self.audiences()?.into_iter().any(is_graph) {
            true => Err(AuthError::GraphAudience),
            false => Ok(()),
        }
    }

    /// One of the token's audiences is ours, exactly.
    pub(super) fn check_audience(self, issuer: &Issuer) -> Result<(), AuthError> {
        let is_ours = |audience: &str| issuer.audiences().iter().any(|own| own == audience);
        match self.audiences()?.into_iter().any(is_ours) {
            true => Ok(()),
            false => Err(AuthError::WrongAudience),
        }
    }

    /// `aud` is a string or an array of strings (RFC 7519, section 4.1.3).
    fn audiences(self) -> Result<Vec<&'d str>, AuthError> {
        let audience = self
            .get("aud")
            .ok_or(AuthError::ClaimMissing(Claim::Audience))?;
        let audiences = match audience.as_str() {
            Some(one) => Some(vec![one]),
            None => audience.items().map(Value::as_str).collect(),
        };
        let audiences = audiences.ok_or(AuthError::ClaimMalformed(Claim::Audience))?;
        if audiences.is_empty() || audiences.len() > TOKEN_AUDIENCES {
            return Err(AuthError::ClaimMalformed(Claim::Audience));
        }
        Ok(audiences)
    }

    /// Judges `exp`, `nbf` and `iat`; answers the second in which the token expires.
    pub(super) fn check_times(self, issuer: &Issuer, wall: Wall) -> Result<u64, AuthError> {
        let expires = self
            .date("exp", Claim::Expires)?
            .ok_or(AuthError::ClaimMissing(Claim::Expires))?;
        let not_before = self.date("nbf", Claim::NotBefore)?;
        let issued = self.date("iat", Claim::IssuedAt)?;
        check_expiry(issuer, expires.floor, wall)?;
        let horizon = wall.unix_seconds() + issuer.skew().as_secs();
        if not_before.is_some_and(|date| date.ceiling > horizon) {
            return Err(AuthError::NotYetValid);
        }
        if issued.is_some_and(|date| date.ceiling > horizon) {
            return Err(AuthError::IssuedInFuture);
        }
        Ok(expires.floor)
    }

    /// The second in which the token was issued, where it says so.
    pub(super) fn issued(self) -> Result<Option<u64>, AuthError> {
        Ok(self.date("iat", Claim::IssuedAt)?.map(|date| date.floor))
    }

    /// A NumericDate (RFC 7519, section 2): seconds since 1970, possibly with a fraction. A sign,
    /// an exponent or a year beyond 9999 is not a date that an issuer means.
    pub(super) fn date(self, name: &str, claim: Claim) -> Result<Option<Seconds>, AuthError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        value
            .number()
            .and_then(Seconds::parse)
            .map(Some)
            .ok_or(AuthError::ClaimMalformed(claim))
    }
}

/// A token is good until the second of its `exp`, plus the skew. Asked again at every use.
pub(super) fn check_expiry(issuer: &Issuer, expires: u64, wall: Wall) -> Result<(), AuthError> {
    let now = wall.unix_seconds();
    if now < WALL_CLOCK_MIN {
        return Err(AuthError::ClockNotSet);
    }
    if now >= expires.saturating_add(issuer.skew().as_secs()) {
        return Err(AuthError::Expired);
    }
    Ok(())
}

fn is_member(text: &str) -> bool {
    (1..=CLAIM_TEXT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// A NumericDate in whole seconds, rounded either way: each check takes the stricter one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seconds {
    pub(super) floor: u64,
    pub(super) ceiling: u64,
}

impl Seconds {
    fn parse(number: &str) -> Option<Seconds> {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        let floor: u64 = whole.parse().ok()?;
        let partial = fraction.bytes().any(|digit| digit != b'0');
        (floor <= NUMERIC_DATE_MAX).then_some(Seconds {
            floor,
            ceiling: floor + u64::from(partial),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_may_have_fractions_and_nothing_else() {
        let date = |floor, ceiling| Some(Seconds { floor, ceiling });
        assert_eq!(
            Seconds::parse("1700000000"),
            date(1_700_000_000, 1_700_000_000)
        );
        assert_eq!(
            Seconds::parse("1700000000.0"),
            date(1_700_000_000, 1_700_000_000)
        );
        assert_eq!(
            Seconds::parse("1700000000.25"),
            date(1_700_000_000, 1_700_000_001)
        );
        assert_eq!(
            Seconds::parse("253402300799"),
            date(NUMERIC_DATE_MAX, NUMERIC_DATE_MAX)
        );
        for absurd in [
            "-1",
            "-0",
            "1e9",
            "1.5e9",
            "1E9",
            "253402300800",
            "18446744073709551616",
        ] {
            assert_eq!(Seconds::parse(absurd), None, "{absurd}");
        }
    }
}
