//! Paths and queries, by table and by chance.

use super::*;
use crate::http::TargetError;
use crate::json::Document;
use proptest::prelude::*;

fn one(path: &str) -> Result<String, PathError> {
    let mut out = String::new();
    canonical(path, &mut out).map(|()| out)
}

#[test]
fn every_spelling_of_a_path_is_one() {
    for (spelled, want) in [
        ("/V1.0/Users", "/v1.0/users"),
        ("/BETA/users/", "/beta/users"),
        ("/v1.0", "/v1.0"),
        ("/v1.0/users('4f7a')", "/v1.0/users/4f7a"),
        (
            "/v1.0/Users('a@x.example')/MANAGER",
            "/v1.0/users/a@x.example/manager",
        ),
        ("/v1.0/users('O''Brien')", "/v1.0/users/O'Brien"),
        ("/v1.0/users(ID='4f7a')", "/v1.0/users/4f7a"),
        ("/v1.0/users(6e7b768e-07e2)", "/v1.0/users/6e7b768e-07e2"),
        (
            "/v1.0/users/AAMk/MailFolders/AAb",
            "/v1.0/users/AAMk/mailFolders/AAb",
        ),
        ("/v1.0/ME/messages", "/v1.0/me/messages"),
        ("/v1.0/users/me/messages", "/v1.0/me/messages"),
        ("/v1.0/users('ME')", "/v1.0/me"),
        ("/v1.0/users/me-token-to-replace/drive", "/v1.0/me/drive"),
        ("/v1.0/users/Delta()", "/v1.0/users/delta"),
        (
            "/v1.0/groups/1/members/Graph.user",
            "/v1.0/groups/1/members/microsoft.graph.user",
        ),
        ("/v1.0/users/$COUNT", "/v1.0/users/$count"),
        ("/v1.0/$Batch", "/v1.0/$batch"),
        (
            "/v1.0/applications(appId='x')",
            "/v1.0/applications(appId='x')",
        ),
        (
            "/v1.0/Reports/x(period='D7',n=2)",
            "/v1.0/reports/x(period='D7',n=2)",
        ),
        (
            "/v1.0/drives/1/root:/Users('x')/Me.txt:/Content",
            "/v1.0/drives/1/root:/Users('x')/Me.txt:/content",
        ),
        ("/v1.0/NothingKnown", "/v1.0/nothingknown"),
    ] {
        assert_eq!(one(spelled).as_deref(), Ok(want), "{spelled}");
    }
}

#[test]
fn what_reads_in_two_ways_is_refused() {
    for (path, want) in [
        ("/users", PathError::Version),
        ("/v2.0/users", PathError::Version),
        ("/", PathError::Version),
        ("/v1.0/users/$entity", PathError::System),
        ("/v1.0/users/$query", PathError::System),
        ("/v1.0/$all", PathError::System),
        ("/v1.0/users/$/delta", PathError::System),
        ("/v1.0/users/$batch", PathError::System),
        ("/v1.0/$batch/x", PathError::System),
        ("/v1.0/users('a", PathError::Parentheses),
        ("/v1.0/users('a')('b')", PathError::Parentheses),
        ("/v1.0/users('a'b')", PathError::Parentheses),
        ("/v1.0/users)", PathError::Parentheses),
        ("/v1.0/users)s('a')", PathError::Parentheses),
        ("/v1.0/('a')", PathError::Parentheses),
        ("/v1.0/users(@p)", PathError::Parentheses),
        ("/v1.0/applications(appId=@p)", PathError::Parentheses),
        ("/v1.0/users('')", PathError::Key),
        ("/v1.0/users('$count')", PathError::Key),
        ("/v1.0/users('Delta')", PathError::Key),
        ("/v1.0/users('graph.x')", PathError::Key),
        ("/v1.0/drives/1/items('root:')", PathError::Key),
        ("/v1.0/groups('me')", PathError::Key),
    ] {
        assert_eq!(one(path), Err(want), "{path}");
    }
}

