"""What every part needs: an issuer, an origin, and gateways before it, each with a configuration of its own."""

import json
import os
import re
import ssl
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from suite.program import Program, await_ready, read_log

AUDIENCE = "api://sluice"
CALLER = "caller"


class Issuer:
    """Signs tokens, and says with which key."""

    def __init__(self, tls):
        self.key = ec.generate_private_key(ec.SECP256R1())
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        self.server = server
        self.url = f"https://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def _handler(issuer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(issuer._said(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Says nothing."""

        return Handler

    def _said(self, path):
        if path == "/keys":
            public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
            return {"keys": [public | {"kid": "edge", "use": "sig"}]}
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def token(self, begins=-5, ends=3600):
        """A token of the caller's that is good from `begins` to `ends`, in seconds from now."""
        now = int(time.time())
        times = {"iat": now + begins, "nbf": now + begins, "exp": now + ends}
        about = {"iss": self.url, "aud": AUDIENCE, "sub": CALLER, "client_id": CALLER}
        return jwt.encode(about | times, self.key, "ES256", {"kid": "edge"})

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Gateway:
    """One process, which takes every call of the caller's and passes it on."""

    def __init__(self, stand, name, upstream, env=None, connection=None, **changes):
        """`connection` and `changes`: what else stands in its part of the configuration, and in all."""
        self.place = stand.place / name
        self.place.mkdir()
        listeners = changes.setdefault("listeners", [{}])
        for number, listener in enumerate(listeners, 1):
            listener["bind"] = f"127.0.0.{number}:0"
        config = self.place / "sluice.yaml"
        # JSON is YAML, too.
        about = configuration(stand, upstream, connection or {}) | changes
        config.write_text(json.dumps(about, indent=1))
        subprocess.run([stand.sluice, "check", "-c", config], check=True, stdout=subprocess.DEVNULL)
        command = [stand.sluice, "serve", "-c", config, *stand.driver]
        self.program = Program(stand.place, name, command, os.environ | (env or {}))
        stand.programs.append(self.program)
        self.doors = [self._door() for _ in listeners]
        self.port = self.doors[0][1]
        self.admin = await_ready(self.program)

    def _door(self):
        found = self.program.wait_for(r"listening on (127\.0\.0\.\d):(\d+)")
        return found[1], int(found[2])

    def metric(self, name, label):
        """A metric's value, where one of its labels is this."""
        with urllib.request.urlopen(f"{self.admin}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        return int(re.search(rf"(?m)^{name}{{[^}}]*{label}[^}}]*}} (\d+)$", text)[1])

    def resident(self):
        """Bytes of memory that the process has in use."""
        status = open(f"/proc/{self.program.process.pid}/status").read()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def access_log(self):
        """The lines of the access log so far."""
        return read_log(self.place / "access.log")

    def is_alive(self):
        return self.program.process.poll() is None

    def stop(self):
        return self.program.stop()


def configuration(stand, upstream, connection):
    return {
        "admin": {"bind": "127.0.0.1:0"},
        "data": "data",
        "access_log": "file:access.log",
        "workers": 2,
        "issuers": {
            "edge": {
                "kind": "oidc",
                "issuer": stand.issuer.url,
                "audiences": [AUDIENCE],
                "ca_file": str(stand.ca),
            }
        },
        "connections": {
            "origin": {
                "protocol": "http",
                "upstream": upstream,
                "forward_headers": ["*"],
                "record": "buffered",
            }
            | connection
        },
        "routes": [{"path": "/**", "connection": "origin"}],
        "policies": [
            {
                "name": "callers",
                "connection": "origin",
                "who": {"issuer": "edge", "clients": [CALLER]},
                "rules": [{"allow": "* /**"}],
            }
        ],
    }


class Stand:
    """Where all of it stands."""

    def __init__(self, place, options):
        self.place = place
        self.sluice = options.sluice
        self.driver = ["--io", options.io] if options.io else []
        self.programs = []
        made = [self.sluice, "demo", "--only", "certificate", "--out", place]
        subprocess.run(made, check=True)
        self.ca = place / "ca.pem"
        self.tls = {"cert": f"file:{place}/server.crt", "key": f"file:{place}/server.key"}
        self.issuer = Issuer(self.context())

    def context(self):
        """TLS for a server of the suite's own."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.place / "server.crt", self.place / "server.key")
        return context

    def gateway(self, name, upstream, **about):
        return Gateway(self, name, upstream, **about)

    def show_logs(self):
        """For whoever has to find out why."""
        for program in self.programs:
            print(f"\n--- {program.log} (end)")
            print("".join(program.log.read_text().splitlines(keepends=True)[-30:]))

    def close(self):
        for program in reversed(self.programs):
            program.stop()
        self.issuer.stop()
