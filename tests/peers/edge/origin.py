"""An origin that reads requests with h11, and looks itself at what h11 forgives."""

import re
import socket
import socketserver
import threading
from dataclasses import dataclass

import h11

# RFC 9112, sections 3 to 5, in the one form that a gateway should send: no fold, no bare line end,
# no space before a colon.
STRICT_HEAD = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ /[!-~]* HTTP/1\.1\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*\r\n"
)
SERVED = b"served"


@dataclass
class Request:
    """A request that came whole."""

    method: str
    target: str
    fields: list
    body: bytes

    def field(self, name):
        """All values of a field."""
        return [value for key, value in self.fields if key == name]


class Origin:
    """Answers every whole request with `served`, at /large so many bytes, at /echo its own body as
    JSON, and remembers it."""

    def __init__(self, address="127.0.0.1", port=0, large=0, keep=True, tls=None):
        self.requests = []
        self.faults = []
        self.large = b"x" * large
        self.keep = keep
        origin = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    if tls:
                        self.request = tls.wrap_socket(self.request, server_side=True)
                    origin._serve(self.request)
                except OSError:
                    pass  # whoever asked has gone

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 512

        self.server = Server((address, port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://{address}:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = h11.Connection(h11.SERVER)
        raw = b""
        while True:
            request, body = None, b""
            while True:
                try:
                    event = wire.next_event()
                except h11.RemoteProtocolError as error:
                    # A request that is cut off was given up by the gateway: no server acts on it.
                    if not wire.trailing_data[1]:
                        self.faults.append(f"{error}: {raw[-400:]!r}")
                    return
                if event is h11.NEED_DATA:
                    more = connection.recv(65_536)
                    raw += more
                    wire.receive_data(more)
                elif isinstance(event, h11.Request):
                    request = event
                    self._look(raw)
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    break
                else:
                    return
            raw = wire.trailing_data[0]
            self._note(request, body)
            for piece in self._reply(request, body):
                connection.sendall(piece)
            wire.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            wire.send(h11.EndOfMessage())
            if wire.our_state is not h11.DONE:
                return
            wire.start_next_cycle()

    def _look(self, raw):
        if not STRICT_HEAD.match(raw):
            self.faults.append(f"not strict: {raw[:400]!r}")

    def _note(self, request, body):
        if self.keep:
            fields = [(name.decode(), value.decode("latin-1")) for name, value in request.headers]
            seen = Request(request.method.decode(), request.target.decode(), fields, body)
            self.requests.append(seen)

    def _reply(self, request, sent):
        kind, body = b"text/plain", SERVED
        if request.target == b"/large":
            body = self.large
        elif request.target == b"/echo":
            kind, body = b"application/json", sent
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
        return head % (kind, len(body)), b"" if request.method == b"HEAD" else body

    def stop(self):
        """Whoever is connected is served on."""
        self.server.shutdown()
        self.server.server_close()
