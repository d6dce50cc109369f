//! Issuers of the kind `entra`: tenants of Microsoft Entra, with tokens of version 1 and 2.

use super::claims::Claims;
use super::error::{AuthError, Claim};
use super::guid::Guid;
use super::issuer::Issuer;
use super::key::Key;
use super::subject::{Agent, Membership, PrincipalKind, Subject, TokenFacts};

/// Microsoft Graph as an audience, by URI and by application id, without the final slash that v1
/// tokens may carry.
pub(super) const GRAPH_AUDIENCES: [&str; 2] = [
    "https://graph.microsoft.com",
    "00000003-0000-0000-c000-000000000000",
];

/// What stands for a tenant's id in the metadata that many tenants share.
const TENANT_ID: &str = "{tenantid}";

/// An authority, and whose tokens of it are believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entra {
    /// What stands before the tenant's id in the `iss` of version 1, and of version 2.
    v1: String,
    v2: String,
    tenants: Tenants,
}

/// The tenants whose tokens are believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Tenants {
    /// This one, which has keys and metadata of its own.
    One(Guid),
    /// These. Keys are those of all tenants, so each must say whose tokens it signs.
    Listed(Vec<Guid>),
    /// Every tenant of the authority; policies say which may do something.
    Any,
}

/// The version of a token's form, by its `iss`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    One,
    Two,
}

impl Entra {
    pub(super) fn new(authority: &str, tenants: Tenants) -> Entra {
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
        Entra {
            v1: format!("{v1}/"),
            v2: format!("{authority}/"),
            tenants,
        }
    }

    /// The tenant that goes by that `iss`, if it is believed, and the version of the form. Both forms
    /// have one spelling; where they share a host they differ in their path.
    pub(super) fn tenant_of(&self, iss: &str) -> Option<(Guid, Version)> {
        let between = |prefix: &str, suffix| iss.strip_prefix(prefix)?.strip_suffix(suffix);
        let of = |text: Option<&str>| text.and_then(Guid::parse_lower);
        let two = of(between(&self.v2, "/v2.0")).map(|tenant| (tenant, Version::Two));
        let one = || of(between(&self.v1, "/")).map(|tenant| (tenant, Version::One));
        two.or_else(one)
            .filter(|(tenant, _)| self.believes(*tenant))
    }

    fn believes(&self, tenant: Guid) -> bool {
        match &self.tenants {
            Tenants::One(one) => *one == tenant,
            Tenants::Listed(listed) => listed.contains(&tenant),
            Tenants::Any => true,
        }
    }

    /// Whether some `iss` would be both's.
    pub(super) fn overlaps(&self, other: &Entra) -> bool {
        let same_host = self.v2 == other.v2 || self.v1 == other.v1;
        same_host
            && match (&self.tenants, &other.tenants) {
                (Tenants::Any, _) | (_, Tenants::Any) => true,
                (Tenants::One(one), _) => other.believes(*one),
                (Tenants::Listed(listed), _) => listed.iter().any(|one| other.believes(*one)),
            }
    }

    /// The `issuer` that its metadata must name.
    pub(super) fn metadata_issuer(&self) -> String {
        match &self.tenants {
            Tenants::One(one) => self.v2_of(&one.to_string()),
            Tenants::Listed(_) | Tenants::Any => self.v2_of(TENANT_ID),
        }
    }

    /// What its metadata is found under.
    pub(super) fn metadata_base(&self) -> String {
        match &self.tenants {
            Tenants::One(one) => self.v2_of(&one.to_string()),
            Tenants::Listed(_) | Tenants::Any => self.v2_of("organizations"),
        }
    }

    /// Whether a key is of the cloud that the metadata names. In keys that many tenants share a
    /// name that is missing is one that differs.
    pub(super) fn is_of_cloud(&self, metadata: Option<&str>, key: Option<&str>) -> bool {
        match &self.tenants {
            Tenants::One(_) => metadata.is_none() || key.is_none() || metadata == key,
            Tenants::Listed(_) | Tenants::Any => metadata == key,
        }
    }

    /// Whether that key signs for the tenant that a token's `iss` names. What the key says is compared
    /// with the form of version 2, whatever the token's.
    pub(super) fn check_key(&self, key: &Key, claims: Claims<'_>) -> Result<(), AuthError> {
        let iss = claims.issuer()?;
        let (tenant, _) = self.tenant_of(iss).ok_or(AuthError::UnknownIssuer)?;
        let tenant = tenant.to_string();
        match key.issuer() {
            Some(said) if said.replace(TENANT_ID, &tenant) == self.v2_of(&tenant) => Ok(()),
            Some(_) => Err(AuthError::KeyIssuerDisagrees),
            None if matches!(self.tenants, Tenants::One(_)) => Ok(()),
            None => Err(AuthError::KeyWithoutIssuer),
        }
    }

    fn v2_of(&self, tenant: &str) -> String {
        format!("{}{tenant}/v2.0", self.v2)
    }

