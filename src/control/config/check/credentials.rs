//! What the gateway shows upstream.

use std::net::IpAddr;
use std::sync::Arc;

use super::super::model::{
    AssertionAlgorithm, Blueprint, ClientCertificate, ClientProof, Credential, CredentialKind,
    EntraClient, ManagedIdentity, SecretRef,
};
use super::super::schema::{self, At, Text};
use super::super::secrets::read_secret;
use super::identity::{is_field_name, is_framing};
use super::{Checker, place};
use crate::control::config::Place;
use crate::control::tokens::AssertionSigner;

/// Where IMDS answers on every machine of Azure's.
const IMDS: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// What judges a kind.
type Judge = fn(&mut Checker<'_>, Place, schema::Credential) -> Option<CredentialKind>;

impl Checker<'_> {
    pub(super) fn credential(
        &mut self,
        name: Arc<str>,
        at: Place,
        mut credential: schema::Credential,
    ) -> Option<Credential> {
        // Each kind with the keys that belong to it.
        let kinds: [(&str, (Judge, &[&str])); 6] = [
            ("entra_client", (entra_client, ENTRA_CLIENT)),
            ("on_behalf_of", (on_behalf_of, ENTRA_CLIENT)),
            ("managed_identity", (managed_identity, MANAGED_IDENTITY)),
            ("bearer", (bearer, &["token"])),
            ("header", (header, &["name", "value"])),
            ("basic", (basic, &["user", "secret"])),
        ];
        let kind = self.need(credential.kind.take(), at, "kind")?;
        let (judge, own) = self.one_of(&kind, "kind of credential", &kinds)?;
        let others: Vec<_> = (keys(&credential).into_iter())
            .filter(|(key, _)| !own.contains(key))
            .collect();
        let foreign = self.foreign(&format!("the kind `{}`", kind.value), &others);
        let judged = judge(self, at, credential);
        foreign?;
        Some(Credential {
            name,
            kind: judged?,
            place: at.into(),
        })
    }

    /// How an application shows who it is: in one way.
    fn proof(
        &mut self,
        at: Place,
        secret: Option<Text>,
        certificate: Option<At<schema::Certificate>>,
        token_file: Option<Text>,
    ) -> Option<ClientProof> {
        match (secret, certificate, token_file) {
            (Some(secret), None, None) => self.secret(&secret).map(ClientProof::Secret),
            (None, Some(certificate), None) => {
                self.certificate(certificate).map(ClientProof::Certificate)
            }
            (None, None, Some(file)) => {
                let path = self.lookup.path(&file.value);
                self.found(file.at, read_secret(&path))?;
                Some(ClientProof::FederatedToken(path))
            }
            _ => {
                let why = "one of `secret`, `certificate`, `federated_token_file` is needed";
                self.refuse(at, why)
            }
        }
    }

    /// Whether claims challenges are answered: the one capability that there is to be told of.
    fn capabilities(&mut self, listed: Option<At<Vec<Text>>>) -> Option<bool> {
        let listed = listed.map_or(Vec::new(), |listed| listed.value);
        let is_other = |text: &&Text| !text.value.eq_ignore_ascii_case("cp1");
        match listed.iter().find(is_other) {
            Some(other) => self.refuse(other.at, "the gateway has one capability: `cp1`"),
            None => Some(!listed.is_empty()),
        }
    }

    fn secret(&mut self, reference: &Text) -> Option<SecretRef> {
        let found = self.lookup.secret_ref(&reference.value);
        self.found(reference.at, found)
    }

    fn certificate(&mut self, certificate: At<schema::Certificate>) -> Option<ClientCertificate> {
        let At { value, at } = certificate;
        let cert_at = place(&value.cert);
        let mut part = |text: Option<Text>, key: &str| {
            let text = self.need(text, at, key)?;
            self.secret(&text)
        };
        let (cert, key) = (part(value.cert, "cert"), part(value.key, "key"));
        let known = [
            ("PS256", AssertionAlgorithm::Ps256),
            ("RS256", AssertionAlgorithm::Rs256),
        ];
        let algorithm = self.perhaps(value.algorithm, |checker, text| {
            checker.one_of(&text, "algorithm of assertions", &known)
        });
        let certificate = ClientCertificate {
            cert: cert?,
            key: key?,
            algorithm: algorithm?.unwrap_or_default(),
        };
        let signer = AssertionSigner::new(
            &certificate.cert.value,
            &certificate.key.value,
            certificate.algorithm,
        );
        self.found(cert_at.unwrap_or(at), signer)?;
        Some(certificate)
    }
}

