//! Assertions by which an application shows who it is (RFC 7523, section 3), as Entra wants them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use crate::base::clock::Wall;
use crate::base::hex;
use crate::base::limits::ASSERTION_LIFE;
use crate::base::secret::Secret;
use crate::control::config::AssertionAlgorithm;

/// A certificate's key, ready to sign.
pub(in crate::control) struct AssertionSigner {
    key: RsaKeyPair,
    padding: &'static dyn RsaEncoding,
    /// The header of what it signs, in base64url.
    header: String,
}

impl AssertionSigner {
    /// Of a PEM chain, the application's own certificate first, and the PEM of that one's RSA key.
    ///
    /// # Errors
    /// Which of the two cannot be used, and why. Nothing of what they hold.
    pub(in crate::control) fn new(
        cert: &Secret,
        key: &Secret,
        algorithm: AssertionAlgorithm,
    ) -> Result<AssertionSigner, String> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(cert.expose())
            .collect::<Result<_, _>>()
            .map_err(|_| "not a PEM certificate")?;
        let leaf = chain.first().ok_or("there is no PEM certificate in it")?;
        let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(digest(algorithm, leaf));
        let header = match algorithm {
            AssertionAlgorithm::Ps256 => {
                json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint(&SHA256) })
            }
            AssertionAlgorithm::Rs256 => {
                json!({ "alg": "RS256", "typ": "JWT", "x5t": thumbprint(&SHA1_FOR_LEGACY_USE_ONLY) })
            }
        };
        let der = PrivateKeyDer::from_pem_slice(key.expose())
            .map_err(|_| "there is no PEM private key in it")?;
        let pair = match &der {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(NOT_RSA.into()),
        };
        let pair = pair.map_err(|why| format!("{NOT_RSA}: {why}"))?;
        let provider = rustls::crypto::ring::default_provider();
        rustls::sign::CertifiedKey::from_der(chain.clone(), der, &provider)
            .map_err(|error| format!("certificate and key do not work together: {error}"))?;
        Ok(AssertionSigner {
            key: pair,
            padding: match algorithm {
                AssertionAlgorithm::Ps256 => &RSA_PSS_SHA256,
                AssertionAlgorithm::Rs256 => &RSA_PKCS1_SHA256,
            },
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
        })
    }

    /// A fresh assertion of `client` for the token endpoint `audience`.
    ///
    /// # Errors
    /// When the system has no randomness, or the key does not sign.
    pub(super) fn assertion(
        &self,
        client: &str,
        audience: &str,
        wall: Wall,
    ) -> Result<Secret, String> {
        let random = SystemRandom::new();
        let mut id = [0; 16];
        random.fill(&mut id).map_err(|_| "no randomness")?;
        let now = wall.unix_seconds();
        let claims = json!({
            "aud": audience,
            "iss": client,
            "sub": client,
            "jti": hex::text(&id),
            "iat": now,
            "nbf": now,
            "exp": now + ASSERTION_LIFE.as_secs(),
        });
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        let signed = format!("{}.{claims}", self.header);
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(self.padding, &random, signed.as_bytes(), &mut signature)
            .map_err(|_| "the key does not sign")?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(Secret::new(format!("{signed}.{signature}").into_bytes()))
    }
}

const NOT_RSA: &str = "Entra takes assertions of RSA keys of 2048 bits or more";
