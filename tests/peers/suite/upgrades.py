"""WebSocket between other people's client and server, with the gateway between them."""

import base64
import json
import os
import ssl
import threading
import time

from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from . import cast
from .after import everything
from .checks import same, true

LARGE = 4 << 20
SPOKEN = "a sentence that is in the recording"


class Sockets:
    """An upstream that says again whatever it is told, on threads of its own."""

    def __init__(self, place):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place / "server.crt", place / "server.key")
        self.heads = []
        self.server = serve(
            self._talk, "127.0.0.1", 0, ssl=context, subprotocols=["echo"], max_size=2 * LARGE
        )
        self.url = f"https://127.0.0.1:{self.server.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def _talk(self, connection):
        self.heads.append(connection.request)
        for message in connection:
            if message == "leave":
                return connection.close(4001, "as asked")
            connection.send(message)

    def stop(self):
        self.server.shutdown()


def run(stage, checks, tokens):
    """Handshake, messages, ends, and what is left of them."""
    checks.heading("websockets (PyPI), client and server")
    agent = Agent(stage, checks.check, tokens.get(cast.AGENT))
    agent.messages()
    agent.ends()
    agent.traces()


class Agent:
    """The agent, with a WebSocket in hand."""

    def __init__(self, stage, check, token):
        self.stage = stage
        self.check = check
        self.token = token

    def open(self, path="/sockets/room", token=None, **options):
        return connect(
            f"wss://127.0.0.1:{self.stage.port}{path}",
            ssl=ssl.create_default_context(cafile=self.stage.ca),
            additional_headers={"Authorization": f"Bearer {token or self.token}"},
            proxy=None,
            subprotocols=["other", "echo"],
            max_size=2 * LARGE,
            **options,
        )

    def messages(self):
        check = self.check
        with check("texts, bytes and pings pass; subprotocol and compression are agreed on"):
            with self.open() as socket:
                same(socket.subprotocol, "echo", "subprotocol")
                said = socket.response.headers["Sec-WebSocket-Extensions"]
                true("permessage-deflate" in said, f"extensions: {said}")
                for message in ("hello", b"\x00\xff", "", "ü" * 1000):
                    socket.send(message)
                    same(socket.recv(timeout=10), message, "echo")
                true(socket.ping().wait(10), "a pong")
        with check("the upstream sees the gateway's credential, and not the caller's token"):
            shown = self.stage.sockets.heads[-1].headers["Authorization"]
            true(shown.startswith("Bearer ") and self.token not in shown, "authorization")
            same(self.stage.sockets.heads[-1].headers["Upgrade"], "websocket", "upgrade")
        with check("large messages pass both ways at once"):
            large = os.urandom(LARGE)
            with self.open() as socket:
                sending = threading.Thread(target=lambda: [socket.send(large) for _ in range(3)])
                sending.start()
                for _ in range(3):
                    true(socket.recv(timeout=30) == large, "what came back")
                sending.join()

    def ends(self):
        check = self.check
        with check("the server closes: its code and reason reach the client"):
            with self.open() as socket:
                socket.send("leave")
                try:
                    socket.recv(timeout=10)
                    raise AssertionError("it goes on")
                except ConnectionClosedError as closed:
                    same((closed.rcvd.code, closed.rcvd.reason), (4001, "as asked"), "close")
        with check("without a token there is no handshake"):
            same(self.refused(token="none"), 401, "status")
        with check("where nothing may be upgraded there is none either"):
            same(self.refused(path="/vault/room"), 501, "status")

    def refused(self, **options):
        try:
            with self.open(**options):
                raise AssertionError("the handshake went through")
        except InvalidStatus as refused:
            return refused.response.status_code

    def traces(self):
        check = self.check
        with check("what was said is in the recording, and the access log counts it"):
            with self.open(compression=None) as socket:
                socket.send(SPOKEN)
                same(socket.recv(timeout=10), SPOKEN, "echo")
            soon("in the recording", lambda: SPOKEN.encode() in replies(self.stage))
            soon("in the access log", lambda: len(switched(self.stage)) == 4)
            for line in switched(self.stage):
                # This server says its end in a frame and drops TLS without its own: no clean end.
                same(line["outcome"], "upstream_truncated", "outcome")
            # Frames of the client have a mask of four bytes more; then each side says its end.
            least = len(SPOKEN) + 2
            last = switched(self.stage)[-1]
            true(last["bytes_out"] >= least and last["bytes_in"] >= least + 4, f"bytes: {last}")


def switched(stage):
    return [line for line in stage.access_log() if line.get("status") == 101]


def replies(stage):
    """What upstreams said, as far as it is no text."""
    lines = map(json.loads, everything(stage).splitlines())
    told = [line["bytes"] for line in lines if line["kind"] == "response_chunk"]
    return b"".join(base64.b64decode(one["base64"]) for one in told if "base64" in one)


def soon(what, is_so):
    """The recorder and the log have their own pace."""
    until = time.monotonic() + 10
    while not is_so():
        true(time.monotonic() < until, f"never {what}")
        time.sleep(0.1)
