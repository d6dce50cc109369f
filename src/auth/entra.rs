//! Issuers of the kind `entra`: one tenant of Microsoft Entra, with tokens of version 1 and 2.

use std::fmt;

use super::claims::Claims;
use super::error::{AuthError, Claim};
use super::issuer::Issuer;
use super::subject::{Membership, PrincipalKind, Subject};

/// Microsoft Graph as an audience, by URI and by application id, without the final slash that v1
/// tokens may carry.
pub(super) const GRAPH_AUDIENCES: [&str; 2] = [
    "https://graph.microsoft.com",
    "00000003-0000-0000-c000-000000000000",
];

/// One tenant, and the two forms in which its tokens name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tenant {
    id: Guid,
    v1: String,
    v2: String,
}

impl Tenant {
    pub(super) fn new(authority: &str, id: Guid) -> Tenant {
        let v1 = match authority {
            // Global and US Government tokens of version 1 share one security token service.
            "https://login.microsoftonline.com" | "https://login.microsoftonline.us" => {
                "https://sts.windows.net"
            }
            "https://login.partner.microsoftonline.cn" | "https://login.chinacloudapi.cn" => {
                "https://sts.chinacloudapi.cn"
            }
            // A local issuer has no second host.
            other => other,
        };
        Tenant {
            v1: format!("{v1}/{id}/"),
            v2: format!("{authority}/{id}/v2.0"),
            id,
        }
    }

    /// The `iss` of tokens of version 1.
    pub(super) fn v1(&self) -> &str {
        &self.v1
    }

    /// The `iss` of tokens of version 2.
    pub(super) fn v2(&self) -> &str {
        &self.v2
    }

    /// Judges what only Entra's tokens say, of a token that names this tenant as its issuer.
    pub(super) fn judge(
        &self,
        issuer: &Issuer,
        claims: Claims<'_>,
        expires: u64,
    ) -> Result<Subject, AuthError> {
        let client_claim = self.check_version(claims)?;
        if guid(claims, "tid", Claim::Tenant)? != Some(self.id) {
            return Err(match claims.has("tid") {
                true => AuthError::WrongTenant,
                false => AuthError::ClaimMissing(Claim::Tenant),
            });
        }
        if claims.is_elsewhere("roles")? {
            return Err(AuthError::ClaimMalformed(Claim::Roles));
        }
        let object =
            guid(claims, "oid", Claim::Object)?.ok_or(AuthError::ClaimMissing(Claim::Object))?;
        let kind = kind(claims)?;
        let client = guid(claims, client_claim, Claim::Client)?;
        if kind == PrincipalKind::Application && client.is_none() {
            return Err(AuthError::ClaimMissing(Claim::Client));
        }
        Ok(Subject {
            issuer: issuer.name().clone(),
            tenant: Some(self.id.to_string()),
            object: object.to_string(),
            client: client.map(|client| client.to_string()),
            kind,
            roles: claims.list("roles", Claim::Roles)?,
            groups: groups(claims)?,
            scopes: claims.words("scp", Claim::Scopes)?,
            token_id: claims.text("uti", Claim::TokenId)?.map(str::to_owned),
            expires,
        })
    }

