//! Tokens that must not pass, each with the check that must stop it.

use super::forge::{
    AUTHORITY, CLIENT, Draft, Gate, IDP, KEYS, NOW, OBJECT, Signer, TENANT, at, b64,
};
use serde_json::json;
use sluice::auth::{Algorithm, AuthError, Claim, Part, Verdict, bearer};

use AuthError::*;

type Good = fn() -> Draft;
type Attack = (&'static str, fn(&mut Draft), AuthError);

/// Puts a raw member at the front of the claims.
fn claim_first(draft: &mut Draft, member: &str) {
    draft.claims_text = Some(
        draft
            .claims
            .to_string()
            .replacen('{', &format!("{{{member},"), 1),
    );
}

fn header_first(draft: &mut Draft, member: &str) {
    draft.header_text = Some(
        draft
            .header
            .to_string()
            .replacen('{', &format!("{{{member},"), 1),
    );
}

fn header_bytes(draft: &mut Draft, text: &str) {
    draft.header_text = Some(text.to_owned());
}

fn claims_bytes(draft: &mut Draft, text: &str) {
    draft.claims_text = Some(text.to_owned());
}

/// The token without its last part's last character, with another one instead.
fn last_char(token: &str, other: char) -> String {
    let mut token = token.to_owned();
    token.pop();
    token.push(other);
    token
}

#[rustfmt::skip] // One attack a line.
const SHAPE: &[Attack] = &[
    ("empty", |d| d.then = |_| String::new(), NotThreeParts),
    ("one part", |d| d.then = |t| t.replace('.', ""), NotThreeParts),
    ("two parts", |d| d.then = |t| t.rsplit_once('.').unwrap().0.to_owned(), NotThreeParts),
    ("four parts", |d| d.then = |t| t + ".x", NotThreeParts),
    ("five parts, as if encrypted", |d| d.then = |t| t + ".x.y", NotThreeParts),
    ("a dot at the end", |d| d.then = |t| t + ".", NotThreeParts),
    ("only dots", |d| d.then = |_| "..".into(), NotThreeParts),
    ("no header", |d| d.then = |t| t[t.find('.').unwrap()..].to_owned(), NotThreeParts),
    (
        "no payload",
        |d| {
            d.then = |t| {
                let (header, rest) = t.split_once('.').unwrap();
                format!("{header}..{}", rest.split_once('.').unwrap().1)
            }
        },
        NotThreeParts,
    ),
    ("no signature", |d| d.signer = Signer::Nobody, BadSignature),
    ("too large", |d| d.claims["pad"] = json!("x".repeat(16 * 1024)), TooLarge),
    ("header too large", |d| d.header["pad"] = json!("x".repeat(4 * 1024)), TooLarge),
    ("padding in the header", |d| d.then = |t| t.replacen('.', "=.", 1), NotBase64(Part::Header)),
    ("padding in the signature", |d| d.then = |t| t + "==", NotBase64(Part::Signature)),
    ("the other alphabet", |d| d.then = |t| last_char(&t, '+'), NotBase64(Part::Signature)),
    (
        "set bits beyond the last byte",
        |d| {
            d.then = |t| {
                // 64 bytes are 86 characters, of whose last only two bits count.
                let last = t.chars().last().unwrap();
                last_char(
                    &t,
                    match last {
                        'A' => 'B',
                        'Q' => 'R',
                        'g' => 'h',
                        _ => 'x',
                    },
                )
            }
        },
        NotBase64(Part::Signature),
    ),
    ("a space inside", |d| d.then = |t| t.replacen('.', ". ", 1), NotBase64(Part::Payload)),
    ("a new line at the end", |d| d.then = |t| t + "\n", NotBase64(Part::Signature)),
    ("a NUL at the end", |d| d.then = |t| t + "\0", NotBase64(Part::Signature)),
    ("two bytes more", |d| d.then = |t| t + "AA", BadSignature),
];

#[rustfmt::skip] // One attack a line.
const HEADER: &[Attack] = &[
    ("header is empty JSON", |d| header_bytes(d, "{}"), AlgorithmMissing),
    ("header is no JSON", |d| header_bytes(d, "alg"), NotJson(Part::Header)),
    ("header is an array", |d| header_bytes(d, r#"["ES256"]"#), NotJson(Part::Header)),
    ("header is a string", |d| header_bytes(d, r#""ES256""#), NotJson(Part::Header)),
    ("header is null", |d| header_bytes(d, "null"), NotJson(Part::Header)),
    (
        "header with a byte order mark",
        |d| {
            header_bytes(d, "\u{feff}{\"alg\":\"ES256\",\"kid\":\"ec\"}");
        },
        NotJson(Part::Header),
    ),
    ("header with a trailing comma", |d| { header_bytes(d, r#"{"alg":"ES256","kid":"ec",}"#); }, NotJson(Part::Header)),
    ("header followed by more", |d| { header_bytes(d, r#"{"alg":"ES256","kid":"ec"}{}"#); }, NotJson(Part::Header)),
    ("alg twice", |d| header_first(d, r#""alg":"none""#), NotJson(Part::Header)),
    ("alg twice, once escaped", |d| header_first(d, r#""\u0061lg":"none""#), NotJson(Part::Header)),
    ("kid twice", |d| header_first(d, r#""kid":"rsa""#), NotJson(Part::Header)),
    ("alg none, signed", |d| d.header["alg"] = json!("none"), AlgorithmNone),
    ("alg none, unsigned", |d| { d.header["alg"] = json!("none"); d.signer = Signer::Nobody; }, AlgorithmNone),
    ("alg None", |d| d.header["alg"] = json!("None"), AlgorithmNone),
    ("alg NONE", |d| d.header["alg"] = json!("NONE"), AlgorithmNone),
    ("alg nOnE", |d| d.header["alg"] = json!("nOnE"), AlgorithmNone),
    ("alg HS256", |d| d.header["alg"] = json!("HS256"), AlgorithmShared),
    ("alg HS384", |d| d.header["alg"] = json!("HS384"), AlgorithmShared),
    ("alg HS512", |d| d.header["alg"] = json!("HS512"), AlgorithmShared),
    ("alg in lower case", |d| d.header["alg"] = json!("es256"), AlgorithmUnknown),
    ("alg RS512", |d| d.header["alg"] = json!("RS512"), AlgorithmUnknown),
    ("alg ES384", |d| d.header["alg"] = json!("ES384"), AlgorithmUnknown),
    ("alg EdDSA", |d| d.header["alg"] = json!("EdDSA"), AlgorithmUnknown),
    ("alg with a space", |d| d.header["alg"] = json!("ES256 "), AlgorithmUnknown),
    ("alg empty", |d| d.header["alg"] = json!(""), AlgorithmUnknown),
    ("alg null", |d| d.header["alg"] = json!(null), AlgorithmUnknown),
    ("alg a list", |d| d.header["alg"] = json!(["ES256"]), AlgorithmUnknown),
    ("crit", |d| d.header["crit"] = json!(["exp"]), Critical),
    ("crit, empty", |d| d.header["crit"] = json!([]), Critical),
    ("crit, null", |d| d.header["crit"] = json!(null), Critical),
    ("b64 false", |d| d.header["b64"] = json!(false), Unencoded),
    ("b64 true", |d| d.header["b64"] = json!(true), Unencoded),
    ("nonce, as Graph's tokens have", |d| d.header["nonce"] = json!("n0nce"), NonceHeader),
    ("a logout token", |d| d.header["typ"] = json!("logout+jwt"), TypeNotAccepted),
    ("a DPoP proof", |d| d.header["typ"] = json!("dpop+jwt"), TypeNotAccepted),
    ("an encrypted token's typ", |d| d.header["typ"] = json!("JWE"), TypeNotAccepted),
    ("typ a number", |d| d.header["typ"] = json!(1), TypeNotAccepted),
    ("no kid", |d| d.header = json!({"alg": "ES256"}), KidMissing),
    ("kid a number", |d| d.header["kid"] = json!(1), KidUnusable),
    ("kid empty", |d| d.header["kid"] = json!(""), KidUnusable),
    ("kid with a line break", |d| d.header["kid"] = json!("ec\r\nX: y"), KidUnusable),
    ("kid not ASCII", |d| d.header["kid"] = json!("ключ"), KidUnusable),
    ("kid with a space", |d| d.header["kid"] = json!("e c"), KidUnusable),
    ("kid too long", |d| d.header["kid"] = json!("k".repeat(257)), KidUnusable),
];

#[rustfmt::skip] // One attack a line.
const SIGNATURE: &[Attack] = &[
    ("signed by a stranger, ES256", |d| d.signer = Signer::OtherEs256, BadSignature),
    (
        "signed by a stranger, RS256",
        |d| {
            d.header = json!({"alg": "RS256", "kid": "rsa"});
            d.signer = Signer::OtherRs256;
        },
        BadSignature,
    ),
    ("the stranger's key in jwk", |d| { d.header["jwk"] = KEYS.ec_jwk("mine"); d.signer = Signer::OtherEs256; }, BadSignature),
    (
        "the stranger's key at jku",
        |d| {
            d.header["jku"] = json!("https://evil.example/keys");
            d.signer = Signer::OtherEs256;
        },
        BadSignature,
    ),
    (
        "the stranger's certificate at x5u",
        |d| {
            d.header["x5u"] = json!("https://evil.example/cert");
            d.signer = Signer::OtherEs256;
        },
        BadSignature,
    ),
    (
        "PS256 said, RS256 signed",
        |d| {
            d.header = json!({"alg": "PS256", "kid": "rsa"});
            d.signer = Signer::Rs256;
        },
        BadSignature,
    ),
    (
        "RS256 said, PS256 signed",
        |d| {
            d.header = json!({"alg": "RS256", "kid": "rsa"});
            d.signer = Signer::Ps256;
        },
        BadSignature,
    ),
    (
        "RS256 by the key for PS256 only",
        |d| {
            d.header = json!({"alg": "RS256", "kid": "rsa-ps"});
            d.signer = Signer::Rs256;
        },
        KeyAlgorithmDisagrees,
    ),
    ("ES256 by an RSA key", |d| d.header["kid"] = json!("rsa"), KeyTypeDisagrees),
    ("RS256 by an EC key", |d| d.header["alg"] = json!("RS256"), KeyTypeDisagrees),
    ("PS256 by an EC key", |d| d.header["alg"] = json!("PS256"), KeyTypeDisagrees),
    (
        "the payload exchanged",
        |d| {
            d.then = |t| {
                let parts: Vec<_> = t.split('.').collect();
                let mut other = Draft::entra_app();
                other.claims["roles"] = json!(["Everything"]);
                format!(
                    "{}.{}.{}",
                    parts[0],
                    b64(other.claims.to_string()),
                    parts[2]
                )
            }
        },
        BadSignature,
    ),
    ("r and s all zero", |d| d.then = |t| format!("{}.{}", t.rsplit_once('.').unwrap().0, b64([0; 64])), BadSignature),
    (
        "a DER signature",
        |d| {
            d.then = |t| {
                format!(
                    "{}.{}",
                    t.rsplit_once('.').unwrap().0,
                    b64([0x30, 0x06, 2, 1, 1, 2, 1, 1])
                )
            }
        },
        BadSignature,
    ),
    ("a signature cut short", |d| d.then = |t| t[..t.len() - 6].to_owned(), BadSignature),
    ("expired and forged counts as forged", |d| { d.claims["exp"] = json!(1); d.signer = Signer::OtherEs256; }, BadSignature),
];

#[rustfmt::skip] // One attack a line.
const CLAIMS: &[Attack] = &[
    ("claims are no JSON", |d| claims_bytes(d, "hello"), NotJson(Part::Payload)),
    ("claims are an array", |d| claims_bytes(d, "[]"), NotJson(Part::Payload)),
    (
        "claims are not UTF-8",
        |d| {
            d.then = |_| {
                let signed = format!(
                    "{}.{}",
                    b64(r#"{"alg":"ES256","kid":"ec"}"#),
                    b64(b"{\"iss\":\"\xff\"}")
                );
                let signature = KEYS.sign(Signer::Es256, signed.as_bytes());
                format!("{signed}.{}", b64(signature))
            }
        },
        NotJson(Part::Payload),
    ),
    ("iss twice", |d| claim_first(d, r#""iss":"https://evil.example""#), NotJson(Part::Payload)),
    ("aud twice", |d| claim_first(d, r#""aud":"api://sluice""#), NotJson(Part::Payload)),
    ("roles twice, once escaped", |d| claim_first(d, r#""r\u006fles":["Admin"]"#), NotJson(Part::Payload)),
    ("a name twice, deep inside", |d| claim_first(d, r#""x":{"a":{"b":1,"b":2}}"#), NotJson(Part::Payload)),
    (
        "nested too deep",
        |d| {
            let deep = format!("\"x\":{}{}", "[".repeat(2000), "]".repeat(2000));
            claim_first(d, &deep);
        },
        NotJson(Part::Payload),
    ),
    ("no iss", |d| d.without("iss"), ClaimMissing(Claim::Issuer)),
    ("iss a number", |d| d.claims["iss"] = json!(7), ClaimMalformed(Claim::Issuer)),
    ("iss a list", |d| d.claims["iss"] = json!([IDP]), ClaimMalformed(Claim::Issuer)),
    ("iss unknown", |d| d.claims["iss"] = json!("https://evil.example"), UnknownIssuer),
    ("iss with a slash more", |d| { d.claims["iss"] = json!(format!("{AUTHORITY}/{TENANT}/v2.0/")); }, UnknownIssuer),
    ("iss in upper case", |d| { d.claims["iss"] = json!(format!("{AUTHORITY}/{}/v2.0", TENANT.to_uppercase())); }, UnknownIssuer),
    ("iss over http", |d| { d.claims["iss"] = json!(format!("http://login.microsoftonline.com/{TENANT}/v2.0")); }, UnknownIssuer),
    ("iss of another tenant", |d| { d.claims["iss"] = json!(format!("{AUTHORITY}/{OBJECT}/v2.0")); }, UnknownIssuer),
    (
        "iss with a longer path",
        |d| {
            d.claims["iss"] = json!(format!("{AUTHORITY}/{TENANT}/v2.0@evil.example"));
        },
        UnknownIssuer,
    ),
    ("no aud", |d| d.without("aud"), ClaimMissing(Claim::Audience)),
    ("aud of another", |d| d.claims["aud"] = json!("api://other"), WrongAudience),
    ("aud in upper case", |d| d.claims["aud"] = json!("API://SLUICE"), WrongAudience),
    ("aud with a slash more", |d| d.claims["aud"] = json!("api://sluice/"), WrongAudience),
    ("aud a number", |d| d.claims["aud"] = json!(1), ClaimMalformed(Claim::Audience)),
    ("aud an object", |d| d.claims["aud"] = json!({"0": "api://sluice"}), ClaimMalformed(Claim::Audience)),
    ("aud an empty list", |d| d.claims["aud"] = json!([]), ClaimMalformed(Claim::Audience)),
    ("aud a mixed list", |d| d.claims["aud"] = json!(["api://sluice", 1]), ClaimMalformed(Claim::Audience)),
    ("aud a nested list", |d| d.claims["aud"] = json!([["api://sluice"]]), ClaimMalformed(Claim::Audience)),
    ("aud a list of others", |d| d.claims["aud"] = json!(["a", "b"]), WrongAudience),
    ("aud too many", |d| d.claims["aud"] = json!(vec!["api://sluice"; 33]), ClaimMalformed(Claim::Audience)),
    ("aud is Graph", |d| d.claims["aud"] = json!("https://graph.microsoft.com"), GraphAudience),
    ("aud is Graph with a slash", |d| d.claims["aud"] = json!("https://graph.microsoft.com/"), GraphAudience),
    ("aud is Graph's id", |d| d.claims["aud"] = json!("00000003-0000-0000-c000-000000000000"), GraphAudience),
    (
        "aud is Graph, signed by a stranger",
        |d| {
            d.claims["aud"] = json!("https://graph.microsoft.com");
            d.signer = Signer::OtherEs256;
        },
        GraphAudience,
    ),
    (
        "aud is Graph beside ours",
        |d| {
            d.claims["aud"] = json!(["api://sluice", "https://Graph.Microsoft.com"]);
        },
        GraphAudience,
    ),
    ("bound to its holder's key", |d| d.claims["cnf"] = json!({"jkt": "x"}), SenderConstrained),
];

#[rustfmt::skip] // One attack a line.
const TIMES: &[Attack] = &[
    ("no exp", |d| d.without("exp"), ClaimMissing(Claim::Expires)),
    ("expired", |d| d.claims["exp"] = json!(NOW - 3600), Expired),
    ("expired to the second", |d| d.claims["exp"] = json!(NOW - 60), Expired),
    ("expired with a fraction", |d| d.claims["exp"] = json!(NOW as f64 - 59.5), Expired),
    ("exp zero", |d| d.claims["exp"] = json!(0), Expired),
    ("exp in milliseconds", |d| d.claims["exp"] = json!(NOW * 1000), ClaimMalformed(Claim::Expires)),
    ("exp negative", |d| d.claims["exp"] = json!(-1), ClaimMalformed(Claim::Expires)),
    (
        "exp minus zero",
        |d| {
            claims_bytes(
                d,
                &d.claims
                    .to_string()
                    .replace(&(NOW + 3600).to_string(), "-0"),
            )
        },
        ClaimMalformed(Claim::Expires),
    ),
    (
        "exp with an exponent",
        |d| {
            claims_bytes(
                d,
                &d.claims
                    .to_string()
                    .replace(&(NOW + 3600).to_string(), "1.9e9"),
            )
        },
        ClaimMalformed(Claim::Expires),
    ),
    (
        "exp beyond any integer",
        |d| {
            claims_bytes(
                d,
                &d.claims
                    .to_string()
                    .replace(&(NOW + 3600).to_string(), &"9".repeat(400)),
            )
        },
        ClaimMalformed(Claim::Expires),
    ),
    ("exp a string", |d| d.claims["exp"] = json!("1900000000"), ClaimMalformed(Claim::Expires)),
    ("exp null", |d| d.claims["exp"] = json!(null), ClaimMalformed(Claim::Expires)),
    ("exp a list", |d| d.claims["exp"] = json!([1_900_000_000]), ClaimMalformed(Claim::Expires)),
    ("exp true", |d| d.claims["exp"] = json!(true), ClaimMalformed(Claim::Expires)),
    ("not valid yet", |d| d.claims["nbf"] = json!(NOW + 61), NotYetValid),
    ("not valid yet by a fraction", |d| d.claims["nbf"] = json!(NOW as f64 + 60.5), NotYetValid),
    ("nbf a string", |d| d.claims["nbf"] = json!("0"), ClaimMalformed(Claim::NotBefore)),
    ("nbf negative", |d| d.claims["nbf"] = json!(-5), ClaimMalformed(Claim::NotBefore)),
    ("nbf null", |d| d.claims["nbf"] = json!(null), ClaimMalformed(Claim::NotBefore)),
    ("issued in the future", |d| d.claims["iat"] = json!(NOW + 61), IssuedInFuture),
    ("iat a string", |d| d.claims["iat"] = json!("now"), ClaimMalformed(Claim::IssuedAt)),
    ("iat absurd", |d| d.claims["iat"] = json!(u64::MAX), ClaimMalformed(Claim::IssuedAt)),
];

#[rustfmt::skip] // One attack a line.
const ENTRA: &[Attack] = &[
    ("no ver", |d| d.without("ver"), ClaimMissing(Claim::Version)),
    ("ver a number", |d| d.claims["ver"] = json!(2.0), ClaimMalformed(Claim::Version)),
    ("ver of the other form", |d| d.claims["ver"] = json!("1.0"), VersionDisagrees),
    ("ver unknown", |d| d.claims["ver"] = json!("3.0"), VersionDisagrees),
    ("iss of the other form", |d| { d.claims["iss"] = json!(format!("https://sts.windows.net/{TENANT}/")); }, VersionDisagrees),
    ("no tid", |d| d.without("tid"), ClaimMissing(Claim::Tenant)),
    ("tid of another", |d| d.claims["tid"] = json!(OBJECT), WrongTenant),
    ("tid no GUID", |d| d.claims["tid"] = json!("contoso"), ClaimMalformed(Claim::Tenant)),
    ("tid in braces", |d| d.claims["tid"] = json!(format!("{{{TENANT}}}")), ClaimMalformed(Claim::Tenant)),
    ("no oid", |d| d.without("oid"), ClaimMissing(Claim::Object)),
    ("oid no GUID", |d| d.claims["oid"] = json!("../../admin"), ClaimMalformed(Claim::Object)),
    ("oid a list", |d| d.claims["oid"] = json!([OBJECT]), ClaimMalformed(Claim::Object)),
    ("neither idtyp nor scp", |d| d.without("idtyp"), KindUnclear),
    ("a user without scp", |d| d.claims["idtyp"] = json!("user"), KindUnclear),
    ("an application with scp", |d| d.claims["scp"] = json!("x"), KindContradicts),
    ("idtyp of a device", |d| d.claims["idtyp"] = json!("device"), ClaimMalformed(Claim::Kind)),
    ("idtyp in upper case", |d| d.claims["idtyp"] = json!("APP"), ClaimMalformed(Claim::Kind)),
    ("idtyp true", |d| d.claims["idtyp"] = json!(true), ClaimMalformed(Claim::Kind)),
    ("an application without azp", |d| d.without("azp"), ClaimMissing(Claim::Client)),
    ("version 2 with appid only", |d| d.rename("azp", "appid"), ClaimMissing(Claim::Client)),
    ("azp no GUID", |d| d.claims["azp"] = json!("client"), ClaimMalformed(Claim::Client)),
    ("roles a string", |d| d.claims["roles"] = json!("Admin"), ClaimMalformed(Claim::Roles)),
    ("roles mixed", |d| d.claims["roles"] = json!(["Admin", 1]), ClaimMalformed(Claim::Roles)),
    ("roles an object", |d| d.claims["roles"] = json!({"Admin": true}), ClaimMalformed(Claim::Roles)),
    ("roles null", |d| d.claims["roles"] = json!(null), ClaimMalformed(Claim::Roles)),
    ("a role with a line break", |d| d.claims["roles"] = json!(["a\nb"]), ClaimMalformed(Claim::Roles)),
    ("an empty role", |d| d.claims["roles"] = json!([""]), ClaimMalformed(Claim::Roles)),
    ("a role too long", |d| d.claims["roles"] = json!(["r".repeat(257)]), ClaimMalformed(Claim::Roles)),
    ("too many roles", |d| d.claims["roles"] = json!(vec!["r"; 513]), ClaimMalformed(Claim::Roles)),
    ("groups a string", |d| d.claims["groups"] = json!("admins"), ClaimMalformed(Claim::Groups)),
    (
        "groups malformed beside overage",
        |d| {
            d.claims["groups"] = json!(1);
            d.claims["hasgroups"] = json!(true);
        },
        ClaimMalformed(Claim::Groups),
    ),
    ("hasgroups a number", |d| d.claims["hasgroups"] = json!(1), ClaimMalformed(Claim::Overage)),
    ("_claim_names a list", |d| d.claims["_claim_names"] = json!([]), ClaimMalformed(Claim::Overage)),
    ("scp a number", |d| { d.without("idtyp"); d.claims["scp"] = json!(1); }, ClaimMalformed(Claim::Scopes)),
    ("uti with a line break", |d| d.claims["uti"] = json!("a\nb"), ClaimMalformed(Claim::TokenId)),
];

#[rustfmt::skip] // One attack a line.
const OIDC: &[Attack] = &[
    ("no sub", |d| d.without("sub"), ClaimMissing(Claim::Subject)),
    ("sub a number", |d| d.claims["sub"] = json!(7), ClaimMalformed(Claim::Subject)),
    ("sub empty", |d| d.claims["sub"] = json!(""), ClaimMalformed(Claim::Subject)),
    ("sub too long", |d| d.claims["sub"] = json!("s".repeat(257)), ClaimMalformed(Claim::Subject)),
    ("sub with a control character", |d| d.claims["sub"] = json!("a\u{1b}[2J"), ClaimMalformed(Claim::Subject)),
    ("clients that disagree", |d| d.claims["azp"] = json!(CLIENT), ClientsDisagree),
    ("client_id a list", |d| d.claims["client_id"] = json!(["agent-7"]), ClaimMalformed(Claim::Client)),
    ("an ID token by nonce", |d| d.claims["nonce"] = json!("n"), IdToken),
    ("an ID token by at_hash", |d| d.claims["at_hash"] = json!("h"), IdToken),
    ("an ID token by c_hash", |d| d.claims["c_hash"] = json!("h"), IdToken),
    ("scope a number", |d| d.claims["scope"] = json!(1), ClaimMalformed(Claim::Scopes)),
    ("roles a string", |d| d.claims["roles"] = json!("admin"), ClaimMalformed(Claim::Roles)),
    ("groups an object", |d| d.claims["groups"] = json!({}), ClaimMalformed(Claim::Groups)),
    ("Entra's tenant under the other's iss", |d| d.claims["iss"] = json!(format!("{IDP}/")), UnknownIssuer),
];

#[test]
fn none_of_the_attacks_passes() {
    let tables: [(&[Attack], Good); 7] = [
        (SHAPE, Draft::entra_app),
        (HEADER, Draft::entra_app),
        (SIGNATURE, Draft::entra_app),
        (CLAIMS, Draft::entra_app),
        (TIMES, Draft::entra_app),
        (ENTRA, Draft::entra_app),
        (OIDC, Draft::oidc),
    ];
    let mut gate = Gate::new();
    let mut count = 0;
    for (attacks, good) in tables {
        assert!(matches!(
            gate.judge(&good().token(), at(0)),
            Verdict::Proven(_)
        ));
        for (name, twist, expected) in attacks {
            let mut draft = good();
            twist(&mut draft);
            match gate.judge(&draft.token(), at(0)) {
                Verdict::Refused(error) => assert_eq!(error, *expected, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
            count += 1;
        }
    }
    assert!(count >= 150, "{count} attacks");
}

#[test]
fn an_algorithm_that_is_not_configured_is_refused() {
    let mut spec = super::forge::entra_spec();
    spec.algorithms = vec![Algorithm::Rs256];
    let mut gate = Gate::of([spec]);
    let verdict = gate.judge(&Draft::entra_app().token(), at(0));
    assert!(matches!(verdict, Verdict::Refused(AlgorithmNotAllowed)));
}

#[test]
fn a_clock_that_is_not_set_refuses() {
    let mut gate = Gate::new();
    let mut now = at(0);
    now.wall = sluice::base::clock::Wall(0);
    let mut draft = Draft::entra_app();
    draft.without("nbf");
    draft.without("iat");
    let verdict = gate.judge(&draft.token(), now);
    assert!(matches!(verdict, Verdict::Refused(ClockNotSet)));
}

#[test]
fn the_authorization_field_is_one_bearer_token() {
    assert_eq!(bearer(b"Bearer a.b.c"), Ok(&b"a.b.c"[..]));
    assert_eq!(bearer(b"bEARER a.b.c"), Ok(&b"a.b.c"[..]));
    for not in [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer  a",
        "Bearer a b",
        "Bearer a,Bearer b",
        "Bearer\ta",
        "a.b.c",
        "Bearer \u{e9}",
        "BearerX a.b.c",
        "Bearer a\0",
    ] {
        assert_eq!(bearer(not.as_bytes()), Err(NotBearer), "{not}");
    }
}

/// Every byte of a good token, changed in every bit: a signature covers what it should, and no
/// byte has a second spelling.
#[test]
fn no_bit_of_a_token_can_be_changed() {
    for draft in [
        Draft::entra_app(),
        Draft::oidc().by("RS256", "rsa", Signer::Rs256),
    ] {
        let good = draft.token().into_bytes();
        let mut gate = Gate::new();
        for index in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[index] ^= 1 << bit;
                let verdict = gate.core.authenticate(&mut gate.last, &bad, at(0));
                assert!(
                    !matches!(verdict, Verdict::Proven(_)),
                    "byte {index}, bit {bit}"
                );
            }
        }
        assert!(matches!(
            gate.core.authenticate(&mut gate.last, &good, at(0)),
            Verdict::Proven(_)
        ));
    }
}
