//! Why a token proves nothing: one variant for each check.

use thiserror::Error;

use super::dpop::Flaw;

/// The check that failed. For the log only: the caller learns "401" and nothing more.
///
/// Every variant is made of constants, so no byte of a token can reach a log through it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum AuthError {
    // The Authorization field.
    #[error("no bearer token was sent")]
    NoToken,
    #[error("the Authorization field is not one bearer token")]
    NotBearer,

    // The token's shape.
    #[error("the token is larger than the bound")]
    TooLarge,
    #[error("the token is not three parts joined by dots")]
    NotThreeParts,
    #[error("the token's {0} is not strict base64url")]
    NotBase64(Part),
    #[error("the token's {0} is not one strict JSON object")]
    NotJson(Part),

    // The token's header.
    #[error("the header has `crit`: extensions are not supported")]
    Critical,
    #[error("the header has `b64`: unencoded payloads are not supported")]
    Unencoded,
    #[error("the header has `nonce`: the token is meant for Microsoft Graph alone")]
    NonceHeader,
    #[error("the header has no `alg`")]
    AlgorithmMissing,
    #[error("the header's `alg` is `none`")]
    AlgorithmNone,
    #[error("the header's `alg` is a shared-key algorithm")]
    AlgorithmShared,
    #[error("the header's `alg` is not supported")]
    AlgorithmUnknown,
    #[error("the header's `alg` is not among those configured for the issuer")]
    AlgorithmNotAllowed,
    #[error("the header's `typ` is not that of an access token")]
    TypeNotAccepted,
    #[error("the header has no `kid`")]
    KidMissing,
    #[error("the header's `kid` is not a short printable text")]
    KidUnusable,

    // Issuer and key.
    #[error("no configured issuer goes by the token's `iss`")]
    UnknownIssuer,
    #[error("the issuer's keys have not been fetched")]
    NoKeys,
    #[error("the issuer's keys are older than allowed")]
    KeysTooOld,
    #[error("the issuer has no key by the token's `kid`")]
    UnknownKey,
    #[error("the key is not of the type that the header's `alg` needs")]
    KeyTypeDisagrees,
    #[error("the key is published for another algorithm than the header's `alg`")]
    KeyAlgorithmDisagrees,
    #[error("the key, one that many tenants share, does not say whose tokens it signs")]
    KeyWithoutIssuer,
    #[error("the key does not sign for the tenant that the token's `iss` names")]
    KeyIssuerDisagrees,
    #[error("the signature does not verify")]
    BadSignature,

    // The claims.
    #[error("the claim {0} is missing")]
    ClaimMissing(Claim),
    #[error("the claim {0} is not of its form")]
    ClaimMalformed(Claim),
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet (`nbf`)")]
    NotYetValid,
    #[error("the token was issued in the future (`iat`)")]
    IssuedInFuture,
    #[error("our own clock is not set")]
    ClockNotSet,
    #[error("the token is for another audience")]
    WrongAudience,
    #[error("the token is for Microsoft Graph; nobody else can verify such tokens")]
    GraphAudience,

    // What binds it to its holder.
    #[error("`cnf` names no way to prove who holds the token that is known here, or more than one")]
    ConfirmationUnknown,
    #[error("the issuer's tokens must be bound to their holder, and this one is not")]
    NotBound,
    #[error("the token is bound to its holder in another way than the issuer's must be")]
    BoundOtherwise,
    #[error("the token is bound to a certificate, and the connection has shown none")]
    CertificateMissing,
    #[error("the token is bound to another certificate than the connection's")]
    CertificateDiffers,
    #[error("tokens that are bound to a key, and they alone, are shown under the scheme `DPoP`")]
    SchemeDisagrees,
    #[error("the token is bound to a key, and no proof is there that the caller has it")]
    ProofMissing,
    #[error("the DPoP proof {0}")]
    Proof(Flaw),
    #[error("there is no room to remember one more DPoP proof")]
    ProofsFull,

    // What only an issuer of one kind is asked.
    #[error("`ver` disagrees with the version that the token's `iss` belongs to")]
    VersionDisagrees,
    #[error("`tid` is not the tenant that `iss` names")]
    WrongTenant,
    #[error("neither `idtyp` nor `scp` says whether this is an application or a user")]
    KindUnclear,
    #[error("what says whether this is an application or a user contradicts itself")]
    KindContradicts,
    #[error("`azp` and `client_id` name different clients")]
    ClientsDisagree,
    #[error("this is an ID token, not an access token")]
    IdToken,
}

