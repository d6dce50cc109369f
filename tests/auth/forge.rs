//! Makes tokens, good and bad, with throw-away keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use sluice::auth::{
    Algorithm, Authenticator, Issuer, IssuerKind, IssuerSpec, KeyWanted, LastBearer, Proofs,
    PublishedKeys, SharedTokens, Tenants, Verdict, parse_jwks,
};
use sluice::base::clock::{Mono, Now, Wall};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub const NOW: u64 = 1_800_000_000;
pub const TENANT: &str = "7e2f1a00-0000-4000-8000-0000000000ab";
pub const OBJECT: &str = "0b0b0b0b-1111-4222-8333-444444444444";
pub const CLIENT: &str = "c11e0000-1111-4222-8333-555555555555";
pub const AUTHORITY: &str = "https://login.microsoftonline.com";
/// The authority of an issuer of several tenants, and of one of any.
pub const PARTNERS: &str = "https://login.partners.example";
pub const WORLD: &str = "https://login.world.example";
/// The other tenant of [`PARTNERS`], and one that it does not list.
pub const SECOND_TENANT: &str = "7e2f1a00-0000-4000-8000-0000000000ac";
pub const THIRD_TENANT: &str = "7e2f1a00-0000-4000-8000-0000000000ad";
/// What the metadata of both names as its cloud.
pub const CLOUD: &str = "partners.example";
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
    ec_384: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    other_ed: Ed25519KeyPair,
}

