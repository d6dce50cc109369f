"""Two servers behind one connection: what each does directly, it does as a part of the whole."""

import json

from . import scripts
from .compare import comparable, difference
from .scripts import call, listed, step

NAME = "union"
CLIENTS = ("mcp", "sdk", "client", "rmcp")
LISTS = ("tools", "prompts", "resources", "resourceTemplates")
CHANGED = ["notifications/tools/list_changed"]
UPDATED = ["notifications/resources/updated"]
# A tool that a member of the older era has only for who answers questions outside calls, which a
# caller of the newer era never does.
UNASKED = {"get-roots-list"}


def parts(key):
    """What is asked of each member: of one that knows both eras, and of one that knows the older."""
    ours = [
        call("text", "echo", text="ünï \u2028"),
        call("integers", "big", number=scripts.LARGE),
        call("error", "fail", text="on purpose"),
        call("progress", "slow", steps=3, progress=True),
        step("cancel", "cancel", tool="wait", arguments={"key": key}),
        call("cancel", "was_cancelled", key=key),
        step("prompts", "prompt", prompt="greet", arguments={"name": "Ada"}),
        step("resources", "read", uri="note://one"),
        step("resources", "read", uri="note://about/gears"),
        step("complete", "complete", prompt="greet", argument="name", value="A"),
        call("sampling", "think", text="hello"),
        call("elicitation", "ask"),
        step("subscribe", "watch", uri="note://one", tools=True),
        call("subscribe", "touch", UPDATED, uri="note://one"),
        call("changed", "grow", CHANGED),
        call("changed", "shrink", CHANGED),
        step("subscribe", "unwatch", uri="note://one"),
    ]
    theirs = [
        call("text", "echo", message="hello"),
        call("structured", "get-structured-content", location="New York"),
        call("binary", "get-tiny-image"),
        call("progress", "trigger-long-running-operation", progress=True, duration=0.2, steps=4),
        step("prompts", "prompt", prompt="args-prompt", arguments={"city": "Oslo", "state": "x"}),
        step("resources", "read", uri="demo://resource/dynamic/text/1"),
        step("complete", "complete", prompt="completable-prompt", argument="department", value="E"),
        call("sampling", "trigger-sampling-request", prompt="say it", maxTokens=10),
        call("elicitation", "trigger-elicitation-request"),
    ]
    return {"mcp-py": ours, "everything": theirs}


def prefixed(member, one):
    """A step in terms of the whole: names with the member's in front, addresses as they are."""
    return one | {word: f"{member}__{one[word]}" for word in ("tool", "prompt") if word in one}


def bare(entry, member):
    """An entry without what the whole adds, and without what only one of the eras has."""
    entry = json.loads(json.dumps(entry).replace(f"{member}__", ""))
    strip(entry)
    # What a member does when a session begins, and what its own stream brings, may come at any time.
    entry["events"] = [event for event in entry["events"] if event["event"] != "roots/list"]
    entry["aside"] = [event for event in entry["aside"] if event["event"] != "notifications/message"]
    result = entry.get("result")
    if isinstance(result, dict) and "honoured" in result:
        result["honoured"] = {name: kind for name, kind in result["honoured"].items() if kind}
    return entry


def strip(value):
    """Takes out, everywhere, what the newer era adds to each result and notification."""
    if isinstance(value, list):
        for part in value:
            strip(part)
    if not isinstance(value, dict):
        return
    for name in ("resultType", "ttlMs", "cacheScope", "execution", "io.modelcontextprotocol/serverInfo",
                 "io.modelcontextprotocol/subscriptionId", "io.modelcontextprotocol/related-task"):  # fmt: skip
        value.pop(name, None)
    for part in value.values():
        strip(part)
    for name in ("_meta", "about"):
        if value.get(name) in ({}, None):
            value.pop(name, None)


def items(entry, member, era):
    """What a member's list says by itself, as it has to stand in the list of the whole."""
    said = bare(entry, member)["result"]["items"]
    hidden = UNASKED if era != "legacy" else ()
    return [json.dumps(item, sort_keys=True) for item in said if item["name"] not in hidden]


def run(checks, stage, meetings):
    """Each client, in each era it has, at the whole and at the members."""
    checks.heading("two servers as one")
    by_name = {server.name: server for server in stage.servers}
    for client in (client for client in stage.clients if client.name in CLIENTS):
        for era in client.eras:
            with checks.check(f"{NAME} × {client.name} {era}"):
                meet(stage, meetings, client, era, by_name)


def meet(stage, meetings, client, era, by_name):
    """The members one by one, then both at once; every step has to come out the same."""
    key = f"run{next(meetings.numbers)}x"
    lists = [listed("lists", what) for what in LISTS]

    def drive(target, steps, hidden):
        plan = {"target": target, "era": era, "roots": ["file:///peer/one"], "steps": steps}
        return comparable(meetings.drive(client, plan), key, hidden)

    steps, wanted, merged = list(lists), [], {what: [] for what in LISTS}
    for member, asked in parts(key).items():
        server = by_name[member]
        transcript = drive(stage.direct(server), lists + asked, server.denied)
        for what, entry in zip(LISTS, transcript):
            merged[what] += items(entry, member, era)
        wanted += [(member, entry) for entry in transcript[len(lists) :]]
        steps += [prefixed(member, one) for one in asked]
    whole = drive(stage.gateway.target(NAME), steps, None)

    lines = []
    for what, entry in zip(LISTS, whole):
        if "result" not in entry:
            raise AssertionError(f"{what}: {entry}")
        for member in parts(key):
            entry = bare(entry, member)
        got = sorted(json.dumps(item, sort_keys=True) for item in entry["result"]["items"])
        lines += difference(sorted(merged[what]), got)
    for (member, before), after in zip(wanted, whole[len(lists) :], strict=True):
        lines += difference(bare(before, member), bare(after, member))
    if lines:
        raise AssertionError("differs\n" + "\n".join(f"            {line}" for line in lines))
