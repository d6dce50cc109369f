"""Bytes that a naive proxy breaks: each check compares what comes directly with what comes through."""

import gzip
import time

from suite.checks import same, true

from .scripted import Caller

LEGACY, MODERN = "2025-11-25", "2026-07-28"
JSON = ("Content-Type", "application/json")
ACCEPT = ("Accept", "application/json, text/event-stream")
EARLY = 0.25  # of a second: what has come by then was not held back


def envelope(era):
    if era == LEGACY:
        return "{}"
    version = '"io.modelcontextprotocol/protocolVersion":"2026-07-28"'
    return "{%s,%s}" % (version, '"io.modelcontextprotocol/clientCapabilities":{}')


def call(era, tool="echo", id="1", arguments="{}", extra=""):
    """A call as text, so that its bytes are ours; and the header fields that go with it."""
    params = f'{{"name":"{tool}","arguments":{arguments},"_meta":{envelope(era)}{extra}}}'
    body = f'{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}'.encode()
    return body, fields(era, "tools/call", tool)


def fields(era, method=None, name=None):
    some = [JSON, ACCEPT, ("MCP-Protocol-Version", era)]
    if era == MODERN and method:
        some += [("Mcp-Method", method)] + ([("Mcp-Name", name)] if name else [])
    return some


def result(text, id="1"):
    return b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (id.encode(), text)


COMPLETE = b'{"content":[{"type":"text","text":"done"}],"resultType":"complete"}'

# A result, and why a proxy that reads and writes JSON anew would change it.
RESULTS = {
    "integers beyond 2^53 and 2^64": b'{"content":[],"structuredContent":{"a":9007199254740993,"b":-9223372036854775809,"c":123456789012345678901234567890}}',
    "numbers as they are written": b'{"content":[],"structuredContent":{"a":1.0,"b":1e2,"c":-0,"d":-0.0,"e":1E+2,"f":0.1000}}',
    "the order of keys": b'{"z":1,"content":[],"a":2,"_meta":{"y":1,"b":{"d":1,"c":2}},"isError":false}',
    "white space": b'{ "content" : [ ] ,\r\n\t"isError":false }',
    "escapes": rb'{"content":[{"type":"text","text":"\u0041\/\u00e9\ud83d\ude00\u2028\b\f\n\r\t\"\\\u0000\u007f"}]}',
    "characters that could be escaped": '{"content":[{"type":"text","text":"é😀\u2028\u2029\x7f</script>"}]}'.encode(),
    "members that nobody knows": b'{"content":[],"resultType":"something/new","surprise":{"x":[null,true,{}]},"_meta":{"com.example/x":1}}',
}

# An event stream, and what a proxy that reads and writes events anew would change.
STREAMS = {
    "comments, before, between and after": b": hello\n\n: a\ndata: %s\n: b\n\n: bye\n\n",
    "a priming event with empty data": b"id: p-1\ndata: \n\nid: p-2\ndata: %s\n\n",
    "a priming event without a space": b"id:p-1\ndata:\n\nid:p-2\ndata:%s\n\n",
    "an event whose data is an empty object, as replays have them": b"id: 1\ndata: {}\n\nid: 2\ndata: %s\n\n",
    "retry, before and by itself": b"retry: 50\nid: 1\ndata:\n\nretry: 1234\n\nid: 2\ndata: %s\n\n",
    "names, ids and their order": b"event: message\nid: a/b=c \xc3\xa9\ndata: %s\n\n",
    "lines that end with CR LF": b": c\r\nid: 1\r\nevent: message\r\ndata: %s\r\n\r\n",
    "lines that end with CR": b": c\rid: 1\rdata: %s\r\r",
    "fields that nobody knows": b"id: 1\nwhatever: x\nnocolon\ndata: %s\n\n",
    "white space after the colon": b"id:  two\ndata:   %s  \n\n",
}