#[test]
fn what_restricts_reads_widely() {
    let read = |path: &str| {
        let mut all = Vec::new();
        readings(path, |reading| {
            all.push(reading.to_owned());
            false
        });
        all
    };
    assert_eq!(read("/v1.0/users/1"), Vec::<String>::new());
    assert_eq!(read("/v1.0/me/drive"), ["/v1.0/users/me/drive"]);
    assert_eq!(
        read("/v1.0/users/1/microsoft.graph.revokeSignInSessions"),
        ["/v1.0/users/1/revokeSignInSessions", "/v1.0/users/1"]
    );
    assert_eq!(
        read("/v1.0/applications(appId='x')"),
        ["/v1.0/applications/(appId='x')"]
    );
    assert_eq!(
        read("/v1.0/groups/1/members/$ref"),
        ["/v1.0/groups/1/members"]
    );
}

#[test]
fn queries_are_read_as_upstreams_might() {
    let names = |query: &str| Query::read(query).map(|query| query.names(b"mail"));
    for query in [
        "$filter=startswith(mail,%27a%27)",
        "FILTER=Mail%20eq%20%27a%27",
        "%24orderby=displayName,MAIL+desc",
        "$search=%22mail:x%22",
        "$apply=groupby((mail))",
        "$filter=@p&@p=mail%20eq%20null",
        "$filter=%256Dail%20eq%20null",
        "$expand=manager($filter=mail%20eq%20null)",
        "$compute=mail%20as%20x",
        "nobody-knows=mail",
    ] {
        assert_eq!(names(query), Ok(true), "{query}");
    }
    for query in [
        "",
        "$select=mail,displayName&$top=5&$count=true",
        "$filter=mailNickname%20eq%20%27a%27",
        "$skiptoken=mail",
        "$expand=manager($select=mail)",
        "$filter=my_mail%20eq%20null",
    ] {
        assert_eq!(names(query), Ok(false), "{query}");
    }
    for (query, want) in [
        ("$filter=a&filter=b", QueryError::Repeated),
        ("$expand=a&$Expand=b", QueryError::Repeated),
        ("$expand=", QueryError::Expand),
        ("$expand=a(", QueryError::Expand),
        ("$expand=a)(", QueryError::Expand),
        ("$expand=a(b", QueryError::Expand),
        ("$expand=a($select='x)", QueryError::Expand),
        ("$expand=a%2524b", QueryError::Encoding),
        ("$filter=%25252525252525252541", QueryError::Encoding),
    ] {
        assert_eq!(names(query), Err(want), "{query}");
    }
    let deep = format!("$expand={}a{}", "a($expand=".repeat(40), ")".repeat(40));
    assert_eq!(names(&deep), Err(QueryError::Expand));
}

#[test]
fn expand_is_told_by_names() {
    for (query, want) in [
        ("$expand=manager", &["manager"][..]),
        (
            "expand=Manager,%20directReports/$ref",
            &["manager", "directReports"],
        ),
        (
            "$expand=members($select=id;$expand=Owners($top=1;$filter=x%20eq%20%27;%27)),*",
            &["members", "members/owners", "*"],
        ),
        (
            "$expand=manager($levels=max)",
            &["manager", "manager/manager"],
        ),
        (
            "$expand=graph.user/manager",
            &["microsoft.graph.user/manager"],
        ),
    ] {
        let read = Query::read(query).unwrap_or_else(|why| panic!("{query}: {why}"));
        let found: Vec<&str> = read.expand().iter().map(|one| &**one).collect();
        assert_eq!(found, want, "{query}");
    }
    assert_eq!(expanded("Manager").as_deref(), Ok("manager"));
    assert_eq!(expanded("*").as_deref(), Ok("*"));
    assert!(expanded("manager($select=id)").is_err());
    assert!(expanded("").is_err());
}

fn written(body: &str) -> Result<String, BatchError> {
    let document = Document::parse(body.as_bytes())?;
    let batch = Batch::read(document.root(), "/v1.0/$batch")?;
    let mut out = Vec::new();
    batch.write(|_| true, |name, _| name != "cookie", &mut out);
    Ok(String::from_utf8(out).expect("text"))
}

