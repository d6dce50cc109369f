//! Callers' own certificates: whose are asked for, which are revoked, and whom one names.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256, digest};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use webpki::EndEntityCert;

use super::config::{provider, root_store};
use super::{Roots, TlsConfigError, Validity};
use crate::base::clock::Wall;
use crate::base::limits::SPIFFE_BYTES;

/// Whose certificates a listener asks for.
#[derive(Clone, Copy)]
pub struct ClientSpec<'a> {
    /// The authorities, PEM.
    pub roots: &'a [u8],
    /// Lists of what they have revoked, PEM. Where there are any, whatever none of them speaks of is
    /// refused, and so is all that one speaks of whose time is over.
    pub revoked: &'a [Vec<u8>],
    /// Callers without a certificate are refused.
    pub required: bool,
}

impl ClientSpec<'_> {
    /// Judges whether it can be used.
    ///
    /// # Errors
    /// What cannot, and why.
    pub fn judge(&self) -> Result<(), TlsConfigError> {
        Clients::new(self, None).map(drop)
    }
}

/// The lists of revoked certificates in a PEM text; at least one.
///
/// # Errors
/// When there is none, or the text is no PEM.
pub fn revoked(pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsConfigError> {
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(TlsConfigError::RevokedPem)?;
    match lists.is_empty() {
        true => Err(TlsConfigError::NoRevoked),
        false => Ok(lists),
    }
}

/// Judges callers' certificates.
pub(super) struct Clients {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    pub(super) required: bool,
    /// Of all that it was made of.
    print: Digest,
}

type Digest = [u8; 32];

impl Clients {
    /// Those of `spec`: `before`, where that is of the same.
    pub(super) fn new(
        spec: &ClientSpec<'_>,
        before: Option<&Arc<Clients>>,
    ) -> Result<Arc<Clients>, TlsConfigError> {
        let print = print(spec);
        if let Some(before) = before.filter(|before| before.print == print) {
            return Ok(Arc::clone(before));
        }
        let roots = root_store(&Roots::Pem(spec.roots.to_vec()))?;
        let mut lists = Vec::new();
        for text in spec.revoked {
            lists.extend(revoked(text)?);
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .with_crls(lists)
            .enforce_revocation_expiration();
        if !spec.required {
            builder = builder.allow_unauthenticated();
        }
        Ok(Arc::new(Clients {
            verifier: builder.build().map_err(TlsConfigError::Clients)?,
            required: spec.required,
            print,
        }))
    }

    /// Whether a chain, leaf first, is good at this time.
    pub(super) fn accepts(&self, chain: &[CertificateDer<'_>], now: Wall) -> bool {
        let now = UnixTime::since_unix_epoch(Duration::from_nanos(now.0));
        chain.split_first().is_some_and(|(leaf, rest)| {
            let judged = self.verifier.verify_client_cert(leaf, rest, now);
            judged.is_ok()
        })
    }
}

fn print(spec: &ClientSpec<'_>) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(&[u8::from(spec.required)]);
    let texts = spec.revoked.iter().map(Vec::as_slice);
    for text in [spec.roots].into_iter().chain(texts) {
        context.update(&(text.len() as u64).to_le_bytes());
        context.update(text);
    }
    let mut print = Digest::default();
    print.copy_from_slice(context.finish().as_ref());
    print
}

/// A caller's certificate, which a handshake has found good.
pub struct ClientCertificate {
    thumbprint: Box<str>,
    spiffe: Option<Box<str>>,
    not_after: u64,
    chain: Vec<CertificateDer<'static>>,
}

impl ClientCertificate {
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Option<ClientCertificate> {
        let leaf = chain.first()?;
        Some(ClientCertificate {
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, leaf)).into(),
            spiffe: EndEntityCert::try_from(leaf)
                .ok()
                .and_then(|it| spiffe(&it)),
            not_after: Validity::of_der(leaf)?.not_after,
            chain: chain.iter().map(|one| one.clone().into_owned()).collect(),
        })
    }

    /// Its SHA-256 in base64url, as `x5t#S256` of a token's `cnf` has it (RFC 8705, section 3.1).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The SPIFFE id that it names.
    #[must_use]
    pub fn spiffe(&self) -> Option<&str> {
        self.spiffe.as_deref()
    }

    /// The first second since 1970 in which its own time is over.
    #[must_use]
    pub fn ends(&self) -> u64 {
        self.not_after.saturating_add(1)
    }

    /// Whether it is good for them at this time.
    pub(super) fn is_good(&self, clients: &Clients, now: Wall) -> bool {
        self.is_in_time(now) && clients.accepts(&self.chain, now)
    }

    /// Whether its own time is not over.
    pub(super) fn is_in_time(&self, now: Wall) -> bool {
        now.unix_seconds() < self.ends()
    }
}

/// The SPIFFE id of a certificate: its only URI (X.509-SVID, section 2), which must be one.
fn spiffe(leaf: &EndEntityCert<'_>) -> Option<Box<str>> {
    let mut names = leaf.valid_uri_names();
    match (names.next(), names.next()) {
        (Some(id), None) if is_spiffe(id) => Some(id.into()),
        _ => None,
    }
}

/// SPIFFE-ID, section 2: a trust domain and a path, in one spelling only.
fn is_spiffe(id: &str) -> bool {
    let Some(rest) = id.strip_prefix("spiffe://") else {
        return false;
    };
    let mut parts = rest.split('/');
    let domain = parts.next().unwrap_or_default();
    let is_domain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    id.len() <= SPIFFE_BYTES
        && !domain.is_empty()
        && domain.bytes().all(is_domain)
        && parts.all(is_segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spiffe_id_has_one_spelling() {
        for good in [
            "spiffe://td",
            "spiffe://prod.example/ns/a/sa/b",
            "spiffe://a_b-c.d/A.b_c-1",
        ] {
            assert!(is_spiffe(good), "{good}");
        }
        let long = format!("spiffe://td/{}", "a".repeat(SPIFFE_BYTES));
        for bad in [
            "",
            "spiffe://",
            "spiffe:///a",
            "SPIFFE://td/a",
            "spiffe://TD/a",
            "spiffe://td/",
            "spiffe://td//a",
            "spiffe://td/a/",
            "spiffe://td/./a",
            "spiffe://td/../a",
            "spiffe://td:443/a",
            "spiffe://user@td/a",
            "spiffe://td/a?b",
            "spiffe://td/a#b",
            "spiffe://td/%61",
            "https://td/a",
            &long,
        ] {
            assert!(!is_spiffe(bad), "{bad}");
        }
    }
}
