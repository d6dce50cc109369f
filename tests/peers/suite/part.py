"""How a part of the peers suite runs: in a directory of its own, and ending what it began."""

import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path


def interrupted(*_):
    """For signals: a suite that is ended ends its children."""
    sys.exit("interrupted")


def main(name, options, run):
    """Runs in a new directory, which goes afterwards unless it is to be kept."""
    signal.signal(signal.SIGTERM, interrupted)
    place = Path(tempfile.mkdtemp(prefix=f"sluice-{name}-"))
    try:
        return run(options, place)
    finally:
        if options.keep:
            print(f"kept: {place}")
        else:
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def ending(stage, checks):
    """Ends what runs, whatever happens, and shows its logs where something went wrong."""
    try:
        yield stage
    except BaseException:
        stage.show_logs()
        raise
    finally:
        stage.close()
    if checks.failed:
        stage.show_logs()
