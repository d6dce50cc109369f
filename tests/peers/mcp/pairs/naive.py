"""A proxy as one writes it in an afternoon, to see that the checks of bytes tell it from a good one.

It reads JSON and writes it anew, takes event streams apart and puts them together again, passes on the
header fields it has heard of, and waits for the whole of each reply, for some seconds.
"""

import http.client
import json
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from suite.checks import Checks

from . import raw

HEARD_OF = ("Content-Type", "Accept", "Mcp-Session-Id", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name")
SECONDS = 5

#: Of the checks of bytes, those that it has to fail: one at least for each thing that proxies break.
TRAPS = {
    "big integers": "integers beyond 2^53",
    "numbers": "numbers as they are written",
    "duplicate keys": "a result with a key twice",
    "key order and white space": "white space",
    "escapes": "a result with escapes",
    "slow streams": "POST: head and events come as they are sent",
    "idle streams": "a stream that rests for six seconds is not cut",
    "priming events": "a priming event with empty data",
    "retry": "retry, before and by itself",
    "comments": "comments, before, between and after",
    "line ends": "lines that end with CR LF",
    "resumption": "GET: Last-Event-ID reaches the server",
    "statuses": "400 of the newer era",
    "cancellation": "2026-07-28: a caller that leaves ends the server's work",
}


def anew(text):
    """JSON read and written, by a language whose every number is a double."""
    return json.dumps(json.loads(text, parse_int=lambda digits: int(float(digits)))).encode()


def events_anew(stream):
    """The events that carry something, written as one usually writes them."""
    datas = [line[5:].strip() for line in stream.decode().splitlines() if line.startswith("data:")]
    return b"".join(b"data: %s\n\n" % anew(data) for data in datas if data)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        try:
            status, kind, text = self.ask(anew(body) if body else None)
            text = events_anew(text) if "event-stream" in kind else anew(text) if text else b""
        except (OSError, ValueError, http.client.HTTPException):
            status, kind, text = 502, "text/plain", b"bad gateway"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = forward

    def ask(self, body):
        fields = {name: self.headers[name] for name in HEARD_OF if self.headers[name]}
        request = urllib.request.Request(self.server.upstream, body, fields, method=self.command)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()

    def log_message(self, *_):
        pass


class Quiet(Checks):
    """Checks that nobody sees; the names of those that failed are kept."""

    def __init__(self):
        super().__init__()
        self.names = []

    def heading(self, text):
        pass

    @contextmanager
    def check(self, name):
        try:
            yield
        except Exception:  # which one does not matter: it was found out
            self.names.append(name)


@contextmanager
def proxy(upstream):
    """The proxy, on a free port, before that upstream."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.upstream = upstream
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/mcp"
    finally:
        server.shutdown()
        server.server_close()


def run(checks, scripted):
    """Each trap has to catch it."""
    checks.heading("a naive proxy is found out")
    quiet = Quiet()
    with proxy(scripted.url) as url:
        raw.run(quiet, scripted, {"url": scripted.url}, {"url": url})
    for trap, name in TRAPS.items():
        with checks.check(f"{trap}: by “{name} …”"):
            if not any(name in failed for failed in quiet.names):
                raise AssertionError(f"it passed; it failed {len(quiet.names)} others")