/// A part of a compact token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Part {
    #[error("header")]
    Header,
    #[error("payload")]
    Payload,
    #[error("signature")]
    Signature,
}

/// A claim that is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
#[allow(missing_docs, reason = "each message is the claim's name")]
pub enum Claim {
    #[error("`iss`")]
    Issuer,
    #[error("`aud`")]
    Audience,
    #[error("`exp`")]
    Expires,
    #[error("`nbf`")]
    NotBefore,
    #[error("`iat`")]
    IssuedAt,
    #[error("`ver`")]
    Version,
    #[error("`tid`")]
    Tenant,
    #[error("`oid`")]
    Object,
    #[error("`sub`")]
    Subject,
    #[error("`azp`, `appid` or `client_id`")]
    Client,
    #[error("`idtyp`")]
    Kind,
    #[error("`scp` or `scope`")]
    Scopes,
    #[error("of roles")]
    Roles,
    #[error("of groups")]
    Groups,
    #[error("`_claim_names` or `hasgroups`")]
    Overage,
    #[error("`jti` or `uti`")]
    TokenId,
    #[error("`sid`")]
    Session,
    #[error("`xms_act_fct` or `xms_sub_fct`")]
    Facets,
    #[error("`xms_par_app_azp`")]
    Blueprint,
    #[error("`cnf`")]
    Confirmation,
}

impl AuthError {
    /// A short constant name, for the access log and as a metric's label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AuthError::NoToken => "no_token",
            AuthError::NotBearer => "not_bearer",
            AuthError::TooLarge => "too_large",
            AuthError::NotThreeParts => "not_three_parts",
            AuthError::NotBase64(_) => "not_base64",
            AuthError::NotJson(_) => "not_json",
            AuthError::Critical => "critical_header",
            AuthError::Unencoded => "unencoded_payload",
            AuthError::NonceHeader => "graph_nonce",
            AuthError::AlgorithmMissing => "algorithm_missing",
            AuthError::AlgorithmNone => "algorithm_none",
            AuthError::AlgorithmShared => "algorithm_shared",
            AuthError::AlgorithmUnknown => "algorithm_unknown",
            AuthError::AlgorithmNotAllowed => "algorithm_not_allowed",
            AuthError::TypeNotAccepted => "type_not_accepted",
            AuthError::KidMissing => "kid_missing",
            AuthError::KidUnusable => "kid_unusable",
            AuthError::UnknownIssuer => "unknown_issuer",
            AuthError::NoKeys => "no_keys",
            AuthError::KeysTooOld => "keys_too_old",
            AuthError::UnknownKey => "unknown_key",
            AuthError::KeyTypeDisagrees => "key_type_disagrees",
            AuthError::KeyAlgorithmDisagrees => "key_algorithm_disagrees",
            AuthError::KeyWithoutIssuer => "key_without_issuer",
            AuthError::KeyIssuerDisagrees => "key_issuer_disagrees",
            AuthError::BadSignature => "bad_signature",
            AuthError::ClaimMissing(_) => "claim_missing",
            AuthError::ClaimMalformed(_) => "claim_malformed",
            AuthError::Expired => "expired",
            AuthError::NotYetValid => "not_yet_valid",
            AuthError::IssuedInFuture => "issued_in_future",
            AuthError::ClockNotSet => "clock_not_set",
            AuthError::WrongAudience => "wrong_audience",
            AuthError::GraphAudience => "graph_audience",
            AuthError::ConfirmationUnknown => "confirmation_unknown",
            AuthError::NotBound => "not_bound",
            AuthError::BoundOtherwise => "bound_otherwise",
            AuthError::CertificateMissing => "certificate_missing",
            AuthError::CertificateDiffers => "certificate_differs",
            AuthError::SchemeDisagrees => "scheme_disagrees",
            AuthError::ProofMissing => "proof_missing",
            AuthError::Proof(_) => "proof_refused",
            AuthError::ProofsFull => "proofs_full",
            AuthError::VersionDisagrees => "version_disagrees",
            AuthError::WrongTenant => "wrong_tenant",
            AuthError::KindUnclear => "kind_unclear",
            AuthError::KindContradicts => "kind_contradicts",
            AuthError::ClientsDisagree => "clients_disagree",
            AuthError::IdToken => "id_token",
        }
    }
}