pub static KEYS: LazyLock<Keyring> = LazyLock::new(|| {
    let rng = SystemRandom::new();
    let rsa = |pem: &[u8]| {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).unwrap();
        RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap()
    };
    let ec = |alg: &'static EcdsaSigningAlgorithm| {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(alg, &rng).unwrap();
        EcdsaKeyPair::from_pkcs8(alg, pkcs8.as_ref(), &rng).unwrap()
    };
    let ed = || {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&rng).unwrap();
        Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()
    };
    Keyring {
        rsa: rsa(include_bytes!("../data/throw-away-rsa-2048.pem")),
        other_rsa: rsa(include_bytes!("../data/throw-away-rsa-2048-other.pem")),
        ec: ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
        other_ec: ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
        ec_384: ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
        ed: ed(),
        other_ed: ed(),
        rng,
    }
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
    OtherRs256,
    OtherEs256,
    OtherEdDsa,
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
            Signer::Rs384 => rsa(&self.rsa, &RSA_PKCS1_SHA384),
            Signer::Rs512 => rsa(&self.rsa, &RSA_PKCS1_SHA512),
            Signer::Ps256 => rsa(&self.rsa, &RSA_PSS_SHA256),
            Signer::Ps384 => rsa(&self.rsa, &RSA_PSS_SHA384),
            Signer::Ps512 => rsa(&self.rsa, &RSA_PSS_SHA512),
            Signer::OtherRs256 => rsa(&self.other_rsa, &RSA_PKCS1_SHA256),
            Signer::Es256 => ec(&self.ec),
            Signer::OtherEs256 => ec(&self.other_ec),
            Signer::Es384 => ec(&self.ec_384),
            Signer::EdDsa => self.ed.sign(signed).as_ref().to_vec(),
            Signer::OtherEdDsa => self.other_ed.sign(signed).as_ref().to_vec(),
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

    /// The public half of a key that signs so, as a proof shows it.
    pub fn holder_jwk(&self, signer: Signer) -> Value {
        let ec = |key: &EcdsaKeyPair, crv: &str| {
            let (x, y) =
                key.public_key().as_ref()[1..].split_at(key.public_key().as_ref().len() / 2);
            json!({"kty": "EC", "crv": crv, "x": b64(x), "y": b64(y)})
        };
        let rsa = |key: &RsaKeyPair| {
            let PublicKeyComponents { n, e }: PublicKeyComponents<Vec<u8>> = key.public().into();
            json!({"kty": "RSA", "n": b64(n), "e": b64(e)})
        };
        let ed = |key: &Ed25519KeyPair| json!({"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key())});
        match signer {
            Signer::Es256 => ec(&self.ec, "P-256"),
            Signer::OtherEs256 => ec(&self.other_ec, "P-256"),
            Signer::Es384 => ec(&self.ec_384, "P-384"),
            Signer::EdDsa => ed(&self.ed),
            Signer::OtherEdDsa => ed(&self.other_ed),
            Signer::OtherRs256 => rsa(&self.other_rsa),
            _ => rsa(&self.rsa),
        }
    }

    pub fn ec_384_jwk(&self, kid: &str) -> Value {
        let point = self.ec_384.public_key().as_ref();
        let (x, y) = (b64(&point[1..49]), b64(&point[49..]));
        json!({"kty": "EC", "crv": "P-384", "kid": kid, "use": "sig", "x": x, "y": y})
    }

    pub fn ed_jwk(&self, kid: &str) -> Value {
        let x = b64(self.ed.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": x})
    }

    /// What the issuers publish: one key of each type, and the RSA key again for PS256 only.
    pub fn jwks(&self) -> Value {
        let mut ps_only = self.rsa_jwk("rsa-ps");
        ps_only["alg"] = json!("PS256");
        json!({"keys": [
            self.rsa_jwk("rsa"), self.ec_jwk("ec"), ps_only, self.ec_384_jwk("ec-384"),
            self.ed_jwk("ed"),
        ]})
    }
}

impl Keyring {
    /// What an authority of many tenants publishes: one key under names that say what is said of it.
    pub fn shared_jwks(&self, authority: &str) -> Value {
        let any = format!("{authority}/{{tenantid}}/v2.0");
        let labels = [
            ("ec", json!(any), json!(CLOUD)),
            (
                "first",
                json!(format!("{authority}/{TENANT}/v2.0")),
                json!(CLOUD),
            ),
            (
                "v1",
                json!(format!("{authority}/{{tenantid}}/")),
                json!(CLOUD),
            ),
            (
                "stranger",
                json!("https://evil.example/{tenantid}/v2.0"),
                json!(CLOUD),
            ),
            ("bare", json!("{tenantid}"), json!(CLOUD)),
            ("nobody", json!(null), json!(CLOUD)),
            ("other-cloud", json!(any), json!("other.example")),
            ("no-cloud", json!(any), json!(null)),
        ];
        let keys = labels.map(|(kid, issuer, cloud)| {
            let mut jwk = self.ec_jwk(kid);
            for (name, value) in [("issuer", issuer), ("cloud_instance_name", cloud)] {
                if !value.is_null() {
                    jwk[name] = value;
                }
            }
            jwk
        });
        json!({"keys": keys})
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

    /// A good token of an application in a tenant of `authority`, by the key that all tenants share.
    pub fn tenant(authority: &str, tenant: &str) -> Draft {
        let mut draft = Draft::entra_app();
        draft.claims["iss"] = json!(format!("{authority}/{tenant}/v2.0"));
        draft.claims["tid"] = json!(tenant);
        draft
    }

    /// The same, version 1.
    pub fn tenant_v1(authority: &str, tenant: &str) -> Draft {
        let mut draft = Draft::entra_app_v1();
        draft.claims["iss"] = json!(format!("{authority}/{tenant}/"));
        draft.claims["tid"] = json!(tenant);
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
        let header = json!({"alg": "ES256", "kid": "ec", "typ": "JWT"});
        Draft::made(header, claims, Signer::Es256)
    }

    /// Any header and claims, and who signs them.
    pub fn made(header: Value, claims: Value, signer: Signer) -> Draft {
        Draft {
            header,
            claims,
            signer,
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

    /// A claim with a value as it is spelled, where a `Value` would spell it otherwise or not at all.
    pub fn spell(&mut self, claim: &str, raw: &str) {
        self.without(claim);
        self.claims_text = Some(spelled(&self.claims, claim, raw));
    }

    /// The same in the header.
    pub fn spell_header(&mut self, member: &str, raw: &str) {
        self.header.as_object_mut().unwrap().remove(member);
        self.header_text = Some(spelled(&self.header, member, raw));
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

fn spelled(object: &Value, name: &str, raw: &str) -> String {
    let rest = object.to_string();
    let comma = if rest == "{}" { "" } else { "," };
    rest.replacen('{', &format!("{{\"{name}\":{raw}{comma}"), 1)
}

pub fn entra_spec() -> IssuerSpec {
    let kind = IssuerKind::Entra {
        authority: AUTHORITY.into(),
        tenants: Tenants::One(TENANT.into()),
    };
    IssuerSpec::new("entra", kind, vec!["api://sluice".into(), CLIENT.into()])
}

/// An issuer of two tenants, by the keys that all tenants of its authority share.
pub fn partners_spec() -> IssuerSpec {
    let kind = IssuerKind::Entra {
        authority: PARTNERS.into(),
        tenants: Tenants::Listed(vec![TENANT.into(), SECOND_TENANT.into()]),
    };
    IssuerSpec::new("partners", kind, vec!["api://sluice".into()])
}

/// An issuer of any tenant.
pub fn world_spec() -> IssuerSpec {
    let kind = IssuerKind::Entra {
        authority: WORLD.into(),
        tenants: Tenants::Any,
    };
    IssuerSpec::new("world", kind, vec!["api://sluice".into()])
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
            core: Authenticator::new(&published, shared.clone())
                .with_proofs(Proofs::new(&[7; 32], at(0).wall)),
            last: LastBearer::default(),
            published,
            issuers,
            shared,
        };
        gate.publish(&KEYS.jwks(), at(0));
        gate
    }

    /// Issuers for whom every algorithm is configured, and issuers of many tenants.
    pub fn wide() -> Gate {
        let specs = [entra_spec(), oidc_spec(), partners_spec(), world_spec()];
        let gate = Gate::of(specs.map(|mut spec| {
            spec.algorithms = Algorithm::ALL.to_vec();
            spec
        }));
        for (issuer, authority) in gate.issuers[2..].iter().zip([PARTNERS, WORLD]) {
            let jwks = KEYS.shared_jwks(authority).to_string();
            let keys = issuer.parse_keys(jwks.as_bytes(), Some(CLOUD)).unwrap();
            gate.published.publish(issuer, keys, at(0).mono).unwrap();
        }
        gate
    }

    pub fn publish(&self, jwks: &Value, now: Now) {
        for issuer in &self.issuers {
            let keys = parse_jwks(jwks.to_string().as_bytes()).unwrap();
            self.published.publish(issuer, keys, now.mono).unwrap();
        }
    }

    /// The same once the key that was missing has been asked for.
    pub fn after(&mut self, wanted: KeyWanted, token: &str, now: Now) -> Verdict {
        let field = format!("Bearer {token}");
        self.core
            .authenticate_after(wanted, &mut self.last, field.as_bytes(), now)
    }

    pub fn judge(&mut self, token: &str, now: Now) -> Verdict {
        self.core
            .authenticate(&mut self.last, token.as_bytes(), now)
    }
}