const ENTRA_CLIENT: &[&str] = &[
    "tenant",
    "client_id",
    "secret",
    "certificate",
    "federated_token_file",
    "blueprint_id",
    "fmi_path",
    "client_capabilities",
    "scope",
    "authority",
    "ca_file",
];

fn entra_client(
    checker: &mut Checker<'_>,
    at: Place,
    credential: schema::Credential,
) -> Option<CredentialKind> {
    client(checker, at, credential).map(CredentialKind::EntraClient)
}

fn on_behalf_of(
    checker: &mut Checker<'_>,
    at: Place,
    credential: schema::Credential,
) -> Option<CredentialKind> {
    client(checker, at, credential).map(CredentialKind::OnBehalfOf)
}

fn client(
    checker: &mut Checker<'_>,
    at: Place,
    credential: schema::Credential,
) -> Option<EntraClient> {
    let tenant = checker.need(credential.tenant, at, "tenant");
    let client_id = checker.need(credential.client_id, at, "client_id");
    let scope = checker.need(credential.scope, at, "scope");
    let proof = checker.proof(
        at,
        credential.secret,
        credential.certificate,
        credential.federated_token_file,
    );
    let blueprint = match (credential.blueprint_id, credential.fmi_path) {
        (None, Some(path)) => checker.refuse(path.at, "`fmi_path` needs `blueprint_id`"),
        (None, None) => Some(None),
        (Some(id), path) => Some(Some((id.value, path.map(|path| path.value)))),
    };
    let answers_challenges = checker.capabilities(credential.client_capabilities);
    let authority = checker.authority(credential.authority);
    let roots = checker.roots(credential.ca_file);
    let tenant = tenant?;
    let is_tenant = !tenant.value.is_empty()
        && tenant
            .value
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || "-.".contains(each));
    if !is_tenant {
        return checker.refuse(tenant.at, "expected the tenant's id or domain");
    }
    let client_id = client_id?.value;
    let blueprint = blueprint?.map(|(id, path)| Blueprint {
        client_id: id,
        fmi_path: path.unwrap_or_else(|| client_id.clone()),
    });
    Some(EntraClient {
        tenant: tenant.value,
        client_id,
        proof: proof?,
        blueprint,
        scope: scope?.value,
        answers_challenges: answers_challenges?,
        authority: authority?,
        roots: roots?,
        proxy: checker.outward.clone(),
    })
}

const MANAGED_IDENTITY: &[&str] = &[
    "client_id",
    "client_capabilities",
    "resource",
    "endpoint",
    "identity_header",
];

fn managed_identity(
    checker: &mut Checker<'_>,
    at: Place,
    credential: schema::Credential,
) -> Option<CredentialKind> {
    let resource = checker.need(credential.resource, at, "resource");
    let capable_at = place(&credential.client_capabilities);
    let answers_challenges = checker.capabilities(credential.client_capabilities);
    let lookup = checker.lookup;
    let (endpoint, identity_header) = match (credential.endpoint, credential.identity_header) {
        (Some(endpoint), header) => {
            let header = checker.perhaps(header, |checker, header| {
                checker.found(header.at, lookup.secret(&header.value))
            });
            (endpoint, header?)
        }
        (None, Some(header)) => {
            return checker.refuse(header.at, "`identity_header` needs `endpoint`");
        }
        (None, None) => match (lookup.environment)("IDENTITY_ENDPOINT") {
            None => (text(IMDS.to_owned(), at), None),
            Some(endpoint) => {
                let header = checker.found(at, lookup.secret("env:IDENTITY_HEADER"));
                (text(endpoint, at), Some(header?))
            }
        },
    };
    if !is_near(&endpoint.value) {
        let why =
            "expected an `http://` URL on loopback or link-local, where managed identities are";
        return checker.refuse(endpoint.at, why);
    }
    if let (Some(at), None) = (capable_at, &identity_header) {
        return checker.refuse(at, "IMDS takes no `client_capabilities`; App Service does");
    }
    Some(CredentialKind::ManagedIdentity(ManagedIdentity {
        answers_challenges: answers_challenges?,
        resource: resource?.value,
        client_id: credential.client_id.map(|id| id.value),
        endpoint: endpoint.value,
        identity_header,
    }))
}

