//! Challenges that a token must satisfy more: read from an upstream, and handed on to the caller whose
//! token it is. The words are the issuer's or the upstream's, so the recording has them first.

use base64::Engine as _;
use base64::alphabet::{STANDARD as PLAIN, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::body::BodyStep;
use super::step::{ReplyStep, released};
use crate::base::clock::Now;
use crate::base::limits::CLAIMS_BYTES;
use crate::exchange::{Account, Core, Refusal};
use crate::http::challenge::{Item, insufficient_claims, items};
use crate::http::{BodyLength, Known, ResponseHead, WriteError};
use crate::json::{Document, Kind};
use crate::mask::{Masked, MaskedHead, masked_head};

/// The claims that an upstream's 401 asks for (`error="insufficient_claims"`): JSON.
pub(super) fn claims_asked(head: &ResponseHead, bytes: &[u8]) -> Option<Box<str>> {
    head.values(bytes, Known::WwwAuthenticate).find_map(asked)
}

fn asked(value: &[u8]) -> Option<Box<str>> {
    let (mut is_bearer, mut is_insufficient, mut claims) = (false, false, None);
    for item in items(value) {
        match item {
            Item::Scheme(_) if is_insufficient && claims.is_some() => break,
            Item::Scheme(scheme) => {
                is_bearer = scheme.eq_ignore_ascii_case("bearer");
                (is_insufficient, claims) = (false, None);
            }
            Item::Parameter(name, value) if is_bearer => {
                if name.eq_ignore_ascii_case("error") {
                    is_insufficient = value == "insufficient_claims";
                } else if name.eq_ignore_ascii_case("claims") {
                    claims = decoded(&value);
                }
            }
            Item::Parameter(..) => {}
        }
    }
    claims.filter(|_| is_insufficient)
}

/// A JSON object in base64 of either alphabet, within bounds.
fn decoded(text: &str) -> Option<Box<str>> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decode = |alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok();
    let bytes = [&PLAIN, &URL_SAFE].into_iter().find_map(decode)?;
    let is_object = Document::parse(&bytes).is_ok_and(|it| it.root().kind() == Kind::Object);
    let claims = String::from_utf8(bytes).ok()?;
    (is_object && claims.len() <= CLAIMS_BYTES).then(|| claims.into())
}

/// The answer to a caller whose own token has to satisfy more before it is good for the upstream.
pub struct Challenge {
    claims: Box<str>,
    text: Vec<u8>,
}

impl Challenge {
    /// Asks for these claims: JSON.
    pub(in crate::exchange) fn of(claims: &str) -> Challenge {
        Challenge {
            claims: claims.into(),
            text: Vec::new(),
        }
    }

    /// The whole answer, once it is in the recording. `close` says that the connection ends with it.
    pub fn answer(
        &mut self,
        close: bool,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> ReplyStep<'_> {
        let Some(log) = account.log() else {
            return ReplyStep::Refuse(Refusal::RecorderUnable);
        };
        let recorded = head(&self.claims, close, &mut self.text, &mut Vec::new())
            .map_err(|_| Refusal::UpstreamMalformed("claims that cannot be passed on"))
            .and_then(|masked| {
                let recorded = core.writer.reply_head(log, masked, now);
                recorded.map_err(|_| Refusal::RecorderUnable)
            });
        match recorded {
            Ok(recorded) => {
                account.replied(401, now);
                released(BodyStep::Over { leftover: false }, Some(recorded), false)
            }
            Err(refusal) => ReplyStep::Refuse(refusal),
        }
    }
}

/// The head of the answer, which has no body (RFC 6750, section 3).
pub(super) fn head<'t>(
    claims: &str,
    close: bool,
    text: &'t mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Result<Masked<'t>, WriteError> {
    let fill = |head: &mut MaskedHead<'_>| {
        head.field("WWW-Authenticate", insufficient_claims(claims).as_bytes())?;
        head.fixed("Cache-Control", "no-store")?;
        if close {
            head.fixed("Connection", "close")?;
        }
        head.body(BodyLength::Length(0))
    };
    masked_head(text, scratch, None, 401, fill)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;

    #[test]
    fn what_an_upstream_asks_for_is_read_or_ignored() {
        let coded = STANDARD.encode(CLAIMS);
        let bare = coded.trim_end_matches('=').to_owned();
        let good = format!(
            r#"Bearer realm="", authorization_uri="https://id.example/authorize", client_id="0", error="insufficient_claims", claims="{coded}""#
        );
        for value in [
            good.clone(),
            good.replace(&coded, &bare),
            good.replace("Bearer", "bearer")
                .replace("claims=", "Claims="),
            format!("Basic realm=x, {good}"),
            format!("{good}, Basic realm=x"),
        ] {
            assert_eq!(asked(value.as_bytes()).as_deref(), Some(CLAIMS), "{value}");
        }
        let huge = format!(r#"{{"a":"{}"}}"#, "x".repeat(CLAIMS_BYTES));
        for value in [
            good.replace("insufficient_claims", "invalid_token"),
            good.replace("Bearer", "DPoP"),
            good.replace(&coded, "%%%"),
            good.replace(&coded, &STANDARD.encode("[]")),
            good.replace(&coded, &STANDARD.encode("{\"a\":1,\"a\":2}")),
            good.replace(&coded, &STANDARD.encode(b"{\"a\":\"\xff\"}")),
            good.replace(&coded, &STANDARD.encode(&huge)),
            format!(r#"Bearer error="insufficient_claims", Basic claims="{coded}""#),
            "Bearer".to_owned(),
        ] {
            assert_eq!(asked(value.as_bytes()), None, "{value}");
        }
    }
}