    /// `ver` must go with the form of `iss`; answers the claim in which that version names the
    /// client. Where both forms are the same host they still differ in their path.
    fn check_version(&self, claims: Claims<'_>) -> Result<&'static str, AuthError> {
        let issuer = claims.issuer()?;
        match claims.required_text("ver", Claim::Version)? {
            "1.0" if issuer == self.v1 => Ok("appid"),
            "2.0" if issuer == self.v2 => Ok("azp"),
            _ => Err(AuthError::VersionDisagrees),
        }
    }
}

/// `idtyp=app` is an application, `scp` a user on whose behalf one acts. A token with neither may
/// be anybody's (any application of a tenant gets one without asking), one with both is nobody's.
fn kind(claims: Claims<'_>) -> Result<PrincipalKind, AuthError> {
    let scoped = claims.has("scp");
    match claims.text("idtyp", Claim::Kind)? {
        Some("app") if scoped => Err(AuthError::KindContradicts),
        Some("app") => Ok(PrincipalKind::Application),
        Some("user") | None if scoped => Ok(PrincipalKind::User),
        Some("user") | None => Err(AuthError::KindUnclear),
        Some(_) => Err(AuthError::ClaimMalformed(Claim::Kind)),
    }
}

/// Above 200 groups Entra leaves them out and says so, by `_claim_names` or `hasgroups`: then they
/// are not known, which is not the same as none.
fn groups(claims: Claims<'_>) -> Result<Membership, AuthError> {
    let malformed = AuthError::ClaimMalformed(Claim::Overage);
    let by_names = claims.is_elsewhere("groups")?;
    let by_flag = match claims.get("hasgroups") {
        None => false,
        Some(flag) => flag
            .as_bool()
            .or_else(|| flag.as_str()?.parse().ok())
            .ok_or(malformed)?,
    };
    let listed = claims.list("groups", Claim::Groups)?;
    if by_names || by_flag {
        return Ok(Membership::Overage);
    }
    let id = |group: Box<str>| match Guid::parse(&group) {
        Some(guid) => guid.to_string().into(),
        None => group,
    };
    Ok(Membership::Known(listed.into_iter().map(id).collect()))
}

fn guid(claims: Claims<'_>, name: &str, claim: Claim) -> Result<Option<Guid>, AuthError> {
    let Some(text) = claims.text(name, claim)? else {
        return Ok(None);
    };
    match Guid::parse(text) {
        Some(guid) => Ok(Some(guid)),
        None => Err(AuthError::ClaimMalformed(claim)),
    }
}

/// Whether a text is a GUID in its one usual form, in either case.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    Guid::parse(text).is_some()
}

/// A GUID in its one usual form; either case is read, lower case is written, so that one object is
/// one principal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Guid(u128);

impl Guid {
    pub(super) fn parse(text: &str) -> Option<Guid> {
        let hyphens = [8, 13, 18, 23];
        let mut value = 0;
        if text.len() != 36 {
            return None;
        }
        for (index, byte) in text.bytes().enumerate() {
            if hyphens.contains(&index) {
                if byte != b'-' {
                    return None;
                }
            } else {
                value = value << 4 | u128::from(char::from(byte).to_digit(16)?);
            }
        }
        Some(Guid(value))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        let (a, b, c, d, e) = (
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        );
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "7e2f1a00-0000-4000-8000-0000000000ab";

    #[test]
    fn guids_are_read_in_one_form_and_written_in_lower_case() {
        assert_eq!(
            Guid::parse(&TENANT.to_uppercase()).map(|guid| guid.to_string()),
            Some(TENANT.to_owned())
        );
        for not in [
            "",
            "7e2f1a00000040008000000000000ab",
            "{7e2f1a00-0000-4000-8000-0000000000a}",
            "7e2f1a00-0000-4000-8000-0000000000ag",
            "7e2f1a000-000-4000-8000-0000000000ab",
        ] {
            assert_eq!(Guid::parse(not), None, "{not}");
        }
    }

    #[test]
    fn issuers_derive_from_the_authority() {
        let of = |authority| {
            let tenant = Tenant::new(authority, Guid::parse(TENANT).unwrap());
            (
                tenant.v1().replace(TENANT, "T"),
                tenant.v2().replace(TENANT, "T"),
            )
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            of("https://login.microsoftonline.com"),
            pair(
                "https://sts.windows.net/T/",
                "https://login.microsoftonline.com/T/v2.0"
            )
        );
        assert_eq!(
            of("https://localhost:9443"),
            pair("https://localhost:9443/T/", "https://localhost:9443/T/v2.0")
        );
    }
}
