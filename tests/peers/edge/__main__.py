"""python3 -m edge --sluice BINARY --cases DIRECTORY: the edge part of the peers suite."""

import argparse
import sys
from pathlib import Path

from suite import part
from suite.checks import Checks

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
    with part.ending(Stand(place, options), checks) as stand:
        for name in options.part or PARTS:
            PARTS[name](stand, checks, options)
    return checks.close()


if __name__ == "__main__":
    sys.exit(part.main("edge", arguments(), run))
