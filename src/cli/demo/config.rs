//! The demo's own configuration file: what a user would write, with this run's ports in it.

use super::issuer::{App, GATEWAY_AUDIENCE, GATEWAY_URI, GRAPH_URI};
use super::tenant::TENANT;
use crate::worker::io::IoChoice;

/// Members of a user whose values the demo hides.
pub const MASKED_FIELDS: [&str; 5] = [
    "mail",
    "mobilePhone",
    "businessPhones",
    "otherMails",
    "userPrincipalName",
];

/// The text of `sluice.yaml`. Files stand beside it; `issuer` and `directory` are base URLs, `io`
/// is the driver where one is chosen.
pub fn yaml(issuer: &str, directory: &str, gateway: &App, io: Option<IoChoice>) -> String {
    let client_id = &gateway.client_id;
    let fields = MASKED_FIELDS.join(", ");
    let io = io.map_or(String::new(), |io| format!("io: {io}\n"));
    format!(
        r#"# Written by `sluice demo` for this run. A real one differs in addresses and names only.
listeners:
  - bind: 127.0.0.1:0
    tls: {{ cert: file:tls.crt, key: file:tls.key }}
admin: {{ bind: "127.0.0.1:0" }}
data: data
access_log: file:access.log
workers: 2                            # by default one per core
limits: {{ segment_bytes: 8MiB, reserve_bytes: 32MiB }}  # a small disk will do here
{io}
issuers:                              # who may say who a caller is
  entra:
    kind: entra
    tenant: {TENANT}
    audiences: [{GATEWAY_URI}, {GATEWAY_AUDIENCE}]
    algorithms: [ES256]
    authority: {issuer}
    ca_file: ca.pem

credentials:                          # what the gateway shows upstream; callers never see it
  graph-reader:
    kind: entra_client
    tenant: {TENANT}
    client_id: {client_id}
    secret: file:graph.secret
    scope: {GRAPH_URI}/.default
    authority: {issuer}
    ca_file: ca.pem

connections:
  graph:
    protocol: http
    upstream: {directory}
    ca_file: ca.pem
    credential: graph-reader
    masks: [directory]
    record: durable                   # a request is on disk before it goes upstream

routes:
  - {{ path: /graph/**, connection: graph }}

policies:                             # nothing matching means no; deny beats approve beats allow
  - name: directory-readers
    connection: graph
    who: {{ issuer: entra, roles: [Directory.Read] }}
    rules:
      - allow: GET /v1.0/users
      - allow: GET /v1.0/users/*
      - allow: GET /v1.0/groups
      - allow: GET /v1.0/groups/*/members
      - allow: GET /v1.0/auditLogs/signIns
      - approve: POST /v1.0/users/*/revokeSignInSessions
        by: {{ roles: [Directory.Approve] }}
        grant: once
      - deny: DELETE /**

masks:
  directory:
    fields: [{fields}]
    recognise: [email]
    literals: file:protected-names.txt
    replace: {{ default: "[{{kind}}]", userPrincipalName: pseudonym }}
"#
    )
}
