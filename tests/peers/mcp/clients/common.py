"""What the two Python drivers share: the plan, the transcript, and what the user answers.

A driver reads a plan from standard input and writes a transcript to standard output:

    plan        { target, era, roots: [uri], steps: [step] }
    target      { url, token?, transport?: "sse" } | { command, args, env? }
    step        { do, name?, expect?: [method], ... }       what else depends on `do`
    transcript  [ { do, name?, result | error | failure | unsupported, events: [event] } ]

A step is over when it has its result and every notification of `expect` has come.
"""

import asyncio
import json
import sys

from anyio import BrokenResourceError
from mcp import MCPError

STEP_SECONDS = 30
EXPECT_SECONDS = 8


class Unsupported(Exception):
    """This client has no means for that step, or its server said it does not do that."""


class Recorder:
    """The events of the run, in the order in which the client's program saw them."""

    def __init__(self):
        self.events = []
        self.news = asyncio.Event()
        self.roots = []

    def add(self, event, about=None):
        self.events.append({"event": event} | ({"about": about} if about is not None else {}))
        self.news.set()

    async def until(self, since, expect):
        """Waits until every event of `expect` has come since the event number `since`."""
        while True:
            seen = [event["event"] for event in self.events[since:]]
            missing = list(expect)
            for name in seen:
                if name in missing:
                    missing.remove(name)
            if not missing:
                return
            self.news.clear()
            await self.news.wait()


def plain(value):
    """A model of pydantic as the JSON it came as."""
    return value.model_dump(by_alias=True, mode="json", exclude_none=True)


def sampled(params):
    """What the client's model says: an echo."""
    content = params.messages[-1].content
    content = content[0] if isinstance(content, list) else content
    return f"echo of {content.text}"


def filled(schema):
    """A form filled in: what is required, with the first choice of each kind."""
    firsts = {"string": "blue", "integer": 7, "number": 7, "boolean": True}
    content = {}
    for name in schema.get("required", []):
        about = schema["properties"][name]
        choices = about.get("enum") or [one["const"] for one in about.get("oneOf", [])]
        content[name] = choices[0] if choices else firsts[about["type"]]
    return content


async def run_step(driver, step):
    recorder = driver.recorder
    # What a session begins with may have come already.
    since = 0 if step["do"] == "settle" else len(recorder.events)
    words = {name: value for name, value in step.items() if name not in ("do", "expect", "as")}
    record = {"do": step["do"], "as": step.get("as", step["do"])}
    try:
        method = getattr(driver, step["do"], None)
        if method is None and step["do"] != "settle":
            raise Unsupported(step["do"])
        async with asyncio.timeout(STEP_SECONDS):
            record["result"] = await method(**words) if method else None
        try:
            async with asyncio.timeout(EXPECT_SECONDS):
                await recorder.until(since, step.get("expect", []))
        except TimeoutError:
            recorder.add("(nothing more came)")
    except Unsupported as error:
        record["unsupported"] = str(error)
    except MCPError as error:
        record["error"] = plain(error.error)
    except Exception as error:  # the transcript is where it belongs
        record["failure"] = f"{type(error).__name__}: {error}"
    record["events"] = recorder.events[since:]
    return record


async def run(make):
    plan = json.load(sys.stdin)
    transcript = []
    recorder = Recorder()
    recorder.roots = [{"uri": uri} for uri in plan["roots"]]
    driver = make(plan["target"], plan["era"], recorder)
    try:
        async with driver.client:
            for step in plan["steps"]:
                transcript.append(await run_step(driver, step))
    except Exception as error:
        done = len(transcript) == len(plan["steps"])
        # A message that comes while the session closes, say of the call that was cancelled, finds nobody
        # in the SDK who would take it, and its reader of event streams fails of that: whoever sent it.
        failures = [one for one in leaves(error) if not (done and isinstance(one, BrokenResourceError))]
        for failure in failures[:1]:
            about = plain(failure.error) if isinstance(failure, MCPError) else str(failure)
            record = {"do": "session", "as": "session", "failure": [type(failure).__name__, about]}
            transcript.append(record)
    json.dump(transcript, sys.stdout)


def leaves(error):
    """The exceptions that a group holds, however deep, or the one that it is."""
    if not isinstance(error, ExceptionGroup):
        return [error]
    return [leaf for part in error.exceptions for leaf in leaves(part)]