#[test]
fn a_batch_is_written_as_it_was_judged() {
    for (body, want) in [
        (
            r#"{ "requests": [ {"url":"Users('4f7a')?$select=id","method":"GET","id":"1"} ] }"#,
            r#"{"requests":[{"id":"1","method":"GET","url":"/users/4f7a?$select=id"}]}"#,
        ),
        (
            r#"{"requests":[
                {"id":"a","method":"POST","url":"/users/me/sendMail","headers":{"Content-Type":"application/json","Cookie":"x"},"body":{"a": 1.0, "a2":[]}},
                {"id":"B","method":"DELETE","url":"/","dependsOn":["A"],"headers":{"cookie":"x"}}
            ]}"#,
            r#"{"requests":[{"id":"a","method":"POST","url":"/me/sendMail","headers":{"content-type":"application/json"},"body":{"a": 1.0, "a2":[]}},{"id":"B","method":"DELETE","url":"/","dependsOn":["a"]}]}"#,
        ),
        (
            r#"{"requests":[{"id":"1","method":"GET","url":"/me","depends_on":[]}]}"#,
            r#"{"requests":[{"id":"1","method":"GET","url":"/me"}]}"#,
        ),
        (
            r#"{"requests":[{"id":"1","method":"PUT","url":"/me/photo/$value","headers":{"content-type":"image/jpeg"},"body":"AAAA"}]}"#,
            r#"{"requests":[{"id":"1","method":"PUT","url":"/me/photo/$value","headers":{"content-type":"image/jpeg"},"body":"AAAA"}]}"#,
        ),
    ] {
        assert_eq!(written(body).as_deref(), Ok(want), "{body}");
        assert_eq!(written(want).as_deref(), Ok(want), "and it stays so");
    }
}

