"""What every client does at every server: one list of steps for each kind of server.

`as` names the feature that a step shows; the table at the end has a column for each. The words of a
step, and what a driver makes of them, are those of `clients/common.py`.
"""

LARGE = 2**53 + 1  # a double cannot hold it

FEATURES = [
    "connect", "discover", "ping", "tools", "text", "structured", "integers", "binary", "error",
    "progress", "cancel", "resume", "prompts", "resources", "complete", "logging", "subscribe",
    "changed", "sampling", "elicitation", "roots", "input", "tasks",
]  # fmt: skip


def step(feature, do, **words):
    return {"do": do, "as": feature} | words


def call(feature, tool, expect=(), progress=False, level=None, **arguments):
    words = {"tool": tool, "arguments": arguments, "expect": list(expect)}
    return step(feature, "call", **words, progress=progress, level=level)


def listed(feature, what):
    return step(feature, "list", what=what)


def opening():
    return [step("connect", "connect"), step("discover", "discover"), step("ping", "ping")]


def workshop(era, key, messages, resumes, subscribes):
    """The servers of this suite: three SDKs, the same tools."""
    # In the newer era the server asks by results that want input, not by requests.
    asks = ("sampling", "elicitation", "roots") if era == "legacy" else ("input",) * 3
    changed = ["notifications/tools/list_changed"]
    updated = ["notifications/resources/updated"]
    steps = [
        listed("tools", "tools"),
        call("text", "echo", text="ünïcödé \u2028 \"quoted\" \\ 😀"),
        call("text", "odd"),
        call("structured", "add", a=1, b=2),
        call("integers", "big", number=LARGE),
        call("binary", "image"),
        call("error", "fail", text="on purpose"),
        call("error", "no_such_tool"),
        call("error", "add", a="one", b=2),
        call("progress", "slow", steps=4, progress=True),
        step("cancel", "cancel", tool="wait", arguments={"key": key}),
        call("cancel", "was_cancelled", key=key),
        listed("prompts", "prompts"),
        step("prompts", "prompt", prompt="greet", arguments={"name": 'Ada "Lovelace"'}),
        step("prompts", "prompt", prompt="plain"),
        listed("resources", "resources"),
        listed("resources", "resourceTemplates"),
        *(
            step("resources", "read", uri=f"note://{name}")
            for name in ("one", "pixel", "about/gears", "nowhere")
        ),
        step("complete", "complete", prompt="greet", argument="name", value="A"),
        step("complete", "complete", template="note://about/{topic}", argument="topic", value="G"),
        step("logging", "level", level="info"),
        call("logging", "tell", ["notifications/message"] * messages, level="info"),
        call(asks[0], "think", text="hello"),
        call(asks[1], "ask"),
        call(asks[2], "look"),
    ]
    if resumes:
        steps.append(call("resume", "cut", progress=True))
    if subscribes:
        steps += [
            step("subscribe", "watch", uri="note://one", tools=True),
            call("subscribe", "touch", updated, uri="note://one"),
        ]
    steps += [
        call("changed", "grow", changed),
        listed("changed", "tools"),
        call("changed", "shrink", changed),
    ]
    if subscribes:
        steps.append(step("subscribe", "unwatch", uri="note://one"))
    return opening() + steps


