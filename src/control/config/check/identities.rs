//! The gateway as the managed-identity endpoint of its callers.

use super::super::model::{Credential, GivenIdentity, IdentityEndpoint, Issuer};
use super::super::schema::{self, At};
use super::Checker;

/// Bytes of a header below which somebody on this machine could find it by trying.
const HEADER_BYTES: usize = 16;

impl Checker<'_> {
    pub(super) fn identity_endpoint(
        &mut self,
        endpoint: At<schema::IdentityEndpoint>,
    ) -> Option<IdentityEndpoint> {
        let At { value, at } = endpoint;
        let bind = self
            .need(value.bind, at, "bind")
            .and_then(|bind| self.address(&bind));
        let list = self.need(value.identities, at, "identities")?;
        let judged: Vec<_> = (list.value.into_iter())
            .map(|identity| self.given_identity(identity))
            .collect();
        let (bind, bind_at) = bind?;
        let identities: Vec<GivenIdentity> = judged.into_iter().collect::<Option<_>>()?;
        if !bind.ip().is_loopback() {
            return self.refuse(bind_at, "tokens are given in plain HTTP: on loopback only");
        }
        if identities.is_empty() {
            return self.refuse(list.at, "at least one identity is needed");
        }
        let is_twice = |(index, one): (usize, &GivenIdentity)| {
            identities[..index]
                .iter()
                .any(|other| other.header == one.header)
        };
        if identities.iter().enumerate().any(is_twice) {
            return self.refuse(list.at, "two identities have the same `header`");
        }
        Some(IdentityEndpoint {
            bind,
            identities,
            place: at.into(),
        })
    }

    fn given_identity(&mut self, identity: At<schema::GivenIdentity>) -> Option<GivenIdentity> {
        let At { value, at } = identity;
        let header = self.need(value.header, at, "header").and_then(|header| {
            let found = self.found(header.at, self.lookup.secret(&header.value))?;
            let bytes = found.expose();
            if bytes.len() < HEADER_BYTES || !bytes.iter().all(u8::is_ascii_graphic) {
                let why = format!("a header has {HEADER_BYTES} visible ASCII characters or more");
                return self.refuse(header.at, why);
            }
            Some(found)
        });
        let credential = self
            .need(value.credential, at, "credential")
            .and_then(|name| self.index(&name, "credential", |names| &names.credentials));
        Some(GivenIdentity {
            header: header?,
            credential: credential?,
        })
    }

    /// What callers are given is good for the gateway and for nobody else.
    pub(super) fn for_the_gateway(
        &mut self,
        endpoint: Option<&IdentityEndpoint>,
        credentials: &[Credential],
        issuers: &[Issuer],
    ) {
        let Some(endpoint) = endpoint else { return };
        let is_ours = |resource: &str| {
            let mut audiences = issuers.iter().flat_map(|issuer| &issuer.audiences);
            audiences.any(|audience| audience == resource)
        };
        for identity in &endpoint.identities {
            let Some(credential) = credentials.get(identity.credential) else {
                continue;
            };
            let why = match credential.kind.resource() {
                None => "gets no tokens that callers could be given",
                Some(resource) if !is_ours(resource) => {
                    "is not for an audience of any issuer here: callers are given tokens for the \
                     gateway alone"
                }
                Some(_) => continue,
            };
            let why = format!("the credential `{}` {why}", credential.name);
            self.refuse::<()>(endpoint.place.into(), why);
        }
    }
}
