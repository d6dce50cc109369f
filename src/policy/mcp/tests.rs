use super::*;

fn pattern(text: &str) -> McpPattern {
    McpPattern::parse(text).expect(text)
}

#[test]
fn patterns_match_what_they_say() {
    for (text, method, name, want) in [
        ("tools/call search_*", "tools/call", Some("search_x"), true),
        ("tools/call search_*", "tools/call", Some("search_"), true),
        ("tools/call search_*", "tools/call", Some("Search_x"), false),
        ("tools/call search_*", "tools/call", None, false),
        ("tools/call search_*", "tools/list", None, false),
        ("tools/call", "tools/call", Some("anything"), true),
        ("tools/call *", "tools/call", Some("anything"), true),
        ("tools/call,prompts/get a", "prompts/get", Some("a"), true),
        ("tools/call a", "tools/call", Some("ab"), false),
        ("tools/call *a*b", "tools/call", Some("xaxb"), true),
        ("tools/call *a*b", "tools/call", Some("xa"), false),
        ("tools/call a*a", "tools/call", Some("a"), false),
        ("tasks/*", "tasks/get", Some("42"), true),
        ("tasks/*", "tasks", None, false),
        (
            "resources/read file:///docs/**",
            "resources/read",
            Some("file:///docs/a/b"),
            true,
        ),
        (
            "resources/read file:///docs/**",
            "resources/read",
            Some("file:///docs/../b"),
            false,
        ),
        (
            "resources/read",
            "resources/read",
            Some("file:///docs/../b"),
            true,
        ),
        (
            "resources/read a/../b",
            "resources/read",
            Some("a/../b"),
            true,
        ),
        ("*", "tools/call", Some("x"), true),
        ("*", "initialize", None, true),
        ("*", "vendor/thing", None, false),
        ("vendor/*", "vendor/thing", None, true),
    ] {
        assert_eq!(
            pattern(text).matches(method, name),
            want,
            "{text} on {method} {name:?}"
        );
    }
}

#[test]
fn what_restricts_takes_other_spellings_for_the_same() {
    for (text, method, name, want) in [
        ("tools/call delete_*", "tools/call", Some("Delete_x"), true),
        (
            "tools/call delete_*",
            "TOOLS/call",
            Some("delete%5Fx"),
            true,
        ),
        (
            "tools/call delete_*",
            "tools/call",
            Some("undelete_x"),
            false,
        ),
        ("tools/call delete_*", "tools/call", None, false),
        ("tools/call a*b*c", "tools/call", Some("AxBxxC"), true),
        ("tools/call a*b*c", "tools/call", Some("AxBxxCd"), false),
        (
            "resources/read file:///s/*",
            "resources/read",
            Some("FILE:/s//x"),
            true,
        ),
        (
            "resources/read file:///s/*",
            "resources/read",
            Some("file:///d/%2e./s/x"),
            true,
        ),
        (
            "resources/read file:///s/*",
            "resources/read",
            Some("file:///d/s/x"),
            false,
        ),
        ("*", "vendor/thing", None, true),
        ("tools/*", "Tools/List", None, true),
    ] {
        assert_eq!(
            pattern(text).touches(method, name),
            want,
            "{text} on {method} {name:?}"
        );
    }
}

#[test]
fn an_approval_of_a_family_leaves_the_conversation_alone() {
    let touches = |text, method| pattern(text).touches_beyond_lifecycle(method, None);
    assert!(touches("tools/*", "tools/call"));
    assert!(!touches("tools/*", "tools/list"));
    assert!(!touches("*", "notifications/initialized"));
    assert!(touches("tools/list", "tools/list"));
}

#[test]
fn patterns_that_say_nothing_are_refused() {
    for text in [
        "",
        "tools/call a\tb",
        "tools/call,",
        "tools/ a",
        "/call a",
        "to*ls/call",
        "tools/c*",
        "GET /v1.0/üsers x",
        "resources/read file:///docs/../*",
    ] {
        assert!(McpPattern::parse(text).is_err(), "{text}");
    }
}
