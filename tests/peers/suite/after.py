"""New signing keys, the end of the gateway, and what its recording can prove."""

import json
import re
import shutil
import subprocess

from . import cast
from .checks import same, true
from .curl import Curl
from .tokens import Tokens


def rotate(stage, checks, tokens):
    """The provider replaces every key while the gateway runs."""
    checks.heading("key rotation")
    curl = Curl(stage)
    users = f"{stage.base}/users?$top=1"
    old = tokens.get(cast.AGENT)
    stage.entra.say("rotate")
    stage.entra.wait_for(r'"rotated"')
    fresh = Tokens(stage)
    with checks.check("a token of a new key is taken at once"):
        same(curl.run(users, token=fresh.get(cast.AGENT)).status, 200, "status")
        same(curl.run(users, token=fresh.get(cast.CURVE)).status, 200, "status, other key")
    with checks.check("a token of the withdrawn key is refused: the set is what the issuer says"):
        same(curl.run(users, token=old).status, 401, "status")


def finish(stage, checks, tokens):
    """SIGTERM, then the recording."""
    checks.heading("the end")
    check = checks.check
    with check("metrics count what happened"):
        done = subprocess.run(
            ["curl", "-sS", f"{stage.admin}/metrics"], capture_output=True, text=True, timeout=20
        )
        true(re.search(r"(?m)^sluice_\w+\{?.* [1-9]", done.stdout), "some counter is above zero")
    with check("SIGTERM: the gateway drains and ends well"):
        same(stage.gateway.stop(), 0, "exit code")
        true("sealed" in stage.gateway.log.read_text(), "it says that the recording is sealed")
    with check("nothing panicked"):
        for program in stage.programs:
            true("panicked" not in program.log.read_text(), program.name)
    recording(stage, check)
    secrecy(stage, check, tokens)


def sessions(stage, *words, data=None):
    return subprocess.run(
        [stage.sluice, "sessions", *words, "--data", data or stage.data],
        capture_output=True,
        text=True,
        timeout=120,
    )


def recording(stage, check):
    with check("sessions verify: in order"):
        done = sessions(stage, "verify")
        same(done.returncode, 0, f"exit code ({done.stdout}{done.stderr})")
    with check("sessions list: every caller that was let in"):
        done = sessions(stage, "list")
        same(done.returncode, 0, f"exit code ({done.stderr})")
        for app in (cast.AGENT, cast.PSS, cast.CURVE, cast.OLD, cast.MEMBER, cast.STRANGER):
            true(app.oid in everything(stage), f"{app.name} is in the recording")
    with check("the recording has as many created users as the directory"):
        made = [part for part in stage.captured() if part.startswith(b"POST /v1.0/users ")]
        true(len(made) >= 3, "users were created")
        # An upload that turned out too large was begun, recorded, and given up.
        true(everything(stage).count('"POST"') >= len(made), "each is recorded")
    with check("one flipped bit is found"):
        copy = stage.place / "flipped"
        # The door for the next process is a socket.
        shutil.copytree(stage.data, copy, ignore=shutil.ignore_patterns("handover"))
        segment = max(
            (file for file in copy.rglob("*") if file.is_file()), key=lambda file: used(file)
        )
        content = bytearray(segment.read_bytes())
        content[used(segment) // 2] ^= 1
        segment.write_bytes(content)
        done = sessions(stage, "verify", data=copy)
        true(done.returncode in (1, 10, 11, 12, 13), f"exit code {done.returncode}")


def used(file):
    """Bytes of a file up to its last one that is not zero: segments are preallocated."""
    return len(file.read_bytes().rstrip(b"\0"))


def everything(stage):
    """The whole recording, as JSON lines."""
    done = sessions(stage, "export")
    same(done.returncode, 0, f"exit code of export ({done.stderr})")
    for line in done.stdout.splitlines():
        json.loads(line)
    return done.stdout


def secrecy(stage, check, tokens):
    callers = [tokens.get(app).split(".")[2] for app in (cast.AGENT, cast.PSS, cast.CURVE)]
    with check("no caller's token ever reached the directory"):
        for part in stage.captured():
            for token in callers:
                true(token.encode() not in part, "a caller's token is in the capture")
            same(part.lower().count(b"\r\nauthorization: bearer "), 1, "credentials")
    with check("the gateway's own credential is in no log and no recording"):
        found = {token for part in stage.captured() for token in bearers(part)}
        same(len(found), 2, "upstream tokens used: the gateway's, and on behalf of one user")
        signatures = [token.split(".")[2] for token in found]
        key = (stage.place / "app.key").read_text().splitlines()[5]
        for text in texts(stage):
            true(not any(signature in text for signature in signatures), "an upstream token")
            true(key not in text and cast.HELPER.secret not in text, "a key or secret")
            true(not any(token in text for token in callers), "a caller's token")
    with check("what is masked is nowhere in the recording"):
        true(cast.DOMAIN not in everything(stage), f"{cast.DOMAIN} is there")


def bearers(part):
    return re.findall(r"(?i)\r\nauthorization: bearer (\S+)", part.decode(errors="replace"))


def texts(stage):
    yield stage.gateway.log.read_text()
    yield (stage.place / "access.log").read_text()
    yield everything(stage)
