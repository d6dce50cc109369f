//! Truly signed claims that do not say what they must.

use super::{Attack, Family};
use crate::forge::{AUTHORITY, CLIENT, Draft, IDP, KEYS, NOW, OBJECT, Signer, TENANT, b64};
use serde_json::json;
use sluice::auth::AuthError::*;
use sluice::auth::{Claim, Part};

pub const FAMILIES: &[Family] = &[
    Family {
        name: "claims",
        good: with_unknown_claims,
        attacks: CLAIMS,
    },
    Family {
        name: "times",
        good: at_the_edges,
        attacks: TIMES,
    },
    Family {
        name: "an application of Entra",
        good: Draft::entra_app,
        attacks: ENTRA,
    },
    Family {
        name: "an application of Entra, version 1",
        good: Draft::entra_app_v1,
        attacks: ENTRA_V1,
    },
    Family {
        name: "a user of Entra",
        good: Draft::entra_user,
        attacks: ENTRA_USER,
    },
    Family {
        name: "another issuer's client",
        good: Draft::oidc,
        attacks: OIDC,
    },
    Family {
        name: "look-alikes",
        good: in_other_scripts,
        attacks: LOOK_ALIKES,
    },
];

fn with_unknown_claims() -> Draft {
    let mut draft = Draft::entra_app();
    draft.claims["x"] = json!({"a": {"b": 1, "c": [null, true]}});
    draft.claims["AUD"] = json!("api://other");
    draft
}

/// To the last second that the skew allows.
fn at_the_edges() -> Draft {
    let mut draft = Draft::entra_app();
    draft.claims["nbf"] = json!(NOW + 60);
    draft.claims["iat"] = json!(NOW + 60);
    draft
}

/// Roles and groups may be in any script.
fn in_other_scripts() -> Draft {
    let mut draft = Draft::entra_app();
    draft.claims["roles"] = json!(["Чтение", "読む"]);
    draft.claims["groups"] = json!(["Zürich"]);
    draft
}

/// Puts a raw member at the front of the claims.
fn claim_first(draft: &mut Draft, member: &str) {
    draft.claims_text = Some(
        draft
            .claims
            .to_string()
            .replacen('{', &format!("{{{member},"), 1),
    );
}

fn claims_bytes(draft: &mut Draft, text: &str) {
    draft.claims_text = Some(text.to_owned());
}

