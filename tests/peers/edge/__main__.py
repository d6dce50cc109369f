"""python3 -m edge --sluice BINARY --cases DIRECTORY: the edge part of the peers suite."""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from suite.checks import Checks, interrupted

from . import cases, clock, documents, names, scan, slow
from .stand import Stand

PARTS = {
    "cases": lambda stand, checks, options: cases.run(stand, checks, options.cases),
    "clock": lambda stand, checks, _: clock.run(stand, checks),
    "documents": lambda stand, checks, options: documents.run(stand, checks, options.packages),
    "names": lambda stand, checks, _: names.run(stand, checks),
    "scan": lambda stand, checks, _: scan.run(stand, checks),
    "slow": lambda stand, checks, _: slow.run(stand, checks),
}


def arguments():
    parser = argparse.ArgumentParser(prog="edge", description=__doc__)
    parser.add_argument("--sluice", required=True, type=Path, help="the gateway's program")
    parser.add_argument("--cases", required=True, type=Path, help="gunicorn's sources")
    parser.add_argument("--packages", required=True, type=Path, help="where npm's packages are")
    parser.add_argument("--io", help="how the gateway drives its sockets: tokio, epoll, uring")
    parser.add_argument("--part", action="append", choices=PARTS, help="this part, not all")
    parser.add_argument("--keep", action="store_true", help="leave keys, logs and recordings there")
    return parser.parse_args()


def run(options, place):
    checks = Checks()
    stand = Stand(place, options)
    try:
        for part in options.part or PARTS:
            PARTS[part](stand, checks, options)
    except BaseException:
        stand.show_logs()
        raise
    finally:
        stand.close()
    if checks.failed:
        stand.show_logs()
    return checks.close()


def main():
    signal.signal(signal.SIGTERM, interrupted)
    options = arguments()
    place = Path(tempfile.mkdtemp(prefix="sluice-edge-"))
    try:
        return run(options, place)
    finally:
        if options.keep:
            print(f"kept: {place}")
        else:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
