use super::*;
use crate::auth::PrincipalKind;
use crate::json::Document;
use crate::policy::facts::{Arguments, Asked, Facts, Fields, McpCall, Source};

fn subject() -> (Vec<Box<str>>, Vec<Box<str>>) {
    (vec!["Reader".into(), "Writer".into()], vec!["read".into()])
}

/// 2026-11-22 is a Sunday.
const SUNDAY_NOON: u64 = 1_795_348_800;

/// What a condition says of `tools/call close_ticket` with these arguments; `None`: not known.
fn mcp(text: &str, arguments: Option<&str>) -> Truth {
    let document = arguments.map(|text| Document::parse(text.as_bytes()).expect("JSON"));
    let annotations = Document::parse(br#"{"readOnlyHint":true}"#).expect("JSON");
    let call = McpCall {
        method: "tools/call",
        name: Some("close_ticket"),
        arguments: match &document {
            Some(document) => Arguments::Known(Some(document.root())),
            None => Arguments::Unknown,
        },
        annotations: Some(annotations.root()),
    };
    asked(
        text,
        Protocol::Mcp,
        Asked::Mcp(call),
        Facts::at(SUNDAY_NOON),
    )
}

/// What a condition says of a GET with this query and JSON body.
fn http(text: &str, query: &str, body: &str) -> Truth {
    let document = Document::parse(body.as_bytes()).expect("JSON");
    let facts = Facts {
        source: Source {
            ip: Some("::ffff:10.0.0.7".parse().expect("an address")),
            spiffe: Some("spiffe://td/agent"),
            certificate: None,
        },
        query,
        fields: Fields::Listed(&[
            ("x-tenant", b"blue"),
            ("x-twice", b"a"),
            ("x-twice", b"b"),
            ("x-bytes", b"\xff"),
        ]),
        body: Arguments::Known(Some(document.root())),
        ..Facts::at(SUNDAY_NOON)
    };
    let asked_for = Asked::Http {
        method: "GET",
        path: "/v1.0/users",
    };
    asked(text, Protocol::Http, asked_for, facts)
}

fn asked(text: &str, protocol: Protocol, asked: Asked<'_>, facts: Facts<'_>) -> Truth {
    let (roles, scopes) = subject();
    let subject = Subject {
        issuer: "entra",
        tenant: Some("contoso"),
        object: "o-1",
        kind: PrincipalKind::User,
        client: None,
        shown_by: Some("app-1"),
        roles: &roles,
        groups: None,
        scopes: &scopes,
        agent: None,
        blueprint: None,
    };
    let when = When::parse(text, protocol).expect(text);
    when.holds(&Question { asked, facts }, &subject)
}

fn yes(truth: bool) -> Truth {
    if truth { Truth::Yes } else { Truth::No }
}

const OF_ARGUMENTS: &[(&str, bool)] = &[
    ("arguments.count > 1", true),
    ("call.arguments.count > 1", true),
    ("arguments.count == 2.0", true),
    ("arguments.whole == 2", true),
    ("arguments.count + 1 == 3", true),
    ("arguments.count * arguments.count - 1 == 3", true),
    ("-arguments.count < -1", true),
    ("arguments.count / 2 == 1 && arguments.count % 2 == 0", true),
    ("arguments.price * 2.0 >= 3.0", true),
    ("arguments.price > arguments.count", false),
    ("arguments.force", true),
    ("!arguments.force", false),
    ("arguments.force == true && arguments.count != 2", false),
    ("arguments.none == null", true),
    ("arguments.who == 'a\u{e9}'", true),
    (
        "arguments.who.startsWith('a') && !arguments.who.endsWith('x')",
        true,
    ),
    ("arguments.who.contains('\u{e9}')", true),
    (
        "size(arguments.who) == 2 && arguments.who.size() == 2",
        true,
    ),
    ("arguments.who < 'b'", true),
    ("'x' in arguments.tags", true),
    ("3 in arguments.tags && 3.0 in arguments.tags", true),
    ("'z' in arguments.tags", false),
    ("arguments.tags[1] == 'y'", true),
    ("arguments.tags == ['x', 'y', 3]", true),
    ("arguments.tags != ['x', 'y']", true),
    ("size(arguments.tags) == 3 && size(arguments) == 9", true),
    ("arguments.count in [1, 2, 3]", true),
    ("arguments.who in ['b', 'c']", false),
    ("arguments.inner.deep.er == -1", true),
    ("arguments['a b'] == 1", true),
    ("'count' in arguments && !('missing' in arguments)", true),
    ("has(arguments.count) && !has(arguments.missing)", true),
    (
        "has(arguments.inner.deep) && !has(arguments.inner.flat)",
        true,
    ),
    ("arguments.inner == arguments.inner", true),
    ("(arguments.count > 1 ? 'many' : 'few') == 'many'", true),
    ("name == 'close_ticket' && method == 'tools/call'", true),
    (
        "annotations.readOnlyHint && !has(annotations.destructiveHint)",
        true,
    ),
    (
        "'Reader' in claims.roles && !('read' in claims.roles)",
        true,
    ),
    ("'read' in claims.scopes && size(claims.roles) == 2", true),
    (
        "claims.issuer == 'entra' && claims.tenant == 'contoso'",
        true,
    ),
    ("claims.client == 'app-1' && claims.object == 'o-1'", true),
    ("claims.kind == 'user'", true),
    (
        "now.hour == 12 && now.minute == 0 && now.weekday == 0",
        true,
    ),
    ("now.unix > 1700000000", true),
];

#[test]
fn conditions_say_what_they_say() {
    let arguments = r#"{"count":2,"price":1.5,"whole":2.0,"force":true,"who":"a\u00e9","none":null,
        "tags":["x","y",3],"inner":{"deep":{"er":-1}},"a b":1}"#;
    for (text, want) in OF_ARGUMENTS {
        assert_eq!(mcp(text, Some(arguments)), yes(*want), "{text}");
    }
}

