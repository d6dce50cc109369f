//! Tokens of a managed identity: from IMDS, or from App Service and what speaks like it.

use super::claims::CHALLENGES;
use super::{Token, TokenError, Wish, answer};
use crate::base::clock::Wall;
use crate::base::limits::TOKEN_ANSWER_BYTES;
use crate::control::config::ManagedIdentity;
use crate::control::http_client::{FetchError, HttpClient};

/// Asks once.
pub(super) async fn ask(
    identity: &ManagedIdentity,
    wish: &Wish,
    client: &HttpClient,
    wall: Wall,
) -> Result<Token, TokenError> {
    let (version, header, value) = match &identity.identity_header {
        Some(header) => ("2019-08-01", "x-identity-header", header.expose()),
        None => ("2018-02-01", "metadata", &b"true"[..]),
    };
    let mut parameters = vec![("api-version", version), ("resource", &identity.resource)];
    if let Some(client_id) = &identity.client_id {
        parameters.push(("client_id", client_id));
    }
    if identity.answers_challenges {
        parameters.push(("xms_cc", CHALLENGES));
        let challenged = wish.instead_of.as_deref();
        parameters.extend(challenged.map(|digest| ("token_sha256_to_refresh", digest)));
    }
    let url = url::Url::parse_with_params(&identity.endpoint, parameters);
    let url = url.map_err(|_| FetchError::Url)?;
    let answer = client.get_with(url.as_str(), (header, value), TOKEN_ANSWER_BYTES);
    answer::platform_token(&answer.await?, wall)
}
