//! What the origin answers with: JSON as a directory would send it, of exact sizes.

/// JSON members that hold what a mask hides.
pub const FIELDS: [&str; 8] = [
    "mail",
    "mobilePhone",
    "businessPhones",
    "otherMails",
    "userPrincipalName",
    "faxNumber",
    "employeeId",
    "homeAddress",
];

/// Texts that a mask hides wherever they stand; a few of them do stand in the bodies.
pub const LITERALS: [&str; 20] = [
    "Projekt Nordlicht",
    "Operation Fernweh",
    "Haus am See 17",
    "Konto 4711 0815",
    "Aktenzeichen 9-K-441",
    "Dr. Annegret Wolkenstein",
    "Prof. Balduin Hasenfuss",
    "Werk Obertupfing",
    "Codename Schlehdorn",
    "Vertrag 2024/771-B",
    "Lieferant Quastenflosser",
    "Raum 3.14 West",
    "Kennwort Zwetschge",
    "Schiff Morgenroete",
    "Patent EP 9 999 999",
    "Charge 77-Q-1312",
    "Gut Rabenhorst",
    "Mandant Silberfuchs",
    "Linie Tannenzapfen",
    "Depot Eichkater",
];

/// How many texts the long list has.
pub const LONG_LIST: usize = 400;

/// The first `count` texts of a list as long as one likes: [`LITERALS`], then case numbers.
pub fn literals(count: usize) -> Vec<String> {
    let more = (LITERALS.len()..).map(|number| {
        let drawn = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        format!(
            "Vorgang {drawn:08} {}",
            ["Ahorn", "Birke", "Eibe", "Linde"][number % 4]
        )
    });
    LITERALS
        .into_iter()
        .map(str::to_owned)
        .chain(more)
        .take(count)
        .collect()
}

/// A JSON document of exactly `size` bytes; a fifth of its users mention a protected text.
pub fn users(size: usize) -> Vec<u8> {
    const CLOSE: &str = "\"}]}";
    let mut text = String::from("{\"value\":[");
    let mut number = 0_usize;
    loop {
        let user = user(number);
        if text.len() + user.len() + CLOSE.len() + 32 > size {
            break;
        }
        text.push_str(&user);
        number += 1;
    }
    text.push_str("{\"id\":\"");
    while text.len() + CLOSE.len() < size {
        text.push('x');
    }
    text.push_str(CLOSE);
    text.into_bytes()
}

fn user(number: usize) -> String {
    // Digits that look drawn, so that compression finds what it finds in real traffic.
    let drawn = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let note = if number % 5 == 3 {
        LITERALS[number % LITERALS.len()]
    } else {
        "nothing of note"
    };
    format!(
        "{{\"id\":\"{drawn:016x}\",\"displayName\":\"Person {number}\",\
         \"mail\":\"person.{number}@example.org\",\"mobilePhone\":\"+49 170 {:07}\",\
         \"jobTitle\":\"Engineer\",\"department\":\"Unit {}\",\"about\":\"{note}\"}},",
        drawn % 10_000_000,
        drawn % 97,
    )
}

/// Server-sent events in chunks of `chunk` bytes of body each, `size` bytes in all.
pub fn events(size: usize, chunk: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for number in 0..size / chunk {
        let mut event = format!("data: {{\"n\":{number},\"text\":\"");
        while event.len() + 4 < chunk {
            event.push('e');
        }
        event.push_str("\"}\n\n");
        body.extend_from_slice(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

/// What a caller of an MCP server sends: one call of a tool.
pub const TOOL_CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_tickets","arguments":{"query":"disk is full","limit":20,"status":["open","waiting"]}}}"#;

/// What the server answers, about a kibibyte.
pub fn result() -> String {
    let text = "A disk is full, and nobody was told. ".repeat(26);
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"content\":\
         [{{\"type\":\"text\",\"text\":\"{text}\"}}],\"isError\":false}}}}"
    )
}

/// The same as the only event of a stream that ends.
pub fn result_event() -> Vec<u8> {
    let mut body = chunk(&format!("event: message\ndata: {}\n\n", result()));
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

/// Notifications as server-sent events in chunks of `chunk` bytes each, `size` bytes in all.
pub fn notifications(size: usize, chunk: usize) -> Vec<u8> {
    let (open, close) = (
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":\
         {\"level\":\"info\",\"data\":\"",
        "\"}}\n\n",
    );
    let text = "n".repeat(chunk - open.len() - close.len());
    self::chunk(&format!("{open}{text}{close}")).repeat(size / chunk)
}

/// What stands before the time in a tick.
pub const TICK_MARK: &[u8] = b"\"progress\":";
/// Digits of the time in a tick, from 2001 to 2286.
pub const TICK_DIGITS: usize = 19;

/// A notification that tells the time in nanoseconds since 1970, as a chunk.
pub fn tick(nanoseconds: u64) -> Vec<u8> {
    chunk(&format!(
        "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":\
         {{\"progressToken\":1,\"progress\":{nanoseconds}}}}}\n\n"
    ))
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_the_size_asked_for() {
        for size in [1024, 10 * 1024, 100 * 1024] {
            let body = users(size);
            assert_eq!(body.len(), size);
            assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
        }
    }

    #[test]
    fn literals_differ() {
        let all = literals(400);
        assert_eq!(all[..20], LITERALS);
        assert_eq!(
            all.iter().collect::<std::collections::HashSet<_>>().len(),
            400
        );
    }

    #[test]
    fn a_protected_text_stands_in_ten_kibibytes() {
        let body = String::from_utf8(users(10 * 1024)).unwrap();
        assert!(LITERALS.iter().any(|literal| body.contains(literal)));
    }
}
