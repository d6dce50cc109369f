"""curl, and what it got."""

import json
import subprocess
from dataclasses import dataclass


@dataclass
class Answer:
    """One answer: the last one, where interim answers came before it."""

    status: int
    fields: list
    body: str
    interim: list

    def field(self, name):
        return next((value for key, value in self.fields if key == name), None)

    def json(self):
        return json.loads(self.body)

    def code(self):
        """The gateway's word for a refusal."""
        return self.json()["error"]["code"]


class Curl:
    """Runs curl with the suite's certificate authority."""

    def __init__(self, stage):
        self.stage = stage

    def raw(self, url, *words, token=None, send=None):
        argv = ["curl", "--silent", "--show-error", "--globoff", "--max-time", "20"]
        argv += ["--cacert", str(self.stage.ca), "--include", "--http1.1"]
        if token:
            argv += ["--header", f"Authorization: Bearer {token}"]
        return subprocess.run(
            [*argv, *words, url], input=send, capture_output=True, text=True, timeout=60
        )

    def run(self, url, *words, token=None, send=None):
        """The answer; no answer at all is an error."""
        done = self.raw(url, *words, token=token, send=send)
        if done.returncode:
            raise AssertionError(f"curl ended with {done.returncode}: {done.stderr.strip()}")
        return parse(done.stdout)


def parse(text):
    """Interim answers, then the answer."""
    interim = []
    while True:
        head, _, rest = text.replace("\r\n", "\n").partition("\n\n")
        lines = head.split("\n")
        status = int(lines[0].split(" ")[1])
        if not 100 <= status < 200:
            break
        interim.append(status)
        text = rest
    pairs = (line.partition(":") for line in lines[1:])
    fields = [(name.lower(), value.strip()) for name, _, value in pairs]
    return Answer(status, fields, rest, interim)
