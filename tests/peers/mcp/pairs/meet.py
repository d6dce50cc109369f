"""One client meets one server, directly and another way, and the two transcripts are compared."""

import json
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from .compare import comparable, difference, worked

AT_ONCE = 2
MEETING_SECONDS = 180


@dataclass
class Outcome:
    """How one pair did in one era, feature by feature."""

    name: str
    server: str
    equal: dict = field(default_factory=dict)  # feature -> how many steps came out the same
    lacking: dict = field(default_factory=dict)  # feature -> what the pair does not do directly
    different: dict = field(default_factory=dict)  # feature -> lines of a diff
    seconds: float = 0

    def sign(self, feature):
        for signs, sign in ((self.different, "≠"), (self.equal, "="), (self.lacking, "–")):
            if signs.get(feature):
                return sign
        return "·"


class Meetings:
    """Runs the drivers, never two at one server: what servers remember is theirs alone."""

    def __init__(self, place, cache, way, other):
        self.place = place
        self.cache = cache
        self.way = way  # server -> target, directly
        self.other = other  # server -> target, through what is tested
        self.children = set()
        self.closed = threading.Event()
        self.numbers = iter(range(1, 1_000_000))

    def run(self, clients, servers, tell):
        """Every pair in every era; `tell` is called with each outcome as it comes."""
        left = {server.name: [(c, era) for c in clients for era in c.eras_at(server)] for server in servers}
        outcomes = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = sorted(servers, key=lambda server: not server.modern)
            running = {}

            def begin(server):
                client, era = left[server.name].pop(0)
                running[pool.submit(self.meet, client, server, era)] = server

            try:
                while waiting or running:
                    while waiting and len(running) < AT_ONCE:
                        begin(waiting.pop(0))
                    done = next(as_completed(running))
                    server = running.pop(done)
                    if left[server.name]:
                        waiting.insert(0, server)
                    outcomes.append(done.result())
                    tell(outcomes[-1])
            except BaseException:
                self.close()  # else the pool waits for them
                raise
        return outcomes

    def meet(self, client, server, era):
        """One pair in one era, both ways."""
        outcome = Outcome(f"{client.name} {era}", server.name)
        started = time.monotonic()
        key = f"run{next(self.numbers)}x"
        steps = server.steps(client, era, key)
        plan = {"era": era, "roots": list(server.roots), "steps": steps}
        direct, through = (
            comparable(self.drive(client, plan | {"target": way(server)}), key, server.denied, server.early)
            for way in (self.way, self.other)
        )
        judge(outcome, direct, through)
        outcome.seconds = time.monotonic() - started
        return outcome

    def drive(self, client, plan):
        """Runs a driver; its transcript."""
        argv = [str(word) for word in client.argv]
        env = environment(self.place, self.cache)
        if self.closed.is_set():
            raise AssertionError("closed")
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
        )
        self.children.add(child)
        try:
            out, err = child.communicate(json.dumps(plan), timeout=MEETING_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
        finally:
            self.children.discard(child)
        try:
            return json.loads(out)
        except ValueError:
            return [{"do": "session", "as": "connect", "failure": f"the driver ended: {err[-600:]}"}]

    def close(self):
        """Ends what still runs."""
        self.closed.set()
        for child in list(self.children):
            child.kill()


def environment(place, cache):
    """What a program gets to see: nothing of the machine's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    # What Python compiles is kept beside what was installed, not beside the sources.
    return kept | {"HOME": str(place), "PYTHONPYCACHEPREFIX": str(cache / "pyc"), "PYTHONUTF8": "1"}


def judge(outcome, direct, through):
    """Equal, different, or not to be had directly: for each step, counted by feature."""
    for number, before in enumerate(direct):
        feature = before["as"]
        after = through[number] if number < len(through) else {"missing": before["do"]}
        if lines := difference(before, after):
            outcome.different.setdefault(feature, []).extend(lines)
        elif worked(before):
            outcome.equal[feature] = outcome.equal.get(feature, 0) + 1
        else:
            outcome.lacking.setdefault(feature, []).append(before)
    for entry in through[len(direct):]:
        outcome.different.setdefault(entry["as"], []).append(f"+{json.dumps(entry)}")