fn text(value: String, at: Place) -> Text {
    At { value, at }
}

/// Whether a URL leads to this machine or its link, and to nowhere by a name that others answer for.
fn is_near(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let host = url.host_str().unwrap_or_default();
    let is_near = match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unicast_link_local(),
        Err(_) => host == "localhost",
    };
    url.scheme() == "http" && is_bare && is_near
}

fn bearer(
    checker: &mut Checker<'_>,
    at: Place,
    credential: schema::Credential,
) -> Option<CredentialKind> {
    let text = checker.need(credential.token, at, "token")?;
    let token = checker.secret(&text)?;
    if !is_token(&token) {
        return checker.refuse(text.at, "a bearer token has no spaces and is plain ASCII");
    }
    Some(CredentialKind::Bearer { token })
}

fn header(
    checker: &mut Checker<'_>,
    at: Place,
    credential: schema::Credential,
) -> Option<CredentialKind> {
    let name = checker.need(credential.name, at, "name");
    let value = checker
        .need(credential.value, at, "value")
        .and_then(|text| {
            let value = checker.secret(&text)?;
            if is_field_value(&value) {
                Some(value)
            } else {
                checker.refuse(text.at, "a header's value is plain ASCII on one line")
            }
        });
    let name = name?;
    if !is_field_name(&name.value) {
        return checker.refuse(name.at, "expected the name of a header field");
    }
    if is_framing(&name.value) {
        let why = "this field says how a message is read; no credential";
        return checker.refuse(name.at, why);
    }
    Some(CredentialKind::Header {
        name: name.value,
        value: value?,
    })
}

fn basic(
    checker: &mut Checker<'_>,
    at: Place,
    credential: schema::Credential,
) -> Option<CredentialKind> {
    let user = checker.need(credential.user, at, "user");
    let password = checker
        .need(credential.secret, at, "secret")
        .and_then(|text| checker.secret(&text));
    let user = user?;
    let is_user = |each: char| each != ':' && !each.is_control();
    if !user.value.chars().all(is_user) {
        return checker.refuse(user.at, "a user has no colon and no control characters");
    }
    Some(CredentialKind::Basic {
        user: user.value,
        password: password?,
    })
}

/// Whether a secret can be a bearer token.
fn is_token(secret: &SecretRef) -> bool {
    secret
        .value
        .expose()
        .iter()
        .all(|byte| byte.is_ascii_graphic())
}

/// Whether a secret can be a header field's value.
fn is_field_value(secret: &SecretRef) -> bool {
    let is_value = |byte: &u8| matches!(byte, b' '..=b'~');
    secret.value.expose().iter().all(is_value)
}

/// Every key but `kind`, and where it stands.
fn keys(credential: &schema::Credential) -> Vec<(&'static str, Option<Place>)> {
    // Every field by name, so that a new one cannot be forgotten.
    let schema::Credential {
        kind: _,
        tenant,
        client_id,
        secret,
        certificate,
        federated_token_file,
        blueprint_id,
        fmi_path,
        client_capabilities,
        scope,
        authority,
        ca_file,
        resource,
        endpoint,
        identity_header,
        token,
        name,
        value,
        user,
    } = credential;
    vec![
        ("tenant", place(tenant)),
        ("client_id", place(client_id)),
        ("secret", place(secret)),
        ("certificate", place(certificate)),
        ("federated_token_file", place(federated_token_file)),
        ("blueprint_id", place(blueprint_id)),
        ("fmi_path", place(fmi_path)),
        ("client_capabilities", place(client_capabilities)),
        ("scope", place(scope)),
        ("authority", place(authority)),
        ("ca_file", place(ca_file)),
        ("resource", place(resource)),
        ("endpoint", place(endpoint)),
        ("identity_header", place(identity_header)),
        ("token", place(token)),
        ("name", place(name)),
        ("value", place(value)),
        ("user", place(user)),
    ]
}
