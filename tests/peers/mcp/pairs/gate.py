"""What a gateway does that no server does: each check shows that it does, and does no more."""

import base64
import json

from suite.checks import same, true

from .raw import ACCEPT, COMPLETE, JSON, LEGACY, MODERN, Raw, call, envelope, fields, result
from .scripted import Caller

DENIED, QUARANTINED = 40300, 40310
START = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
    b'"capabilities":{},"clientInfo":{"name":"x","version":"1"}}}'
)
STARTED = result(
    b'{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}'
)


def good(_, wire):
    wire.reply("200 OK", result(COMPLETE))


class Gate(Raw):
    """The two ways, another caller, one without a token, one connection that allows tools alone, one with masks."""

    def __init__(self, checks, server, direct, gateway):
        super().__init__(checks, server, direct, gateway.target("raw"))
        self.other = Caller(gateway.target("raw", gateway.other))
        self.strict = Caller(gateway.target("strict"))
        self.masked = Caller(gateway.target("masked"))
        self.stranger = Caller({"url": gateway.target("raw")["url"]})

    def run(self):
        self.leaves()
        self.requests()
        self.refusals()
        self.lists()
        self.questions()
        self.rounds()
        self.sessions()
        self.doors()
        self.masks()
        self.sizes()

    def through(self, play, body=b"", fields=(), method="POST", caller=None):
        """The reply through the gateway, and what reached the server."""
        self.server.play = play
        before = len(self.server.requests)
        answer = (caller or self.ways[1]).ask(method, body, fields)
        return answer, self.server.requests[before:]

    def leaves(self):
        self.checks.heading("who leaves")
        with self.checks.check(f"{LEGACY}: a caller that leaves does not end the server's work"):
            same(self.left(LEGACY), False, "whether the server saw its caller leave")

    def requests(self):
        self.checks.heading("what reaches the server")
        bodies = {
            "integers, order, escapes, white space": call(
                MODERN, arguments=r'{ "z":9007199254740993,"a":1.0, "b":"\u0041\/\u2028", "c":-0 }'
            ),
            "an id that is text with escapes": call(MODERN, id=r'"\u0031\"a"'),
            "an id beyond 2^53": call(MODERN, id="9007199254740993"),
            "_meta that nobody knows": call(MODERN, extra=',"traceparent":"x","other":{"b":1,"a":[]}'),
        }
        for what, (body, some) in bodies.items():
            with self.checks.check(f"{what}: the same bytes"):
                reply = result(COMPLETE, json.dumps(json.loads(body)["id"]))
                self.equal(lambda _, wire: wire.reply("200 OK", reply), body=body, fields=some)
        with self.checks.check("the protocol's fields, known or not, reach it; the caller's token does not"):
            body, some = call(MODERN)
            some = [*some, ("Mcp-Param-Region", "eu-1"), ("Mcp-Param-Odd", "=?base64?w6k=?=")]
            reached = self.equal(good, body=body, fields=some)
            for name in {name for name, _ in some} - {"Content-Type"}:
                same(reached[1][0].all(name), reached[0][0].all(name), name)
            same(reached[1][0].all("authorization"), [], "authorization")
        with self.checks.check("a name in its base64 form is that name, and reaches the server so"):
            body, some = call(MODERN)
            coded = f"=?base64?{base64.b64encode(b'echo').decode()}?="
            some = [(name, coded if name == "Mcp-Name" else value) for name, value in some]
            answer, reached = self.through(good, body, some)
            same((answer.status, reached[0].all("mcp-name")), (200, [coded]), "answer")
        two = b'[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}} , %s]'
        with self.checks.check("2025-03-26: an array of what is allowed, the same bytes"):
            text = two % b'{"id":2,"jsonrpc":"2.0","method":"ping"}'
            reply = b"[%s, %s]" % (result(COMPLETE), result(b"{}", "2"))
            self.equal(lambda _, wire: wire.reply("200 OK", reply), body=text, fields=[JSON, ACCEPT])
        with self.checks.check("2025-03-26: an array with one call that is denied does not"):
            text = two % b'{"id":2,"jsonrpc":"2.0","method":"tools/call","params":{"name":"secret"}}'
            _, reached = self.through(good, text, [JSON, ACCEPT])
            same(reached, [], "requests that reached it")

    def refusals(self):
        self.checks.heading("what does not reach the server")
        bodies = {
            "a key twice": b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"secret"}}',
            "a key in another case": b'{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping"}',
            "a byte order mark": b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}',
            "an array, which this revision has not": b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
            "no JSON": b"method=ping",
        }
        for what, body in bodies.items():
            with self.checks.check(what):
                answer, reached = self.through(good, body, fields(LEGACY))
                same(reached, [], "requests that reached it")
                true(400 <= answer.status < 500, f"status {answer.status}")
        with self.checks.check("header fields that lie about the body"):
            answer, reached = self.through(good, call(MODERN, "secret")[0], fields(MODERN, "tools/call", "echo"))
            same((answer.status, reached), (400, []), "answer")
        with self.checks.check("a tool that is denied; the error names the call's id"):
            body, some = call(MODERN, tool="secret", id='"x-1"')
            answer, reached = self.through(good, body, some)
            error = json.loads(answer.body)
            same((answer.status, error["id"], error["error"]["code"]), (200, "x-1", DENIED), "answer")
            same(reached, [], "requests that reached it")

    def lists(self):
        self.checks.heading("lists that are filtered")
        body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":%s}}' % envelope(MODERN).encode()
        some = fields(MODERN, "tools/list")
        first = rb'{"name":"b\u0061ck", "inputSchema":{"type":"object","x":9007199254740993} , "description":"\u2028"}'
        hidden = b'{"inputSchema":{"type":"object"},"name":"secret"}'
        last = b'{ "name":"echo","inputSchema":{"type":"object"},"z":1.0,"a":-0 }'
        page = b'{"ttlMs":5,"cacheScope":"%s","tools":[%s],"nextCursor":"a\\/b","resultType":"complete"}'
        whole = result(page % (b"public", b",".join([first, hidden, last])))
        kept = result(page % (b"private", b",".join([first, last])))
        with self.checks.check("as JSON: the denied tool is gone, the scope private, every other byte there"):
            answer, _ = self.through(lambda _, wire: wire.reply("200 OK", whole), body, some)
            same(answer.body, kept, "body")
        with self.checks.check("as an event: the denied tool is gone, the scope private, every other byte there"):
            event = b"id: 1\ndata: %s\n\n"
            answer, _ = self.through(lambda _, wire: self.streamed(wire, [event % whole]), body, some)
            same(answer.body, event % kept, "body")
        changed = first.replace(rb'"\u2028"', b'"Now it does something else."')
        with self.checks.check("a tool that is no longer what it was is gone, and is refused"):
            whole = result(page % (b"private", b",".join([changed, last])))
            answer, _ = self.through(lambda _, wire: wire.reply("200 OK", whole), body, some)
            same([tool["name"] for tool in json.loads(answer.body)["result"]["tools"]], ["echo"], "tools")
            answer, reached = self.through(good, *call(MODERN, tool="back"))
            same((json.loads(answer.body)["error"]["code"], reached), (QUARANTINED, []), "answer")

    def questions(self):
        """What a server asks of a client needs a rule, wherever it stands."""
        self.checks.heading("questions of the server")
        ask = b'{"jsonrpc":"2.0","id":"q1","method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}'
        ping = b'{"jsonrpc":"2.0","id":"q2","method":"ping"}'
        end = b"id: 9\ndata: %s\n\n" % result(COMPLETE)

        def play(request, wire):
            if b"tools/call" not in request.body:
                wire.reply("202 Accepted", b"", None)
                return
            self.streamed(wire, [b"id: 1\ndata: %s\n\n" % ask, b"id: 2\ndata: %s\n\n" % ping, end], 0.3)

        body, some = call(LEGACY)
        with self.checks.check("allowed: it reaches the client as it is"):
            answer, _ = self.through(play, body, some)
            true(ask in answer.body and ping in answer.body and answer.body.endswith(end), f"got {answer.body!r}")
        with self.checks.check("not allowed: the client never sees it, the server is told, the rest goes on"):
            answer, reached = self.through(play, body, some, caller=self.strict)
            true(b"sampling" not in answer.body, f"got {answer.body!r}")
            true(ping in answer.body and answer.body.endswith(end), f"got {answer.body!r}")
            told = [json.loads(request.body) for request in reached if b'"q1"' in request.body]
            true(told and told[0]["id"] == "q1" and "error" in told[0], f"the server got {told}")
        with self.checks.check("the client's answer reaches the server, the same bytes"):
            said = b'{"jsonrpc":"2.0","id":"q1" ,"result":{"z":1.0,"role":"assistant","a":9007199254740993}}'
            answer, reached = self.through(play, said, fields(LEGACY))
            same((answer.status, [request.body for request in reached]), (202, [said]), "answer, request")
        with self.checks.check("not allowed: nor in a result that wants input"):
            asked = result(
                b'{"resultType":"input_required","inputRequests":{"x":{"method":"elicitation/create",'
                b'"params":{"mode":"form","message":"?","requestedSchema":{"type":"object","properties":{}}}}},'
                b'"requestState":"s"}'
            )
            body, some = call(MODERN)
            answer, _ = self.through(lambda _, wire: wire.reply("200 OK", asked), body, some, caller=self.strict)
            true(b"elicitation" not in answer.body and b'"error"' in answer.body, f"got {answer.body!r}")

    def rounds(self):
        """The state of a call in rounds is its caller's; the server gets back what it gave."""
        self.checks.heading("state between rounds")
        given = rb"st\u0061te \"quoted\" \\ \u2028 \/"
        plain = json.loads(b'"%s"' % given)
        asked = result(
            b'{"resultType":"input_required","_meta":{"z":1.0},'
            b'"inputRequests":{"x":{"method":"roots/list"}},"requestState":"%s"}' % given
        )
        body, some = call(MODERN, tool="rounds")
        answer, _ = self.through(lambda _, wire: wire.reply("200 OK", asked), body, some)
        state = ""
        with self.checks.check("it is sealed, and every other byte stays"):
            state = json.loads(answer.body)["result"]["requestState"]
            true(plain not in state, f"state {state!r}")
            same(answer.body, asked.replace(b'"%s"' % given, json.dumps(state).encode()), "body")
        extra = f',"requestState":"{state}","inputResponses":{{"x":{{"roots":[]}}}}'
        again, some = call(MODERN, tool="rounds", extra=extra)
        with self.checks.check("it comes back to the server as it was"):
            answer, reached = self.through(good, again, some)
            same(answer.body, result(COMPLETE), "body")
            same(json.loads(reached[0].body)["params"]["requestState"], plain, "state")
        forged = again.replace(b'"requestState":"' + state.encode(), b'"requestState":"abc')
        for what, caller, text in (("another caller's", self.other, again), ("one that nobody sealed", None, forged)):
            with self.checks.check(f"{what}: it does not reach the server"):
                answer, reached = self.through(good, text, some, caller=caller)
                same(reached, [], "requests that reached it")
                true(answer.status >= 400 or b'"error"' in answer.body, f"got {answer.status} {answer.body!r}")

    def sessions(self):
        """The session of one caller is no other's, whatever the method."""
        self.checks.heading("sessions")
        session = "Mcp-Session-Id: upstream-7"
        opened, _ = self.through(
            lambda _, wire: wire.reply("200 OK", STARTED, "application/json", session), START, fields(LEGACY)
        )
        sealed = opened.get("mcp-session-id") or ""
        with self.checks.check("the session's id is sealed"):
            same(opened.body, STARTED, "body")
            true(sealed and "upstream-7" not in sealed, f"id {sealed}")
        some = [*fields(LEGACY), ("Mcp-Session-Id", sealed)]
        for method in ("POST", "GET", "DELETE"):
            body = call(LEGACY)[0] if method == "POST" else b""
            with self.checks.check(f"{method}: the server gets its own id back"):
                answer, reached = self.through(good, body, some, method)
                same((answer.status, reached[0].all("mcp-session-id")), (200, ["upstream-7"]), "answer")
            with self.checks.check(f"{method}: another caller's session does not exist"):
                answer, reached = self.through(good, body, some, method, caller=self.other)
                same((answer.status, reached), (404, []), "answer")
        with self.checks.check("a session that nobody sealed does not exist"):
            forged = [*fields(LEGACY), ("Mcp-Session-Id", "upstream-7")]
            answer, reached = self.through(good, call(LEGACY)[0], forged)
            same((answer.status, reached), (404, []), "answer")

    def doors(self):
        self.checks.heading("at the door")
        body, some = call(MODERN)
        with self.checks.check("no token: 401, and where to read who issues them"):
            answer, reached = self.through(good, body, some, caller=self.stranger)
            same((answer.status, reached), (401, []), "answer")
            url = answer.get("www-authenticate").split('resource_metadata="')[1].split('"')[0]
            true(url.endswith("/.well-known/oauth-protected-resource/mcp/raw"), url)
            about = json.loads(Caller({"url": url}).ask("GET").body)
            true(about["resource"].endswith("/mcp/raw") and about["authorization_servers"], f"{about}")
        with self.checks.check("an origin that is not allowed: 403, and nothing reaches the server"):
            answer, reached = self.through(good, body, [*some, ("Origin", "http://evil.example")])
            same((answer.status, reached), (403, []), "answer")

    def masks(self):
        """A value is hidden wherever it stands, and nothing beside it is touched."""
        self.checks.heading("masks")
        body, some = call(LEGACY)
        said = r'{"content":[{"type":"text","text":"{\"mail\":\"%s\",\"n\":9007199254740993}"}],"structuredContent":{"z":1.0,"mail":"%s"}}'
        shown, hidden = (result((said % (mail, mail)).encode()) for mail in ("ada@example.com", "[mail]"))
        with self.checks.check("in a result, also in JSON within text; every other byte stays"):
            answer, _ = self.through(lambda _, wire: wire.reply("200 OK", shown), body, some, caller=self.masked)
            same(answer.body, hidden, "body")
        stream = b": ping\n\nid: 1\nretry: 50\ndata:\n\n: c\r\nid: 2\r\nevent: message\r\ndata: %s\r\n\r\n"
        with self.checks.check("in events; ids, retry, comments and line ends stay"):
            answer, _ = self.through(
                lambda _, wire: self.streamed(wire, [stream % shown]), body, some, caller=self.masked
            )
            same(answer.body, stream % hidden, "body")
        with self.checks.check("an event does not wait for the one after it"):
            note = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\n\n'
            answer, _ = self.through(
                lambda _, wire: self.streamed(wire, [note, note, b"data: %s\n\n" % shown], 0.6), body, some, caller=self.masked
            )
            came = [at for at, part in answer.pieces if part]
            true(len(came) >= 3 and came[0] < 0.5 and came[-1] - came[0] > 0.9, f"pieces came at {came}")

    def sizes(self):
        self.checks.heading("sizes")
        text = b'{"content":[{"type":"text","text":"%s"}]}'
        body, some = call(LEGACY)
        large = result(text % (b"0123456789abcdef" * 65_536))
        with self.checks.check("a megabyte in one result, the same bytes"):
            self.equal(lambda _, wire: wire.reply("200 OK", large), body=body, fields=some)
        with self.checks.check("a megabyte in one event, the same bytes"):
            self.equal(lambda _, wire: self.streamed(wire, [b"data: %s\n\n" % large]), body=body, fields=some)
        with self.checks.check("more than a message may have: refused, and nothing hangs"):
            huge = result(text % (b"0123456789abcdef" * 524_288))
            answer, _ = self.through(lambda _, wire: self.streamed(wire, [b"data: %s\n\n" % huge]), body, some)
            refused = not answer.whole or answer.status == 502 or b'"error"' in answer.body
            true(refused and len(answer.body) < 100_000, f"got {answer.status}, {len(answer.body)} bytes")


def run(checks, server, direct, gateway):
    """Every check of what is the gateway's own."""
    Gate(checks, server, direct, gateway).run()
