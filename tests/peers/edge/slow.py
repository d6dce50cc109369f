"""slowhttptest: hundreds of slow connections end within their limits, and nobody else notices."""

import http.client
import shutil
import subprocess
import threading
import time
from collections import Counter

from suite.checks import same, true

from .origin import Origin

CONNECTIONS = 300
# Those that read slowly are sent megabytes first.
READERS = 100
# So many calls at least somebody makes meanwhile.
CALLS = 20
# Of the defaults, which are documented with the limits, those that would take long are made short.
SECONDS = 3
LIMITS = {name: f"{SECONDS}s" for name in ("head_time", "body_idle_time", "write_idle_time")}
# More than the kernel takes for a connection whose caller does not read.
LARGE = 8 << 20
# How much longer anything may take on a busy machine.
PATIENCE = 10
# What a connection may take, and what the program takes for itself while it works.
CONNECTION_BYTES, ITSELF_BYTES = 128 << 10, 48 << 20


def run(stand, checks):
    """Every way of the tool's to be slow."""
    checks.heading("slowhttptest")
    if not shutil.which("slowhttptest"):
        checks.skip("slowhttptest", "slowhttptest is missing (Debian: slowhttptest)")
        return
    origin = Origin(large=LARGE, keep=False)
    # The certificate is for the first one's address.
    listeners = [{"tls": stand.tls}, {}]
    gateway = stand.gateway("slow", origin.url, listeners=listeners, limits=LIMITS)
    try:
        Tour(stand, gateway, checks).take()
    finally:
        gateway.stop()
        origin.stop()


class Ordinary(threading.Thread):
    """Somebody who calls on and on, by a kept connection and by fresh ones."""

    def __init__(self, gateway, token):
        super().__init__(daemon=True)
        self.gateway = gateway
        self.token = token
        self.ended = threading.Event()
        self.faults = []
        self.times = []
        self.peak = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def run(self):
        kept = self.connection()
        while not self.ended.wait(0.02) or len(self.times) < CALLS:
            for connection in (kept, self.connection()):
                began = time.monotonic()
                try:
                    self.call(connection)
                except (OSError, http.client.HTTPException) as error:
                    self.faults.append(repr(error))
                    return
                self.times.append(time.monotonic() - began)
            connection.close()
            self.peak = max(self.peak, self.gateway.resident())
        kept.close()

    def connection(self):
        return http.client.HTTPConnection(*self.gateway.doors[1], timeout=PATIENCE)

    def call(self, connection):
        connection.request("GET", "/", headers={"Authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()
        body = answer.read()
        if (answer.status, body) != (200, b"served"):
            self.faults.append(f"{answer.status} {body!r}")


class Tour:
    """One way after the other."""

    def __init__(self, stand, gateway, checks):
        self.gateway = gateway
        self.check = checks.check
        self.token = stand.issuer.token()

    def take(self):
        # The tool has no option for a token. Its fields can be given a line more.
        token = f"\r\nAuthorization: Bearer {self.token}"
        # Now and then the tool says a later line of a head first.
        late = {(408, "head_timeout"), (400, "bad_request")}
        refused, stopped = {(401, "no_token")}, {(408, "body_timeout")}
        self.slow("heads that come line by line", ["-H", "-i", "1"], late)
        self.slow("the same under TLS", ["-H", "-i", "1"], late, tls=True)
        stop = ["-B", "-i", str(PATIENCE * 3), "-s", "8192"]
        self.slow("bodies that stop", [*stop, "-f", "text/plain" + token], stopped)
        trickle = ["-B", "-i", "1", "-x", "8", "-s", "8192", "-f", "text/plain" + token]
        self.slow("bodies that trickle", trickle, stopped)
        self.slow("bodies that nobody may send", stop, refused)
        self.slow("ranges of ranges", ["-R"], refused)
        crawl = ["-X", "-n", "1", "-z", "1", "-w", "64", "-y", "128", "-j", "a=b" + token]
        self.slow("readers that hardly read", crawl, {(200, "caller_gone")}, READERS, "/large")

    def slow(self, name, words, ends, count=CONNECTIONS, path="/", tls=False):
        """The tool, with an ordinary caller beside it. `ends`: (status, outcome) of its calls."""
        host, port = self.gateway.doors[0 if tls else 1]
        url = f"{'https' if tls else 'http'}://{host}:{port}{path}"
        argv = ["slowhttptest", *words, "-u", url, "-l", "60", "-p", str(PATIENCE), "-v", "0"]
        argv += ["-c", str(count), "-r", str(count)]
        before, known = self.gateway.resident(), len(self.gateway.access_log())
        with self.check(f"{name}: {count} connections end within {SECONDS} s"):
            with Ordinary(self.gateway, self.token) as ordinary:
                tool = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    self.ended(known, ends, count)
                finally:
                    tool.kill()
                    tool.wait()
        with self.check(f"{name}: an ordinary caller is served meanwhile"):
            same(ordinary.faults, [], "faults")
            true(len(ordinary.times) >= CALLS, f"{len(ordinary.times)} calls")
            true(max(ordinary.times) < SECONDS, f"the slowest call took {max(ordinary.times):.2f} s")
        with self.check(f"{name}: memory stays within its bounds"):
            grown = ordinary.peak - before
            true(grown < count * CONNECTION_BYTES + ITSELF_BYTES, f"{grown >> 20} MiB more")

    def ended(self, known, ends, count):
        """Waits until so many have ended like this."""
        until = time.monotonic() + SECONDS + PATIENCE
        while True:
            log = self.gateway.access_log()[known:]
            told = Counter((line.get("status"), line["outcome"]) for line in log)
            if sum(told[end] for end in ends) >= count:
                return
            true(time.monotonic() < until, f"the log tells of {told}")
            time.sleep(0.1)
