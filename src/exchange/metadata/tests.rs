//! What is told, to whom, and that nothing configured or shown breaks out of where it stands.

use super::*;
use crate::policy::pattern::PathPattern;

fn route(host: Option<&str>, prefix: &str, connection: usize) -> Route {
    Route {
        host: host.map(Box::from),
        path: PathPattern::parse(&format!("{prefix}/**")).expect("a pattern"),
        prefix: prefix.into(),
        connection,
        cors: None,
    }
}

fn seen<'a>(host: &'a str, route: &'a Route) -> Seen<'a> {
    Seen::by(route, true, host)
}

fn metadata(change: impl FnOnce(&mut MetadataSpec)) -> Metadata {
    let mut spec = MetadataSpec {
        name: "tickets".into(),
        servers: vec!["https://login.example/7e2f/v2.0".into()],
        scopes: vec!["tickets.read".into(), "tickets.write".into()],
        ..MetadataSpec::default()
    };
    change(&mut spec);
    Metadata::new(spec).expect("good metadata")
}

#[test]
fn the_document_names_resource_servers_and_scopes() {
    let route = route(None, "/mcp/tickets", 0);
    let reply = metadata(|_| {}).reply("GET", seen("gateway.example:8443", &route));
    assert_eq!(reply.status, 200);
    assert!(reply.fields.contains("Access-Control-Allow-Origin: *\r\n"));
    let document: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
    let want = serde_json::json!({
        "resource": "https://gateway.example:8443/mcp/tickets",
        "authorization_servers": ["https://login.example/7e2f/v2.0"],
        "scopes_supported": ["tickets.read", "tickets.write"],
        "bearer_methods_supported": ["header"],
        "resource_name": "tickets",
    });
    assert_eq!(document, want);
}

