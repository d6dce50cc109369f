//! What the server has to offer, as it stands in its lists.

use serde_json::{Value, json};

/// Text that is easily broken on its way.
pub const ODD: &str = "quote \" backslash \\ slash / tab \t line \n é 😀 \u{2028} \u{feff} \u{7f} \u{1} </script> {\"a\":1}";

/// A picture of one pixel.
pub const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Every tool; `grown` is one that comes and goes.
pub fn tools(grown: bool) -> Vec<Value> {
    let none: &[(&str, &str)] = &[];
    let mut tools = vec![
        tool("echo", "Says it again.", &[("text", "string")]),
        tool(
            "add",
            "Adds two numbers.",
            &[("a", "integer"), ("b", "integer")],
        ),
        tool(
            "big",
            "A number too large for a double, and the one it was given.",
            &[("number", "integer")],
        ),
        tool("odd", "Text that is easily broken on its way.", none),
        tool("image", "A picture of one pixel.", none),
        tool("fail", "Fails.", &[("text", "string")]),
        tool(
            "slow",
            "Takes its time and tells how far it is.",
            &[("steps", "integer")],
        ),
        tool("wait", "Waits to be cancelled.", &[("key", "string")]),
        tool(
            "was_cancelled",
            "Whether `wait` with that key was cancelled.",
            &[("key", "string")],
        ),
        tool("tell", "Logs at three levels.", none),
        tool("ask", "Asks the user.", none),
        tool("think", "Asks the client's model.", &[("text", "string")]),
        tool("look", "Asks for the client's roots.", none),
        tool("touch", "Changes a resource.", &[("uri", "string")]),
        tool("grow", "Adds a tool.", none),
        tool("shrink", "Takes the tool away again.", none),
        tool("secret", "What no policy allows.", none),
    ];
    if grown {
        tools.push(tool("grown", "Was not there before.", none));
    }
    tools
}

/// Every resource that has a fixed place.
pub fn resources() -> Vec<Value> {
    vec![
        json!({ "uri": "note://one", "name": "one", "mimeType": "text/plain" }),
        json!({ "uri": "note://pixel", "name": "pixel", "mimeType": "image/png" }),
    ]
}

fn tool(name: &str, description: &str, takes: &[(&str, &str)]) -> Value {
    let properties: serde_json::Map<_, _> = takes
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), json!({ "type": kind })))
        .collect();
    let required: Vec<_> = takes.iter().map(|(name, _)| name).collect();
    json!({
        "name": name,
        "description": description,
        "inputSchema": { "type": "object", "properties": properties, "required": required },
        "annotations": { "readOnlyHint": name == "echo" },
    })
}
