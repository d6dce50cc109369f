"""Tokens of every kind, from the provider by curl and by hand."""

import base64
import json
import time
from functools import cache

from . import cast
from .checks import same, true
from .curl import Curl


class Tokens:
    """Asks the provider for tokens, and remembers them."""

    def __init__(self, stage):
        self.stage = stage
        self.get = cache(self._get)

    def _get(self, app, audience=cast.AUDIENCE):
        url = f"{self.stage.authority}/{cast.TENANT}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": app.client_id,
            "client_secret": app.secret,
            "scope": f"{audience}/.default",
        }
        words = [word for pair in form.items() for word in ("--data-urlencode", "=".join(pair))]
        return Curl(self.stage).run(url, *words).json()["access_token"]


def part(value):
    """A part of a token that says this."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def read(text):
    """What a part of a token says."""
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def spoilt(token):
    """(what is wrong, token) for a number of tokens that nobody issued."""
    header, claims, signature = token.split(".")
    promoted = part(read(claims) | {"roles": ["Directory.Write"]})
    # A character in the middle: the last one has bits that mean nothing.
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    yield "signature changed", f"{header}.{claims}.{signature[:middle]}{other}{signature[middle + 1:]}"
    yield "claims changed", f"{header}.{promoted}.{signature}"
    yield "alg none", f"{part({'alg': 'none', 'typ': 'JWT'})}.{claims}."
    yield "signature left out", f"{header}.{claims}."
    yield "HMAC with the public key's name", f"{part(read(header) | {'alg': 'HS256'})}.{claims}.{signature}"
    yield "unknown kid", f"{part(read(header) | {'kid': 'nobody'})}.{claims}.{signature}"
    yield "a key of its own", f"{part(read(header) | {'jwk': {'kty': 'oct', 'k': 'AA'}})}.{claims}.{signature}"
    yield "crit", f"{part(read(header) | {'crit': ['exp']})}.{claims}.{signature}"
    yield "not a token", "not-a-token"


def run(stage, checks, tokens):
    """Who gets in, and who does not."""
    checks.heading("tokens")
    check = checks.check
    curl = Curl(stage)
    users = f"{stage.base}/users?$top=1"
    hasty = tokens.get(cast.HASTY)
    issued = time.monotonic()

    for app in (cast.AGENT, cast.PSS, cast.CURVE, cast.OLD, cast.MEMBER):
        with check(f"{app.alg}, version {app.version}, {app.roles or app.groups}: allowed"):
            header = read(tokens.get(app).split(".")[0])
            same(header["alg"], app.alg, "alg")
            same(curl.run(users, token=tokens.get(app)).status, 200, "status")

    with check("no token: 401 with a challenge"):
        answer = curl.run(users)
        same((answer.status, answer.code()), (401, "no_token"), "answer")
        same(answer.field("www-authenticate"), 'Bearer realm="sluice"', "challenge")

    with check("a valid token without role or group: 403, no rule"):
        answer = curl.run(users, token=tokens.get(cast.STRANGER))
        same((answer.status, answer.code()), (403, "denied"), "answer")

    refusals = [
        ("for another audience", tokens.get(cast.AGENT, "api://other")),
        ("for Microsoft Graph", tokens.get(cast.AGENT, cast.GRAPH)),
        *spoilt(tokens.get(cast.AGENT)),
    ]
    time.sleep(max(0.0, 3.5 - (time.monotonic() - issued)))
    refusals.append(("expired", hasty))
    told = set()
    for why, token in refusals:
        with check(f"{why}: 401"):
            answer = curl.run(users, token=token)
            same((answer.status, answer.code()), (401, "invalid_token"), "answer")
            true('error="invalid_token"' in answer.field("www-authenticate"), "challenge")
            told.add(answer.body)

    with check("which check failed goes to the log, not to the caller"):
        same(len(told), 1, "different bodies")
        until = time.monotonic() + 5
        details = set()
        while len(details) < 8 and time.monotonic() < until:
            details = {
                line.get("detail")
                for line in stage.access_log()
                if line.get("outcome") == "invalid_token"
            }
            time.sleep(0.05)
        true(len(details) >= 8, f"the log tells reasons apart: {details}")
        true(not any(token in str(details) for _, token in refusals), "no token in the log")
