"""What the two Python servers share: odd values, an event store, and a socket on 127.0.0.1."""

import socket

import uvicorn
from mcp.server.streamable_http import EventMessage, EventStore

BIG = 2**63 + 1
ODD = 'quote " backslash \\ slash / tab \t line \n é 😀 \u2028 \ufeff \x7f \x01 </script> {"a":1}'
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Events(EventStore):
    """Every event of every stream, for who comes back with Last-Event-ID."""

    def __init__(self):
        self.events = []

    async def store_event(self, stream_id, message):
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id, send_callback):
        at = int(last_event_id)
        stream = self.events[at - 1][0]
        for number, (of, message) in enumerate(self.events[at:], at + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def serve(make, store):
    """Serves what `make` makes until it is told to stop."""
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"listening on http://127.0.0.1:{listening.getsockname()[1]}/mcp", flush=True)
    config = uvicorn.Config(make(store), log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])
