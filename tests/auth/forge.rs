//! Makes tokens, good and bad, with throw-away keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use sluice::auth::{
    Authenticator, Issuer, IssuerKind, IssuerSpec, LastBearer, PublishedKeys, SharedTokens,
    Verdict, parse_jwks,
};
use sluice::base::clock::{Mono, Now, Wall};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub const NOW: u64 = 1_800_000_000;
pub const TENANT: &str = "7e2f1a00-0000-4000-8000-0000000000ab";
pub const OBJECT: &str = "0b0b0b0b-1111-4222-8333-444444444444";
pub const CLIENT: &str = "c11e0000-1111-4222-8333-555555555555";
pub const AUTHORITY: &str = "https://login.microsoftonline.com";
pub const IDP: &str = "https://idp.example/realm";

/// A moment `seconds` after [`NOW`] on both clocks.
pub fn at(seconds: u64) -> Now {
    Now {
        mono: Mono::default().after(Duration::from_secs(1_000 + seconds)),
        wall: Wall((NOW + seconds) * 1_000_000_000),
    }
}

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub struct Keyring {
    rng: SystemRandom,
    rsa: RsaKeyPair,
    other_rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    other_ec: EcdsaKeyPair,
}

pub static KEYS: LazyLock<Keyring> = LazyLock::new(|| {
    let rng = SystemRandom::new();
    let rsa = |pem: &[u8]| {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).unwrap();
        RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap()
    };
    let ec = || {
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(alg, &rng).unwrap();
        EcdsaKeyPair::from_pkcs8(alg, pkcs8.as_ref(), &rng).unwrap()
    };
    Keyring {
        rsa: rsa(include_bytes!("../data/throw-away-rsa-2048.pem")),
        other_rsa: rsa(include_bytes!("../data/throw-away-rsa-2048-other.pem")),
        ec: ec(),
        other_ec: ec(),
        rng,
    }
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    Rs256,
    Ps256,
    Es256,
    OtherRs256,
    OtherEs256,
    Nobody,
}

impl Keyring {
    pub fn sign(&self, signer: Signer, signed: &[u8]) -> Vec<u8> {
        let rsa = |key: &RsaKeyPair, encoding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(encoding, &self.rng, signed, &mut signature)
                .unwrap();
            signature
        };
        let ec = |key: &EcdsaKeyPair| key.sign(&self.rng, signed).unwrap().as_ref().to_vec();
        match signer {
            Signer::Rs256 => rsa(&self.rsa, &RSA_PKCS1_SHA256),
            Signer::Ps256 => rsa(&self.rsa, &RSA_PSS_SHA256),
            Signer::OtherRs256 => rsa(&self.other_rsa, &RSA_PKCS1_SHA256),
            Signer::Es256 => ec(&self.ec),
            Signer::OtherEs256 => ec(&self.other_ec),
            Signer::Nobody => Vec::new(),
        }
    }

    pub fn rsa_jwk(&self, kid: &str) -> Value {
        let PublicKeyComponents { n, e }: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        json!({"kty": "RSA", "kid": kid, "use": "sig", "n": b64(n), "e": b64(e)})
    }

    pub fn ec_jwk(&self, kid: &str) -> Value {
        let point = self.ec.public_key().as_ref();
        let (x, y) = (b64(&point[1..33]), b64(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": x, "y": y})
    }

    /// What the issuers publish: one key of each type, and the RSA key again for PS256 only.
    pub fn jwks(&self) -> Value {
        let mut ps_only = self.rsa_jwk("rsa-ps");
        ps_only["alg"] = json!("PS256");
        json!({"keys": [self.rsa_jwk("rsa"), self.ec_jwk("ec"), ps_only]})
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} by {:?}", self.header, self.claims, self.signer)
    }
}

/// A token before it is signed.
pub struct Draft {
    pub header: Value,
    pub claims: Value,
    pub signer: Signer,
    /// The header and claims as text, where no `Value` can say it.
    pub header_text: Option<String>,
    pub claims_text: Option<String>,
    /// What happens to the token once it is signed.
    pub then: fn(String) -> String,
}

impl Draft {
    /// A good token of an application, version 2.
    pub fn entra_app() -> Draft {
        Draft::of(json!({
            "iss": format!("{AUTHORITY}/{TENANT}/v2.0"), "aud": "api://sluice", "ver": "2.0",
            "tid": TENANT, "oid": OBJECT, "sub": OBJECT, "azp": CLIENT, "idtyp": "app",
            "roles": ["Directory.Read"], "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 3600,
            "uti": "abcDEF123",
        }))
    }

