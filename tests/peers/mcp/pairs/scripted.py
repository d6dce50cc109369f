"""A server that does, byte for byte, what a check tells it to; and a client that sees bytes arrive."""

import select
import socket
import threading
import time
from dataclasses import dataclass, field

PATIENCE = 15


@dataclass
class Message:
    """A request or a reply, as it stood on the wire."""

    start: str
    fields: list
    body: bytes
    #: For a reply: (seconds since the request was sent, body bytes) for each read.
    pieces: list = field(default_factory=list)
    whole: bool = True

    @property
    def status(self):
        return int(self.start.split()[1])

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None


class Incoming:
    """Reads one side of a connection: heads, then bodies of either framing."""

    def __init__(self, peer):
        self.peer = peer
        self.buffer = b""

    def more(self):
        got = self.peer.recv(65_536)
        if not got:
            raise EOFError
        self.buffer += got

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        part, self.buffer = self.buffer[:count], self.buffer[count:]
        return part

    def head(self):
        start, *lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        return Message(start, fields, b"")

    def body(self, message, took, bodiless=False):
        """Reads the body; `took` is called with each piece as it comes."""
        lengths = message.all("content-length")
        if bodiless:
            return
        if "chunked" in message.all("transfer-encoding"):
            while size := int(self.until(b"\r\n").split(b";")[0], 16):
                took(self.exactly(size))
                self.exactly(2)
            self.exactly(2)
        elif lengths:
            took(self.exactly(int(lengths[0])))
        elif message.start.startswith("HTTP"):
            try:
                while True:
                    took(self.exactly(len(self.buffer)) if self.buffer else b"")
                    self.more()
            except EOFError:
                pass


class Wire:
    """What a script writes to, in answer to one request."""

    def __init__(self, peer):
        self.peer = peer

    def send(self, data):
        self.peer.sendall(data)

    def head(self, status, *fields):
        self.send("\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode())

    def reply(self, status, body=b"", kind="application/json", *fields):
        """A whole answer with a length."""
        typed = [f"Content-Type: {kind}"] if kind else []
        self.head(status, *typed, *fields, f"Content-Length: {len(body)}")
        self.send(body)

    def stream(self, *fields):
        """The head of an event stream."""
        kind = "Content-Type: text/event-stream"
        self.head("200 OK", kind, "Cache-Control: no-cache", *fields, "Transfer-Encoding: chunked")

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.send(b"0\r\n\r\n")

    def gone(self, seconds):
        """Whether the other side closes within so many seconds."""
        readable, _, _ = select.select([self.peer], [], [], seconds)
        try:
            return bool(readable) and self.peer.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True


class Scripted:
    """The server: `play(request, wire)` is what it does with each request; it keeps them all."""

    def __init__(self):
        self.requests = []
        self.play = None
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/mcp"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        incoming = Incoming(peer)
        with peer:
            try:
                while True:
                    request = incoming.head()
                    parts = []
                    incoming.body(request, parts.append)
                    request.body = b"".join(parts)
                    self.requests.append(request)
                    if self.play(request, Wire(peer)) is False:
                        return
            except (EOFError, OSError):
                return

    def close(self):
        self.listening.close()


class Caller:
    """A client with a socket in hand: one connection for each request."""

    def __init__(self, target):
        host = target["url"].split("/")[2]
        self.path = target["url"].split(host, 1)[1]
        self.address = (host.split(":")[0], int(host.split(":")[1]))
        self.common = [("Host", host)]
        if "token" in target:
            self.common.append(("Authorization", f"Bearer {target['token']}"))

    def connect(self):
        peer = socket.create_connection(self.address, timeout=PATIENCE)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return peer

    def send(self, peer, method, body=b"", fields=()):
        length = [("Content-Length", str(len(body)))] if method == "POST" else []
        lines = [f"{name}: {value}" for name, value in [*self.common, *fields, *length]]
        peer.sendall("\r\n".join([f"{method} {self.path} HTTP/1.1", *lines, "", ""]).encode() + body)

    def ask(self, method, body=b"", fields=()):
        """One request and its reply; a reply that breaks off is not `whole`."""
        with self.connect() as peer:
            began = time.monotonic()
            self.send(peer, method, body, fields)
            incoming = Incoming(peer)
            answer = incoming.head()
            answer.pieces.append((time.monotonic() - began, b""))
            try:
                bodiless = answer.status in (204, 304) or answer.status < 200
                incoming.body(
                    answer, lambda part: answer.pieces.append((time.monotonic() - began, part)), bodiless
                )
            except (EOFError, ConnectionError):
                answer.whole = False
            answer.body = b"".join(part for _, part in answer.pieces)
            return answer