#[test]
fn one_side_of_a_connective_can_decide() {
    for (text, want) in [
        ("arguments.missing == 1 || true", true),
        ("true || arguments.missing == 1", true),
        ("arguments.missing == 1 && false", false),
        ("false && arguments.missing == 1", false),
        ("1 > 2 ? arguments.missing : true", true),
    ] {
        assert_eq!(mcp(text, Some("{}")), yes(want), "{text}");
        assert_eq!(mcp(text, None), yes(want), "{text} before the arguments");
    }
}

#[test]
fn what_fails_says_how_and_where() {
    let arguments = r#"{"Force":true,"big":18446744073709551616,"max":9223372036854775807,
        "huge":1e999,"list":[1],"text":"x","none":null}"#;
    for (text, fault, at) in [
        ("arguments.missing", Fault::Missing, 9),
        ("true && arguments.missing", Fault::Missing, 17),
        ("arguments.force", Fault::CaseVariant, 9),
        ("has(arguments.force)", Fault::CaseVariant, 3),
        ("'force' in arguments", Fault::CaseVariant, 8),
        ("arguments.big > 1", Fault::Number, 9),
        ("arguments.huge > 1", Fault::Number, 9),
        ("arguments.max + 1 > 0", Fault::Overflow, 14),
        ("arguments.max / 0 > 0", Fault::Overflow, 14),
        ("arguments.text > 1", Fault::Kind, 15),
        ("arguments.text + 1 > 0", Fault::Kind, 15),
        (
            "arguments.text + arguments.text > arguments.text",
            Fault::Kind,
            15,
        ),
        ("arguments.text", Fault::Kind, 9),
        ("!arguments.none", Fault::Kind, 10),
        ("arguments.list[1] == 1", Fault::Index, 14),
        ("arguments.list['x'] == 1", Fault::Kind, 14),
        ("arguments.list.x == 1", Fault::Kind, 14),
        ("size(arguments.none) == 1", Fault::Kind, 4),
        ("1 in arguments.text", Fault::Kind, 2),
        ("'g' in claims.groups", Fault::GroupsUnknown, 13),
        (
            "true && (arguments.missing == 1 || false)",
            Fault::Missing,
            18,
        ),
    ] {
        match mcp(text, Some(arguments)) {
            Truth::Wrong(trouble) => {
                assert_eq!((trouble.fault, trouble.at), (fault, at), "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_is_not_known_is_not_assumed() {
    for (text, want) in [
        ("arguments.count > 1", Truth::Unknown),
        ("!(arguments.count > 1)", Truth::Unknown),
        ("has(arguments.count)", Truth::Unknown),
        ("arguments.force || name == 'close_ticket'", Truth::Yes),
        ("arguments.force && name == 'close_ticket'", Truth::Unknown),
        ("arguments.force && name == 'search'", Truth::No),
        ("arguments.force ? true : false", Truth::Unknown),
        ("name == 'x' ? arguments.force : true", Truth::Yes),
        ("arguments == arguments", Truth::Unknown),
        ("annotations.readOnlyHint", Truth::Yes),
    ] {
        assert_eq!(mcp(text, None), want, "{text}");
    }
    assert!(
        matches!(
            mcp("arguments.count > annotations.missing", None),
            Truth::Wrong(_)
        ),
        "whatever the arguments are"
    );
}

#[test]
fn http_calls_have_a_query_fields_and_a_body() {
    let (query, body) = (
        "$top=5&name=a%20b+c&b=%C3%A9&Mixed=1&twice=1&twice=2&bad=%zz&flag",
        r#"{"enabled":false}"#,
    );
    for (text, want) in [
        ("method == 'GET' && path == '/v1.0/users'", Truth::Yes),
        ("path.startsWith('/v1.0/')", Truth::Yes),
        ("query.name == 'a b c' && query.b == '\u{e9}'", Truth::Yes),
        ("query['$top'] == '5'", Truth::Yes),
        ("has(query.flag) && query.flag == ''", Truth::Yes),
        ("'$top' in query && !('$skip' in query)", Truth::Yes),
        (
            "headers['x-tenant'] == 'blue' && !has(headers.host)",
            Truth::Yes,
        ),
        ("source.ip == '10.0.0.7'", Truth::Yes),
        ("source.spiffe.startsWith('spiffe://td/')", Truth::Yes),
        ("has(source.certificate)", Truth::No),
        ("body.enabled == false", Truth::Yes),
    ] {
        assert_eq!(http(text, query, body), want, "{text}");
    }
    for (text, fault) in [
        ("query.mixed == '1'", Fault::CaseVariant),
        ("query.twice == '1'", Fault::Repeated),
        ("query.bad == '1'", Fault::NotText),
        ("query.nothing == '1'", Fault::Missing),
        ("headers['x-twice'] == 'a'", Fault::Repeated),
        ("headers['x-bytes'] == 'a'", Fault::NotText),
        ("headers.host == 'a'", Fault::Missing),
    ] {
        match http(text, query, body) {
            Truth::Wrong(trouble) => assert_eq!(trouble.fault, fault, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_was_not_kept_is_not_known() {
    let facts = Facts {
        fields: Fields::Unknown,
        body: Arguments::Unknown,
        ..Facts::at(0)
    };
    let call = Asked::Http {
        method: "GET",
        path: "/",
    };
    for text in ["has(headers.host)", "body.x == 1"] {
        assert_eq!(asked(text, Protocol::Http, call, facts), Truth::Unknown);
    }
}

#[test]
fn what_can_never_hold_is_refused_at_load() {
    for (text, why, at) in [
        ("now.hour > \"x\"", "not a number with a text", 9),
        ("size(arguments) > 'x'", "not a number with a text", 16),
        (
            "name == 1",
            "a text or null with a number, which are never equal",
            5,
        ),
        ("arguments.count + 'x' > 1", "two whole numbers", 16),
        ("1 + 1.0 == 2.0", "two whole numbers", 2),
        ("9223372036854775807 + 1 > 0", "no number of 64 bits", 20),
        ("1 / 0 == 0", "no number of 64 bits", 2),
        ("arguments.count + 1", "and this is a number", 16),
        ("'x'", "and this is a text", 0),
        ("!now.hour", "asks for true or false", 4),
        ("now.hour && true", "asks for true or false", 3),
        ("name.size", "a text or null has no member", 4),
        ("now.hour.startsWith('x')", "`startsWith` is about texts", 3),
        (
            "claims.roles['x'] == 'y'",
            "a list has nothing to find by a text",
            12,
        ),
        (
            "name in ['a'] || now.hour in ['a']",
            "this list can never hold a number",
            26,
        ),
        ("'x' in name", "looks into lists and maps", 4),
        ("argument.count > 1", "did you mean `arguments`?", 0),
        ("nothing > 1", "there are annotations, arguments", 0),
        ("path == '/'", "is of connections of protocol `http`", 0),
        ("claims.role == 'x'", "did you mean `claims.roles`?", 6),
        ("claims == 'x'", "only its members are", 0),
        ("headers.authorization == 'x'", "carries authority", 7),
        ("headers['Cookie'] == 'x'", "carries authority", 7),
        ("headers['X-A'] == 'x'", "write `x-a`", 7),
        ("headers[name] == 'x'", "a name that is written out", 8),
        ("arguments.tags.all(x, x == 1)", "there are no loops", 18),
        (
            "arguments.who.matches('x')",
            "there is no function `matches`",
            21,
        ),
        ("int(arguments.who) == 1", "there is no function `int`", 3),
        ("arguments.count == 1u", "without `u`", 19),
        ("arguments.count == b'x'", "there are no bytes", 19),
        ("arguments.x == {'a': 1}", "maps and messages", 15),
        ("'x' in [name]", "holds constants only", 8),
        ("  ", "cannot be empty", 0),
    ] {
        let error = When::parse(text, Protocol::Mcp).expect_err(text);
        assert!(error.why.contains(why), "{text}: {error}");
        assert_eq!(error.at, at, "{text}: {error}");
    }
}

#[test]
fn what_cannot_be_read_says_where() {
    for (text, at) in [
        ("a.b >", 5),
        ("name == 'x", 8),
        ("name ==\n  ] 1", 10),
        ("a b", 2),
    ] {
        let error = When::parse(text, Protocol::Mcp).expect_err(text);
        assert!(error.why.contains("cannot be read"), "{error}");
        assert_eq!(error.at, at, "{text:?}: {error}");
    }
}

#[test]
fn sizes_are_bounded() {
    let too_long = format!("name == '{}'", "x".repeat(5000));
    let too_deep = format!("{}1{} == 1", "-(".repeat(60), ")".repeat(60));
    let too_deep_list = format!("name in {}1{}", "[".repeat(60), "]".repeat(60));
    let too_many = vec!["true"; 300].join("||");
    let nested = When::parse(&"(".repeat(100), Protocol::Mcp).expect_err("too deep");
    assert_eq!(nested.why, "the condition is nested too deep");
    for text in [too_long, too_deep, too_deep_list, too_many] {
        assert!(When::parse(&text, Protocol::Mcp).is_err(), "{text}");
    }
    let wide = format!("[{}]", vec!["0"; 60_000].join(","));
    let arguments = format!(r#"{{"list":{wide}}}"#);
    match mcp("1 in arguments.list", Some(&arguments)) {
        Truth::Wrong(trouble) => assert_eq!(trouble.fault, Fault::Costly),
        other => panic!("{other:?}"),
    }
    assert_eq!(mcp("0 in arguments.list", Some(&arguments)), Truth::Yes);
    assert!(matches!(
        mcp("arguments.list[59999] == 0", Some(&arguments)),
        Truth::Wrong(_)
    ));
}
