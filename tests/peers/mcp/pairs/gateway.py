"""The gateway between them: who issues tokens, its configuration, its process."""

import json
import os
import re
import ssl
import subprocess
import urllib.parse
import urllib.request

from suite import cast
from suite.program import Program, await_ready

ALLOWED = [
    "tools/call *",
    "prompts/get *",
    "resources/read,resources/subscribe,resources/unsubscribe *",
    "completion/complete *",
    "logging/setLevel *",
    "tasks/* *",
    "subscriptions/listen",
    # What the server asks of the client.
    "sampling/createMessage,elicitation/create,roots/list",
]


class Gateway:
    """An issuer and a gateway, for servers that are there already."""

    def __init__(self, place, options):
        self.place = place
        self.options = options
        self.programs = []
        self.names = []
        self.ca = place / "ca.pem"

    def start(self, connections, denied):
        """`connections`: name -> its part of the configuration; `denied`: name -> tools."""
        self.names = list(connections)
        sluice = self.options.sluice
        subprocess.run([sluice, "demo", "--only", "certificate", "--out", self.place], check=True)
        self._play_entra()
        config = self.place / "sluice.yaml"
        # JSON is YAML, too.
        config.write_text(json.dumps(self.configuration(connections, denied), indent=1))
        subprocess.run([sluice, "check", "-c", config], check=True, stdout=subprocess.DEVNULL)
        driver = ["--io", self.options.io] if self.options.io else []
        self.program = self._start("gateway", [sluice, "serve", "-c", config, *driver])
        self.port = int(self.program.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1])
        self.admin = await_ready(self.program)
        self.token = self.get_token(cast.AGENT)
        self.other = self.get_token(cast.OLD)

    def target(self, name, token=None):
        """Where a client finds a connection, and with what."""
        return {"url": f"http://127.0.0.1:{self.port}/mcp/{name}", "token": token or self.token}

    def configuration(self, connections, denied):
        who = {"issuer": "entra", "clients": [cast.AGENT.client_id, cast.OLD.client_id]}
        policies = [
            {
                "name": f"peers-of-{name}",
                "connection": name,
                "who": who,
                "rules": [{"deny": f"tools/call {tool}"} for tool in denied.get(name, [])]
                + [{"allow": rule} for rule in (ALLOWED[:1] if name == "strict" else ALLOWED)],
            }
            for name in connections
        ]
        return {
            "listeners": [{"bind": "127.0.0.1:0"}],
            "admin": {"bind": "127.0.0.1:0"},
            "data": "data",
            "access_log": "file:access.log",
            "workers": 2,
            "issuers": {
                "entra": {
                    "kind": "entra",
                    "tenant": cast.TENANT,
                    "audiences": [cast.AUDIENCE],
                    "authority": self.authority,
                    "ca_file": "ca.pem",
                }
            },
            "connections": connections,
            "routes": [{"path": f"/mcp/{name}/**", "connection": name} for name in connections],
            "policies": policies,
            "masks": {"people": {"fields": ["mail"], "replace": {"default": "[{kind}]"}}},
        }

    def _start(self, name, argv):
        program = Program(self.place, name, argv, dict(os.environ))
        self.programs.append(program)
        return program

    def _play_entra(self):
        about = {
            "tenant": cast.TENANT,
            "cert": str(self.place / "server.crt"),
            "key": str(self.place / "server.key"),
            # Nobody here shows a certificate.
            "clients": [app.registration(self.place) for app in cast.ALL if not app.certified],
            "users": [],
        }
        script = self.place / "cast.json"
        script.write_text(json.dumps(about))
        entra = self._start("entra", [self.options.node, self.options.cache / "entra.mjs", script])
        self.authority = json.loads(entra.wait_for(r"^\{.*\}$")[0])["url"]

    def get_token(self, app):
        """An access token from the issuer."""
        url = f"{self.authority}/{cast.TENANT}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": app.client_id,
            "client_secret": app.secret,
            "scope": f"{cast.AUDIENCE}/.default",
        }
        body = urllib.parse.urlencode(form).encode()
        trust = ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(url, body, timeout=20, context=trust) as answer:
            return json.load(answer)["access_token"]

    def show_log(self):
        """For whoever has to find out why."""
        for program in self.programs:
            print(f"\n--- {program.log} (end)")
            text = program.log.read_text()
            print("".join(re.sub(r"eyJ[\w.-]+", "<token>", text).splitlines(keepends=True)[-30:]))

    def stop(self):
        for program in reversed(self.programs):
            program.stop()