fn of(members: &str) -> String {
    format!(r#"{{"requests":[{{{members}}}]}}"#)
}

const GOOD: &str = r#""id":"1","method":"GET","url":"/me""#;

#[test]
fn a_batch_that_is_none_is_refused() {
    for (body, want) in [
        ("[]", BatchError::Shape),
        (r#"{"requests":{}}"#, BatchError::Shape),
        (r#"{"requests":[1]}"#, BatchError::Shape),
        (r#"{"requests":[]}"#, BatchError::Length),
        (r#"{"Requests":[]}"#, BatchError::Member),
        (r#"{"requests":[],"more":1}"#, BatchError::Member),
    ] {
        assert_eq!(written(body), Err(want), "{body}");
    }
    for body in [r#"{"requests":[],"requests":[]}"#, "\u{feff}{}", "{", ""] {
        assert!(matches!(written(body), Err(BatchError::Json(_))), "{body}");
    }
    let id = |id: usize| format!(r#"{{"id":"{id}","method":"GET","url":"/me"}}"#);
    let many = |count: usize| {
        let all: Vec<String> = (0..count).map(id).collect();
        format!(r#"{{"requests":[{}]}}"#, all.join(","))
    };
    assert!(written(&many(20)).is_ok());
    assert_eq!(written(&many(21)), Err(BatchError::Length));
}

#[test]
#[rustfmt::skip]
fn a_request_that_reads_in_two_ways_refuses_its_batch() {
    for (members, want) in [
        (r#""id":"1","method":"GET","URL":"/me""#, BatchError::Member),
        (r#""id":"1","method":"GET","url":"/me","atomicityGroup":"g""#, BatchError::Member),
        (r#""method":"GET","url":"/me""#, BatchError::Id),
        (r#""id":1,"method":"GET","url":"/me""#, BatchError::Id),
        (r#""id":"","method":"GET","url":"/me""#, BatchError::Id),
        (r#""id":"1","method":"get","url":"/me""#, BatchError::Method),
        (r#""id":"1","method":"TRACE","url":"/me""#, BatchError::Method),
        (r#""id":"1","method":"POST","url":"/$batch""#, BatchError::Path(PathError::System)),
        (r#""id":"1","method":"POST","url":"/$Batch/""#, BatchError::Path(PathError::System)),
    ] {
        assert_eq!(written(&of(members)), Err(want), "{members}");
    }
    for (url, want) in [
        ("https://graph.microsoft.com/v1.0/me", BatchError::Absolute),
        ("//evil.example/me", BatchError::Absolute),
        ("/v1.0/me", BatchError::Absolute),
        ("Beta/me", BatchError::Absolute),
        ("mailto:me", BatchError::Absolute),
        ("/../me", BatchError::Target(TargetError::DotSegment)),
        (r"/me/\u0000", BatchError::Target(TargetError::Byte)),
        ("/me#x", BatchError::Target(TargetError::Fragment)),
    ] {
        let members = format!(r#""id":"1","method":"GET","url":"{url}""#);
        assert_eq!(written(&of(&members)), Err(want), "{url}");
    }
    for (more, want) in [
        (r#""headers":[]"#, BatchError::Fields),
        (r#""headers":{"a":1}"#, BatchError::Fields),
        (r#""headers":{"a":"x\r\nb: c"}"#, BatchError::Fields),
        (r#""headers":{"a":"x","A":"y"}"#, BatchError::Fields),
        (r#""headers":{"a b":"x"}"#, BatchError::Fields),
        (r#""headers":{"content-type":"image/png"},"body":{}"#, BatchError::Body),
        (r#""depends_on":["1"]"#, BatchError::Member),
        (r#""depends_on":null"#, BatchError::Member),
    ] {
        assert_eq!(written(&of(&format!("{GOOD},{more}"))), Err(want), "{more}");
    }
    for (second, want) in [
        (GOOD, BatchError::Ids),
        (r#""id":"2","method":"GET","url":"/me","dependsOn":["3"]"#, BatchError::After),
        (r#""id":"2","method":"GET","url":"/me","dependsOn":["2"]"#, BatchError::After),
        (r#""id":"2","method":"GET","url":"/me","dependsOn":["1","1"]"#, BatchError::After),
        (r#""id":"2","method":"GET","url":"/me","dependsOn":"1""#, BatchError::After),
    ] {
        assert_eq!(written(&of(&format!("{GOOD}}},{{{second}"))), Err(want), "{second}");
    }
}

#[test]
fn answers_are_read_in_one_way() {
    let read = |body: &str| {
        let document = Document::parse(body.as_bytes()).expect("JSON");
        let read = responses(document.root());
        read.map(|all| all.iter().map(Response::is_readable).collect::<Vec<_>>())
    };
    let body = r#"{"responses":[
        {"id":"1","status":200,"headers":{"Content-Type":"application/json; odata=minimal"},"body":{"a":1}},
        {"id":"2","status":200,"headers":{"content-type":"image/jpeg"},"body":"AAAA"},
        {"id":"3","status":204},
        {"id":"4","status":200,"body":"AAAA"}
    ],"@odata.context":"x"}"#;
    assert_eq!(read(body), Ok(vec![true, false, true, false]));
    for (body, want) in [
        ("[]", BatchError::Shape),
        (r#"{"responses":{}}"#, BatchError::Shape),
        (r#"{"responses":[],"Responses":[]}"#, BatchError::Member),
        (
            r#"{"responses":[{"id":"1","status":99}]}"#,
            BatchError::Shape,
        ),
        (
            r#"{"responses":[{"id":"1","status":"200"}]}"#,
            BatchError::Shape,
        ),
        (r#"{"responses":[{"status":200}]}"#, BatchError::Id),
        (
            r#"{"responses":[{"id":"1","status":200,"Status":403}]}"#,
            BatchError::Member,
        ),
        (
            r#"{"responses":[{"id":"a","status":200},{"id":"A","status":200}]}"#,
            BatchError::Ids,
        ),
        (
            r#"{"responses":[{"id":"a","status":200,"headers":{"a":"","A":""}}]}"#,
            BatchError::Fields,
        ),
    ] {
        assert_eq!(read(body), Err(want), "{body}");
    }
}

proptest! {
    /// A path in canonical form stays what it is, and has one reading under any parser that splits
    /// at slashes.
    #[test]
    fn the_canonical_form_is_a_fixed_point(
        path in "/(v1.0|BETA)(/(Users|me|x1|a:|graph.user|delta\\(\\)|[a-c]\\('[a-d$:']{0,3}'\\)|f\\(p='[a(]?',n=1\\)|\\$Count|root:)){0,5}/?"
    ) {
        if let Ok(first) = one(&path) {
            prop_assert_eq!(one(&first), Ok(first.clone()));
            prop_assert!(!first.ends_with('/') && !first.contains("//"));
            prop_assert!(first.starts_with("/v1.0") || first.starts_with("/beta"));
        }
    }
}
