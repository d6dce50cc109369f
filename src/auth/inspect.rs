//! Reads a token aloud: for `sluice token inspect`, and for asking what a policy would say.
//!
//! Nothing here makes an [`Identity`](super::Identity). What it shows is decoded and escaped; the
//! signature and the encoded token are never shown, so the output can be pasted into a ticket.

use std::sync::Arc;

use super::authenticator::subject;
use super::claims::Claims;
use super::entra::Version;
use super::error::{AuthError, Part};
use super::issuer::{Issuer, Rules, is_graph};
use super::jwt::{Compact, Header};
use super::snapshot::KeySets;
use super::subject::Grounds;
use super::verify;
use crate::base::calendar::Utc;
use crate::base::clock::Now;
use crate::json::{Document, Value};

/// A token, read aloud.
#[derive(Debug)]
pub struct Inspection {
    /// The members of its header.
    pub header: Vec<Line>,
    /// Its claims.
    pub claims: Vec<Line>,
    /// What was found of its signature.
    pub signature: Signature,
    /// The checks that it fails, in the order in which they are made; the first would be logged.
    pub failing: Vec<AuthError>,
}

/// One member.
#[derive(Debug)]
pub struct Line {
    /// Its name, escaped.
    pub name: String,
    /// Its value as JSON, escaped.
    pub value: String,
    /// What it means, where that is not plain.
    pub note: Option<String>,
}

/// What was found of a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signature {
    /// It verifies by a key of the issuer.
    Verified,
    /// It was not checked: the issuer or its key is not at hand, or the token is too malformed.
    NotChecked,
    /// It is not that of the key.
    Bad,
}

/// Reads a token aloud and judges it by the issuers, and by their keys where they are at hand.
#[must_use]
pub fn inspect(token: &[u8], sets: &KeySets, now: Now) -> Inspection {
    let mut inspection = Inspection {
        header: Vec::new(),
        claims: Vec::new(),
        signature: Signature::NotChecked,
        failing: Vec::new(),
    };
    if let Err(error) = inspection.read(token, sets, now) {
        inspection.failing.push(error);
    }
    inspection
}

/// What a policy would go by if these claims were verified: for explaining decisions. Audience and
/// times are not asked about, as they decide whether a token counts, not what it allows.
pub fn assumed(issuers: &[Arc<Issuer>], claims: &[u8]) -> Result<Grounds, AuthError> {
    let document = Document::parse(claims).map_err(|_| AuthError::NotJson(Part::Payload))?;
    let claims = Claims::of(&document)?;
    let iss = claims.issuer()?;
    let issuer = issuers
        .iter()
        .find(|issuer| issuer.goes_by(iss))
        .ok_or(AuthError::UnknownIssuer)?;
    let subject = issuer.rules.judge(issuer, claims, 0)?;
    Ok(subject.into_parts().0)
}

impl Inspection {
    /// Reads as far as the token can be read. Checks that do not stop the reading are collected.
    fn read(&mut self, token: &[u8], sets: &KeySets, now: Now) -> Result<(), AuthError> {
        let compact = Compact::split(token)?;
        let header_json = compact.header_json()?;
        let document =
            Document::parse(&header_json).map_err(|_| AuthError::NotJson(Part::Header))?;
        self.header = lines(document.root(), |name, _| header_note(name));
        let header = self.note(Header::parse(&header_json));

        let payload = compact.payload_json()?;
        let document = Document::parse(&payload).map_err(|_| AuthError::NotJson(Part::Payload))?;
        let claims = Claims::of(&document)?;
        self.claims = lines(document.root(), |name, value| {
            claim_note(name, value, sets, now)
        });

        let trust = sets
            .by_iss(claims.issuer()?)
            .ok_or(AuthError::UnknownIssuer)?;
        let issuer = trust.issuer();
        self.note(claims.refuse_graph());
        if let Some(header) = header {
            if !issuer.algorithms().contains(&header.algorithm) {
                self.failing.push(AuthError::AlgorithmNotAllowed);
            }
            let key = trust.keys(now.mono);
            if let Some(key) = key.ok().and_then(|keys| keys.find(&header.kid)) {
                self.note(issuer.rules.check_key(key, claims));
                let signature = compact.signature()?;
                let outcome = verify::signature(header.algorithm, key, compact.signed, &signature);
                self.signature = match self.note(outcome) {
                    Some(_) => Signature::Verified,
                    None => Signature::Bad,
                };
            }
        }
        self.note(claims.check_audience(issuer));
        self.note(claims.check_times(issuer, now.wall));
        match subject(issuer, claims, now.wall) {
            // Named already.
            Err(error) if self.failing.contains(&error) => {}
            outcome => drop(self.note(outcome)),
        }
        Ok(())
    }