#[rustfmt::skip] // One attack a line.
const LOOK_ALIKES: &[Attack] = &[
    ("iss with a Cyrillic o", |d| d.claims["iss"] = json!(format!("https://login.micr\u{43e}softonline.com/{TENANT}/v2.0")), ClaimMalformed(Claim::Issuer)),
    ("iss with a full-width slash", |d| d.claims["iss"] = json!(format!("{AUTHORITY}\u{ff0f}{TENANT}/v2.0")), ClaimMalformed(Claim::Issuer)),
    ("iss with a soft hyphen", |d| d.claims["iss"] = json!(format!("{AUTHORITY}/{TENANT}/v2\u{ad}.0")), ClaimMalformed(Claim::Issuer)),
    ("iss in punycode", |d| d.claims["iss"] = json!(format!("https://login.xn--micrsoftonline-4ln.com/{TENANT}/v2.0")), UnknownIssuer),
    ("iss percent-encoded", |d| d.claims["iss"] = json!(format!("https://login%2Emicrosoftonline.com/{TENANT}/v2.0")), UnknownIssuer),
    ("iss with a port", |d| d.claims["iss"] = json!(format!("{AUTHORITY}:443/{TENANT}/v2.0")), UnknownIssuer),
    ("iss with dot segments", |d| d.claims["iss"] = json!(format!("{AUTHORITY}/x/../{TENANT}/v2.0")), UnknownIssuer),
    ("iss with the host in upper case", |d| d.claims["iss"] = json!(format!("https://LOGIN.microsoftonline.com/{TENANT}/v2.0")), UnknownIssuer),
    ("iss with a query", |d| d.claims["iss"] = json!(format!("{AUTHORITY}/{TENANT}/v2.0?x")), UnknownIssuer),
    ("iss with a user", |d| d.claims["iss"] = json!(format!("https://login.microsoftonline.com@evil.example/{TENANT}/v2.0")), UnknownIssuer),
    ("iss of a tenant that begins as ours", |d| d.claims["iss"] = json!(format!("{AUTHORITY}/{TENANT}0/v2.0")), UnknownIssuer),
    ("iss with a space after", |d| d.claims["iss"] = json!(format!("{AUTHORITY}/{TENANT}/v2.0 ")), UnknownIssuer),
    ("aud with a Cyrillic a", |d| d.claims["aud"] = json!("\u{430}pi://sluice"), WrongAudience),
    ("aud full-width", |d| d.claims["aud"] = json!("api://sl\u{ff55}ice"), WrongAudience),
    ("aud with a zero-width joiner", |d| d.claims["aud"] = json!("api://sluice\u{200d}"), WrongAudience),
    ("aud with a combining mark", |d| d.claims["aud"] = json!("api://sluice\u{301}"), WrongAudience),
    ("aud with a no-break space", |d| d.claims["aud"] = json!("api://sluice\u{a0}"), WrongAudience),
    ("aud with a NUL", |d| d.claims["aud"] = json!("api://sluice\0"), WrongAudience),
    ("aud that begins as ours", |d| d.claims["aud"] = json!("api://sluice.evil.example"), WrongAudience),
    ("tid in full-width digits", |d| d.claims["tid"] = json!(TENANT.replace('0', "\u{ff10}")), ClaimMalformed(Claim::Tenant)),
    ("tid with other hyphens", |d| d.claims["tid"] = json!(TENANT.replace('-', "\u{2010}")), ClaimMalformed(Claim::Tenant)),
    ("oid with Arabic digits", |d| d.claims["oid"] = json!(OBJECT.replace('4', "\u{664}")), ClaimMalformed(Claim::Object)),
    ("azp with a Cyrillic c", |d| d.claims["azp"] = json!(CLIENT.replacen('c', "\u{441}", 1)), ClaimMalformed(Claim::Client)),
    ("idtyp with a Cyrillic a", |d| d.claims["idtyp"] = json!("\u{430}pp"), ClaimMalformed(Claim::Kind)),
    ("idtyp with a dotless i's kin", |d| d.claims["idtyp"] = json!("App"), ClaimMalformed(Claim::Kind)),
    ("ver in full-width", |d| d.claims["ver"] = json!("\u{ff12}.0"), ClaimMalformed(Claim::Version)),
    ("the name of exp in Cyrillic", |d| d.rename("exp", "\u{435}\u{445}\u{440}"), ClaimMissing(Claim::Expires)),
    ("the name of aud with an escape of another letter", |d| d.rename("aud", "\u{430}ud"), ClaimMissing(Claim::Audience)),
    ("the name of tid in upper case", |d| d.rename("tid", "TID"), ClaimMissing(Claim::Tenant)),
    ("a role with a line separator's neighbour", |d| d.claims["roles"] = json!(["a\u{85}b"]), ClaimMalformed(Claim::Roles)),
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
    ("bound to a key of one letter", |d| d.claims["cnf"] = json!({"jkt": "x"}), ClaimMalformed(Claim::Confirmation)),
    ("exp twice, the later one first", |d| claim_first(d, r#""exp":9999999999"#), NotJson(Part::Payload)),
    ("nbf twice", |d| claim_first(d, r#""nbf":0"#), NotJson(Part::Payload)),
    ("tid twice", |d| claim_first(d, &format!(r#""tid":"{OBJECT}""#)), NotJson(Part::Payload)),
    ("oid twice, once escaped", |d| claim_first(d, &format!(r#""o\u0069d":"{CLIENT}""#)), NotJson(Part::Payload)),
    ("idtyp twice, alike", |d| claim_first(d, r#""idtyp":"app""#), NotJson(Part::Payload)),
    ("azp twice", |d| claim_first(d, &format!(r#""azp":"{OBJECT}""#)), NotJson(Part::Payload)),
    ("claims with a byte order mark", |d| d.claims_text = Some(format!("\u{feff}{}", d.claims)), NotJson(Part::Payload)),
    ("claims followed by more", |d| d.claims_text = Some(format!("{}{{}}", d.claims)), NotJson(Part::Payload)),
    ("claims followed by a NUL", |d| d.claims_text = Some(format!("{}\0", d.claims)), NotJson(Part::Payload)),
    ("claims cut short", |d| { let mut text = d.claims.to_string(); text.pop(); d.claims_text = Some(text); }, NotJson(Part::Payload)),
    ("claims in a string", |d| d.claims_text = Some(format!("{:?}", d.claims.to_string())), NotJson(Part::Payload)),
    ("claims in an array", |d| d.claims_text = Some(format!("[{}]", d.claims)), NotJson(Part::Payload)),
    ("claims null", |d| claims_bytes(d, "null"), NotJson(Part::Payload)),
    ("no claims", |d| claims_bytes(d, "{}"), ClaimMissing(Claim::Issuer)),
    ("a lone surrogate", |d| claim_first(d, r#""x":"\udc00""#), NotJson(Part::Payload)),
    ("bound to a certificate of one letter", |d| d.claims["cnf"] = json!({"x5t#S256": "x"}), ClaimMalformed(Claim::Confirmation)),
    ("bound to nothing", |d| d.claims["cnf"] = json!({}), ConfirmationUnknown),
    ("bound, null", |d| d.claims["cnf"] = json!(null), ClaimMalformed(Claim::Confirmation)),
    ("bound by a text", |d| d.claims["cnf"] = json!(b64([1; 32])), ClaimMalformed(Claim::Confirmation)),
    ("bound by a list", |d| d.claims["cnf"] = json!([{"jkt": b64([1; 32])}]), ClaimMalformed(Claim::Confirmation)),
    ("bound to a number", |d| d.claims["cnf"] = json!({"jkt": 7}), ClaimMalformed(Claim::Confirmation)),
    ("bound to a list of keys", |d| d.claims["cnf"] = json!({"jkt": [b64([1; 32])]}), ClaimMalformed(Claim::Confirmation)),
    ("bound to a key of 31 bytes", |d| d.claims["cnf"] = json!({"jkt": b64([1; 31])}), ClaimMalformed(Claim::Confirmation)),
    ("bound to a key of 33 bytes", |d| d.claims["cnf"] = json!({"jkt": b64([1; 33])}), ClaimMalformed(Claim::Confirmation)),
    ("bound to no bytes", |d| d.claims["cnf"] = json!({"jkt": ""}), ClaimMalformed(Claim::Confirmation)),
    ("bound to a padded key", |d| d.claims["cnf"] = json!({"jkt": format!("{}=", b64([1; 32]))}), ClaimMalformed(Claim::Confirmation)),
    ("bound to a key in the other alphabet", |d| d.claims["cnf"] = json!({"jkt": b64([0xff; 32]).replace('_', "/")}), ClaimMalformed(Claim::Confirmation)),
    ("bound to a key with bits beyond its end", |d| d.claims["cnf"] = json!({"jkt": format!("{}F", &b64([1; 32])[..42])}), ClaimMalformed(Claim::Confirmation)),
    ("bound to a certificate in hexadecimal", |d| d.claims["cnf"] = json!({"x5t#S256": "01".repeat(32)}), ClaimMalformed(Claim::Confirmation)),
    ("bound in two ways", |d| d.claims["cnf"] = json!({"jkt": b64([1; 32]), "x5t#S256": b64([1; 32])}), ConfirmationUnknown),
    ("bound in a way that is known and another", |d| d.claims["cnf"] = json!({"jkt": b64([1; 32]), "kid": "k"}), ConfirmationUnknown),
    ("bound to a key that is shown", |d| d.claims["cnf"] = json!({"jwk": KEYS.ec_jwk("ec")}), ConfirmationUnknown),
    ("bound to a key by its name", |d| d.claims["cnf"] = json!({"kid": "ec"}), ConfirmationUnknown),
    ("bound to a certificate by SHA-1", |d| d.claims["cnf"] = json!({"x5t": b64([1; 20])}), ConfirmationUnknown),
    ("bound in capitals", |d| d.claims["cnf"] = json!({"JKT": b64([1; 32])}), ConfirmationUnknown),
    ("bound twice to a key", |d| claim_first(d, &format!(r#""cnf":{{"jkt":"{0}","jkt":"{0}"}}"#, b64([1; 32]))), NotJson(Part::Payload)),
    ("bound twice", |d| claim_first(d, &format!(r#""cnf":{{"jkt":"{0}"}},"cnf":{{"jkt":"{0}"}}"#, b64([1; 32]))), NotJson(Part::Payload)),
    ("bound to a key, and shown by itself", |d| d.claims["cnf"] = json!({"jkt": b64([1; 32])}), SchemeDisagrees),
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
    ("roles said to be elsewhere", |d| { d.without("roles"); d.claims["_claim_names"] = json!({"roles": "src1"}); }, ClaimMalformed(Claim::Roles)),
];

#[rustfmt::skip] // One attack a line.
const ENTRA_V1: &[Attack] = &[
    ("ver of the other form", |d| d.claims["ver"] = json!("2.0"), VersionDisagrees),
    ("iss of the other form", |d| d.claims["iss"] = json!(format!("{AUTHORITY}/{TENANT}/v2.0")), VersionDisagrees),
    ("iss without the final slash", |d| d.claims["iss"] = json!(format!("https://sts.windows.net/{TENANT}")), UnknownIssuer),
    ("iss with version 2's end", |d| d.claims["iss"] = json!(format!("https://sts.windows.net/{TENANT}/v2.0")), UnknownIssuer),
    ("iss of the other cloud", |d| d.claims["iss"] = json!(format!("https://sts.chinacloudapi.cn/{TENANT}/")), UnknownIssuer),
    ("azp only", |d| d.rename("appid", "azp"), ClaimMissing(Claim::Client)),
    ("appid no GUID", |d| d.claims["appid"] = json!("client"), ClaimMalformed(Claim::Client)),
    ("tid of another", |d| d.claims["tid"] = json!(OBJECT), WrongTenant),
];

#[rustfmt::skip] // One attack a line.
const ENTRA_USER: &[Attack] = &[
    ("scp that says it is an application", |d| d.claims["idtyp"] = json!("app"), KindContradicts),
    ("no scp", |d| d.without("scp"), KindUnclear),
    ("scp a list", |d| d.claims["scp"] = json!(["Files.Read"]), ClaimMalformed(Claim::Scopes)),
    ("scp null", |d| d.claims["scp"] = json!(null), ClaimMalformed(Claim::Scopes)),
    ("scp with a tab", |d| d.claims["scp"] = json!("Files.Read\tMail.Send"), ClaimMalformed(Claim::Scopes)),
    ("a scope too long", |d| d.claims["scp"] = json!("s".repeat(257)), ClaimMalformed(Claim::Scopes)),
    ("too many scopes", |d| d.claims["scp"] = json!("s ".repeat(513)), ClaimMalformed(Claim::Scopes)),
    ("azp no GUID", |d| d.claims["azp"] = json!(""), ClaimMalformed(Claim::Client)),
    ("groups null", |d| d.claims["groups"] = json!(null), ClaimMalformed(Claim::Groups)),
    ("groups a list of lists", |d| d.claims["groups"] = json!([[OBJECT]]), ClaimMalformed(Claim::Groups)),
    ("too many groups", |d| d.claims["groups"] = json!(vec!["g"; 513]), ClaimMalformed(Claim::Groups)),
    ("a group with a control character", |d| d.claims["groups"] = json!(["a\u{1b}b"]), ClaimMalformed(Claim::Groups)),
    ("overage, no object", |d| d.claims["_claim_names"] = json!("groups"), ClaimMalformed(Claim::Overage)),
    ("overage, null", |d| d.claims["_claim_names"] = json!(null), ClaimMalformed(Claim::Overage)),
    ("overage, a flag that is no flag", |d| d.claims["hasgroups"] = json!("yes"), ClaimMalformed(Claim::Overage)),
    ("overage, a flag in upper case", |d| d.claims["hasgroups"] = json!("TRUE"), ClaimMalformed(Claim::Overage)),
    ("overage, a flag that is null", |d| d.claims["hasgroups"] = json!(null), ClaimMalformed(Claim::Overage)),
    ("overage, a flag in a list", |d| d.claims["hasgroups"] = json!([false]), ClaimMalformed(Claim::Overage)),
    ("overage that names no source", |d| d.claims["_claim_names"] = json!({"groups": 1}), ClaimMalformed(Claim::Overage)),
    ("overage that names many sources", |d| d.claims["_claim_names"] = json!({"groups": ["src1"]}), ClaimMalformed(Claim::Overage)),
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
    ("groups elsewhere, of no source", |d| d.claims["_claim_names"] = json!({"groups": null}), ClaimMalformed(Claim::Overage)),
    ("roles elsewhere", |d| d.claims["_claim_names"] = json!({"roles": "src1"}), ClaimMalformed(Claim::Roles)),
    ("azp a number", |d| d.claims["azp"] = json!(7), ClaimMalformed(Claim::Client)),
    ("client_id empty", |d| d.claims["client_id"] = json!(""), ClaimMalformed(Claim::Client)),
    ("jti a number", |d| d.claims["jti"] = json!(1), ClaimMalformed(Claim::TokenId)),
    ("sub not ASCII", |d| d.claims["sub"] = json!("\u{430}gent-7"), ClaimMalformed(Claim::Subject)),
    ("sub null", |d| d.claims["sub"] = json!(null), ClaimMalformed(Claim::Subject)),
];
