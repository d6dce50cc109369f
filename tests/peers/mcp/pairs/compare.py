"""Transcripts made comparable, and the difference of two."""

import base64
import binascii
import difflib
import json
import re

# What comes on a stream of its own has no order beside what comes with a result.
ASIDE = {
    "notifications/message",
    "notifications/resources/updated",
    "notifications/tools/list_changed",
}

VOLATILE = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "<time>"),
    (re.compile(r"\b\d{1,2}:\d\d:\d\d( [AP]M)?"), "<time>"),
]
NAMED = {"taskId": "<task>", "createdAt": "<time>", "lastUpdatedAt": "<time>"}


def steady(value, key=None):
    """The value with whatever differs from run to run replaced by its kind."""
    if isinstance(value, dict):
        return {name: NAMED.get(name) or steady(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [steady(part) for part in value]
    if not isinstance(value, str):
        return value
    if key == "blob":
        return blob(value)
    for pattern, kind in VOLATILE:
        value = pattern.sub(kind, value)
    return value


def blob(value):
    """Base64 as it is, unless text with something volatile stands in it."""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value
    return f"base64: {steady(text)}" if steady(text) != text else value


def comparable(transcript, run, hidden=None, early=frozenset()):
    """A transcript as it is compared.

    `hidden` is the tool that the gateway's policy denies, `early` what may be lost before the client
    listens.
    """
    text = json.dumps(transcript).replace(run, "<run>")
    steps = [steady(entry) for entry in json.loads(text)]
    for entry in steps:
        events = [event for event in entry.get("events", []) if event["event"] not in early]
        entry["events"] = [event for event in events if event["event"] not in ASIDE]
        if entry["do"] == "cancel":
            del entry["events"][1:]  # how far the call gets before it is stopped is nobody's promise
        entry["aside"] = [event for event in events if event["event"] in ASIDE]
        if entry["do"] == "list" and "result" in entry:
            entry["result"] = filtered(entry["result"], hidden)
    return steps


def filtered(result, hidden):
    """A list as a gateway that filters it hands it on: without the tool, for this caller alone."""
    items = [item for item in result["items"] if item.get("name") != hidden]
    rest = result.get("rest", [])
    for page in rest if isinstance(rest, list) else [rest]:
        page.pop("cacheScope", None)
    return result | {"items": items, "rest": rest}


def worked(entry):
    """Whether a step of a direct run did what it is there for."""
    if "unsupported" in entry or "failure" in entry:
        return entry["as"] == "error" and "failure" in entry
    if (entry.get("error") or {}).get("code") == -32601:
        return False
    if any(event["event"] == "(nothing more came)" for event in entry["events"]):
        return False
    refused = "error" in entry or (entry.get("result") or {}) == "no such"
    return not refused or entry["as"] in ("error", "resources", "prompts")


def difference(direct, through, limit=60):
    """The lines in which two entries differ, or none."""
    before, after = (
        json.dumps(entry, indent=1, sort_keys=True, ensure_ascii=False).splitlines()
        for entry in (direct, through)
    )
    lines = list(difflib.unified_diff(before, after, "direct", "through", n=2, lineterm=""))
    return lines[:limit] + (["…"] if len(lines) > limit else [])
