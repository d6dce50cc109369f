"""libfaketime: a gateway whose clock is wrong, and one whose clock jumps."""

import http.client
import os
import shutil
import subprocess
import time

from suite.checks import same, true

from .origin import Origin

# What the gateway takes for granted that clocks differ by: the default of `clock_skew`.
LEEWAY = 60
AHEAD, BEHIND = 180, -180
DAY = 86_400
EXPIRED, EARLY = "the token has expired", "the token is not valid yet"


def run(stand, checks):
    """Ahead of its issuer, behind it, and to and fro while it runs."""
    checks.heading("libfaketime")
    if not shutil.which("faketime"):
        checks.skip("libfaketime", "faketime is missing (Debian: faketime)")
        return
    origin = Origin()
    try:
        for off in (AHEAD, BEHIND):
            tour = Tour(stand, checks, origin, off)
            tour.leeway(off)
            tour.jumps(off)
            tour.end()
    finally:
        origin.stop()


def library():
    """What `faketime` puts before a program; by itself it would stand between that and its signals."""
    told = subprocess.run(
        ["faketime", "-m", "-f", "+0", "printenv", "LD_PRELOAD"],
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip()


class Tour:
    """One gateway that begins so many seconds off."""

    def __init__(self, stand, checks, origin, off):
        self.stand = stand
        self.check = checks.check
        self.name = f"clock{off}"
        self.file = stand.place / f"{self.name}.now"
        self.set(off)
        env = {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            # Durations stay what they are, and so do the times of files.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.gateway = stand.gateway(self.name, origin.url, env=env)

    def set(self, off):
        """Sets the gateway's clock, so many seconds off."""
        beside = self.file.with_suffix(".next")
        beside.write_text(f"{off:+d}\n")
        os.replace(beside, self.file)

    def call(self, token):
        """Status, and what the log says of it."""
        known = len(self.gateway.access_log())
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=20)
        connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"})
        status = connection.getresponse().status
        connection.close()
        until = time.monotonic() + 5
        while len(log := self.gateway.access_log()) == known:
            true(time.monotonic() < until, "nothing in the log")
            time.sleep(0.01)
        return status, log[-1].get("detail")

    def leeway(self, off):
        """Tokens whose times are just within the leeway, and just beyond it."""
        token = self.stand.issuer.token
        near, far = abs(off) - LEEWAY + 20, abs(off) - LEEWAY - 20
        if off > 0:
            within, beyond = token(ends=near), token(ends=far)
            why = EXPIRED
        else:
            within, beyond = token(begins=-near), token(begins=-far)
            why = EARLY
        with self.check(f"{off:+d} s: a token within the leeway is taken"):
            same(self.call(within), (200, None), "answer")
        with self.check(f"{off:+d} s: one beyond it is refused, and the log says why"):
            status, detail = self.call(beyond)
            same(status, 401, "status")
            true(why in (detail or ""), f"detail {detail}")

    def jumps(self, off):
        """A jump ahead ends what is known already; a jump back lets in nobody new."""
        known = self.stand.issuer.token(begins=-abs(off) - 10)
        for to, token, status, why in [
            (0, known, 200, None),
            (DAY, known, 401, EXPIRED),
            # One that was judged before stays good for its five minutes, which no clock on the wall counts.
            (-DAY, self.stand.issuer.token(), 401, EARLY),
            (0, known, 200, None),
        ]:
            with self.check(f"the clock jumps to {to:+d} s: {status}"):
                self.set(to)
                # Cores look at the clock on the wall every ten milliseconds.
                time.sleep(0.1)
                got, detail = self.call(token)
                same(got, status, f"status (detail {detail})")
                true(why is None or why in (detail or ""), f"detail {detail}")

    def end(self):
        """It lives, and what it recorded is in order."""
        with self.check("it ends well, and its recording is in order"):
            true(self.gateway.is_alive(), "it has ended")
            same(self.gateway.stop(), 0, "exit code")
            data = self.gateway.place / "data"
            verify = [self.stand.sluice, "sessions", "verify", "--data", data]
            done = subprocess.run(verify, capture_output=True, text=True, timeout=60)
            same(done.returncode, 0, f"exit code ({done.stdout}{done.stderr})")
