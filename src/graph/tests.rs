//! Paths and queries, by table and by chance.

use super::*;
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