    /// A good token of an application, version 1.
    pub fn entra_app_v1() -> Draft {
        let mut draft = Draft::entra_app();
        draft.claims["iss"] = json!(format!("https://sts.windows.net/{TENANT}/"));
        draft.claims["ver"] = json!("1.0");
        draft.rename("azp", "appid");
        draft
    }

    /// A good token of a user, version 2.
    pub fn entra_user() -> Draft {
        let mut draft = Draft::entra_app();
        draft.without("idtyp");
        draft.claims["scp"] = json!("Files.Read Mail.Send");
        draft
    }

    /// A good token of a client of the generic issuer.
    pub fn oidc() -> Draft {
        Draft::of(json!({
            "iss": IDP, "aud": ["https://other.example", "api://sluice"], "sub": "agent-7",
            "client_id": "agent-7", "scope": "read write", "exp": NOW + 3600, "jti": "t-1",
        }))
    }

    fn of(claims: Value) -> Draft {
        Draft {
            header: json!({"alg": "ES256", "kid": "ec", "typ": "JWT"}),
            claims,
            signer: Signer::Es256,
            header_text: None,
            claims_text: None,
            then: |token| token,
        }
    }

    pub fn by(mut self, alg: &str, kid: &str, signer: Signer) -> Draft {
        self.header["alg"] = json!(alg);
        self.header["kid"] = json!(kid);
        self.signer = signer;
        self
    }

    pub fn without(&mut self, claim: &str) {
        self.claims.as_object_mut().unwrap().remove(claim);
    }

    pub fn rename(&mut self, from: &str, to: &str) {
        let value = self.claims.as_object_mut().unwrap().remove(from).unwrap();
        self.claims[to] = value;
    }

    pub fn token(&self) -> String {
        let text = |text: &Option<String>, value: &Value| {
            b64(text.clone().unwrap_or_else(|| value.to_string()))
        };
        let header = text(&self.header_text, &self.header);
        let claims = text(&self.claims_text, &self.claims);
        let signed = format!("{header}.{claims}");
        let signature = b64(KEYS.sign(self.signer, signed.as_bytes()));
        (self.then)(format!("{signed}.{signature}"))
    }
}

pub fn entra_spec() -> IssuerSpec {
    let kind = IssuerKind::Entra {
        authority: AUTHORITY.into(),
        tenant: TENANT.into(),
    };
    IssuerSpec::new("entra", kind, vec!["api://sluice".into(), CLIENT.into()])
}

pub fn oidc_spec() -> IssuerSpec {
    let kind = IssuerKind::Oidc {
        issuer: IDP.into(),
        roles: "roles".into(),
        groups: "groups".into(),
    };
    IssuerSpec::new("idp", kind, vec!["api://sluice".into()])
}

/// Two issuers with keys, and one core's judge.
pub struct Gate {
    pub published: PublishedKeys,
    pub issuers: Vec<Arc<Issuer>>,
    pub shared: SharedTokens,
    pub core: Authenticator,
    pub last: LastBearer,
}

impl Gate {
    pub fn new() -> Gate {
        Gate::of([entra_spec(), oidc_spec()])
    }

    pub fn of(specs: impl IntoIterator<Item = IssuerSpec>) -> Gate {
        let issuers: Vec<_> = specs
            .into_iter()
            .map(|spec| Arc::new(Issuer::new(spec).unwrap()))
            .collect();
        let published = PublishedKeys::new(issuers.clone());
        let shared = SharedTokens::new();
        let gate = Gate {
            core: Authenticator::new(&published, shared.clone()),
            last: LastBearer::default(),
            published,
            issuers,
            shared,
        };
        gate.publish(&KEYS.jwks(), at(0));
        gate
    }

    pub fn publish(&self, jwks: &Value, now: Now) {
        for issuer in &self.issuers {
            let keys = parse_jwks(jwks.to_string().as_bytes()).unwrap();
            self.published.publish(issuer, keys, now.mono).unwrap();
        }
    }

    pub fn judge(&mut self, token: &str, now: Now) -> Verdict {
        self.core
            .authenticate(&mut self.last, token.as_bytes(), now)
    }
}