def everything(era, key):
    """The reference server, which knows the older era only."""
    research = {"topic": "peers"}
    document = "demo://resource/dynamic/text/1"
    settled = step("roots", "settle", expect=["roots/list", "notifications/message"])
    return [settled, *opening()] + [
        listed("tools", "tools"),
        call("text", "echo", message="hello"),
        call("text", "get-annotated-message", messageType="error", includeImage=True),
        call("text", "get-resource-links", count=3),
        call("text", "get-resource-reference", resourceType="Text", resourceId=1),
        call("structured", "get-structured-content", location="New York"),
        call("integers", "get-sum", a=LARGE, b=1),
        call("binary", "get-tiny-image"),
        call("error", "echo"),
        call("error", "no-such-tool"),
        call("progress", "trigger-long-running-operation", progress=True, duration=0.2, steps=4),
        step(
            "cancel", "cancel", tool="trigger-long-running-operation",
            arguments={"duration": 1, "steps": 20},
        ),
        listed("prompts", "prompts"),
        step("prompts", "prompt", prompt="simple-prompt"),
        step("prompts", "prompt", prompt="args-prompt", arguments={"city": "Oslo", "state": "x"}),
        step("prompts", "prompt", prompt="args-prompt"),
        listed("resources", "resources"),
        listed("resources", "resourceTemplates"),
        step("resources", "read", uri=document),
        step("resources", "read", uri="demo://resource/dynamic/blob/2"),
        step("resources", "read", uri="demo://resource/nowhere"),
        step(
            "complete", "complete", prompt="completable-prompt", argument="department", value="E",
        ),
        step("logging", "level", level="info"),
        step("logging", "watch", uri=document, expect=["notifications/message"]),
        call(
            "subscribe", "toggle-subscriber-updates",
            ["notifications/resources/updated"],
        ),
        call("subscribe", "toggle-subscriber-updates"),
        step("subscribe", "unwatch", uri=document, expect=["notifications/message"]),
        call("sampling", "trigger-sampling-request", prompt="say it", maxTokens=10),
        call("elicitation", "trigger-elicitation-request"),
        call("roots", "get-roots-list"),
        step(
            "roots", "roots", uris=["file:///peer/two"],
            expect=["roots/list", "notifications/message"],
        ),
        call("roots", "get-roots-list"),
        step("tasks", "task", tool="simulate-research-query", arguments=research),
        step("tasks", "task", tool="simulate-research-query", arguments=research, cancel=True),
    ]  # fmt: skip


def filesystem(era, key, root):
    """The reference server for files, over stdio."""
    path, shelf = f"{root}/own-{key}.txt", f"{root}/inner"
    return [step("roots", "settle", expect=["roots/list"]), *opening()] + [
        listed("tools", "tools"),
        call("text", "list_allowed_directories"),
        call("text", "list_directory", path=shelf),
        call("text", "directory_tree", path=shelf),
        call("text", "read_text_file", path=f"{root}/odd.txt"),
        call("structured", "search_files", path=shelf, pattern="**/*.txt"),
        call("text", "write_file", path=path, content="one\ntwo\n"),
        call("text", "edit_file", path=path, edits=[{"oldText": "two", "newText": "\u2028 2"}]),
        call("text", "read_text_file", path=path),
        call("binary", "read_media_file", path=f"{root}/pixel.png"),
        call("error", "read_text_file", path="/etc/passwd"),
        call("error", "read_text_file", path=f"{root}/missing"),
        call("error", "no_such_tool"),
    ]


def memory(era, key):
    """The reference server for a graph of knowledge, over stdio; leaves it as it was."""
    entity = {"name": f"Ada {key}", "entityType": "person", "observations": ["writes \u2028 \"notes\""]}
    relation = {"from": entity["name"], "to": entity["name"], "relationType": "knows"}
    return opening() + [
        listed("tools", "tools"),
        call("structured", "read_graph"),
        call("text", "search_nodes", query="nobody"),
        call("structured", "create_entities", entities=[entity]),
        call("structured", "create_relations", relations=[relation]),
        call("text", "add_observations", observations=[{"entityName": entity["name"], "contents": ["ünï"]}]),
        call("text", "search_nodes", query="person"),
        call("text", "open_nodes", names=[entity["name"]]),
        call("error", "add_observations", observations=[{"entityName": "Nobody", "contents": ["x"]}]),
        call("error", "no_such_tool"),
        call("text", "delete_entities", entityNames=[entity["name"]]),
        call("text", "read_graph"),
    ]


def briefly(steps):
    """For a pair that only has to agree on an era before it does what another pair does."""
    kept = {"roots", "connect", "discover", "ping", "tools", "text"}
    return [step for step in steps if step["as"] in kept]
