//! Proofs that must not pass, each with the check that must stop it, and each beside a near twin that
//! passes: what is refused is the one thing in which they differ.

use std::collections::HashSet;

use serde_json::{Value, json};
use sluice::auth::AuthError;
use sluice::auth::Flaw::{self, *};

use super::{bound_to, judged, proof};
use crate::forge::{Draft, KEYS, NOW, Signer, at, b64};

/// Who holds the token.
const HOLDER: Signer = Signer::OtherEs256;

/// A name, what is done to the twin, and what must stop it.
type Attack = (&'static str, fn(&mut Draft), Flaw);

/// Attacks around one good proof of the token's.
struct Family {
    name: &'static str,
    /// The near twin.
    good: fn(&str) -> Draft,
    attacks: &'static [Attack],
}

const FAMILIES: &[Family] = &[
    Family {
        name: "plain",
        good: plain,
        attacks: SHAPES,
    },
    Family {
        name: "with more in its header",
        good: verbose,
        attacks: HEADERS,
    },
    Family {
        name: "with more claims",
        good: talkative,
        attacks: CLAIMS,
    },
    Family {
        name: "of the last second",
        good: at_the_edges,
        attacks: TIMES,
    },
    Family {
        name: "of a URL spelled otherwise",
        good: spelled_otherwise,
        attacks: URLS,
    },
];

fn plain(token: &str) -> Draft {
    proof(token, "ES256", HOLDER)
}

/// As libraries write it that know nothing of ours.
fn verbose(token: &str) -> Draft {
    let mut draft = plain(token);
    draft.header["kid"] = json!("elsewhere");
    draft.header["jku"] = json!("https://evil.example/keys");
    for (name, value) in [
        ("kid", json!("mine")),
        ("use", json!("sig")),
        ("alg", json!("ES256")),
        ("ext", json!(true)),
        ("key_ops", json!(["verify"])),
    ] {
        draft.header["jwk"][name] = value;
    }
    draft
}

fn talkative(token: &str) -> Draft {
    let mut draft = plain(token);
    draft.claims["HTM"] = json!("GET");
    draft.claims["iss"] = json!("https://anybody.example");
    draft.claims["nonce"] = json!("of another server");
    draft.claims["x"] = json!({"a": [1, null]});
    draft.claims["jti"] = json!("j".repeat(256));
    draft
}

fn at_the_edges(token: &str) -> Draft {
    let mut draft = plain(token);
    draft.claims["iat"] = json!(NOW + 60);
    draft.claims["nbf"] = json!(NOW + 60);
    draft.claims["exp"] = json!(NOW + 1);
    draft
}

fn spelled_otherwise(token: &str) -> Draft {
    let mut draft = plain(token);
    draft.claims["htu"] = json!("HTTPS://Gateway.EXAMPLE:443/up/%61%2Db");
    draft
}

/// Puts a raw member at the front of the claims.
fn first(draft: &mut Draft, member: &str) {
    let text = draft.claims.to_string();
    draft.claims_text = Some(text.replacen('{', &format!("{{{member},"), 1));
}

/// The same at the front of the header.
fn header_first(draft: &mut Draft, member: &str) {
    let text = draft.header.to_string();
    draft.header_text = Some(text.replacen('{', &format!("{{{member},"), 1));
}

fn jwk(draft: &mut Draft, name: &str, value: Value) {
    draft.header["jwk"][name] = value;
}

fn url(draft: &mut Draft, url: &str) {
    draft.claims["htu"] = json!(url);
}

#[rustfmt::skip] // One attack a line.
const SHAPES: &[Attack] = &[
    ("nothing", |d| d.then = |_| String::new(), Shape),
    ("one part", |d| d.then = |t| t.replace('.', ""), Shape),
    ("two parts", |d| d.then = |t| t.rsplit_once('.').unwrap().0.to_owned(), Shape),
    ("four parts", |d| d.then = |t| format!("{t}.{t}"), Shape),
    ("as one that is encrypted", |d| d.then = |t| format!("{t}.AA.AA"), Shape),
    ("an empty header", |d| d.then = |t| format!(".{}", t.split_once('.').unwrap().1), Shape),
    ("two in one field", |d| d.then = |t| format!("{t}, {t}"), Shape),
    ("a space before", |d| d.then = |t| format!(" {t}"), Shape),
    ("padded", |d| d.then = |t| format!("{t}="), Shape),
    ("in the other alphabet", |d| d.then = |t| t.replace(['-', '_'], "/") + "/", Shape),
    ("with the scheme", |d| d.then = |t| format!("DPoP {t}"), Shape),
    ("in JSON", |d| d.then = |t| format!("{{\"proof\":\"{t}\"}}"), Shape),
    ("too large", |d| d.claims["x"] = json!("x".repeat(8 * 1024)), Shape),
    ("no signature", |d| d.then = |t| format!("{}.", t.rsplit_once('.').unwrap().0), Signature),
    ("a signature cut short", |d| d.then = |t| t[..t.len() - 2].to_owned(), Signature),
    ("another's signature", |d| d.signer = Signer::Es256, Signature),
    ("an issuer's own key", |d| { d.header["jwk"] = KEYS.holder_jwk(Signer::Es256); d.signer = Signer::Es256; }, OtherKey),
    ("another's key of another kind", |d| { d.header["jwk"] = KEYS.holder_jwk(Signer::OtherEdDsa); d.header["alg"] = json!("EdDSA"); d.signer = Signer::OtherEdDsa; }, OtherKey),
    ("another's key, and the holder's signature", |d| d.header["jwk"] = KEYS.holder_jwk(Signer::Es256), OtherKey),
    ("no header", |d| d.header_text = Some("null".into()), Header),
    ("a header in a list", |d| d.header_text = Some(format!("[{}]", d.header)), Header),
    ("a header that is no JSON", |d| d.header_text = Some("hello".into()), Header),
    ("a header cut short", |d| { let mut text = d.header.to_string(); text.pop(); d.header_text = Some(text); }, Header),
    ("no claims", |d| d.claims_text = Some("{}".into()), Method),
    ("claims in a list", |d| d.claims_text = Some(format!("[{}]", d.claims)), Claims),
    ("claims that are no JSON", |d| d.claims_text = Some("hello".into()), Claims),
];

#[rustfmt::skip] // One attack a line.
const HEADERS: &[Attack] = &[
    ("no typ", |d| { d.header.as_object_mut().unwrap().remove("typ"); }, Type),
    ("typ of a token", |d| d.header["typ"] = json!("JWT"), Type),
    ("typ of an access token", |d| d.header["typ"] = json!("at+jwt"), Type),
    ("typ in capitals", |d| d.header["typ"] = json!("DPOP+JWT"), Type),
    ("typ as a whole media type", |d| d.header["typ"] = json!("application/dpop+jwt"), Type),
    ("typ a list", |d| d.header["typ"] = json!(["dpop+jwt"]), Type),
    ("typ twice", |d| header_first(d, r#""typ":"dpop+jwt""#), Header),
    ("typ twice, once escaped", |d| header_first(d, r#""t\u0079p":"JWT""#), Header),
    ("no alg", |d| { d.header.as_object_mut().unwrap().remove("alg"); }, Algorithm),
    ("alg none", |d| { d.header["alg"] = json!("none"); d.signer = Signer::Nobody; }, Algorithm),
    ("alg None", |d| { d.header["alg"] = json!("None"); d.signer = Signer::Nobody; }, Algorithm),
    ("alg HS256", |d| d.header["alg"] = json!("HS256"), Algorithm),
    ("alg in lower case", |d| d.header["alg"] = json!("es256"), Algorithm),
    ("alg unknown", |d| d.header["alg"] = json!("ES256K"), Algorithm),
    ("alg that is not configured", |d| d.header["alg"] = json!("RS512"), Algorithm),
    ("alg a number", |d| d.header["alg"] = json!(-7), Algorithm),
    ("alg of another curve", |d| { d.header["alg"] = json!("ES384"); d.header["jwk"]["alg"] = json!("ES384"); }, Key),
    ("alg of another kind of key", |d| { d.header["alg"] = json!("EdDSA"); d.header["jwk"].as_object_mut().unwrap().remove("alg"); }, Signature),
    ("alg other than the key's own", |d| { d.header["alg"] = json!("PS256"); }, Signature),
    ("crit", |d| d.header["crit"] = json!(["exp"]), Extension),
    ("crit of nothing", |d| d.header["crit"] = json!([]), Extension),
    ("b64", |d| d.header["b64"] = json!(true), Extension),
    ("no jwk", |d| { d.header.as_object_mut().unwrap().remove("jwk"); }, Key),
    ("jwk null", |d| d.header["jwk"] = json!(null), Key),
    ("jwk a text", |d| d.header["jwk"] = json!(d.header["jwk"].to_string()), Key),
    ("jwk a list", |d| d.header["jwk"] = json!([d.header["jwk"]]), Key),
    ("jwk a set", |d| d.header["jwk"] = json!({"keys": [d.header["jwk"]]}), Key),
    ("jwk with its private half", |d| jwk(d, "d", json!(b64([1; 32]))), PrivateKey),
    ("jwk with a private half that is null", |d| jwk(d, "d", json!(null)), PrivateKey),
    ("jwk with a prime", |d| jwk(d, "p", json!("AQ")), PrivateKey),
    ("jwk a shared key", |d| d.header["jwk"] = json!({"kty": "oct", "k": b64([1; 32])}), PrivateKey),
    ("jwk of no kind", |d| { d.header["jwk"].as_object_mut().unwrap().remove("kty"); }, Key),
    ("jwk of another kind", |d| jwk(d, "kty", json!("RSA")), Key),
    ("jwk of another curve", |d| jwk(d, "crv", json!("P-384")), Key),
    ("jwk of a curve nobody has", |d| jwk(d, "crv", json!("secp256k1")), Key),
    ("jwk for encryption", |d| jwk(d, "use", json!("enc")), Key),
    ("jwk for signing alone", |d| jwk(d, "key_ops", json!(["sign"])), Key),
    ("jwk for another algorithm", |d| jwk(d, "alg", json!("RS256")), Key),
    ("jwk padded", |d| { let x = d.header["jwk"]["x"].as_str().unwrap().to_owned(); jwk(d, "x", json!(format!("{x}="))); }, Key),
    ("jwk cut short", |d| jwk(d, "x", json!(b64([1; 31]))), Key),
    ("jwk off its curve", |d| { let x = d.header["jwk"]["x"].clone(); jwk(d, "y", x); }, OtherKey),
    ("jwk twice", |d| header_first(d, r#""jwk":{"kty":"EC"}"#), Header),
    ("a coordinate twice", |d| { let text = d.header.to_string(); d.header_text = Some(text.replacen("\"crv\"", "\"x\":\"AA\",\"crv\"", 1)); }, Header),
];

#[rustfmt::skip] // One attack a line.
const CLAIMS: &[Attack] = &[
    ("no htm", |d| d.without("htm"), Method),
    ("htm of another method", |d| d.claims["htm"] = json!("GET"), Method),
    ("htm in lower case", |d| d.claims["htm"] = json!("post"), Method),
    ("htm with a space", |d| d.claims["htm"] = json!("POST "), Method),
    ("htm a list", |d| d.claims["htm"] = json!(["POST"]), Method),
    ("htm null", |d| d.claims["htm"] = json!(null), Method),
    ("htm twice", |d| first(d, r#""htm":"POST""#), Claims),
    ("htm twice, once escaped", |d| first(d, r#""h\u0074m":"POST""#), Claims),
    ("htu twice", |d| first(d, r#""htu":"https://gateway.example/up/a-b""#), Claims),
    ("iat twice", |d| first(d, r#""iat":1800000000"#), Claims),
    ("jti twice", |d| first(d, r#""jti":"proof-2""#), Claims),
    ("ath twice", |d| first(d, r#""ath":"x""#), Claims),
    ("a name twice, deep inside", |d| first(d, r#""y":{"b":1,"b":2}"#), Claims),
    ("a lone surrogate", |d| first(d, r#""y":"\udc00""#), Claims),
    ("nested too deep", |d| first(d, &format!("\"y\":{}{}", "[".repeat(500), "]".repeat(500))), Claims),
    ("no ath", |d| d.without("ath"), Token),
    ("ath null", |d| d.claims["ath"] = json!(null), Token),
    ("ath empty", |d| d.claims["ath"] = json!(""), Token),
    ("ath of another token", |d| d.claims["ath"] = json!(b64([1; 32])), Token),
    ("ath padded", |d| { let ath = d.claims["ath"].as_str().unwrap().to_owned(); d.claims["ath"] = json!(format!("{ath}=")); }, Token),
    ("ath cut short", |d| { let ath = d.claims["ath"].as_str().unwrap().to_owned(); d.claims["ath"] = json!(ath[..42]); }, Token),
    ("ath in hexadecimal", |d| d.claims["ath"] = json!("00".repeat(32)), Token),
    ("ath a list", |d| d.claims["ath"] = json!([d.claims["ath"]]), Token),
    ("no jti", |d| d.without("jti"), Id),
    ("jti empty", |d| d.claims["jti"] = json!(""), Id),
    ("jti too long", |d| d.claims["jti"] = json!("j".repeat(257)), Id),
    ("jti a number", |d| d.claims["jti"] = json!(7), Id),
    ("jti null", |d| d.claims["jti"] = json!(null), Id),
    ("jti with a line end", |d| d.claims["jti"] = json!("a\nb"), Id),
    ("jti with a NUL", |d| d.claims["jti"] = json!("a\0"), Id),
    ("jti beyond ASCII", |d| d.claims["jti"] = json!("é"), Id),
    ("nonce a number", |d| d.claims["nonce"] = json!(1), Nonce),
    ("nonce too long", |d| d.claims["nonce"] = json!("n".repeat(257)), Nonce),
];

#[rustfmt::skip] // One attack a line.
const TIMES: &[Attack] = &[
    ("no iat", |d| d.without("iat"), Time),
    ("iat null", |d| d.claims["iat"] = json!(null), Time),
    ("iat a text", |d| d.claims["iat"] = json!(NOW.to_string()), Time),
    ("iat a list", |d| d.claims["iat"] = json!([NOW]), Time),
    ("iat with an exponent", |d| d.spell("iat", "1.8e9"), Time),
    ("iat with an exponent and no fraction", |d| d.spell("iat", "18e8"), Time),
    ("iat below nothing", |d| d.claims["iat"] = json!(-1), Time),
    ("iat of the year 10000", |d| d.claims["iat"] = json!(253_402_300_800_u64), Time),
    ("iat in milliseconds", |d| d.claims["iat"] = json!(NOW * 1000), Time),
    ("iat beyond all numbers", |d| d.spell("iat", "18446744073709551616"), Time),
    ("iat of the beginning", |d| d.claims["iat"] = json!(0), Old),
    ("iat too long ago", |d| d.claims["iat"] = json!(NOW - 61), Old),
    ("iat before we began", |d| d.claims["iat"] = json!(NOW - 1), Forgotten),
    ("iat a second too late", |d| d.claims["iat"] = json!(NOW + 61), Future),
    ("iat a part of a second too late", |d| d.spell("iat", &format!("{}.001", NOW + 60)), Future),
    ("iat of tomorrow", |d| d.claims["iat"] = json!(NOW + 86_400), Future),
    ("exp of now", |d| d.claims["exp"] = json!(NOW), Old),
    ("exp gone", |d| d.claims["exp"] = json!(NOW - 1), Old),
    ("exp a text", |d| d.claims["exp"] = json!("tomorrow"), Time),
    ("nbf to come", |d| d.claims["nbf"] = json!(NOW + 61), Future),
    ("nbf a text", |d| d.claims["nbf"] = json!("yesterday"), Time),
];

#[rustfmt::skip] // One attack a line.
const URLS: &[Attack] = &[
    ("no htu", |d| d.without("htu"), Url),
    ("htu null", |d| d.claims["htu"] = json!(null), Url),
    ("htu a list", |d| d.claims["htu"] = json!([d.claims["htu"]]), Url),
    ("htu empty", |d| url(d, ""), Url),
    ("htu without its scheme", |d| url(d, "gateway.example/up/a-b"), Url),
    ("htu a path", |d| url(d, "/up/a-b"), Url),
    ("htu in plain text", |d| url(d, "http://gateway.example/up/a-b"), Url),
    ("htu in plain text on the port of TLS", |d| url(d, "http://gateway.example:443/up/a-b"), Url),
    ("htu of another host", |d| url(d, "https://other.example/up/a-b"), Url),
    ("htu of a host that begins as ours", |d| url(d, "https://gateway.example.evil/up/a-b"), Url),
    ("htu of a host below ours", |d| url(d, "https://a.gateway.example/up/a-b"), Url),
    ("htu with a user", |d| url(d, "https://gateway.example@evil.example/up/a-b"), Url),
    ("htu with our host as a user", |d| url(d, "https://u@gateway.example/up/a-b"), Url),
    ("htu of a look-alike", |d| url(d, "https://g\u{430}teway.example/up/a-b"), Url),
    ("htu of another port", |d| url(d, "https://gateway.example:8443/up/a-b"), Url),
    ("htu with half a port", |d| url(d, "https://gateway.example:44/up/a-b"), Url),
    ("htu with a signed port", |d| url(d, "https://gateway.example:+443/up/a-b"), Url),
    ("htu of the whole gateway", |d| url(d, "https://gateway.example/"), Url),
    ("htu without a path", |d| url(d, "https://gateway.example"), Url),
    ("htu of a shorter path", |d| url(d, "https://gateway.example/up/a"), Url),
    ("htu of a longer path", |d| url(d, "https://gateway.example/up/a-b/c"), Url),
    ("htu with a slash more", |d| url(d, "https://gateway.example/up/a-b/"), Url),
    ("htu in capitals", |d| url(d, "https://gateway.example/UP/A-B"), Url),
    ("htu with a query", |d| url(d, "https://gateway.example/up/a-b?c=d"), Url),
    ("htu with an empty query", |d| url(d, "https://gateway.example/up/a-b?"), Url),
    ("htu with a fragment", |d| url(d, "https://gateway.example/up/a-b#c"), Url),
    ("htu with an encoded slash", |d| url(d, "https://gateway.example/up%2fa-b"), Url),
    ("htu encoded twice", |d| url(d, "https://gateway.example/up/%2561-b"), Url),
    ("htu with dot segments", |d| url(d, "https://gateway.example/x/../up/a-b"), Url),
    ("htu with an empty segment", |d| url(d, "https://gateway.example//up/a-b"), Url),
    ("htu with a parameter", |d| url(d, "https://gateway.example/up/a-b;x=1"), Url),
    ("htu with a backslash", |d| url(d, "https://gateway.example\\up\\a-b"), Url),
    ("htu with a space after", |d| url(d, "https://gateway.example/up/a-b "), Url),
    ("htu with half an encoding", |d| url(d, "https://gateway.example/up/a-b%4"), Url),
];

#[test]
fn none_of_the_attacks_passes_and_every_twin_does() {
    let token = bound_to(HOLDER);
    let (mut names, mut wrong) = (HashSet::new(), Vec::new());
    for family in FAMILIES {
        let good = (family.good)(&token).token();
        if let Err(why) = judged(&token, &good, at(0)) {
            wrong.push(format!("{}: the twin: {why:?}", family.name));
        }
        for (name, twist, flaw) in family.attacks {
            let mut draft = (family.good)(&token);
            twist(&mut draft);
            let outcome = judged(&token, &draft.token(), at(0)).err();
            if outcome != Some(AuthError::Proof(*flaw)) {
                wrong.push(format!(
                    "{}: {name}: {outcome:?} instead of {flaw:?}",
                    family.name
                ));
            }
            assert!(names.insert(name), "{name} stands here twice");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let count = names.len();
    assert!(count >= 150, "{count} attacks");
}

/// Every byte of a good proof, changed in every bit: a signature covers what it should, and no byte has
/// a second spelling.
#[test]
fn no_bit_of_a_proof_can_be_changed() {
    let token = bound_to(HOLDER);
    let good = plain(&token).token().into_bytes();
    let mut gate = super::gate(|_| {});
    for index in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[index] ^= 1 << bit;
            let field = format!("DPoP {token}");
            let verdict = gate
                .core
                .authenticate_field(&mut gate.last, field.as_bytes(), at(0));
            let sluice::auth::Verdict::Bound(bound) = verdict else {
                panic!("{verdict:?}");
            };
            let outcome = gate.core.judge_proof(bound, &bad, &super::ASKED, at(0));
            assert!(outcome.is_err(), "byte {index}, bit {bit}");
        }
    }
    let good = String::from_utf8(good).unwrap();
    assert!(super::show(&mut gate.core, &token, &good, &super::ASKED, at(0)).is_ok());
}
