//! Issuers.

use std::sync::Arc;

use super::super::model::{
    Algorithm, ENTRA_AUTHORITY, GRAPH, GroupSource, Issuer, IssuerKind, Tenants,
};
use super::super::schema::{self, At, Text};
use super::{Checker, place};
use crate::control::config::Place;

impl Checker<'_> {
    pub(super) fn issuer(
        &mut self,
        name: Arc<str>,
        at: Place,
        mut issuer: schema::Issuer,
    ) -> Option<Issuer> {
        let audiences = self.audiences(at, &mut issuer);
        let algorithms = self.algorithms(issuer.algorithms.take(), &Algorithm::USUAL);
        let holders = self.holders(issuer.bound.take(), issuer.dpop.take());
        let roots = self.roots(issuer.ca_file.take());
        let groups_at = place(&issuer.groups);
        let groups = self.perhaps(issuer.groups.take(), Checker::groups);
        let facade_at = place(&issuer.facade);
        let facade = self.facade(issuer.facade.take());
        let kinds = [
            ("entra", Checker::entra as fn(&mut Self, _, _) -> _),
            ("oidc", Checker::oidc),
        ];
        let kind = self.need(issuer.kind.take(), at, "kind")?;
        let judge = self.one_of(&kind, "kind of issuer", &kinds)?;
        let judged = judge(self, at, issuer);
        if kind.value == "oidc" {
            let foreign = [("facade", facade_at), ("groups", groups_at)];
            self.foreign("the kind `oidc`", &foreign)?;
        }
        let judged = judged?;
        if let (Some(at), IssuerKind::Entra { tenants, .. }) = (groups_at, &judged)
            && !matches!(tenants, Tenants::One(_))
        {
            let why = "a credential reads one tenant's directory: `groups` goes with `tenant`";
            return self.refuse(at, why);
        }
        let holders = holders?;
        Some(Issuer {
            name,
            kind: judged,
            audiences: audiences?,
            algorithms: algorithms?,
            roots: roots?,
            groups: groups?,
            binding: holders.binding,
            proofs: holders.proofs,
            says_dpop: holders.says_dpop,
            says_certificates: holders.says_certificates,
            proxy: self.outward.clone(),
            facade: facade?,
            place: at.into(),
        })
    }

    fn audiences(&mut self, at: Place, issuer: &mut schema::Issuer) -> Option<Vec<String>> {
        let audiences = self.need(issuer.audiences.take(), at, "audiences")?;
        if audiences.value.is_empty() {
            return self.refuse(audiences.at, "at least one audience is needed");
        }
        let mut good = Some(());
        for audience in &audiences.value {
            let is_graph = [
                "https://graph.microsoft.com",
                "00000003-0000-0000-c000-000000000000",
            ]
            .contains(&audience.value.trim_end_matches('/'));
            if audience.value.is_empty() {
                good = self.refuse(audience.at, "an audience cannot be empty");
            } else if is_graph {
                let why = "tokens for Microsoft Graph can be verified by nobody else";
                good = self.refuse(audience.at, why);
            }
        }
        good.map(|()| super::values(Some(audiences.value)))
    }

    pub(super) fn algorithms(
        &mut self,
        algorithms: Option<Vec<Text>>,
        usual: &[Algorithm],
    ) -> Option<Vec<Algorithm>> {
        let known = Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm));
        let Some(algorithms) = algorithms.filter(|list| !list.is_empty()) else {
            return Some(usual.to_vec());
        };
        let judged: Vec<_> = algorithms
            .iter()
            .map(|text| self.one_of(text, "algorithm", &known))
            .collect();
        judged.into_iter().collect()
    }

    fn entra(&mut self, at: Place, issuer: schema::Issuer) -> Option<IssuerKind> {
        let foreign = self.foreign(
            "the kind `entra`",
            &[
                ("issuer", place(&issuer.issuer)),
                ("jwks_uri", place(&issuer.jwks_uri)),
                ("roles_claim", place(&issuer.roles_claim)),
                ("groups_claim", place(&issuer.groups_claim)),
            ],
        );
        let authority = self.authority(issuer.authority);
        let tenants = self.tenants(at, issuer.tenant, issuer.tenants);
        foreign?;
        Some(IssuerKind::Entra {
            tenants: tenants?,
            authority: authority?,
        })
    }

    fn groups(&mut self, groups: At<schema::GroupSource>) -> Option<GroupSource> {
        let At { value, at } = groups;
        let credential = self
            .need(value.credential, at, "credential")
            .and_then(|name| self.index(&name, "credential", |names| &names.credentials));
        let graph = match value.graph {
            Some(graph) => {
                (self.https(&graph)).map(|()| graph.value.trim_end_matches('/').to_owned())
            }
            None => Some(GRAPH.to_owned()),
        };
        let roots = self.roots(value.ca_file);
        Some(GroupSource {
            credential: credential?,
            graph: graph?,
            roots: roots?,
        })
    }

    /// Exactly one of `tenant` and `tenants`. That any tenant may come is said, never left out.
    fn tenants(
        &mut self,
        at: Place,
        tenant: Option<Text>,
        tenants: Option<At<Vec<Text>>>,
    ) -> Option<Tenants> {
        let Some(tenants) = tenants else {
            let tenant = self.need(tenant, at, "tenant")?;
            return self.tenant(&tenant).map(Tenants::One);
        };
        if tenant.is_some() {
            return self.refuse(tenants.at, "`tenant` or `tenants`, not both");
        }
        match tenants.value.as_slice() {
            [] => self.refuse(tenants.at, "name at least one tenant, or `\"*\"` for any"),
            [any] if any.value == "*" => Some(Tenants::Any),
            listed => {
                let ids: Vec<_> = listed.iter().map(|one| self.tenant(one)).collect();
                let ids: Option<Vec<_>> = ids.into_iter().collect();
                ids.map(Tenants::Listed)
            }
        }
    }

    fn tenant(&mut self, tenant: &Text) -> Option<String> {
        if ["common", "organizations", "consumers"].contains(&tenant.value.as_str()) {
            let what =
                "tokens of several tenants are accepted by `tenants`: their ids, or `[\"*\"]`";
            return self.refuse(tenant.at, what);
        }
        if !is_guid(&tenant.value) {
            return self.refuse(tenant.at, "expected a tenant's id, a GUID");
        }
        Some(tenant.value.to_ascii_lowercase())
    }

    fn oidc(&mut self, at: Place, issuer: schema::Issuer) -> Option<IssuerKind> {
        let foreign = self.foreign(
            "the kind `oidc`",
            &[
                ("tenant", place(&issuer.tenant)),
                ("tenants", place(&issuer.tenants)),
                ("authority", place(&issuer.authority)),
            ],
        );
        let jwks_uri = match issuer.jwks_uri {
            Some(uri) => self.https(&uri).map(|()| Some(uri.value)),
            None => Some(None),
        };
        let name = self.need(issuer.issuer, at, "issuer")?;
        self.https(&name)?;
        foreign?;
        let claim = |claim: Option<Text>, default: &str| {
            claim.map_or_else(|| default.to_owned(), |claim| claim.value)
        };
        Some(IssuerKind::Oidc {
            issuer: name.value,
            jwks_uri: jwks_uri?,
            roles_claim: claim(issuer.roles_claim, "roles"),
            groups_claim: claim(issuer.groups_claim, "groups"),
        })
    }

    /// An `https` URL without query and fragment.
    fn https(&mut self, text: &Text) -> Option<()> {
        let is_good = url::Url::parse(&text.value).is_ok_and(|url| {
            url.scheme() == "https"
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if is_good {
            Some(())
        } else {
            self.refuse(
                text.at,
                "expected an `https://` URL without user, query and fragment",
            )
        }
    }

    pub(super) fn authority(&mut self, authority: Option<Text>) -> Option<String> {
        let Some(authority) = authority else {
            return Some(ENTRA_AUTHORITY.to_owned());
        };
        self.https(&authority)?;
        Some(authority.value.trim_end_matches('/').to_owned())
    }
}

/// True for `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    text.split('-').count() == lengths.len()
        && text.split('-').zip(lengths).all(|(part, length)| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// True for a token of RFC 9110 without underscores, which are refused on the wire too.
pub(super) fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&byte))
}

/// Fields that decide how a message is read or where it goes.
pub(super) fn is_framing(name: &str) -> bool {
    const FRAMING: [&str; 9] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
    ];
    FRAMING.iter().any(|each| name.eq_ignore_ascii_case(each))
}
