"""One line per check, and a count at the end."""

import sys
import traceback
from contextlib import contextmanager


class Checks:
    """Runs named checks; one that fails does not stop those that follow."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def heading(self, text):
        print(f"\n  {text}", flush=True)

    @contextmanager
    def check(self, name):
        """A check passes when its block raises nothing."""
        try:
            yield
        except Exception as error:  # whatever went wrong, the others still run
            self.failed += 1
            print(f"    FAILED  {name}", flush=True)
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"            {type(error).__name__}: {error}")
            print(f"            {where.filename}:{where.lineno}: {where.line}", flush=True)
        else:
            self.passed += 1
            print(f"    ok      {name}", flush=True)

    def skip(self, name, why):
        """Says aloud that something was not tried."""
        print(f"    skipped: {name}: {why}", flush=True)

    def close(self):
        """Prints the count; answers the exit code."""
        print(f"\n{self.passed} passed, {self.failed} failed")
        sys.stdout.flush()
        return 1 if self.failed or not self.passed else 0


def same(got, want, what="value"):
    """Both equal, or an error that shows both."""
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def true(condition, what):
    """Holds, or an error that says what did not."""
    if not condition:
        raise AssertionError(what)