    fn note<T>(&mut self, outcome: Result<T, AuthError>) -> Option<T> {
        outcome.map_err(|error| self.failing.push(error)).ok()
    }
}

fn lines(object: Value<'_>, note: impl Fn(&str, Value<'_>) -> Option<String>) -> Vec<Line> {
    let line = |(name, value): (&str, Value<'_>)| Line {
        name: shown(name),
        value: shown(value.raw()),
        note: note(name, value),
    };
    object.members().map(line).collect()
}

/// Text of a stranger, for a terminal: what could move the cursor or the reader's eye is escaped.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == ' ' || character.is_ascii_graphic() || character.is_alphanumeric() {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

fn header_note(name: &str) -> Option<String> {
    let note = match name {
        "jku" | "jwk" | "x5u" | "x5c" | "x5t" | "x5t#S256" => {
            "ignored: a token does not choose its own key"
        }
        "nonce" => "only Microsoft Graph can verify a token with this",
        "crit" | "b64" => "an extension that is not supported",
        _ => return None,
    };
    Some(note.to_owned())
}

fn claim_note(name: &str, value: Value<'_>, sets: &KeySets, now: Now) -> Option<String> {
    let text = value.as_str();
    let note = match name {
        "iss" => return issuer_note(text?, sets),
        "aud" if text.is_some_and(is_graph) => "Microsoft Graph: not for anybody else",
        "exp" | "nbf" | "iat" => return date_note(name, value, now),
        "idtyp" if text == Some("app") => "an application that acts for itself",
        "scp" => "a user's token: the client alone authorises nothing",
        "azp" | "appid" | "client_id" => "the client it was issued to",
        "oid" => "the object that acts",
        "xms_act_fct" | "xms_sub_fct"
            if text.is_some_and(|text| text.split(' ').any(|facet| facet == "11")) =>
        {
            "an agent"
        }
        "xms_sub_fct" if text.is_some_and(|text| text.split(' ').any(|facet| facet == "13")) => {
            "an agent's own user account"
        }
        "xms_par_app_azp" => "the agent's blueprint: to look into, never to authorise",
        "_claim_names" | "hasgroups" => "the groups may be too many to be listed: then unknown",
        "email" | "upn" | "preferred_username" | "unique_name" => "never used to authorise",
        "cnf" if value.get("x5t#S256").is_some() => {
            "its holder's alone: good over a connection that shows that certificate"
        }
        "cnf" if value.get("jkt").is_some() => "its holder's alone: good with a proof by that key",
        "cnf" => "its holder's alone, in a way that is not known here",
        "roles" | "groups" => return Some(format!("{} listed", value.items().count())),
        _ => return None,
    };
    Some(note.to_owned())
}

fn issuer_note(iss: &str, sets: &KeySets) -> Option<String> {
    let Some(trust) = sets.by_iss(iss) else {
        return Some("not a configured issuer".to_owned());
    };
    let form = match &trust.issuer().rules {
        Rules::Entra(entra) => match entra.tenant_of(iss) {
            Some((_, Version::One)) => ", version 1",
            _ => ", version 2",
        },
        Rules::Oidc(_) => "",
    };
    Some(format!(
        "the configured issuer `{}`{form}",
        trust.issuer().name()
    ))
}

fn date_note(name: &str, value: Value<'_>, now: Now) -> Option<String> {
    let date: u64 = value.number()?.split('.').next()?.parse().ok()?;
    let now = now.wall.unix_seconds();
    let distance = duration(date.abs_diff(now));
    let relation = match (name, date > now) {
        ("exp", true) => format!("expires in {distance}"),
        ("exp", false) => format!("expired {distance} ago"),
        (_, true) => format!("in {distance}"),
        (_, false) => format!("{distance} ago"),
    };
    Some(match utc(date) {
        Some(utc) => format!("{utc}, {relation}"),
        None => "not a date".to_owned(),
    })
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn utc(seconds: u64) -> Option<Utc> {
    (seconds <= crate::base::limits::NUMERIC_DATE_MAX).then(|| Utc::from_unix(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_driven_by_a_token() {
        assert_eq!(shown("a\u{1b}[2J é\u{202e}"), "a\\u{1b}[2J é\\u{202e}");
    }
}
