"""What curl cannot say: bytes written by hand over TLS, or without."""

import re
import socket
import ssl
import time

from . import cast
from .checks import same, true


class Wire:
    """One TLS connection to the gateway, bytes in and bytes out."""

    def __init__(self, stage, alpn=None, authority=None):
        context = ssl.create_default_context(cafile=authority or stage.ca)
        if alpn:
            context.set_alpn_protocols(alpn)
        plain = socket.create_connection(("127.0.0.1", stage.port), timeout=15)
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *lines, body=""):
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def until_closed(self):
        """All that comes until the gateway closes; a gateway that does not is an error."""
        got = b""
        try:
            while more := self.socket.recv(65_536):
                got += more
        except (ConnectionError, ssl.SSLEOFError):
            pass
        return got.decode(errors="replace")

    def statuses(self):
        """The status of each answer until the gateway closes."""
        return statuses(self.until_closed())


def statuses(text):
    """The status of each answer; a body with a length is followed by the next at once."""
    return [int(status) for status in re.findall(r"HTTP/1\.1 (\d{3}) ", text)]


def run(stage, checks, tokens):
    """Framing, other protocols, slowness."""
    checks.heading("bytes by hand")
    wire = Hand(stage, checks, tokens.get(cast.AGENT))
    wire.framing()
    wire.protocols()
    wire.order()


class Hand:
    """The agent, with a socket in hand."""

    def __init__(self, stage, checks, token):
        self.stage = stage
        self.checks = checks
        self.common = [f"Host: 127.0.0.1:{stage.port}", f"Authorization: Bearer {token}"]

    def framing(self):
        post = "POST /graph/v1.0/users HTTP/1.1"
        get = "GET /graph/v1.0/users?$top=1 HTTP/1.1"
        length, chunked = "Content-Length: 2", "Transfer-Encoding: chunked"
        smuggled = "0\r\n\r\nGET /graph/v1.0/users?$top=9 HTTP/1.1\r\nHost: x\r\n\r\n"
        cases = [
            ("two Content-Lengths that differ", [post, length, "Content-Length: 3"], "{}"),
            ("two Content-Lengths that agree", [post, length, length], "{}"),
            ("a list of Content-Lengths", [post, "Content-Length: 2, 2"], "{}"),
            ("Content-Length and Transfer-Encoding", [post, length, chunked], smuggled),
            ("Transfer-Encoding: gzip, chunked", [post, "Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"),
            ("Transfer-Encoding with a vertical tab", [post, "Transfer-Encoding: \vchunked"], smuggled),
            ("a folded field", [get, "X-Long: a\r\n b"], ""),
            ("a space before the colon", [get, "X-Space : a"], ""),
            ("a bare line feed", [get, "X-Line: a\nX-Other: b"], ""),
            ("a second Host", [get, "Host: elsewhere"], ""),
            ("a chunk size that is no number", [post, chunked, "Content-Type: application/json"], "zz\r\n{}\r\n0\r\n\r\n"),
        ]
        for name, lines, body in cases:
            with self.checks.check(f"{name}: refused and closed"):
                before = len(self.stage.captured())
                with Wire(self.stage) as wire:
                    wire.send(lines[0], *self.common, *lines[1:], body=body)
                    answers = wire.statuses()
                true(answers in ([400], [501]), f"answers {answers}")
                if "chunk size" not in name:
                    same(len(self.stage.captured()), before, "requests that reached the directory")

    def protocols(self):
        check = self.checks.check
        with check("HTTP/2 with prior knowledge: a clear refusal, no hang"):
            with Wire(self.stage) as wire:
                wire.send("PRI * HTTP/2.0", body="SM\r\n\r\n")
                answers = wire.statuses()
            true(answers in ([400], [505]), f"answers {answers}")
        with check("TLS that offers h2 alone: no common protocol"):
            try:
                Wire(self.stage, alpn=["h2"]).until_closed()
                raise AssertionError("the handshake went through")
            except ssl.SSLError as error:
                true("NO_APPLICATION_PROTOCOL" in str(error).upper().replace(" ", "_"), str(error))
        with check("TLS that offers both gets http/1.1"):
            with Wire(self.stage, alpn=["h2", "http/1.1"]) as wire:
                same(wire.socket.selected_alpn_protocol(), "http/1.1", "protocol")
        with check("plain HTTP on the TLS port is told so, and no more"):
            with socket.create_connection(("127.0.0.1", self.stage.port), timeout=15) as plain:
                plain.sendall(b"GET /graph/v1.0/users HTTP/1.1\r\nHost: x\r\n\r\n")
                got = b""
                while more := plain.recv(4096):
                    got += more
            same(statuses(got.decode()), [400], "answers")
            true(b"plain_text" in got, f"got {got!r}")
        with check("CONNECT is not served"):
            with Wire(self.stage) as wire:
                wire.send("CONNECT example.com:443 HTTP/1.1", "Host: example.com:443")
                answers = wire.statuses()
            true(answers in ([400], [501], [405]), f"answers {answers}")

    def order(self):
        check = self.checks.check
        get = "GET /graph/v1.0/users?$top={} HTTP/1.1"
        with check("pipelined calls are answered in order"):
            with Wire(self.stage) as wire:
                for count in (4, 2):
                    wire.send(get.format(count), *self.common)
                wire.send("DELETE /graph/v1.0/users/x HTTP/1.1", *self.common)
                wire.send(get.format(1), *self.common, "Connection: close")
                got = wire.until_closed()
            same(statuses(got), [200, 200, 403, 200], "answers")
            parts = got.split("HTTP/1.1 ")[1:]
            same([part.count('"displayName"') for part in parts], [4, 2, 0, 1], "users")
        with check("a head that does not come: 408, within its time"):
            started = time.monotonic()
            with Wire(self.stage) as wire:
                wire.socket.sendall(b"GET /graph/v1.0/users HTTP/1.1\r\nHost: sl")
                same(wire.statuses(), [408], "answers")
            took = time.monotonic() - started
            true(1.5 < took < 6, f"it took {took:.1f} s")
        with check("one byte at a time is as good as all at once"):
            lines = [get.format(1), *self.common, "Connection: close"]
            with Wire(self.stage) as wire:
                wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in ("\r\n".join(lines) + "\r\n\r\n").encode():
                    wire.socket.sendall(bytes([byte]))
                same(wire.statuses(), [200], "answers")
