"""A program that runs beside the suite. Every part of the peers suite starts its own with this."""

import json
import re
import signal
import subprocess
import threading
import time
import urllib.request
from queue import Empty, Queue

START_SECONDS = 60
STOP_SECONDS = 45


class Program:
    """A child process: its lines can be waited for, its output is kept, and it never stays."""

    def __init__(self, place, name, argv, env=None):
        self.name = name
        self.log = place / f"{name}.log"
        self.lines = Queue()
        self.process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=env,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with self.log.open("w") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def wait_for(self, pattern):
        """The match of the first line that has one."""
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, until - time.monotonic()))
            except Empty:
                raise AssertionError(f"{self.name}: no line like {pattern!r}") from None
            if line is None:
                raise AssertionError(f"{self.name} ended: {self.log.read_text()[-2000:]}")
            if found := re.search(pattern, line):
                return found

    def say(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()

    def stop(self):
        """Asks it to end, and answers its exit code; one that does not end is killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.reader.join()
        return self.process.returncode


def await_ready(gateway):
    """Waits until a gateway can serve; the address of its admin listener."""
    admin = gateway.wait_for(r"admin on (http://\S+)/readyz")[1]
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{admin}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return admin
        except OSError as error:
            if time.monotonic() > until:
                raise AssertionError(f"the gateway does not get ready: {error}") from error
        time.sleep(0.05)


def read_log(path):
    """The lines so far of a log of JSON that is being written."""
    text = path.read_text()
    # The last one may be half there.
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