#[test]
fn what_is_empty_is_left_out() {
    let bare = metadata(|spec| {
        spec.servers.clear();
        spec.scopes.clear();
    });
    let route = route(None, "", 0);
    let body = bare.reply("GET", seen("a.example", &route)).body;
    assert!(!body.contains("scopes_supported") && !body.contains("authorization_servers"));
    assert!(body.contains(r#""resource":"https://a.example""#));
    assert_eq!(
        bare.challenge(None, seen("a.example", &route)),
        "resource_metadata=\"https://a.example/.well-known/oauth-protected-resource\""
    );
}

#[test]
fn the_document_says_which_bound_tokens_are_taken() {
    let route = route(None, "/t", 0);
    let document = |offer| {
        let body = metadata(|spec| spec.offer = offer)
            .reply("GET", seen("gw", &route))
            .body;
        serde_json::from_str::<serde_json::Value>(&body).expect("JSON")
    };
    let whole = document(Offer {
        algorithms: vec!["ES256", "EdDSA"],
        only_dpop: true,
        nonce: false,
        certificates: true,
    });
    let algorithms = serde_json::json!(["ES256", "EdDSA"]);
    assert_eq!(whole["dpop_signing_alg_values_supported"], algorithms);
    assert_eq!(whole["dpop_bound_access_tokens_required"], true);
    assert_eq!(whole["tls_client_certificate_bound_access_tokens"], true);
    let none = document(Offer::default()).to_string();
    assert!(
        !none.contains("dpop") && !none.contains("tls_client"),
        "{none}"
    );
}

#[test]
fn only_reading_is_offered() {
    let route = route(None, "/a", 0);
    let reply = |method| metadata(|_| {}).reply(method, seen("a.example", &route));
    assert_eq!(reply("HEAD"), reply("GET"));
    assert_eq!(reply("OPTIONS").status, 200);
    assert!(reply("OPTIONS").body.is_empty());
    for method in ["POST", "DELETE", "get", "PROPFIND"] {
        assert_eq!(reply(method).status, 405, "{method}");
        assert!(
            reply(method)
                .fields
                .contains("Allow: GET, HEAD, OPTIONS\r\n")
        );
    }
    for method in ["GET", "OPTIONS", "POST"] {
        assert!(reply(method).fields.ends_with("\r\n"));
        assert!(!reply(method).fields.contains("\r\n\r\n"));
    }
}

#[test]
fn resource_and_address_follow_the_public_url_and_the_route() {
    let (by_path, by_host) = (
        route(None, "/mcp/t", 0),
        route(Some("tickets.example"), "", 0),
    );
    let deep = route(Some("tickets.example"), "/mcp", 0);
    let public = Some("https://gateway.example/");
    for (public, secure, host, route, want) in [
        (None, true, "gw:8443", &by_path, "https://gw:8443{}/mcp/t"),
        (
            None,
            false,
            "127.0.0.1:80",
            &by_path,
            "http://127.0.0.1:80{}/mcp/t",
        ),
        (None, false, "[::1]:80", &by_path, "http://[::1]:80{}/mcp/t"),
        (
            public,
            false,
            "10.0.0.1",
            &by_path,
            "https://gateway.example{}/mcp/t",
        ),
        (
            public,
            false,
            "tickets.example",
            &by_host,
            "https://tickets.example{}",
        ),
        (
            None,
            true,
            "tickets.example",
            &by_host,
            "https://tickets.example{}",
        ),
        (
            None,
            true,
            "tickets.example",
            &deep,
            "https://tickets.example{}/mcp",
        ),
    ] {
        let metadata = metadata(|spec| spec.public_url = public.map(str::to_owned));
        let seen = Seen::by(route, secure, host);
        assert_eq!(metadata.resource(seen), want.replace("{}", ""));
        assert_eq!(metadata.address(seen), want.replace("{}", WELL_KNOWN));
    }
}

#[test]
fn challenges_say_where_and_what() {
    let route = route(None, "/mcp/t", 0);
    let seen = seen("gw", &route);
    let metadata = metadata(|_| {});
    let rest = "resource_metadata=\"https://gw/.well-known/oauth-protected-resource/mcp/t\"";
    assert_eq!(
        metadata.challenge(None, seen),
        format!("{rest}, scope=\"tickets.read tickets.write\"")
    );
    assert_eq!(
        metadata.challenge(Some(&["a".into(), "b".into()]), seen),
        format!("{rest}, scope=\"a b\"")
    );
}

#[test]
fn scopes_are_asked_for_by_their_whole_names() {
    let metadata = metadata(|spec| {
        spec.qualifier = Some("api://sluice".into());
        spec.scopes = ["tickets.read", "openid", "https://other.example/x"]
            .map(str::to_owned)
            .to_vec();
    });
    let route = route(None, "/t", 0);
    let whole = "api://sluice/tickets.read openid https://other.example/x";
    let challenge = metadata.challenge(None, seen("gw", &route));
    assert!(
        challenge.ends_with(&format!("scope=\"{whole}\"")),
        "{challenge}"
    );
    let challenge = metadata.challenge(Some(&["tickets.write".into()]), seen("gw", &route));
    assert!(challenge.ends_with("scope=\"api://sluice/tickets.write\""));
    let body = metadata.reply("GET", seen("gw", &route)).body;
    assert!(
        body.contains(r#""api://sluice/tickets.read","openid""#),
        "{body}"
    );
}

#[test]
fn nothing_breaks_out_of_a_challenge() {
    for bad in ["a\"b", "a\\b", "a b", "a\r\nb", "é", ""] {
        let scope = MetadataSpec {
            scopes: vec![bad.into()],
            ..MetadataSpec::default()
        };
        let server = MetadataSpec {
            servers: vec![bad.into()],
            ..MetadataSpec::default()
        };
        let public = MetadataSpec {
            public_url: Some(format!("https://gw{bad}/x")),
            ..MetadataSpec::default()
        };
        for spec in [scope, server, public] {
            assert!(Metadata::new(spec).is_err(), "{bad:?}");
        }
        // What policy wants was judged elsewhere; what was not is left out.
        let route = route(None, "", 0);
        let challenge =
            metadata(|_| {}).challenge(Some(&[bad.into(), "good".into()]), seen("gw", &route));
        assert!(challenge.ends_with("scope=\"good\""), "{challenge}");
    }
    for good in [
        "https://a.example",
        "http://127.0.0.1:80/",
        "https://[::1]:1",
    ] {
        metadata(|spec| spec.public_url = Some(good.into()));
    }
    for bad in [
        "a.example",
        "https://",
        "ftp://a",
        "https://u@a",
        "https://a/b",
        "https://a?b",
    ] {
        let spec = MetadataSpec {
            public_url: Some(bad.into()),
            ..MetadataSpec::default()
        };
        assert!(Metadata::new(spec).is_err(), "{bad}");
    }
    // A prefix holds whatever may stand in a canonical path.
    let route = route(None, "/a'b(c)!$&,:=@~%22%7B", 0);
    let challenge = metadata(|_| {}).challenge(None, seen("gw", &route));
    assert_eq!(challenge.matches('"').count(), 4, "{challenge}");
}

#[test]
fn documents_are_found_where_their_connections_are() {
    // As the routes of a configuration are sorted: by host first, then the longer path.
    let routes = [
        route(Some("tickets.example"), "/mcp", 0),
        route(Some("root.example"), "", 1),
        route(None, "/mcp/files", 2),
        route(None, "/graph", 3),
    ];
    let published = |route: &Route| route.connection != 3;
    for (host, path, want) in [
        ("gw", "/mcp/files", Some(2)),
        ("gw:8443", "/mcp/files/", Some(2)),
        ("gw", "/mcp/files/deeper", Some(2)),
        ("gw", "/mcp/other", None),
        ("gw", "/graph", None),
        ("gw", "x", None),
        ("gw", "", Some(2)),
        ("gw", "/", Some(2)),
        ("TICKETS.example:1", "/mcp", Some(0)),
        ("tickets.example", "/mcp/files", Some(0)),
        // Two could be meant.
        ("tickets.example", "", None),
        ("root.example", "", Some(1)),
        ("root.example", "/anything", Some(1)),
    ] {
        let asked = format!("{WELL_KNOWN}{path}");
        let found = document_asked(&routes, host, &asked, published);
        let found = found.map(|route| route.connection);
        assert_eq!(found, want, "{host} {path}");
    }
    for path in [
        "/",
        "/mcp/files",
        "/.well-known",
        "/.well-known/openid-configuration",
    ] {
        assert!(document_asked(&routes, "root.example", path, published).is_none());
    }
    let catch_all = [route(None, "/mcp/files", 2), route(None, "", 3)];
    let found = document_asked(&catch_all, "gw", WELL_KNOWN, published);
    assert!(found.is_none(), "the root is somebody else's");
}

#[test]
fn origins_are_compared_as_they_are_spelled() {
    let allowed = ["https://app.example", "http://localhost:6274"];
    for (origin, want) in [
        ("https://app.example", true),
        ("http://localhost:6274", true),
        ("http://app.example", false),
        ("https://app.example:443", false),
        ("https://app.example/", false),
        ("https://app.example.evil", false),
        ("https://APP.example", false),
        ("http://localhost", false),
        ("null", false),
        ("", false),
    ] {
        assert_eq!(
            origin_allowed(&allowed, origin.as_bytes()),
            want,
            "{origin}"
        );
    }
    assert!(!origin_allowed(&["null"], b"null"));
    assert!(!origin_allowed(&[] as &[&str], b"https://app.example"));
}

#[test]
fn hosts_are_compared_without_case_and_port() {
    let allowed = ["tickets.example", "other.example:8443", "[::1]"];
    for (host, want) in [
        ("tickets.example", true),
        ("Tickets.Example:1234", true),
        ("other.example:8443", true),
        ("other.example", false),
        ("other.example:1", false),
        ("[::1]:80", true),
        ("tickets.example.evil", false),
        ("evil", false),
    ] {
        assert_eq!(host_allowed(&allowed, host), want, "{host}");
    }
    assert!(host_allowed(&[] as &[&str], "anything"));
}
