//! Where a credential's tokens come from.

use super::managed;
use super::request::{TokenRequest, Wish};
use super::{Token, TokenError};
use crate::base::clock::Wall;
use crate::control::config::{CredentialKind, ManagedIdentity};
use crate::control::http_client::{ClientError, HttpClient};

/// Somebody who gives tokens.
pub(in crate::control) struct Source {
    client: HttpClient,
    kind: Kind,
}

enum Kind {
    Client(TokenRequest),
    Platform(ManagedIdentity),
}

impl Source {
    /// The source of a credential; `None` where nothing is fetched.
    ///
    /// # Errors
    /// When there is nobody to trust.
    pub(in crate::control) fn of(kind: &CredentialKind) -> Result<Option<Source>, ClientError> {
        let (client, kind) = match kind {
            CredentialKind::EntraClient(entra) | CredentialKind::OnBehalfOf(entra) => (
                HttpClient::through(entra.proxy.as_deref(), entra.roots.as_ref())?,
                Kind::Client(TokenRequest::of(entra)),
            ),
            CredentialKind::ManagedIdentity(identity) => {
                (HttpClient::near()?, Kind::Platform(identity.clone()))
            }
            CredentialKind::Bearer { .. }
            | CredentialKind::Header { .. }
            | CredentialKind::Basic { .. } => return Ok(None),
        };
        Ok(Some(Source { client, kind }))
    }

    /// Takes the place of the source of the same account: see [`TokenRequest::follow`].
    pub(in crate::control) fn follow(&self, before: &Source) {
        if let (Kind::Client(own), Kind::Client(before)) = (&self.kind, &before.kind) {
            own.follow(before);
        }
    }

    /// Asks once. A platform grants one wish only: another token than one that was challenged.
    ///
    /// # Errors
    /// When there is no token, or none that can be understood.
    pub(in crate::control) async fn ask(
        &self,
        wish: &Wish,
        wall: Wall,
    ) -> Result<Token, TokenError> {
        match &self.kind {
            Kind::Client(request) => request.ask_for(wish, &self.client, wall).await,
            Kind::Platform(identity) => managed::ask(identity, wish, &self.client, wall).await,
        }
    }
}
