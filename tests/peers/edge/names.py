"""nss_wrapper: an upstream's name moves to another address, over TLS, with checks beside calls.

The gateway asks the system's resolver, whose hosts file is another for this one process.
"""

import ctypes
import http.client
import os
import time

from suite.checks import same, true

from .origin import Origin

LIBRARY = "libnss_wrapper.so"
# The one name that the certificate is for.
NAME = "localhost"
# Names are looked up every 30 seconds.
SECONDS = 45
FIRST, SECOND = "127.0.0.2", "127.0.0.3"


def run(stand, checks):
    """One origin, then another of the same name."""
    checks.heading("nss_wrapper: a name that moves")
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        checks.skip("names", "nss_wrapper is missing (Debian: libnss-wrapper)")
        return
    first = Origin(FIRST, tls=stand.context())
    second = Origin(SECOND, first.port, tls=stand.context())
    try:
        Tour(stand, checks, first, second).take()
    finally:
        first.stop()
        second.stop()


class Tour:
    """Somebody calls on and on while the name moves."""

    def __init__(self, stand, checks, first, second):
        self.check = checks.check
        self.first, self.second = first, second
        self.hosts = stand.place / "hosts"
        self.hosts.write_text(f"{FIRST} {NAME}\n")
        env = {"LD_PRELOAD": LIBRARY, "NSS_WRAPPER_HOSTS": str(self.hosts)}
        more = {"ca_file": str(stand.ca), "health": {"path": "/healthz", "every": "1s", "time": "1s"}}
        url = f"https://{NAME}:{first.port}"
        self.gateway = stand.gateway("names", url, env=env, connection=more)
        self.token = stand.issuer.token()

    def take(self):
        with self.check("calls and checks go to where the name leads"):
            self.call()
            self.until(lambda: self.heard(self.first, "/healthz"), "no check came")
            same(self.checks_are_good(), 1, "checks that went well")
            same(self.second.requests, [], "requests at the other address")
        with self.check("the name moves: so do calls and checks, and none fails"):
            self.hosts.write_text(f"{SECOND} {NAME}\n")
            # By its time, in seconds, the file is known to be another.
            os.utime(self.hosts, (time.time() + 5,) * 2)
            self.until(lambda: self.call() or self.heard(self.second, "/"), "calls do not follow")
            self.until(lambda: self.heard(self.second, "/healthz"), "checks do not follow")
            self.first.requests.clear()
            for _ in range(20):
                self.call()
            same(self.heard(self.first, "/"), 0, "calls that still go to the first address")
        with self.check("checks are by the name, which is what the certificate is for"):
            hosts = {host for request in self.second.requests for host in request.field("host")}
            same(hosts, {f"{NAME}:{self.first.port}"}, "Host fields")
        with self.check("checks see who stops answering"):
            self.second.stop()
            self.until(lambda: not self.checks_are_good(), "nobody notices")
        same(self.gateway.stop(), 0, "exit code")

    def call(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=20)
        connection.request("GET", "/", headers={"Authorization": f"Bearer {self.token}"})
        same(connection.getresponse().status, 200, "status")
        connection.close()

    def checks_are_good(self):
        return self.gateway.metric("sluice_control_good", 'what="check"')

    @staticmethod
    def heard(origin, target):
        return sum(request.target == target for request in list(origin.requests))

    @staticmethod
    def until(holds, what):
        end = time.monotonic() + SECONDS
        while not holds():
            true(time.monotonic() < end, what)
            time.sleep(0.1)
