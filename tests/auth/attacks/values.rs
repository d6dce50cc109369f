//! How values may be spelled, and how not: types, extremes and what only other parsers take.

use super::{Place, Spellings};
use crate::forge::Draft;
use sluice::auth::AuthError::{self, *};
use sluice::auth::{Claim, Part};

pub fn all() -> Vec<Spellings> {
    let mut all = vec![
        dates("exp", Claim::Expires, EXPIRES),
        dates("nbf", Claim::NotBefore, PAST),
        dates("iat", Claim::IssuedAt, PAST),
    ];
    all.extend(TEXTS);
    all
}

/// What is good of `exp`.
const EXPIRES: &[&str] = &[
    "1800003600",
    "1800003600.0",
    "1800003600.9999999999999999999999",
    "1799999941",
    "253402300799",
];

/// What is good of `nbf` and `iat`.
const PAST: &[&str] = &["1799999990", "1799999990.5", "0", "0.0", "1800000060"];

fn dates(member: &'static str, claim: Claim, good: &'static [&'static str]) -> Spellings {
    Spellings {
        member,
        place: Place::Claims,
        base: Draft::entra_app,
        good,
        bad: match claim {
            Claim::Expires => const { &bad_dates(Claim::Expires) },
            Claim::NotBefore => const { &bad_dates(Claim::NotBefore) },
            _ => const { &bad_dates(Claim::IssuedAt) },
        },
    }
}

const fn bad_dates(claim: Claim) -> [(&'static str, AuthError); 40] {
    let not = ClaimMalformed(claim);
    let json = NotJson(Part::Payload);
    [
        (r#""1800003600""#, not),
        (r#""""#, not),
        (r#""2027-01-15T09:00:00Z""#, not),
        (r#""0x6b49d200""#, not),
        ("null", not),
        ("true", not),
        ("false", not),
        ("[]", not),
        ("[1800003600]", not),
        ("{}", not),
        (r#"{"seconds":1800003600}"#, not),
        ("-1", not),
        ("-0", not),
        ("-0.0", not),
        ("-1800003600", not),
        ("-62135596800", not),
        ("1.8e9", not),
        ("18e8", not),
        ("1.8E+9", not),
        ("18000036000e-1", not),
        ("1e400", not),
        ("1e-400", not),
        ("253402300800", not),
        ("253402300799999", not),
        ("1800003600000", not),
        ("1800003600000000000", not),
        ("9007199254740993", not),
        ("9223372036854775807", not),
        ("9223372036854775808", not),
        ("18446744073709551615", not),
        ("18446744073709551617", not),
        ("340282366920938463463374607431768211456", not),
        ("NaN", json),
        ("Infinity", json),
        ("01800003600", json),
        ("+1800003600", json),
        ("1800003600.", json),
        (".5", json),
        ("1_800_003_600", json),
        ("0x6b49d200", json),
    ]
}

const TEXTS: [Spellings; 7] = [
    Spellings {
        member: "aud",
        place: Place::Claims,
        base: Draft::entra_app,
        good: &[
            r#""api://sluice""#,
            r#""\u0061pi://sluice""#,
            r#"["api://sluice"]"#,
            r#"["api://other","api://sluice"]"#,
        ],
        bad: &[
            (r#""""#, WrongAudience),
            (r#"" api://sluice""#, WrongAudience),
            (r#""api://sluice api://other""#, WrongAudience),
            (r#""api://sluice,api://other""#, WrongAudience),
            (r#"["[\"api://sluice\"]"]"#, WrongAudience),
            ("null", ClaimMalformed(Claim::Audience)),
            ("true", ClaimMalformed(Claim::Audience)),
            (r#"["api://sluice",null]"#, ClaimMalformed(Claim::Audience)),
            (r#"["api://sluice",{}]"#, ClaimMalformed(Claim::Audience)),
            (r#"{"aud":"api://sluice"}"#, ClaimMalformed(Claim::Audience)),
            (r#"["api://sluice",]"#, NotJson(Part::Payload)),
            (r#"'api://sluice'"#, NotJson(Part::Payload)),
        ],
    },
    Spellings {
        member: "ver",
        place: Place::Claims,
        base: Draft::entra_app,
        good: &[r#""2.0""#, r#""2\u002e0""#],
        bad: &[
            ("2", ClaimMalformed(Claim::Version)),
            ("2.0", ClaimMalformed(Claim::Version)),
            ("null", ClaimMalformed(Claim::Version)),
            (r#"["2.0"]"#, ClaimMalformed(Claim::Version)),
            (r#""2""#, VersionDisagrees),
            (r#""2.00""#, VersionDisagrees),
            (r#""v2.0""#, VersionDisagrees),
            (r#""""#, ClaimMalformed(Claim::Version)),
        ],
    },
    Spellings {
        member: "tid",
        place: Place::Claims,
        base: Draft::entra_app,
        good: &[
            r#""7e2f1a00-0000-4000-8000-0000000000ab""#,
            r#""7E2F1A00-0000-4000-8000-0000000000AB""#,
        ],
        bad: &[
            ("7", ClaimMalformed(Claim::Tenant)),
            ("null", ClaimMalformed(Claim::Tenant)),
            (r#""""#, ClaimMalformed(Claim::Tenant)),
            (r#""common""#, ClaimMalformed(Claim::Tenant)),
            (
                r#""7e2f1a000000400080000000000000ab""#,
                ClaimMalformed(Claim::Tenant),
            ),
            (
                r#"" 7e2f1a00-0000-4000-8000-0000000000ab""#,
                ClaimMalformed(Claim::Tenant),
            ),
            (
                r#"["7e2f1a00-0000-4000-8000-0000000000ab"]"#,
                ClaimMalformed(Claim::Tenant),
            ),
            (r#""00000000-0000-0000-0000-000000000000""#, WrongTenant),
            (r#""7e2f1a00-0000-4000-8000-0000000000ac""#, WrongTenant),
        ],
    },
    Spellings {
        member: "oid",
        place: Place::Claims,
        base: Draft::entra_app,
        good: &[r#""0b0b0b0b-1111-4222-8333-444444444444""#],
        bad: &[
            ("1", ClaimMalformed(Claim::Object)),
            ("null", ClaimMalformed(Claim::Object)),
            (r#""""#, ClaimMalformed(Claim::Object)),
            (
                r#""0b0b0b0b-1111-4222-8333-444444444444/..""#,
                ClaimMalformed(Claim::Object),
            ),
            (r#""alice@example.com""#, ClaimMalformed(Claim::Object)),
            (
                r#"{"id":"0b0b0b0b-1111-4222-8333-444444444444"}"#,
                ClaimMalformed(Claim::Object),
            ),
        ],
    },
    Spellings {
        member: "idtyp",
        place: Place::Claims,
        base: Draft::entra_app,
        good: &[r#""app""#, r#""\u0061\u0070\u0070""#],
        bad: &[
            ("1", ClaimMalformed(Claim::Kind)),
            ("null", ClaimMalformed(Claim::Kind)),
            (r#"["app"]"#, ClaimMalformed(Claim::Kind)),
            (r#"" app""#, ClaimMalformed(Claim::Kind)),
            (r#""application""#, ClaimMalformed(Claim::Kind)),
            (r#""user""#, KindUnclear),
        ],
    },
    Spellings {
        member: "roles",
        place: Place::Claims,
        base: Draft::entra_app,
        good: &["[]", r#"["Directory.Read"]"#, r#"["a b"]"#],
        bad: &[
            ("true", ClaimMalformed(Claim::Roles)),
            ("[null]", ClaimMalformed(Claim::Roles)),
            (r#"[["Admin"]]"#, ClaimMalformed(Claim::Roles)),
            (r#"[{"name":"Admin"}]"#, ClaimMalformed(Claim::Roles)),
            (r#"["Admin\u0000"]"#, ClaimMalformed(Claim::Roles)),
        ],
    },
    Spellings {
        member: "typ",
        place: Place::Header,
        base: Draft::entra_app,
        good: &[
            r#""JWT""#,
            r#""jwt""#,
            r#""at+jwt""#,
            r#""application/at+jwt""#,
            r#""\u004aWT""#,
        ],
        bad: &[
            (r#""JWT ""#, TypeNotAccepted),
            (r#""application/jwt""#, TypeNotAccepted),
            (r#""entity-statement+jwt""#, TypeNotAccepted),
            (r#""token-introspection+jwt""#, TypeNotAccepted),
            ("{}", TypeNotAccepted),
            ("true", TypeNotAccepted),
        ],
    },
];
