//! Connections of protocol `graph`: what is understood, and what is wrong with them.

use super::*;
use crate::exchange::rules::Batching;
use crate::policy::Protocol;

/// The good file with its first connection to Microsoft Graph, and a rule that expands.
fn good() -> String {
    let good = GOOD.replacen("protocol: http", "protocol: graph", 1);
    good.replace(
        "      - allow: GET /v1.0/users\n",
        "      - { allow: GET /v1.0/users, expand: [manager, members/owners] }\n",
    )
}

#[test]
fn a_connection_to_graph_is_understood() {
    let directory = directory();
    let config = judge(directory.path(), &good()).unwrap();
    let [graph, local] = config.connections.as_slice() else {
        panic!("two connections");
    };
    assert_eq!(
        (graph.protocol(), local.protocol()),
        (Protocol::Graph, Protocol::Http)
    );
    assert!(graph.links);
    assert_eq!(graph.judged_bytes, 4 << 20);
    assert_eq!(
        config.policies[0].rules[0].expand,
        ["manager", "members/owners"]
    );
    let larger = good().replace(
        "record: durable",
        "record: durable\n    message_bytes: 1MiB",
    );
    let config = judge(directory.path(), &larger).unwrap();
    assert_eq!(config.connections[0].judged_bytes, 1 << 20);
    assert_eq!(config.connections[0].graph, Some(Batching::Whole));
    let each = good().replace("record: durable", "record: durable\n    batch: each");
    let config = judge(directory.path(), &each).unwrap();
    assert_eq!(config.connections[0].graph, Some(Batching::Each));
}

#[test]
fn what_is_wrong_with_it_is_shown_where_it_is() {
    let directory = directory();
    for (from, to, want) in [
        (
            "expand: [manager",
            "expand: [manager($select=id)",
            "s.yaml:32: expected what `$expand` names: `manager`, `members/owners`, or `*`",
        ),
        (
            "deny: DELETE /**",
            "{ deny: DELETE /**, expand: [manager] }",
            "s.yaml:36: only `allow` of a connection of protocol `graph` takes `expand`",
        ),
        (
            "allow: GET /v1.0/users",
            "allow: GET /users",
            "s.yaml:32: `/users` can never match: the path begins with neither /v1.0 nor /beta",
        ),
        (
            "deny: DELETE /**",
            "deny: POST /v1.0/$batch",
            "s.yaml:36: a batch needs no rule: each request in it is judged as if it came alone",
        ),
        (
            "record: durable",
            "record: durable\n    message_bytes: 1B",
            "s.yaml:23: a message's bound is from 1KiB to 64MiB",
        ),
        (
            "protocol: graph",
            "protocol: http\n    batch: each",
            "s.yaml:19: `batch` does not belong to the protocol `http`",
        ),
        (
            "record: durable",
            "record: durable\n    hosts: [a.example]",
            "s.yaml:23: `hosts` does not belong to the protocol `graph`",
        ),
        (
            "protocol: graph",
            "protocol: http",
            "s.yaml:32: only `allow` of a connection of protocol `graph` takes `expand`",
        ),
    ] {
        let good = good();
        assert!(good.contains(from), "{from}");
        let shown = judge(directory.path(), &good.replacen(from, to, 1)).unwrap_err();
        let first = shown.lines().next().unwrap_or_default();
        let (place, why) = first.split_once(": ").unwrap_or_default();
        let (line, _) = place.rsplit_once(':').unwrap_or_default();
        assert_eq!(format!("{line}: {why}"), want, "{shown}");
    }
}

#[test]
fn what_changes_is_told() {
    let directory = directory();
    let of = |text: &str| judge(directory.path(), text).unwrap();
    let old = of(&good());
    let connection = diff(
        &old,
        &of(&good().replacen(
            "protocol: graph",
            "message_bytes: 1MiB\n    protocol: graph",
            1,
        )),
    );
    assert_eq!(connection.connections.changed, [Arc::from("graph")]);
    let rule = diff(
        &old,
        &of(&good().replacen("[manager, members/owners]", "[manager]", 1)),
    );
    assert_eq!(rule.policies.changed, [Arc::from("directory-readers")]);
    assert_eq!((connection.restart.len(), rule.restart.len()), (0, 0));
}
