//! Issuers of the kind `oidc`: any that signs JWT access tokens (RFC 9068 and its relatives).

use super::claims::Claims;
use super::error::{AuthError, Claim};
use super::issuer::Issuer;
use super::subject::{Membership, PrincipalKind, Subject, TokenFacts};
use crate::json::Kind;

/// The one name of the issuer, and where its tokens list roles and groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Oidc {
    issuer: String,
    roles: String,
    groups: String,
}

impl Oidc {
    pub(super) fn new(issuer: String, roles: String, groups: String) -> Oidc {
        Oidc {
            issuer,
            roles,
            groups,
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Judges what is left to judge of a token that names this issuer.
    pub(super) fn judge(
        &self,
        issuer: &Issuer,
        claims: Claims<'_>,
        expires: u64,
    ) -> Result<Subject, AuthError> {
        // An ID token may be for the same audience as an access token, and is for the client's
        // eyes only (RFC 9068, section 6). These claims stand in no access token.
        if ["nonce", "at_hash", "c_hash"]
            .iter()
            .any(|name| claims.has(name))
        {
            return Err(AuthError::IdToken);
        }
        if claims.is_elsewhere(&self.roles)? {
            return Err(AuthError::ClaimMalformed(Claim::Roles));
        }
        let object = claims.required_text("sub", Claim::Subject)?;
        let client = client(claims)?;
        Ok(Subject {
            issuer: issuer.name().clone(),
            tenant: None,
            object: object.to_owned(),
            client: client.map(str::to_owned),
            kind: kind(object, client),
            roles: claims.list(&self.roles, Claim::Roles)?,
            groups: self.groups(claims)?,
            scopes: scopes(claims)?,
            agent: None,
            blueprint: None,
            token: TokenFacts::of(claims, "jti", expires)?,
        })
    }

    fn groups(&self, claims: Claims<'_>) -> Result<Membership, AuthError> {
        let listed = claims.list(&self.groups, Claim::Groups)?;
        match claims.is_elsewhere(&self.groups)? {
            true => Ok(Membership::elsewhere()),
            false => Ok(Membership::Known(listed)),
        }
    }
}

fn client(claims: Claims<'_>) -> Result<Option<&str>, AuthError> {
    let azp = claims.text("azp", Claim::Client)?;
    let client_id = claims.text("client_id", Claim::Client)?;
    match (azp, client_id) {
        (Some(azp), Some(client_id)) if azp != client_id => Err(AuthError::ClientsDisagree),
        (azp, client_id) => Ok(azp.or(client_id)),
    }
}

/// A client that acts for itself is its own subject (RFC 9068, section 5). In any other token the
/// client only carries somebody else's authority, and its name authorises nothing.
fn kind(object: &str, client: Option<&str>) -> PrincipalKind {
    if client == Some(object) {
        PrincipalKind::Application
    } else {
        PrincipalKind::User
    }
}

/// `scope` is a string of words; some issuers write `scp`, as words or as a list.
fn scopes(claims: Claims<'_>) -> Result<Vec<Box<str>>, AuthError> {
    if claims.has("scope") {
        return claims.words("scope", Claim::Scopes);
    }
    match claims.get("scp") {
        Some(scp) if scp.kind() == Kind::Array => claims.list("scp", Claim::Scopes),
        _ => claims.words("scp", Claim::Scopes),
    }
}
