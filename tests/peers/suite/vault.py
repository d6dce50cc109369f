"""An API that takes a token only with an authentication context, and asks for it as Entra's do."""

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import tokens

CONTEXT = "c1"
CLAIMS = {"access_token": {"acrs": {"essential": True, "value": CONTEXT}}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        claims = tokens.read(token.split(".")[1])
        good = CONTEXT in claims.get("acrs", [])
        self.server.asked.append((claims.get("oid"), good))
        body = json.dumps({"for": claims.get("oid")}).encode()
        if good:
            self.send_response(200)
        else:
            asked = base64.b64encode(json.dumps(CLAIMS).encode()).decode()
            self.send_response(401)
            challenge = f'Bearer realm="", error="insufficient_claims", claims="{asked}"'
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


class Vault:
    """The API, on a thread of its own."""

    def __init__(self, place):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.asked = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place / "server.crt", place / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def asked(self):
        """Who asked so far, and whether the token was good."""
        return list(self.server.asked)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
