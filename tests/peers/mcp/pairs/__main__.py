"""python3 -m pairs --cache DIR --rmcp DIR (--sluice BINARY | --direct): see tests/peers/mcp/run."""

import argparse
import signal
import sys
import time
from pathlib import Path

from suite import part
from suite.checks import Checks
from suite.program import Program

from . import cast, gate, naive, raw, scripts, union
from .gateway import Gateway
from .meet import Meetings, environment
from .scripted import Scripted

PARTS = ("naive", "bytes", "pairs", "union")


def arguments():
    parser = argparse.ArgumentParser(prog="pairs", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="where npm and pip installed")
    parser.add_argument("--rmcp", type=Path, required=True, help="where client and server were built")
    parser.add_argument("--sluice", type=Path, help="the gateway's program")
    parser.add_argument("--io", help="how the gateway drives its sockets: tokio, epoll, uring")
    parser.add_argument("--direct", action="store_true", help="no gateway: twice the direct way")
    parser.add_argument("--only", default="", help="CLIENT,SERVER: only pairs with these names")
    parser.add_argument("--part", choices=PARTS, help="this part alone")
    parser.add_argument("--keep", action="store_true", help="leave configuration and logs there")
    options = parser.parse_args()
    options.node = cast.node_of(options.cache)
    return options


class Stage:
    """The servers that listen, and the gateway before them."""

    def __init__(self, place, options):
        self.place = place
        self.cache = options.cache
        names = [name for name in options.only.split(",") if name]
        everyone = cast.clients(options.cache, options.rmcp)
        anything = cast.servers(options.cache, options.rmcp, place)
        self.clients = [c for c in everyone if c.name in names] or everyone
        self.servers = [s for s in anything if s.name in names] or anything
        self.whole = not names
        if options.part in ("naive", "bytes"):
            self.servers = []
        self.programs = []
        self.urls = {}
        self.scripted = Scripted()
        self.gateway = None if options.direct else Gateway(place, options)

    def start(self):
        env = environment(self.place, self.cache)
        for server in self.servers:
            if not server.stdio:
                program = Program(self.place, server.name, server.argv, env | server.env)
                self.programs.append(program)
        for server, program in zip([s for s in self.servers if not s.stdio], self.programs):
            self.urls[server.name] = program.wait_for(r"listening on (http://\S+)")[1]
        if self.gateway:
            connections = {server.name: self.connection(server) for server in self.servers}
            members = list(union.parts(""))
            if all(member in connections for member in members):
                connections[union.NAME] = {"protocol": "mcp", "virtual": {"members": members}}
            connections["raw"] = {"protocol": "mcp", "upstream": self.scripted.url}
            denied = {server.name: [server.denied] for server in self.servers}
            connections["strict"] = connections["raw"]
            connections["masked"] = connections["raw"] | {"masks": ["people"]}
            self.gateway.start(connections, {"raw": ["secret"]} | denied)

    def connection(self, server):
        if not server.stdio:
            return {"protocol": "mcp", "upstream": self.urls[server.name]}
        command, *args = [str(word) for word in server.argv]
        started = {"command": command, "args": args, "env": server.env}
        return {"protocol": "mcp", "stdio": started}

    def direct(self, server):
        if not server.stdio:
            return {"url": self.urls[server.name]} | transport(server)
        command, *args = [str(word) for word in server.argv]
        return {"command": command, "args": args, "env": server.env}

    def through(self, server):
        if self.gateway is None:
            return self.direct(server)
        return self.gateway.target(server.name) | transport(server)

    def bytes(self, checks):
        """The checks of bytes, against a server that does as it is told."""
        direct = {"url": self.scripted.url}
        raw.run(checks, self.scripted, direct, self.gateway.target("raw") if self.gateway else direct)
        if self.gateway:
            gate.run(checks, self.scripted, direct, self.gateway)

    def stop(self):
        self.scripted.close()
        if self.gateway:
            self.gateway.stop()
        for program in reversed(self.programs):
            program.stop()


def transport(server):
    return {"transport": "sse"} if server.sse else {}


def report(checks, outcome):
    """One line for a pair, and what differs."""
    missing = ", ".join(f for f in outcome.lacking if f not in outcome.equal)
    about = f"{outcome.server} × {outcome.name}: {sum(outcome.equal.values())} steps equal"
    about += f", {outcome.seconds:.1f} s"
    about += f" (not had directly: {missing})" if missing else ""
    with checks.check(about):
        if outcome.different:
            lines = [f"{f}: {line}" for f, lines in outcome.different.items() for line in lines]
            raise AssertionError("differs\n" + "\n".join(f"            {line}" for line in lines))


def table(outcomes):
    """Each pair, each feature: = the same both ways, ≠ not, – not had directly, · not asked."""
    rows = sorted(outcomes, key=lambda outcome: (outcome.server, outcome.name))
    width = max(len(f"{row.server} {row.name}") for row in rows)
    names = scripts.FEATURES
    print(f"\n  {table.__doc__}\n")
    for height in range(max(map(len, names))):
        print(" " * (width + 4) + " ".join(name[height : height + 1] or " " for name in names))
    for row in rows:
        print(f"  {f'{row.server} {row.name}':<{width}}  " + " ".join(row.sign(name) for name in names))


def meet(checks, stage, meetings):
    """Every pair, and the table."""
    checks.heading("pairs")
    outcomes = meetings.run(stage.clients, stage.servers, lambda one: report(checks, one))
    table(outcomes)
    if stage.whole:
        for feature in scripts.FEATURES:
            with checks.check(f"{feature}: some pair has it, the same both ways"):
                if not any(outcome.equal.get(feature) for outcome in outcomes):
                    raise AssertionError("no pair")


def run(options, place):
    checks = Checks()
    stage = Stage(place, options)
    meetings = Meetings(place, options.cache, stage.direct, stage.through)
    wanted = [options.part] if options.part else PARTS
    started = time.monotonic()
    try:
        stage.start()
        if "naive" in wanted and (stage.whole or options.part):
            naive.run(checks, stage.scripted)
        if "bytes" in wanted and (stage.whole or options.part):
            stage.bytes(checks)
        if "pairs" in wanted:
            meet(checks, stage, meetings)
        if "union" in wanted and stage.gateway and union.NAME in stage.gateway.names:
            union.run(checks, stage, meetings)
    except BaseException:
        if stage.gateway:
            stage.gateway.show_log()
        raise
    finally:
        meetings.close()
        stage.stop()
    print(f"\n  {time.monotonic() - started:.0f} s")
    return checks.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, part.interrupted)
    sys.exit(part.main("peers-mcp", arguments(), run))
