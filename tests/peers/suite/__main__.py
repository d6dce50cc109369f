"""python3 -m suite --sluice BINARY --node BINARY --entra SCRIPT: the peers suite."""

import argparse
import os
import sys

from . import after, odd, part, tokens, upgrades, wire
from .checks import Checks
from .stage import Stage


def arguments():
    parser = argparse.ArgumentParser(prog="suite", description=__doc__)
    parser.add_argument("--sluice", required=True, help="the gateway's program")
    parser.add_argument("--node", required=True, help="Node, 22.12 or newer")
    parser.add_argument("--entra", required=True, help="entra.mjs beside its node_modules")
    parser.add_argument("--io", help="how the gateway drives its sockets: tokio, epoll, uring")
    parser.add_argument("--keep", action="store_true", help="leave keys, logs and recording there")
    return parser.parse_args()


def run(options, place):
    checks = Checks()
    with part.ending(Stage(place, options), checks) as stage:
        # Other people's libraries take private authorities from these.
        os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = str(stage.ca)
        from . import credentials, sdk  # take a while to load

        everyone = tokens.Tokens(stage)
        sdk.run(stage, checks)
        credentials.run(stage, checks)
        tokens.run(stage, checks, everyone)
        odd.run(stage, checks, everyone)
        wire.run(stage, checks, everyone)
        upgrades.run(stage, checks, everyone)
        after.rotate(stage, checks, everyone)
        after.finish(stage, checks, everyone)
    return checks.close()


if __name__ == "__main__":
    sys.exit(part.main("peers", arguments(), run))
