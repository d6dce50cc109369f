"""The programs: the provider that plays Entra, the directory, and the gateway between them."""

import json
import os
import re
import subprocess
from pathlib import Path

from . import cast
from .program import Program, await_ready, read_log
from .upgrades import Sockets
from .vault import Vault

IDENTITY_HEADER = "throw-away-identity-header"


class Stage:
    """Everything running, in a directory of its own."""

    def __init__(self, place, options):
        self.place = Path(place)
        self.sluice = Path(options.sluice).resolve()
        self.tape = self.place / "tape"
        self.data = self.place / "data"
        self.ca = self.place / "ca.pem"
        self.programs = []
        self.vault = self.sockets = None
        try:
            self._raise(options)
        except BaseException:
            self.close()
            raise

    def _raise(self, options):
        subprocess.run(
            [self.sluice, "demo", "--only", "certificate", "--out", self.place], check=True
        )
        self.node, self.entra_script = options.node, Path(options.entra)
        self._make_certificate()
        self._play_entra(options.node, options.entra)
        self._start_directory()
        self.vault = Vault(self.place)
        self.sockets = Sockets(self.place)
        self._start_gateway(options.io)

    def _start(self, name, argv, env=None):
        program = Program(self.place, name, argv, env)
        self.programs.append(program)
        return program

    def _make_certificate(self):
        """A certificate with an RSA key, as applications are registered with."""
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        made += ["-subj", "/CN=app", "-out", self.place / "app.crt", "-keyout", self.place / "app.key"]
        subprocess.run(made, check=True, capture_output=True)
        both = (self.place / "app.key").read_text() + (self.place / "app.crt").read_text()
        (self.place / "app.pem").write_text(both)

    def _play_entra(self, node, entra):
        script = self.place / "cast.json"
        about = {
            "tenant": cast.TENANT,
            "cert": str(self.place / "server.crt"),
            "key": str(self.place / "server.key"),
            "clients": [app.registration(self.place) for app in cast.ALL],
            "users": [user.registration() for user in cast.USERS],
        }
        script.write_text(json.dumps(about))
        self.entra = self._start("entra", [node, entra, script])
        self.authority = json.loads(self.entra.wait_for(r"^\{.*\}$")[0])["url"]

    def _start_directory(self):
        keys = f"{self.authority}/{cast.TENANT}/discovery/v2.0/keys"
        program = self._start(
            "directory",
            [self.sluice, "demo", "--only", "directory"]
            + ["--out", self.place, "--capture", self.tape]
            + ["--trust-jwks", keys, "--trust-ca", self.ca]
            + ["--trust-audience", cast.GRAPH, "--trust-client", cast.GATEWAY.client_id],
        )
        self.directory = json.loads(program.wait_for(r"^\{.*\}$")[0])["url"]

    def _start_gateway(self, io):
        template = (Path(__file__).parent / "sluice.yaml").read_text()
        (self.place / "sluice.yaml").write_text(template)
        env = os.environ | {
            "TENANT": cast.TENANT,
            "AUTHORITY": self.authority,
            "DIRECTORY": self.directory,
            "CLIENT_ID": cast.GATEWAY.client_id,
            "HELPER_ID": cast.HELPER.client_id,
            "HELPER_SECRET": cast.HELPER.secret,
            "HELPER_HEADER": IDENTITY_HEADER,
            "VAULT": self.vault.url,
            "SOCKETS": self.sockets.url,
            "MEMBERS": cast.MEMBER.groups[0],
        }
        config = self.place / "sluice.yaml"
        subprocess.run([self.sluice, "check", "-c", config], check=True, env=env)
        driver = ["--io", io] if io else []
        argv = [self.sluice, "serve", "-c", config, *driver]
        self.gateway = self._start("gateway", argv, env)
        self.port = int(self.gateway.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1])
        self.url = f"https://127.0.0.1:{self.port}"
        self.base = f"{self.url}/graph/v1.0"
        self.identities = self.gateway.wait_for(r"identities on (http://\S+)")[1]
        self.admin = await_ready(self.gateway)

    def captured(self):
        """Every request that reached the directory, as its plaintext bytes, in no sure order."""
        requests = []
        for file in self.tape.glob("*-received.bin"):
            # A body ends where it ends: the next request need not begin a line.
            starts = re.compile(rb"(?=(?:GET|HEAD|POST|PATCH|DELETE) /v1\.0/\S+ HTTP/1\.1\r\n)")
            requests += [part for part in starts.split(file.read_bytes()) if part]
        return requests

    def access_log(self):
        """The lines of the access log so far."""
        return read_log(self.place / "access.log")

    def show_logs(self):
        """For whoever has to find out why."""
        for program in self.programs:
            print(f"\n--- {program.log} (end)")
            print("".join(program.log.read_text().splitlines(keepends=True)[-40:]))

    def close(self):
        for server in (self.vault, self.sockets):
            if server:
                server.stop()
        for program in reversed(self.programs):
            program.stop()
