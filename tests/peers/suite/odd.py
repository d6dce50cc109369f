"""What curl can ask for that a client library would not."""

import json

from . import cast
from .checks import same, true
from .curl import Curl

PERSON = {
    "accountEnabled": True,
    "displayName": "Chunked Person",
    "userPrincipalName": "chunked@northwind-marine.example",
}


def run(stage, checks, tokens):
    """Methods, bodies, heads and paths."""
    odd = Odd(stage, checks, tokens.get(cast.AGENT))
    odd.replies()
    odd.uploads()
    odd.heads()
    odd.paths()


class Odd:
    """The agent, with curl in hand."""

    def __init__(self, stage, checks, token):
        self.stage = stage
        self.checks = checks
        self.token = token
        self.curl = Curl(stage)
        self.users = f"{stage.base}/users"

    def call(self, url, *words, send=None):
        return self.curl.run(url, *words, token=self.token, send=send)

    def replies(self):
        self.checks.heading("curl: replies")
        check = self.checks.check
        with check("one user, for what follows"):
            someone = self.call(f"{self.users}?$top=1").json()["value"][0]["id"]
        with check("HEAD: the head of GET, and no body"):
            answer = self.call(f"{self.users}/{someone}", "--head")
            same((answer.status, answer.body), (200, ""), "answer")
        with check("one connection serves call after call"):
            url = f"{self.users}/{someone}"
            said = self.curl.raw(url, url, "--verbose", token=self.token)
            same(said.stdout.count("HTTP/1.1 200"), 2, "answers")
            true("Re-using existing connection" in said.stderr, "the connection was kept")
        with check("a compressed reply is not asked for: masks have to read it"):
            before = len(self.stage.captured())
            answer = self.call(f"{self.users}?$top=2", "--header", "Accept-Encoding: br, gzip")
            same((answer.status, answer.field("content-encoding")), (200, None), "answer")
            true('"[mail]"' in answer.body, "masked")
            same(len(self.stage.captured()), before + 1, "requests that reached the directory")
        with check("what the caller says about itself does not reach the directory"):
            words = ["--header", "Cookie: a=b", "--header", "X-Forwarded-For: 10.0.0.1"]
            self.call(f"{self.users}?$top=3", *words)
            sent = [part for part in self.stage.captured() if b"$top=3" in part][-1].lower()
            true(b"cookie" not in sent and b"forwarded" not in sent, "neither is there")
        with check("unknown route: 404"):
            same(self.call(f"{self.stage.url}/elsewhere").status, 404, "status")

    def uploads(self):
        self.checks.heading("curl: uploads")
        check = self.checks.check
        body = json.dumps(PERSON)
        content = ["--header", "Content-Type: application/json", "--data-binary", "@-"]
        chunked = ["--header", "Transfer-Encoding: chunked"]
        with check("a chunked upload arrives whole"):
            answer = self.call(self.users, *content, *chunked, send=body)
            same((answer.status, answer.json()["displayName"]), (201, PERSON["displayName"]))
            true(answer.field("location").startswith(self.users + "/"), "Location is the gateway's")
        with check("Expect: 100-continue is answered, then the upload"):
            answer = self.call(self.users, *content, "--header", "Expect: 100-continue", send=body)
            same((answer.interim, answer.status), ([100], 201), "answers")
        with check("Expect: 100-continue of a call that is refused gets the refusal alone"):
            words = ["--request", "DELETE", "--header", "Expect: 100-continue", *content]
            answer = self.call(f"{self.users}/x", *words, send=body)
            same((answer.interim, answer.status), ([], 403), "answers")
        with check("Expect of anything else: 417"):
            answer = self.call(self.users, *content, "--header", "Expect: miracles", send=body)
            same(answer.status, 417, "status")
        large = json.dumps(PERSON | {"aboutMe": "x" * 100_000})
        with check("a body that says it is too large: 413 and nothing sent on"):
            before = len(self.stage.captured())
            same(self.call(self.users, *content, send=large).status, 413, "status")
            same(len(self.stage.captured()), before, "requests that reached the directory")
        with check("a chunked body that turns out too large: refused, no user made"):
            done = self.curl.raw(self.users, *content, *chunked, token=self.token, send=large)
            true(" 413 " in done.stdout or done.returncode, "413, or the connection ends")
            true("201" not in done.stdout.split("\n")[0], "not created")

    def heads(self):
        self.checks.heading("curl: heads")
        url = f"{self.users}?$top=1"
        many = [word for number in range(150) for word in ("--header", f"X-Bomb-{number}: x")]
        upgrade = ["--header", "Connection: Upgrade", "--header", "Upgrade: websocket"]
        upgrade += ["--header", "Sec-WebSocket-Version: 13"]
        upgrade += ["--header", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
        cases = [
            ("HTTP/1.0", 505, ["--no-alpn", "--http1.0"]),
            ("150 fields", 431, many),
            ("a field of 40 KiB", 431, ["--header", "X-Bomb: " + "x" * 40_960]),
            ("a target of 20 KiB", 414, None),
            ("Upgrade: websocket", 501, upgrade),
            ("a method nobody allowed", 403, ["--request", "PATCH"]),
            ("a field name with an underscore", 400, ["--header", "X_Under: score"]),
            ("two Authorization fields", 400, ["--header", "Authorization: Bearer x"]),
        ]
        for name, status, words in cases:
            with self.checks.check(f"{name}: {status}"):
                before = len(self.stage.captured())
                where = url if words is not None else f"{url}&x={'x' * 20_480}"
                answer = self.call(where, *(words or []))
                same(answer.status, status, "status")
                same(len(self.stage.captured()), before, "requests that reached the directory")

    def paths(self):
        self.checks.heading("curl: paths")
        # Each would be read as another path by some server behind the gateway.
        tricks = [
            "/graph/v1.0/%2e%2e/v1.0/users",
            "/graph/v1.0/../v1.0/users",
            "/graph/v1.0/./users",
            "/graph//v1.0/users",
            "/graph/v1.0//users",
            "/graph/v1.0%2fusers",
            "/graph/v1.0/users%2f..%2fgroups",
            "/graph/v1.0/users%00",
            "/graph/v1.0/users\\..\\groups",
            "/graph/v1.0/users;x=y/../groups",
            "/graph/v1.0/%zz/users",
            "/graph/v1.0/%c0%ae%c0%ae/users",
            "/graph/v1.0/users/%252e%252e/groups",
        ]
        for trick in tricks:
            with self.checks.check(f"{trick}: refused"):
                before = len(self.stage.captured())
                answer = self.call(self.stage.url + trick, "--path-as-is")
                true(answer.status in (400, 403, 404), f"status {answer.status}")
                same(len(self.stage.captured()), before, "requests that reached the directory")
