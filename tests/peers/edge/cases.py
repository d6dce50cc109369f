"""gunicorn's request cases: what it takes goes through as it is, what it refuses goes nowhere.

A case of gunicorn's is the bytes of one connection, and what a server should read in them. Its
requests need not name a host, and know no tokens. So each is completed: behind every request line
stand a token, a tag by which the origin's requests are told apart and, where there is none, a Host;
and HTTP/1.0, which the gateway answers with 505, becomes HTTP/1.1 with what it means.
"""

import re
import socket
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from suite.checks import same, true
from suite.wire import statuses

from .origin import SERVED, Origin
from .verdicts import LENIENT, OTHERWISE, STRICTER

SECONDS = 15
LIMITS = {"head_time": "1s", "body_idle_time": "1s"}
# What a gateway does not pass on: what means one hop, and what names the caller.
ONE_HOP = {"host", "connection", "keep-alive", "content-length", "transfer-encoding", "cookie"}
OWN = {"host", "connection", "content-length", "transfer-encoding", "via", "x-case"}
# 408 is for what ends too soon.
REFUSALS = {400, 408, 411, 413, 414, 417, 431, 501, 505}


@dataclass
class Case:
    """The bytes of one connection, and the requests that a server should read."""

    name: str
    data: bytes
    requests: list
    introduced: bool

    def is_old(self):
        return any(request["version"] == (1, 0) for request in self.requests)

    def completed(self, token, version=b"1.1"):
        """The same bytes, ready for the gateway."""
        data, at = self.data, 0
        lines = [rb"[^ \r\n]+ %s HTTP/1\.[01]\r\n" % one["uri"].encode() for one in map(quoted, self.requests)]
        # What is invalid has something like a request line, or nothing that could be completed.
        for line in lines or [rb"[^\r\n][^\r]*\r\n"]:
            found = re.compile(line).search(data, at)
            if not found or self.introduced and not self.requests:
                return data
            more = [b"Authorization: Bearer " + token, b"X-Case: " + self.name.encode()]
            head = data[found.end() :].split(b"\r\n\r\n")[0]
            if not re.search(rb"(?im)^host *:", head):
                more.append(b"Host: localhost")
            if found[0].endswith(b"/1.0\r\n") and not re.search(rb"(?im)^connection *:", head):
                more.append(b"Connection: close")
            first = re.sub(rb" HTTP/1\.0\r\n$", b" HTTP/%s\r\n" % version, found[0])
            first += b"".join(field + b"\r\n" for field in more)
            data = data[: found.start()] + first + data[found.end() :]
            at = found.start() + len(first)
        return data


def quoted(request):
    return request | {"uri": re.escape(request["uri"])}


def read(place, kind):
    """Every case of a kind: `valid` or `invalid`."""
    for file in sorted((place / "tests" / "requests" / kind).glob("*.http")):
        about = ModuleType("case")
        about.uri = lambda text: text
        about.cfg = None
        SourceFileLoader("case", str(file.with_suffix(".py"))).exec_module(about)
        requests = about.request if isinstance(about.request, list) else [about.request]
        introduced = bool(about.cfg) and about.cfg.proxy_protocol != "off"
        requests = requests if kind == "valid" else []
        yield Case(f"{kind}/{file.stem}", unescaped(file.read_bytes()), requests, introduced)


def unescaped(text):
    r"""Line ends and other bytes are written as `\r\n`, `\0`, `\n`, `\t` and `\xHH`."""
    text = text.replace(b"\n", b"").replace(b"\\r\\n", b"\r\n")
    for name, byte in ((b"\\0", b"\0"), (b"\\n", b"\n"), (b"\\t", b"\t")):
        text = text.replace(name, byte)
    return re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text)


def whole(data):
    yield data


def byte_by_byte(data):
    for at in range(len(data)):
        yield data[at : at + 1]


def run(stand, checks, place):
    """All of them, each whole and byte by byte."""
    checks.heading("gunicorn's request cases")
    # Their expectations are written in its own terms.
    sys.path.insert(0, str(place))
    origin = Origin()
    listeners = [{}, {"proxy_protocol": {"from": ["127.0.0.0/8"]}}]
    gateway = stand.gateway("cases", origin.url, listeners=listeners, limits=LIMITS)
    try:
        Tour(gateway, origin, checks, stand.issuer.token().encode()).take(Path(place))
    finally:
        gateway.stop()
        origin.stop()