class Raw:
    """The two ways to one scripted server."""

    def __init__(self, checks, server, direct, through):
        self.checks = checks
        self.server = server
        self.ways = [Caller(direct), Caller(through)]

    def both(self, play, method="POST", body=b"", fields=()):
        """The same request both ways: replies, and what reached the server each time."""
        self.server.play = play
        replies, reached = [], []
        for way in self.ways:
            before = len(self.server.requests)
            replies.append(way.ask(method, body, fields))
            reached.append(self.server.requests[before:])
        return replies, reached

    def equal(self, play, method="POST", body=b"", fields=(), also=()):
        """Both replies are the same in status, type, body, and the fields named in `also`."""
        (direct, through), reached = self.both(play, method, body, fields)
        same(through.status, direct.status, "status")
        for name in ("content-type", *also):
            same(through.all(name), direct.all(name), name)
        same(through.body, direct.body, "body")
        same(through.whole, direct.whole, "the body ends as it should")
        same(reached[1] and reached[1][0].body, reached[0][0].body, "body that reached the server")
        return reached

    def run(self):
        self.results()
        self.streams()
        self.statuses()
        self.time()
        self.ends()

    def results(self):
        self.checks.heading("JSON, byte for byte")
        for era in (LEGACY, MODERN):
            for what, text in RESULTS.items():
                with self.checks.check(f"{era}: a result with {what}"):
                    self.equal(lambda _, wire: wire.reply("200 OK", result(text)), body=call(era)[0], fields=call(era)[1])
            with self.checks.check(f"{era}: a result with a key twice: the same bytes, or a refusal"):
                twice = result(b'{"content":[],"isError":true,"isError":false}')
                (_, through), _ = self.both(
                    lambda _, wire: wire.reply("200 OK", twice), body=call(era)[0], fields=call(era)[1]
                )
                refused = through.status == 502 or b'"error"' in through.body or not through.whole
                true(through.body == twice or refused, f"got {through.status} {through.body!r}")
        with self.checks.check("a type with a charset keeps it"):
            body, some = call(LEGACY)
            kind = 'application/json; charset="utf-8"'
            self.equal(lambda _, wire: wire.reply("200 OK", result(COMPLETE), kind), body=body, fields=some)
        with self.checks.check("a compressed result says the same"):
            body, some = call(LEGACY)

            def packed(request, wire):
                if "gzip" in (request.get("accept-encoding") or ""):
                    wire.reply("200 OK", gzip.compress(result(COMPLETE)), "application/json", "Content-Encoding: gzip")
                else:
                    wire.reply("200 OK", result(COMPLETE))

            answers, _ = self.both(packed, body=body, fields=[*some, ("Accept-Encoding", "gzip")])
            for answer in answers:
                zipped = "gzip" in answer.all("content-encoding")
                same(gzip.decompress(answer.body) if zipped else answer.body, result(COMPLETE), "body")

    def streams(self):
        self.checks.heading("events, byte for byte")
        for era in (LEGACY, MODERN):
            for what, events in STREAMS.items():
                with self.checks.check(f"{era}: {what}"):
                    body, some = call(era)
                    stream = events % result(COMPLETE)
                    self.equal(lambda _, wire: self.streamed(wire, [stream]), body=body, fields=some)
            with self.checks.check(f"{era}: an event in many lines of data"):
                body, some = call(era)
                text = result(b'{"content":[],\n"structuredContent":{"a":\n1}}').split(b"\n")
                stream = b"id: 1\n" + b"".join(b"data: %s\n" % line for line in text) + b"\n"
                self.equal(lambda _, wire: self.streamed(wire, [stream]), body=body, fields=some)
            with self.checks.check(f"{era}: events torn anywhere"):
                body, some = call(era)
                note = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"\xc3\xa9"}}'
                stream = b"id: 1\r\ndata: %s\r\n\r\nid: 2\ndata: %s\n\n" % (note, result(COMPLETE))
                torn = [stream[at : at + 7] for at in range(0, len(stream), 7)]
                self.equal(lambda _, wire: self.streamed(wire, torn, 0.002), body=body, fields=some)
            with self.checks.check(f"{era}: a hundred events keep their order"):
                body, some = call(era)
                note = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":%d}}'
                events = [b"id: %d\ndata: %s\n\n" % (n, note % n) for n in range(100)]
                events.append(b"data: %s\n\n" % result(COMPLETE))
                self.equal(lambda _, wire: self.streamed(wire, events), body=body, fields=some)

    @staticmethod
    def streamed(wire, events, pause=0.0):
        wire.stream()
        for event in events:
            wire.chunk(event)
            time.sleep(pause)
        wire.end()

    def statuses(self):
        self.checks.heading("statuses and their bodies")
        note = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
        legacy_error = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: no"}}'
        modern_error = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"x","data":{"supported":["2025-11-25"]}}}'
        unknown = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}'
        body, some = call(MODERN)
        cases = [
            ("202 without a body", "POST", note, fields(LEGACY), "202 Accepted", b"", None),
            ("202 with one", "POST", note, fields(LEGACY), "202 Accepted", b'{"odd": 1}', "application/json"),
            ("204 in answer to a notification", "POST", note, fields(LEGACY), "204 No Content", b"", None),
            ("400 of the older era", "POST", body, some, "400 Bad Request", legacy_error, "application/json"),
            ("400 of the newer era", "POST", body, some, "400 Bad Request", modern_error, "application/json"),
            ("400 that is no JSON", "POST", body, some, "400 Bad Request", b"no <b>way</b>", "text/html"),
            ("404 of an unknown method", "POST", body, some, "404 Not Found", unknown, "application/json"),
            ("404 of a session that ended", "POST", body, some, "404 Not Found", b"Session not found", "text/plain"),
            ("405 in answer to a POST", "POST", body, some, "405 Method Not Allowed", b"GET only", "text/plain"),
            ("405 in answer to a GET", "GET", b"", [("Accept", "text/event-stream")], "405 Method Not Allowed", b"", None),
            ("405 in answer to a DELETE", "DELETE", b"", [], "405 Method Not Allowed", b"no", "text/plain"),
            ("500 with a JSON-RPC error", "POST", body, some, "500 Internal Server Error", unknown, "application/json"),
        ]  # fmt: skip
        for what, method, sent, given, status, answer, kind in cases:
            with self.checks.check(what):
                allow = ["Allow: POST"] if status.startswith("405") else []

                def play(_, wire):
                    if status.startswith("204"):
                        wire.head(status)
                    else:
                        wire.reply(status, answer, kind, *allow)

                self.equal(play, method, sent, given, also=["allow"])
        with self.checks.check("GET: Last-Event-ID reaches the server, and what it replays comes whole"):
            replay = b"id: 8\ndata:\n\nid: 9/x\ndata: %s\n\n" % result(COMPLETE)
            given = [("Accept", "text/event-stream"), ("Last-Event-ID", "7/x= y"), ("MCP-Protocol-Version", LEGACY)]
            reached = self.equal(lambda _, wire: self.streamed(wire, [replay]), "GET", b"", given)
            for name in ("last-event-id", "accept", "mcp-protocol-version"):
                same(reached[1][0].all(name), reached[0][0].all(name), name)

    def time(self):
        self.checks.heading("slowness")
        body, some = call(LEGACY)
        get = [("Accept", "text/event-stream"), ("MCP-Protocol-Version", LEGACY)]

        def slow(_, wire):
            wire.stream()
            for event in (b": ping\n\n", b"id: 1\ndata:\n\n", b"data: %s\n\n" % result(COMPLETE)):
                time.sleep(0.6)
                wire.chunk(event)
            time.sleep(0.6)
            wire.end()

        for method, sent, given in (("POST", body, some), ("GET", b"", get)):
            with self.checks.check(f"{method}: head and events come as they are sent, comments too"):
                (direct, through), _ = self.both(slow, method, sent, given)
                same(through.body, direct.body, "body")
                for (wanted, part), (came, got) in zip(direct.pieces, through.pieces, strict=True):
                    same(got, part, "piece")
                    true(came - wanted < EARLY, f"{part!r} came {came - wanted:.2f} s late")
        with self.checks.check("a stream that rests for six seconds is not cut"):
            body, some = call(LEGACY)

            def rest(_, wire):
                wire.stream()
                wire.chunk(b"id: 1\ndata:\n\n")
                time.sleep(6)
                wire.chunk(b"data: %s\n\n" % result(COMPLETE))
                wire.end()

            self.server.play = rest
            answer = self.ways[1].ask("POST", body, some)
            true(answer.whole and answer.body.endswith(b"%s\n\n" % result(COMPLETE)), f"got {answer.body!r}")

    def ends(self):
        self.checks.heading("endings")
        with self.checks.check("a result that breaks off does not end well"):
            def broken(_, wire):
                wire.head("200 OK", "Content-Type: application/json", "Content-Length: 500")
                wire.send(b'{"jsonrpc":"2.0","id":1,"result":{')
                return False

            (_, through), _ = self.both(broken, body=call(LEGACY)[0], fields=call(LEGACY)[1])
            true(not through.whole or through.status == 502, f"got {through.status} {through.body!r}")
        with self.checks.check("a stream that breaks off does not end well; its events came"):
            def torn(_, wire):
                wire.stream()
                wire.chunk(b"id: 1\ndata:\n\n")
                return False

            (direct, through), _ = self.both(torn, body=call(LEGACY)[0], fields=call(LEGACY)[1])
            same((through.body, through.whole), (direct.body, direct.whole), "reply")
        with self.checks.check(f"{MODERN}: a caller that leaves ends the server's work"):
            same(self.left(MODERN), True, "whether the server saw its caller leave")

    def left(self, era):
        """A caller leaves in the middle of a stream, through the gateway; does the server notice?"""
        seen = []

        def play(_, wire):
            wire.stream()
            wire.chunk(b"id: 1\ndata:\n\n")
            seen.append(wire.gone(3))
            if not seen[0]:
                wire.chunk(b"data: %s\n\n" % result(COMPLETE))
                wire.end()

        self.server.play = play
        body, some = call(era)
        with self.ways[1].connect() as peer:
            self.ways[1].send(peer, "POST", body, some)
            while b"data:" not in (got := peer.recv(65_536)):
                true(got, "the stream ended early")
        until = time.monotonic() + 5
        while not seen and time.monotonic() < until:
            time.sleep(0.05)
        return seen and seen[0]


def run(checks, server, direct, through):
    """Every check of what has to come the same both ways."""
    Raw(checks, server, direct, through).run()
