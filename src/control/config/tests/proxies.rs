//! Proxies, and who goes through them.

use super::*;

/// The good file with proxies, and with more keys in the connection `local`.
fn with(proxies: &str, local: &str) -> Result<Config, String> {
    let text = GOOD
        .replace("links: false }", &format!("links: false{local} }}"))
        .replace("connections:\n", &format!("{proxies}connections:\n"));
    judge(directory().path(), &text).map_err(|mistakes| mistakes.to_string())
}

const OUT: &str = "proxies:\n  out: { url: \"http://[::2]:3128\", user: gw, password: env:SECRET, \
    no_proxy: [.Internal.example, 10.0.0.0/8, \"fd00::/8\", 192.0.2.7] }\n";

#[test]
fn who_is_named_goes_through_it() {
    let config = with(&format!("{OUT}proxy: out\n"), ", proxy: out").unwrap();
    let proxy = config.connections[1].proxy.clone().unwrap();
    assert_eq!((proxy.host.as_str(), proxy.port), ("::2", 3128));
    assert!(proxy.authorization.is_some());
    assert!(!format!("{config:?}").contains("Basic"));
    assert_eq!(config.connections[0].proxy, None);
    assert!(
        config
            .issuers
            .iter()
            .all(|it| it.proxy.as_ref() == Some(&proxy))
    );
    let CredentialKind::EntraClient(reader) = &config.credentials[0].kind else {
        panic!("a client of Entra's");
    };
    assert_eq!(reader.proxy.as_ref(), Some(&proxy));
    for (host, leads) in [
        ("api.example", true),
        ("internal.example", false),
        ("a.INTERNAL.example", false),
        ("notinternal.example", true),
        ("10.255.0.1", false),
        ("11.0.0.1", true),
        ("fdff::1", false),
        ("[fd00::1]", false),
        ("fe80::1", true),
        ("192.0.2.7", false),
        ("192.0.2.8", true),
    ] {
        assert_eq!(proxy.leads_to(host), leads, "{host}");
    }
}

#[test]
fn who_is_reached_directly_has_none() {
    let proxies = "proxies: { out: { url: http://p, no_proxy: [\"::1\"] } }\n";
    let config = with(proxies, ", proxy: out").unwrap();
    assert_eq!(config.connections[1].proxy, None);
    assert!(config.issuers.iter().all(|it| it.proxy.is_none()));
}

#[test]
fn what_cannot_be_is_refused() {
    let section = |proxy: &str| format!("proxies: {{ out: {proxy} }}\n");
    for (proxy, local, message) in [
        ("{}", "", "the key `url` is missing here"),
        ("{ url: \"https://p\" }", "", "expected an `http://` URL"),
        ("{ url: \"http://u:p@p\" }", "", "expected an `http://` URL"),
        ("{ url: \"http://p/a\" }", "", "expected an `http://` URL"),
        (
            "{ url: http://p, user: gw }",
            "",
            "`user` and `password` go together",
        ),
        ("{ url: http://p, password: env:SECRET }", "", "go together"),
        (
            "{ url: http://p, user: \"a:b\", password: env:SECRET }",
            "",
            "a user has no colon",
        ),
        (
            "{ url: http://p, password: plain, user: a }",
            "",
            "expected a reference",
        ),
        (
            "{ url: http://p, no_proxy: [10.0.0.0/33] }",
            "",
            "expected a name, an",
        ),
        (
            "{ url: http://p, no_proxy: [\"a b\"] }",
            "",
            "expected a name, an",
        ),
        (
            "{ url: http://p }",
            ", proxy: other",
            "unknown proxy `other`",
        ),
        (
            "{ url: http://p }",
            ", proxy: out, health: { path: /up }",
            "what is behind a proxy has no `health`",
        ),
    ] {
        let said = with(&section(proxy), local).unwrap_err();
        assert!(said.contains(message), "{proxy}{local}: {said}");
    }
    let two = GOOD.replace(
        r#""http://[::1]:3001/api/""#,
        r#"["http://a/api", "http://b/api"], proxy: out"#,
    );
    let two = two.replace(
        "connections:\n",
        &(section("{ url: http://p }") + "connections:\n"),
    );
    let said = judge(directory().path(), &two).unwrap_err().to_string();
    assert!(
        said.contains("behind a proxy an upstream has one URL"),
        "{said}"
    );
}