class Tour:
    """One case after the other."""

    def __init__(self, gateway, origin, checks, token):
        self.gateway = gateway
        self.origin = origin
        self.check = checks.check
        self.token = token
        self.expected = {}

    def take(self, place):
        valid, invalid = list(read(place, "valid")), list(read(place, "invalid"))
        with self.check(f"{len(valid)} valid cases and {len(invalid)} invalid ones are there"):
            true(len(valid) >= 62 and len(invalid) >= 81, "as many as there were")
            known = {case.name for case in valid + invalid}
            judged = STRICTER.keys() | LENIENT.keys() | OTHERWISE.keys()
            same(sorted(judged - known), [], "verdicts on what is not there")
        for case in valid:
            stricter = STRICTER.get(case.name)
            with self.check(f"{case.name}: {'refused: ' + stricter if stricter else 'goes through'}"):
                self.refused(case) if stricter else self.served(case)
        for case in invalid:
            lenient = LENIENT.get(case.name)
            with self.check(f"{case.name}: {'goes through: ' + lenient if lenient else 'refused'}"):
                self.taken(case) if lenient else self.refused(case)
        with self.check("HTTP/1.0 as it stands: 505"):
            for case in valid:
                if case.is_old() and not case.introduced:
                    text = self.feed(case, whole(case.completed(self.token, b"1.0")))
                    same(statuses(text)[:1], [505], case.name)
        with self.check("what reached the origin is what was taken, and never ambiguous"):
            same(self.origin.faults, [], "faults")
            tags = {tag for request in self.origin.requests for tag in request.field("x-case")}
            same(sorted(tags - self.expected.keys()), [], "refused cases that arrived")
            for request in self.origin.requests:
                true(request.field("x-case"), f"nobody sent {request}")
                said = [name for name, _ in request.fields if name.startswith("x-forwarded")]
                same(said, [], "what callers say of proxies before them")

    def feed(self, case, pieces, replies=1):
        """What the gateway says to these pieces, until so many replies of the origin's, or the end."""
        door = self.gateway.doors[case.introduced]
        with socket.create_connection(door, timeout=SECONDS) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            got = b""
            try:
                for piece in pieces:
                    wire.sendall(piece)
            except OSError:
                pass  # it need not hear all of it
            try:
                while got.count(SERVED) != replies and (more := wire.recv(65_536)):
                    got += more
            except ConnectionError:
                pass
            return got.decode("latin-1")

    def served(self, case):
        """Each way the origin gets the requests that a server should read, and no others."""
        self.expected[case.name] = case
        read = OTHERWISE.get(case.name, {})
        want = [described(request | read) for request in case.requests]
        for way in (whole, byte_by_byte):
            self.origin.requests.clear()
            text = self.feed(case, way(case.completed(self.token)), len(want))
            same(statuses(text), [200] * len(want), f"answers, {way.__name__}")
            same([seen(request) for request in self.origin.requests], want, way.__name__)

    def taken(self, case):
        """Each way the first request is answered by the origin."""
        self.expected[case.name] = case
        for way in (whole, byte_by_byte):
            text = self.feed(case, way(case.completed(self.token)))
            same(statuses(text)[:1], [200], f"answer, {way.__name__}")

    def refused(self, case):
        """Each way the gateway refuses by its own rules of messages, or closes."""
        told = []
        for way in (whole, byte_by_byte):
            told.append(statuses(self.feed(case, way(case.completed(self.token)))))
            # Whom no proxy introduces is told nothing.
            true(told[-1] or case.introduced, f"no answer, {way.__name__}")
            true(set(told[-1]) <= REFUSALS, f"answers {told[-1]}, {way.__name__}")
        same(told[0], told[1], "answers, whole and byte by byte")


def described(request):
    """A request as the origin should see it."""
    fields = [(name.lower(), value) for name, value in request["headers"]]
    target = re.sub(r"^https?://[^/]+", "", request["uri"])
    # A path has these encoded when it leaves the gateway.
    target = re.sub(r'["<>\[\]^`{|}]', lambda found: f"%{ord(found[0]):02X}", target)
    kept = [field for field in fields if field[0] not in ONE_HOP]
    body = request["body"]
    return request["method"], target, kept, body if isinstance(body, bytes) else body.encode()


def seen(request):
    fields = [field for field in request.fields if field[0] not in OWN]
    return request.method, request.target, fields, request.body
