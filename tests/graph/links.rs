//! Links in replies: they lead back to the gateway, or a client that pages would leave it.

use serde_json::{Value, json};

use super::directory::{Plan, ask, send};
use super::origin::{Origin, chunked};

/// A reply whose links lead to the upstream's own address, its body in chunks of `size` bytes.
fn page(host: &str, size: usize) -> Vec<u8> {
    let link = |rest: &str| format!("http://{host}{rest}");
    let body = json!({
        "@odata.context": link("/v1.0/$metadata#users"),
        "value": [{
            "id": "1",
            "members@odata.nextLink": link("/v1.0/groups/1/members?$skiptoken=y"),
            "deep": { "@odata.nextLink": link("/v1.0/users/1?$skiptoken=z") },
            "about": link("/v1.0/users"),
        }],
        "@odata.nextLink": link("/v1.0/users?$skiptoken=x"),
        "@odata.deltaLink": "https://else.example/v1.0/users",
    });
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
         Location: {0}/v1.0/a\r\nContent-Location: /v1.0/b\r\nOperation-Location: {0}/v1.0/c\r\n\
         Link: <{0}/v1.0/d>; rel=\"next\", <https://else.example/e>\r\n\r\n",
        link("")
    );
    [
        head.into_bytes(),
        chunked(body.to_string().as_bytes(), size),
    ]
    .concat()
}

#[test]
fn links_lead_back_to_the_gateway_however_they_come() {
    let origin = Origin::answering(|request| {
        let host = request.field("host").unwrap_or_default();
        let size = request
            .target()
            .rsplit('/')
            .next()
            .and_then(|size| size.parse().ok());
        page(host, size.unwrap_or(usize::MAX))
    });
    for connection in ["", "masks: [people],"] {
        let scene = Plan {
            connection,
            rules: "- allow: GET /v1.0/users/*",
            more: "masks: { people: { fields: [phone] } }\n",
            ..Plan::default()
        }
        .start(&origin);
        let mut bodies = Vec::new();
        for size in [1_usize, 2, 3, 7, 16, 63, 64, 65, 5000] {
            let reply = ask(&scene, "GET", &format!("/v1.0/users/{size}"));
            let gateway = "http://localhost/graph/v1.0";
            for (name, want) in [
                ("location", format!("{gateway}/a")),
                ("content-location", format!("{gateway}/b")),
                ("operation-location", format!("{gateway}/c")),
                (
                    "link",
                    format!("<{gateway}/d>; rel=\"next\", <https://else.example/e>"),
                ),
            ] {
                assert_eq!(reply.field(name), Some(&*want), "{name}");
            }
            bodies.push(reply.text().to_owned());
        }
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
        let body: Value = serde_json::from_str(&bodies[0]).expect("JSON");
        let gateway = "http://localhost/graph/v1.0";
        assert_eq!(body["@odata.context"], format!("{gateway}/$metadata#users"));
        assert_eq!(
            body["@odata.nextLink"],
            format!("{gateway}/users?$skiptoken=x")
        );
        assert_eq!(body["@odata.deltaLink"], "https://else.example/v1.0/users");
        let item = &body["value"][0];
        assert_eq!(
            item["deep"]["@odata.nextLink"],
            format!("{gateway}/users/1?$skiptoken=z")
        );
        let members = &item["members@odata.nextLink"];
        assert_eq!(*members, format!("{gateway}/groups/1/members?$skiptoken=y"));
        let about = item["about"].as_str().unwrap_or_default();
        assert!(
            about.ends_with("/v1.0/users") && !about.contains("graph"),
            "no link by its name"
        );
    }
}

#[test]
fn links_in_a_batch_lead_back_too() {
    let origin = Origin::answering(|request| {
        let base = format!("http://{}/v1.0", request.field("host").unwrap_or_default());
        let body = json!({ "responses": [{
            "id": "1",
            "status": 201,
            "headers": {
                "Location": format!("{base}/users/2"),
                "Link": format!("<{base}/users>; rel=next"),
                "Content-Type": "application/json",
            },
            "body": { "@odata.nextLink": format!("{base}/users?$skiptoken=x") },
        }] });
        super::directory::json(&body.to_string())
    });
    let scene = Plan {
        rules: "- allow: GET /v1.0/users/*",
        ..Plan::default()
    }
    .start(&origin);
    let batch = json!({ "requests": [{ "id": "1", "method": "GET", "url": "/users/1" }] });
    let reply = send(&scene, "POST", "/v1.0/$batch", "", &batch.to_string());
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let one = &body["responses"][0];
    let gateway = "http://localhost/graph/v1.0";
    assert_eq!(one["headers"]["Location"], format!("{gateway}/users/2"));
    assert_eq!(
        one["headers"]["Link"],
        format!("<{gateway}/users>; rel=next")
    );
    assert_eq!(
        one["body"]["@odata.nextLink"],
        format!("{gateway}/users?$skiptoken=x")
    );
}
