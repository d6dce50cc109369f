//! Upstreams: where they may be, and how they are treated.

use super::*;
use crate::base::gate::GateSpec;
use crate::base::limits::Limits;
use crate::base::strikes::Tolerance;

const URL: &str = r#""http://[::1]:3001/api/""#;

/// The connection `local` of the good file with another upstream, and with more keys.
fn local(upstream: &str, more: &str) -> Result<Connection, String> {
    let text = GOOD.replace(
        &format!("upstream: {URL}"),
        &format!("upstream: {upstream}{more}"),
    );
    let config = judge(directory().path(), &text).map_err(|mistakes| mistakes.to_string())?;
    Ok(config.connections[1].clone())
}

#[test]
fn what_is_not_said_is_as_it_should_be() {
    let connection = local(URL, "").unwrap();
    assert_eq!(connection.care, Care::default());
    assert!(connection.retry);
    assert!(connection.upstream().unwrap().also.is_empty());
}

#[test]
fn several_hosts_serve_the_same() {
    let list = r#"["http://a.example:81/api/", "http://[::1]:82/api", "http://a.example/api"]"#;
    let connection = local(list, "").unwrap();
    let upstream = connection.upstream().unwrap();
    assert_eq!(upstream.to_string(), "http://a.example:81/api");
    let hosts: Vec<_> = upstream.hosts().map(|it| (it.name, it.port)).collect();
    let want = [("a.example", 81), ("::1", 82), ("a.example", 80)];
    assert_eq!(hosts, want.map(|(name, port)| (name.to_owned(), port)));
}

#[test]
fn everything_can_be_said() {
    let connection = local(
        URL,
        ", retry: false, limits: { body_rate: 0, connect_time: 1s, first_byte_time: 2s, reply_idle_time: 3s, \
         upgraded_idle_time: 7s, upstream_idle_time: 4s, calls: 5, waiting: 0, waiting_time: 60s }, \
         ejection: { failures: 1, pause: 2s, longest: 3s }, circuit: { pause: 2m }, \
         health: { path: \"/up?a=b\", every: 100ms, time: 1s }",
    )
    .unwrap();
    let seconds = Duration::from_secs;
    let care = connection.care;
    let limits = care.times.over(&Limits::default());
    assert_eq!(
        [
            limits.connect_time,
            limits.first_byte_time,
            limits.reply_idle_time,
            limits.upgraded_idle_time,
            limits.upstream_idle_time
        ],
        [1, 2, 3, 7, 4].map(seconds)
    );
    assert_eq!(
        (limits.body_rate, limits.read_rate),
        (0, Limits::default().read_rate)
    );
    assert_eq!(limits.head_time, Limits::default().head_time);
    let gate = GateSpec {
        most: 5,
        waiting: 0,
        patience: seconds(60),
    };
    assert_eq!(care.gate, Some(gate));
    let ejection = Tolerance {
        failures: 1,
        pause: seconds(2),
        longest: seconds(3),
    };
    assert_eq!(care.ejection, ejection);
    // A longer pause than the longest of the standard lengthens that.
    let circuit = Tolerance {
        failures: 20,
        pause: seconds(120),
        longest: seconds(120),
    };
    assert_eq!(care.circuit, circuit);
    let health = HealthCheck {
        path: "/up?a=b".to_owned(),
        every: Duration::from_millis(100),
        time: seconds(1),
    };
    assert_eq!(care.health, Some(health));
    assert!(!connection.retry);
}