    /// Judges what only Entra's tokens say, of a token whose `iss` is of a tenant that is believed.
    pub(super) fn judge(
        &self,
        issuer: &Issuer,
        claims: Claims<'_>,
        expires: u64,
    ) -> Result<Subject, AuthError> {
        let (tenant, client_claim) = self.check_version(claims)?;
        if guid(claims, "tid", Claim::Tenant)? != Some(tenant) {
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
            tenant: Some(tenant.to_string()),
            object: object.to_string(),
            client: client.map(|client| client.to_string()),
            kind,
            roles: claims.list("roles", Claim::Roles)?,
            groups: groups(claims)?,
            scopes: claims.words("scp", Claim::Scopes)?,
            agent: agent(claims, kind)?,
            blueprint: guid(claims, "xms_par_app_azp", Claim::Blueprint)?
                .map(|blueprint| blueprint.to_string().into()),
            token: TokenFacts::of(claims, "uti", expires)?,
        })
    }

    /// `ver` must go with the form of `iss`; answers the tenant, and the claim in which that version
    /// names the client.
    fn check_version(&self, claims: Claims<'_>) -> Result<(Guid, &'static str), AuthError> {
        let version = claims.required_text("ver", Claim::Version)?;
        let of = self.tenant_of(claims.issuer()?);
        match (of.ok_or(AuthError::UnknownIssuer)?, version) {
            ((tenant, Version::One), "1.0") => Ok((tenant, "appid")),
            ((tenant, Version::Two), "2.0") => Ok((tenant, "azp")),
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

/// Facets are numbers, in no order and with more to come: 11 is an agent identity, 13 a user account
/// that is an agent's.
fn agent(claims: Claims<'_>, kind: PrincipalKind) -> Result<Option<Agent>, AuthError> {
    let facets = |name| claims.words(name, Claim::Facets);
    let (actor, subject) = (facets("xms_act_fct")?, facets("xms_sub_fct")?);
    let is_number = |facet: &str| facet.bytes().all(|byte| byte.is_ascii_digit());
    if !actor.iter().chain(&subject).all(|facet| is_number(facet)) {
        return Err(AuthError::ClaimMalformed(Claim::Facets));
    }
    let has = |facets: &[Box<str>], wanted: &str| facets.iter().any(|facet| **facet == *wanted);
    let acts = has(&actor, "11") || has(&subject, "11");
    match (kind, has(&subject, "13")) {
        (PrincipalKind::Application, true) => Err(AuthError::KindContradicts),
        (PrincipalKind::Application, false) => Ok(acts.then_some(Agent::Itself)),
        (PrincipalKind::User, true) => Ok(Some(Agent::Account)),
        (PrincipalKind::User, false) => Ok(acts.then_some(Agent::OnBehalf)),
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
        return Ok(Membership::elsewhere());
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

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "7e2f1a00-0000-4000-8000-0000000000ab";
    const OTHER: &str = "7e2f1a00-0000-4000-8000-0000000000ac";

    fn id(text: &str) -> Guid {
        Guid::parse(text).unwrap()
    }

    #[test]
    fn issuers_derive_from_the_authority() {
        let global = "https://login.microsoftonline.com";
        let local = "https://localhost:9443";
        for (authority, iss, want) in [
            (global, "https://sts.windows.net/T/", Some(Version::One)),
            (
                global,
                "https://login.microsoftonline.com/T/v2.0",
                Some(Version::Two),
            ),
            (global, "https://login.microsoftonline.com/T/", None),
            (global, "https://sts.windows.net/T/v2.0", None),
            (local, "https://localhost:9443/T/", Some(Version::One)),
            (local, "https://localhost:9443/T/v2.0", Some(Version::Two)),
            (local, "https://localhost:9443/T", None),
            (local, "https://localhost:9443//T/v2.0", None),
        ] {
            let entra = Entra::new(authority, Tenants::One(id(TENANT)));
            let found = entra.tenant_of(&iss.replace('T', TENANT));
            assert_eq!(found.map(|(_, version)| version), want, "{iss}");
            let upper = entra.tenant_of(&iss.replace('T', &TENANT.to_uppercase()));
            assert_eq!(upper, None, "{iss}");
        }
    }

    #[test]
    fn whose_tokens_are_believed() {
        let authority = "https://login.microsoftonline.com";
        let iss = |tenant| format!("{authority}/{tenant}/v2.0");
        let one = Entra::new(authority, Tenants::One(id(TENANT)));
        let listed = Entra::new(authority, Tenants::Listed(vec![id(TENANT)]));
        let any = Entra::new(authority, Tenants::Any);
        for (entra, other) in [(&one, false), (&listed, false), (&any, true)] {
            assert!(entra.tenant_of(&iss(TENANT)).is_some());
            assert_eq!(entra.tenant_of(&iss(OTHER)).is_some(), other);
        }
        let apart = Entra::new(authority, Tenants::One(id(OTHER)));
        assert!(one.overlaps(&listed) && any.overlaps(&apart) && apart.overlaps(&any));
        assert!(!one.overlaps(&apart) && !apart.overlaps(&listed));
        let elsewhere = Entra::new("https://localhost:9443", Tenants::Any);
        assert!(!elsewhere.overlaps(&any));
    }
}