#[test]
fn what_cannot_be_is_refused_where_it_stands() {
    let many = format!("[{}]", ["http://a"; 17].join(", "));
    for (upstream, more, message) in [
        ("[]", "", "an upstream has 1 to 16 URLs"),
        (&*many, "", "an upstream has 1 to 16 URLs"),
        ("[http://a/x, http://b/y]", "", "one scheme and one path"),
        ("[http://a, https://b]", "", "one scheme and one path"),
        ("[http://a, http://a:80]", "", "this host is there already"),
        ("[http://a, ftp://b]", "", "expected an `https://` or"),
        ("{ a: b }", "", "expected"),
        (URL, ", limits: { calls: 0 }", "from 1 to 1000000"),
        (URL, ", limits: { waiting: 3 }", "nobody waits where"),
        (
            URL,
            ", limits: { head_time: 1s }",
            "unknown key `head_time`",
        ),
        (
            URL,
            ", limits: { calls: 1, waiting_time: 2m }",
            "at most 60s",
        ),
        (URL, ", ejection: { failures: 0 }", "from 1 to 1000000"),
        (URL, ", circuit: { pause: 9s, longest: 8s }", "shorter than"),
        (URL, ", circuit: { pause: 2h }", "at most 3600s"),
        (URL, ", health: {}", "the key `path` is missing here"),
        (URL, ", health: { path: up }", "expected a path"),
        (URL, ", health: { path: \"/a b\" }", "expected a path"),
        (URL, ", health: { path: /a, every: 99ms }", "at least 100ms"),
        (URL, ", retry: 3", "s.yaml:23:"),
        (
            "[http://127.0.0.1, http://other.example]",
            ", credential: fixed",
            "a credential is not sent in plain HTTP off loopback",
        ),
    ] {
        let said = local(upstream, more).unwrap_err();
        assert!(said.contains(message), "{upstream}{more}: {said}");
        assert!(said.starts_with("s.yaml:23:"), "{said}");
    }
}

#[test]
fn protocols_to_switch_to_are_names_and_carry_no_http() {
    let upgrades = |list: &str| {
        let connection = local(URL, &format!(", upgrades: {list}"));
        connection.map(|it| it.upgrades.join(" "))
    };
    assert_eq!(local(URL, "").unwrap().upgrades.len(), 0);
    assert_eq!(upgrades("[]").unwrap(), "");
    let good = upgrades("[WebSocket, example/2.1]").unwrap();
    assert_eq!(good, "websocket example/2.1");
    let many: Vec<_> = (0..17).map(|number| format!("p{number}")).collect();
    for (bad, message) in [
        ("[h2c]", "would pass without being judged"),
        ("[HTTP/2.0]", "would pass without being judged"),
        ("[TLS/1.2]", "would pass without being judged"),
        ("[\"a b\"]", "expected the name of a protocol"),
        ("[\"a,b\"]", "expected the name of a protocol"),
        ("[\"\"]", "expected the name of a protocol"),
        ("[a/]", "expected the name of a protocol"),
        ("[a/b/c]", "expected the name of a protocol"),
        ("[é]", "expected the name of a protocol"),
        (
            &format!("[{}]", "x".repeat(65)),
            "expected the name of a protocol",
        ),
        ("[websocket, WebSocket]", "this protocol is there already"),
        (&format!("[{}]", many.join(", ")), "at most 16 protocols"),
        ("[websocket], masks: [directory]", "`upgrades` or `masks`"),
        ("websocket", "s.yaml:23:"),
    ] {
        let said = upgrades(bad).unwrap_err();
        assert!(said.contains(message), "{bad}: {said}");
        assert!(said.starts_with("s.yaml:23:"), "{said}");
    }
    assert_eq!(upgrades("[], masks: [directory]").unwrap(), "");
    for (protocol, what) in [
        ("graph", "upstream: \"https://a\""),
        ("mcp", "stdio: { command: cat }"),
    ] {
        let text = GOOD.replace(
            &format!("protocol: http, upstream: {URL}"),
            &format!("protocol: {protocol}, upgrades: [websocket], {what}"),
        );
        let said = judge(directory().path(), &text).unwrap_err().to_string();
        let want = format!("`upgrades` does not belong to the protocol `{protocol}`");
        assert!(said.contains(&want), "{said}");
    }
}

#[test]
fn the_name_in_via_is_a_token() {
    let with = |name: &str| {
        let text = GOOD.replace("io: tokio", &format!("via: {name}\nio: tokio"));
        judge(directory().path(), &text).map_err(|mistakes| mistakes.to_string())
    };
    assert_eq!(with("edge-1").unwrap().via.as_deref(), Some("edge-1"));
    for bad in ["\"\"", "\"a b\"", "\"a, 1.1 b\"", &"x".repeat(65)] {
        let said = with(bad).unwrap_err();
        assert!(said.contains("expected up to 64 letters"), "{bad}: {said}");
    }
}
